"""Reminders that people can trust: what a person chose, and a delivery's whole story."""

from pathlib import Path

from taskflow.migrations.run_file import run_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_file(Path(__file__).with_suffix(".up.sql"))


def downgrade() -> None:
    run_file(Path(__file__).with_suffix(".down.sql"))
