"""Publishes again what PostgreSQL says was emitted: the way back when Kafka lost what PostgreSQL
kept. Consumers know what they have seen, so a replay too many changes nothing.
"""

from datetime import datetime

import asyncpg

from taskflow.errors import Unavailable
from taskflow.ledger import read_list
from taskflow.publish import Publisher, publish_events

AT_ONCE = 500

EMITTED_SINCE = """
SELECT events FROM commands
WHERE created_at >= $1 AND events IS NOT NULL ORDER BY created_at, id
"""


async def replay(database: str, publisher: Publisher, since: datetime) -> int:
    """How many events were published again. Raises Unavailable when the log refuses one."""
    db = await asyncpg.connect(database)
    published = 0
    try:
        async with db.transaction():
            async for row in db.cursor(EMITTED_SINCE, since, prefetch=AT_ONCE):
                events = read_list(row["events"])
                if await publish_events(publisher, events):
                    raise Unavailable("Kafka did not take an event; start it and replay again.")
                published += len(events)
    finally:
        await db.close()
    return published
