"""Timers in, their events out, each at its instant: published first and deleted after, so that a
crash in between repeats the same event, which changes nothing.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import uuid4

import asyncpg

from taskflow.events import Event, Tick, read_event
from taskflow.serve import Lease

AHEAD = timedelta(seconds=2)
LEASED = timedelta(seconds=60)
AT_ONCE = 500

TAKE = """
UPDATE timers SET lease = $1, leased_until = $3
WHERE id IN (
    SELECT id FROM timers
    WHERE due_at <= $4 AND (leased_until IS NULL OR leased_until < $2)
    ORDER BY due_at, id LIMIT $5
    FOR UPDATE SKIP LOCKED)
RETURNING id::text, due_at, event
"""

DONE = "DELETE FROM timers WHERE id = ANY($1::uuid[]) AND lease = $2"

GIVE_BACK = """
UPDATE timers SET lease = NULL, leased_until = NULL WHERE id = ANY($1::uuid[]) AND lease = $2
"""


async def fire_timer(tick: Event[Tick], lease: Lease) -> Sequence[Event[Any]]:
    """Fires every timer that is due within two seconds, waiting for each instant."""
    while await fire_some(lease) == AT_ONCE:
        continue
    return []


async def fire_some(lease: Lease) -> int:
    """Takes some timers, oldest first, and fires them; how many it took."""
    name = str(uuid4())
    timers = await take_timers(lease, name)
    for due_at, group in groupby(timers, key=lambda row: row["due_at"]):
        await asyncio.sleep((due_at - lease.now()).total_seconds())
        await publish_timers(lease, name, list(group))
    return len(timers)


async def take_timers(lease: Lease, name: str) -> list[asyncpg.Record]:
    """Timers that nobody else holds, leased under `name`."""
    now = lease.now()
    async with lease.transaction() as db:
        rows = await db.fetch(TAKE, name, now, now + LEASED, now + AHEAD, AT_ONCE)
    return sorted(rows, key=lambda row: (row["due_at"], row["id"]))


async def publish_timers(lease: Lease, name: str, timers: Sequence[asyncpg.Record]) -> None:
    """Publishes, then deletes; what the log did not take is given back for the next tick."""
    failed = await lease.publish(read_event(row["event"].encode()) for row in timers)
    async with lease.transaction() as db:
        await db.execute(DONE, [row["id"] for row in timers if row["id"] not in failed], name)
        if failed:
            await db.execute(GIVE_BACK, sorted(failed), name)
