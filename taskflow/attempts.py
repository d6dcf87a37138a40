"""How often a consumer has failed at an event, counted outside the transaction that failed."""

import hashlib
import traceback
from datetime import datetime

from taskflow.database import Connection

TRACE_CHARACTERS = 8_000
LONGEST_KEY = 500

COUNT_ATTEMPT = """
INSERT INTO attempts AS a (consumer, event_key, count, reason, trace, updated_at)
VALUES ($1, $2, 1, $3, $4, $5)
ON CONFLICT (consumer, event_key) DO UPDATE
SET count = a.count + 1, reason = excluded.reason, trace = excluded.trace,
    updated_at = excluded.updated_at
RETURNING count
"""


def event_key(source: str, event_id: str) -> str:
    """What the attempts at an event are counted under; fit for an index, whatever its id is."""
    key = f"{source}#{event_id}"
    return key if len(key) <= LONGEST_KEY and "\0" not in key else body_key(key.encode())


def body_key(body: bytes) -> str:
    """The same for a body that has no id."""
    return f"sha256#{hashlib.sha256(body).hexdigest()}"


async def count_attempt(
    db: Connection, consumer: str, key: str, error: Exception, now: datetime
) -> int:
    """How many attempts have failed by now, this one included."""
    trace = "".join(traceback.format_exception(error))[-TRACE_CHARACTERS:].replace("\0", "")
    reason = f"{type(error).__name__}: {error}".replace("\0", "")
    count: int = await db.fetchval(COUNT_ATTEMPT, consumer, key, reason, trace, now)
    return count
