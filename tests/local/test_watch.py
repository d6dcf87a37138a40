"""Queries that wake, on a real database that comes and goes."""

import asyncio

import asyncpg

from local.watch import listeners_of, watch_queries
from tests.local.home import until

COUNT = "SELECT count(*) FROM due"
END_THE_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query = $1
"""


async def test_values_are_told_also_after_the_database_was_away(
    database_url: str, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await owner.execute("CREATE TABLE due (n integer)")
    told: list[float] = []
    urls = ["postgresql://nobody@127.0.0.1:1/none", database_url]
    listeners = listeners_of([((COUNT,), lambda query, value: told.append(value)), ((), print)])
    watching = asyncio.create_task(
        watch_queries(lambda: urls.pop(0) if len(urls) > 1 else urls[0], listeners, 0.01)
    )
    await until(lambda: told[-1:] == [0], "it is asked")
    await owner.execute("INSERT INTO due VALUES (1), (2)")
    await until(lambda: told[-1:] == [2], "the new value is told")
    mine = "pid <> pg_backend_pid() AND query = $1"
    await owner.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}", COUNT
    )
    await owner.execute("DELETE FROM due")
    await until(lambda: told[-1:] == [0], "it is asked again")
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_query_of_two_functions_is_asked_once() -> None:
    first, second = [], []  # type: list[float], list[float]
    listeners = listeners_of(
        [
            ((COUNT,), lambda _, value: first.append(value)),
            ((COUNT,), lambda _, value: second.append(value)),
        ]
    )
    assert list(listeners) == [COUNT]
    for listener in listeners[COUNT]:
        listener(COUNT, 3)
    assert (first, second) == ([3], [3])
