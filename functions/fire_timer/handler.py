"""Timers in, their events out, each at its instant: published first and deleted after, so that a
crash in between repeats the same event, which changes nothing. Whatever clock ticks, the sidecar's
cron or a job at the next instant, only the rows say what is due.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from msgspec import Struct

from functions.fire_timer.retention import apply_retention
from taskflow.errors import Unreadable
from taskflow.events import (
    AccountFact,
    DigestDue,
    Event,
    FollowZone,
    ReminderSent,
    ReminderTriggered,
    SeriesDue,
    Tick,
    read_event,
)
from taskflow.serve import Lease

if TYPE_CHECKING:
    from taskflow.jobs import Alarm

FIRES = (ReminderTriggered, DigestDue, SeriesDue, AccountFact, FollowZone, ReminderSent)
AHEAD = timedelta(seconds=2)
LEASED = timedelta(seconds=60)
# What the log does not take steps aside for a while, or it would stand before all others for ever.
STEP_ASIDE = timedelta(seconds=5)
AT_ONCE = 500
# Of one person in one tick: less than can be sent in a second, so that what others have due stands
# behind no flood, neither here nor in the log.
SHARE = 500
# A job may come some milliseconds late; it rings early enough that its tick waits for the instant.
ALARM_LEAD = timedelta(seconds=1)

TAKE = """
UPDATE timers SET lease = $1, leased_until = $3
WHERE id IN (
    SELECT id FROM timers
    WHERE due_at <= $4 AND (leased_until IS NULL OR leased_until < $2)
        AND user_id <> ALL($6::uuid[]) AND topic <> 'retention'
    ORDER BY due_at, id LIMIT $5
    FOR UPDATE SKIP LOCKED)
RETURNING id::text, user_id::text, due_at, event AS text
"""

DONE = "DELETE FROM timers WHERE id = ANY($1::uuid[]) AND lease = $2"

GIVE_BACK = """
UPDATE timers SET lease = NULL, leased_until = $3 WHERE id = ANY($1::uuid[]) AND lease = $2
"""

# Kept for people to look at, never due again: it would only keep everybody awake.
SET_ASIDE = """
UPDATE timers SET due_at = 'infinity', lease = NULL, leased_until = NULL
WHERE id = ANY($1::uuid[]) AND lease = $2
"""

# What stepped aside may come after what is due later.
NEXT = """
SELECT min(GREATEST(due_at, leased_until)) FROM (
    SELECT due_at, leased_until FROM timers WHERE due_at < 'infinity' ORDER BY due_at LIMIT $1) AS t
"""

log = logging.getLogger("taskflow")


class Timer(Struct):
    """A row that is leased; `event` is None if nobody can read it."""

    id: str
    user_id: str
    due_at: datetime
    event: Event[Any] | None


async def fire_timer(tick: Event[Tick], lease: Lease) -> Sequence[Event[Any]]:
    """Fires every timer that is due within two seconds, waiting for each instant, but of one person
    only so many; ends early when the log takes nothing, and leaves the rest to the next tick."""
    turns: Counter[str] = Counter()
    while await fire_some(lease, turns):
        continue
    await apply_retention(lease)
    if lease.settings.clock == "jobs":
        await set_alarm(lease, open_alarm(lease.settings.publish))
    return []


async def fire_some(lease: Lease, turns: Counter[str]) -> bool:
    """Takes some timers, oldest first, of those who have not had their share, and fires them;
    whether to go on with more."""
    name = str(uuid4())
    served = [person for person, count in turns.items() if count >= SHARE]
    waiting = taken = await take_timers(lease, name, served)
    turns.update(timer.user_id for timer in taken)
    fired = 0
    while waiting:
        await asyncio.sleep((waiting[0].due_at - lease.now()).total_seconds())
        instant = max(lease.now(), waiting[0].due_at)
        due = [timer for timer in waiting if timer.due_at <= instant]
        waiting = waiting[len(due) :]
        fired += await publish_timers(lease, name, due)
    return len(taken) == AT_ONCE and fired > 0


async def take_timers(lease: Lease, name: str, served: Sequence[str]) -> list[Timer]:
    """Timers that nobody else holds, of nobody who is `served`, leased under `name`, in the order
    of their instants."""
    now = lease.now()
    async with lease.transaction() as db:
        rows = await db.fetch(TAKE, name, now, now + LEASED, now + AHEAD, AT_ONCE, served)
    timers = [
        Timer(row["id"], row["user_id"], row["due_at"], _read_event(row["id"], row["text"]))
        for row in rows
    ]
    return sorted(timers, key=lambda timer: (timer.due_at, timer.id))


def _read_event(timer_id: str, text: str) -> Event[Any] | None:
    try:
        event = read_event(text.encode())
    except Unreadable as error:
        log.error("the timer %s is set aside: %s", timer_id, error)
        return None
    if isinstance(event.data, FIRES):
        return event
    log.error("the timer %s is set aside: %s is nothing for timers", timer_id, event.type)
    return None


async def publish_timers(lease: Lease, name: str, timers: Sequence[Timer]) -> int:
    """Publishes, then deletes; what the log did not take is given back. How many it took."""
    failed = await lease.publish(timer.event for timer in timers if timer.event)
    sent = [timer.id for timer in timers if timer.event and timer.event.id not in failed]
    refused = [timer.id for timer in timers if timer.event and timer.event.id in failed]
    unread = [timer.id for timer in timers if timer.event is None]
    async with lease.transaction() as db:
        await db.execute(DONE, sent, name)
        if refused:
            await db.execute(GIVE_BACK, refused, name, lease.now() + STEP_ASIDE)
        if unread:
            await db.execute(SET_ASIDE, unread, name)
    return len(sent)


async def set_alarm(lease: Lease, alarm: "Alarm") -> None:
    """Has a job tick again just before the next timer, if there is one."""
    async with lease.transaction() as db:
        due_at = await db.fetchval(NEXT, AT_ONCE)
    if due_at is not None:
        await alarm.set(max(due_at - ALARM_LEAD, lease.now()))


@cache
def open_alarm(publish: str) -> "Alarm":
    """The alarm of this process, by the sidecar that it publishes through."""
    from taskflow.jobs import open_alarm as open_job_alarm

    return open_job_alarm(publish)
