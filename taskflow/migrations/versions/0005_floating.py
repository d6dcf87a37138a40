"""Tasks that float with their person's zone, tasks that start, and the time zones as last seen."""

from pathlib import Path

from taskflow.migrations.run_file import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_file(Path(__file__).with_suffix(".up.sql"))


def downgrade() -> None:
    run_file(Path(__file__).with_suffix(".down.sql"))
