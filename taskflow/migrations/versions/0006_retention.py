"""What was kept long enough goes: the clock's rights and its timer; and the digest."""

from pathlib import Path

from taskflow.migrations.run_file import run_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_file(Path(__file__).with_suffix(".up.sql"))


def downgrade() -> None:
    run_file(Path(__file__).with_suffix(".down.sql"))
