"""What is measured in the database: when an audit entry was written, and when reminders left."""

from pathlib import Path

from taskflow.migrations.run_file import run_file

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_file(Path(__file__).with_suffix(".up.sql"))


def downgrade() -> None:
    run_file(Path(__file__).with_suffix(".down.sql"))
