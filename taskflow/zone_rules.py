"""Notices that a release brought new rules of time zones, and asks for what lies ahead to be worked
out anew; run after the migrations, for new rules come by a new release alone.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import asyncpg

from taskflow.events import Event, FollowZone, derive_id, encode, new_event
from taskflow.zone import database_version, zone_names, zone_rules

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SOURCE = "zone_rules"
# The row that names the whole database, beside one for each zone.
VERSION = "tz database"
# By then no process works by the old rules any more.
ROLLED_OUT = timedelta(minutes=10)
AT_ONCE = 1_000

KNOWN = "SELECT name, digest FROM time_zones"
LOCK = "LOCK TABLE time_zones IN SHARE ROW EXCLUSIVE MODE"
NOTE = """
INSERT INTO time_zones SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (name) DO UPDATE SET digest = excluded.digest
"""
# All-day reminders go by the person's zone.
CONCERNED = """
SELECT user_id::text FROM tasks
WHERE status = 'open' AND deleted_at IS NULL AND timezone = ANY($1::text[])
    AND (due_at > $2 OR start_at > $2)
UNION
SELECT id::text FROM users WHERE deleted_at IS NULL AND timezone = ANY($1::text[])
"""
ASK = """
INSERT INTO timers (id, due_at, topic, user_id, event)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::uuid[], $5::text[])
ON CONFLICT (id) DO NOTHING
"""


async def follow_rules(url: str, now: datetime) -> int:
    """How many people have tasks in zones whose rules have changed since this was last asked; each
    gets a timer, noted together with the rules."""
    db = await asyncpg.connect(url)
    try:
        if (await _read_known(db)).get(VERSION) == database_version():
            return 0
        async with db.transaction():
            await db.execute(LOCK)
            return await _ask(db, _changed(await _read_known(db)), now)
    finally:
        await db.close()


async def _read_known(db: Session) -> dict[str, str]:
    return {row["name"]: row["digest"] for row in await db.fetch(KNOWN)}


def _changed(known: dict[str, str]) -> dict[str, str]:
    """The zones whose rules are not the known ones, with a digest of what they are now."""
    digests = {name: hashlib.sha256(zone_rules(name)).hexdigest() for name in zone_names()}
    return {name: one for name, one in sorted(digests.items()) if known.get(name) != one}


async def _ask(db: Session, changed: dict[str, str], now: datetime) -> int:
    people = [row[0] for row in await db.fetch(CONCERNED, list(changed), now)]
    for first in range(0, len(people), AT_ONCE):
        rows = _timers(people[first : first + AT_ONCE], list(changed), now)
        await db.execute(ASK, *zip(*rows, strict=True))
    noted = {**changed, VERSION: database_version()}
    await db.execute(NOTE, list(noted), list(noted.values()))
    return len(people)


def _timers(
    people: Sequence[str], zones: list[str], now: datetime
) -> Iterator[tuple[str, datetime, str, str, str]]:
    due = now + ROLLED_OUT
    for person in people:
        asked = FollowZone(user_id=person, actor_id=person, stream=person, zones=zones)
        name = derive_id(person, FollowZone.type, database_version())
        event: Event[FollowZone] = new_event(asked, id=name, source=SOURCE, time=due)
        yield name, due, asked.topic, person, encode(event).decode()
