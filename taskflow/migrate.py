"""Brings a database to this version's schema, or back; apart, because Alembic is slow to import
and a start that has nothing to migrate must not pay for it.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

EMPTY = "base"
VERSIONS = Path(__file__).parent / "migrations" / "versions"
VERSION = "SELECT version_num FROM alembic_version"

log = logging.getLogger("taskflow")


def head() -> str:
    """The newest revision in this tree: files are numbered."""
    return max(path.name.split("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


async def current(url: str) -> str | None:
    """The revision that the database is at; None when it is empty."""
    db = await asyncpg.connect(url)
    try:
        version: str = await db.fetchval(VERSION)
        return version
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await db.close()


async def migrate(url: str, revision: str | None = None) -> None:
    """To `revision` (forward or back; EMPTY is before the first), or to the newest; does nothing
    when already there, nor to a schema that a newer version has made: this one works on it, and
    does not know the way back."""
    target = revision or head()
    here = await current(url)
    if here == target:
        return
    if revision is None and here is not None and here > target:
        log.warning("the schema is at %s, newer than this version's %s, and stays", here, target)
        return
    back = here is not None and (target == EMPTY or target < here)
    await asyncio.to_thread(_run, url, target, back=back)


def _run(url: str, target: str, *, back: bool) -> None:
    from alembic import command

    step = command.downgrade if back else command.upgrade
    asyncio.run(_with_connection(url, lambda config: step(config, target)))


async def _with_connection(url: str, step: Callable[["Config"], None]) -> None:
    from alembic.config import Config
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    def run(connection: "Connection") -> None:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(VERSIONS.parent))
        step(config)

    engine = create_async_engine(
        "postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: asyncpg.connect(url)
    )
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()
