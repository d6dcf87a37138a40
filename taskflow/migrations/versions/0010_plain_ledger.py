"""What the ledger keeps of a batch, written as it is."""

from pathlib import Path

from taskflow.migrations.run_file import run_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_file(Path(__file__).with_suffix(".up.sql"))


def downgrade() -> None:
    run_file(Path(__file__).with_suffix(".down.sql"))
