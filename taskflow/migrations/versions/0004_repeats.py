"""Writes of the gateway that are safe to repeat, and the trace of what the audit tells."""

from pathlib import Path

from taskflow.migrations.run_file import run_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_file(Path(__file__).with_suffix(".up.sql"))


def downgrade() -> None:
    run_file(Path(__file__).with_suffix(".down.sql"))
