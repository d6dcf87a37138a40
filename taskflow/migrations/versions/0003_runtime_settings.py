"""The settings that an operator changes while everything runs, as Dapr's configuration store wants
them.
"""

from pathlib import Path

from taskflow.migrations.run_file import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_file(Path(__file__).with_suffix(".up.sql"))


def downgrade() -> None:
    run_file(Path(__file__).with_suffix(".down.sql"))
