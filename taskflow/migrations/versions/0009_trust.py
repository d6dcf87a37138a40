"""Texts of the audit that go by class, people on hold, and what is left of deleted accounts."""

from pathlib import Path

from taskflow.migrations.run_file import run_file

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_file(Path(__file__).with_suffix(".up.sql"))


def downgrade() -> None:
    run_file(Path(__file__).with_suffix(".down.sql"))
