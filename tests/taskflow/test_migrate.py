"""Up, down to nothing, and up again, on a real database."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from taskflow.migrate import EMPTY, current, head, migrate
from tests.conftest import address

TABLES = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2
"""
RIGHTS = """
SELECT grantee, table_name, privilege_type FROM information_schema.role_table_grants
WHERE grantee LIKE 'taskflow%' ORDER BY 1, 2, 3
"""
# As code wrote it that knew of no trace.
OLD_ENTRY = """
INSERT INTO audit_entries (seq, at, event_id, user_id, actor_id, action, cause_id, before_digest,
    after_digest, previous_hash, hash)
VALUES (1, now(), 'e', gen_random_uuid(), gen_random_uuid(), '', '', '', '', '', '')
"""


@pytest.fixture
async def empty(server: Path) -> AsyncIterator[str]:
    """The URL of a database without a schema."""
    db = await asyncpg.connect(address(server, "postgres"))
    await db.execute("CREATE DATABASE empty")
    yield address(server, "empty")
    await db.execute("DROP DATABASE empty WITH (FORCE)")
    await db.close()


async def look(url: str) -> list[list[asyncpg.Record]]:
    db = await asyncpg.connect(url)
    found = [await db.fetch(TABLES), await db.fetch(RIGHTS)]
    await db.close()
    return found


async def test_up_down_and_up_again(empty: str) -> None:
    assert await current(empty) is None
    await migrate(empty)
    assert await current(empty) == head()
    schema = await look(empty)
    assert all(schema)
    await migrate(empty, EMPTY)
    assert await look(empty) == [[], []]
    await migrate(empty)
    assert await look(empty) == schema and await current(empty) == head()


async def test_traces_that_hashes_cover_survive_the_way_back(database_url: str) -> None:
    db = await asyncpg.connect(database_url)
    await db.execute(OLD_ENTRY)
    await db.execute("UPDATE audit_entries SET trace_id = 'a trace'")
    await migrate(database_url, "0003")
    await db.execute(OLD_ENTRY.replace("1, now(), 'e'", "2, now(), 'f'"))
    await migrate(database_url)
    traces = await db.fetch("SELECT trace_id FROM audit_entries ORDER BY seq")
    assert [row["trace_id"] for row in traces] == ["a trace", None]
    await db.close()


async def test_a_schema_that_a_newer_version_made_stays(database_url: str) -> None:
    """A version that comes back serves on it, as it did while the newer one was rolled out."""
    db = await asyncpg.connect(database_url)
    await db.execute("UPDATE alembic_version SET version_num = '9999'")
    before = await look(database_url)
    await migrate(database_url)
    assert await look(database_url) == before and await current(database_url) == "9999"
    await db.close()


async def test_what_is_at_the_head_stays_as_it_is(database_url: str) -> None:
    """Nothing is even opened for it: a lock on every table would be waited for."""
    db = await asyncpg.connect(database_url)
    async with db.transaction():
        await db.execute("LOCK TABLE users, tasks IN ACCESS EXCLUSIVE MODE")
        await migrate(database_url)
        await migrate(database_url, head())
    await db.close()
