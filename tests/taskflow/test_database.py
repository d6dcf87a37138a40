"""What is away, what is wrong, and what is simply done again."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest
from msgspec import structs

from taskflow.database import CONFLICT_TRIES, Connection, Database, StaleRead
from taskflow.errors import Unavailable
from taskflow.settings import Settings

PUT = "INSERT INTO feed_heads VALUES ($1, $2)"
COUNT = "SELECT count(*) FROM feed_heads"
ONE = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    yield database
    await database.close()


async def test_a_block_that_ends_well_is_committed(database: Database) -> None:
    async with database.transaction() as db:
        await db.execute(PUT, ONE, 1)
    async with database.connection() as db:
        assert await db.fetchval(COUNT) == 1
    assert await database.answers()


async def test_a_block_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as db:
            await db.execute(PUT, ONE, 1)
            raise ZeroDivisionError
    async with database.connection() as db:
        assert await db.fetchval(COUNT) == 0


async def test_a_plan_kept_from_an_empty_table_does_not_read_it_whole_later(
    database: Database,
) -> None:
    query = "SELECT count(*) FROM grown WHERE id = ANY($1::int[])"
    async with database.transaction() as db:
        await db.execute("CREATE TEMP TABLE grown (id int PRIMARY KEY)")
        await db.execute("ANALYZE grown")
        for _ in range(6):  # From the sixth time on the server keeps one plan for all.
            await db.fetchval(query, [1])
        await db.execute("INSERT INTO grown SELECT generate_series(1, 5000)")
        assert await db.fetchval(query, [1, 2]) == 2
        read = "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'grown'"
        assert await db.fetchval(read) == 0


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DeadlockDetectedError("40P01"),
        asyncpg.SerializationError("40001"),
        StaleRead("somebody was faster"),
    ],
)
async def test_a_conflict_is_repeated_from_the_start(database: Database, error: Exception) -> None:
    tries = 0

    async def work(db: Connection) -> int:
        nonlocal tries
        tries += 1
        await db.execute(PUT, ONE, tries)
        if tries < CONFLICT_TRIES:
            raise error
        return tries

    assert await database.repeat(work) == CONFLICT_TRIES
    async with database.connection() as db:
        assert await db.fetchval("SELECT seq FROM feed_heads") == CONFLICT_TRIES


async def test_a_conflict_without_end_is_for_later(database: Database) -> None:
    tries = 0

    async def work(db: Connection) -> None:
        nonlocal tries
        tries += 1
        raise asyncpg.SerializationError("40001")

    with pytest.raises(Unavailable, match="5 times"):
        await database.repeat(work)
    assert tries == CONFLICT_TRIES


async def test_two_real_deadlocked_transactions_both_end(settings: Settings) -> None:
    database = Database(structs.replace(settings, database_pool=2))
    both = asyncio.Barrier(2)

    async def lock(db: Connection, keys: list[int], first: list[bool]) -> None:
        await db.execute("SELECT pg_advisory_xact_lock($1)", keys[0])
        if first.pop():
            await both.wait()
        await db.execute("SELECT pg_advisory_xact_lock($1)", keys[1])

    orders = ([1, 2], [False, True]), ([2, 1], [False, True])
    work = [partial(lock, keys=keys, first=first) for keys, first in orders]
    await asyncio.gather(*(database.repeat(one) for one in work))
    assert sorted(len(first) for _, first in orders) == [0, 1]
    await database.close()


@pytest.mark.parametrize(
    "sql", ["SELECT 1 / 0", "SELECT 'x'::uuid", "SELECT no", "INSERT INTO feed_heads VALUES (NULL)"]
)
async def test_what_is_wrong_is_not_away(database: Database, sql: str) -> None:
    with pytest.raises(asyncpg.PostgresError):
        async with database.connection() as db:
            await db.execute(sql)


async def test_a_wrong_argument_is_not_away(database: Database) -> None:
    with pytest.raises(asyncpg.DataError):
        async with database.connection() as db:
            await db.execute(PUT, "nobody", 1)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SET statement_timeout = 1; SELECT pg_sleep(9)",
        "SET transaction_read_only = on; INSERT INTO feed_heads VALUES (gen_random_uuid(), 1)",
    ],
)
async def test_what_is_away_is_named(database: Database, sql: str) -> None:
    with pytest.raises(Unavailable, match="PostgreSQL is away"):
        async with database.transaction() as db:
            await db.execute(sql)


@pytest.mark.parametrize("url", ["postgresql://postgres@127.0.0.1:1/x", "postgresql:///?host=/no"])
async def test_nobody_at_home(url: str) -> None:
    database = Database(Settings(database=url))
    with pytest.raises(Unavailable):
        async with database.connection():
            pass
    assert not await database.answers()
    await database.close()


async def test_a_database_that_comes_back(settings: Settings, owner: Connection) -> None:
    database = Database(settings)
    assert await database.answers()
    await owner.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    answers = [await database.answers() for _ in range(2)]
    assert answers[-1]
    await database.close()


async def test_it_wears_its_role(settings: Settings) -> None:
    role = "taskflow_fan_out_update"
    database = Database(structs.replace(settings, database_role=role, database_pooled=True))
    for _ in range(2):
        async with database.connection() as db:
            assert await db.fetchval("SELECT current_user") == role
            assert await db.fetchval("SELECT current_setting('application_name')") == role
            assert await db.fetchval("SELECT current_setting('timezone')") == "UTC"
            assert await db.fetchval("SELECT count(*) FROM pg_prepared_statements") == 0
    await database.close()
