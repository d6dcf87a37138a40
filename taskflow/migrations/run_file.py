"""Runs a migration's SQL file as it is written, many statements at once."""

from pathlib import Path

from alembic import op
from sqlalchemy.util import await_only


def run_file(path: Path) -> None:
    """Executes the whole file in the migration's transaction."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError(f"{path.name} cannot run: the migration has no connection")
    await_only(connection.execute(path.read_text()))
