"""The stand-in for KEDA's `postgresql` trigger: asks the database for the number of each query and
tells whom it wakes.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import asyncpg

from taskflow.database import AWAY

# Also what asyncpg says of a connection that the server ended in the middle of a word.
FAILURES = (*AWAY, asyncpg.PostgresError, asyncpg.InternalClientError)
# At home the database is next door: asking every second is cheaper than a late reminder.
MOST_SECONDS = 1.0
TIMEOUT = 5.0

Listener: TypeAlias = Callable[[str, float], None]

log = logging.getLogger("taskflow.local")


def listeners_of(
    interested: Iterable[tuple[Sequence[str], Listener]],
) -> dict[str, list[Listener]]:
    """Query → whom to tell its value."""
    found: dict[str, list[Listener]] = defaultdict(list)
    for queries, listener in interested:
        for query in queries:
            found[query].append(listener)
    return found


async def watch_queries(
    read_url: Callable[[], str], listeners: Mapping[str, Sequence[Listener]], seconds: float
) -> None:
    """Ask for ever, over one connection; while the database is away the last values hold."""
    while listeners:
        try:
            db = await asyncpg.connect(read_url(), timeout=TIMEOUT, command_timeout=TIMEOUT)
            try:
                while True:
                    await ask(db, listeners)
                    await asyncio.sleep(seconds)
            finally:
                db.terminate()
        except FAILURES as error:
            log.warning("the triggers' queries wait for PostgreSQL: %r", error)
            await asyncio.sleep(seconds)


async def ask(
    db: "asyncpg.Connection[asyncpg.Record]", listeners: Mapping[str, Sequence[Listener]]
) -> None:
    for query, told in listeners.items():
        value = float(await db.fetchval(query) or 0)
        for listener in told:
            listener(query, value)
