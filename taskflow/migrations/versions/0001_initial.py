"""The first schema; the SQL stands beside this file."""

from pathlib import Path

from taskflow.migrations.run_file import run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_file(Path(__file__).with_suffix(".up.sql"))


def downgrade() -> None:
    run_file(Path(__file__).with_suffix(".down.sql"))
