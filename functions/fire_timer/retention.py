"""What was kept long enough goes: a timer of its own, once a day, carried out here in portions, one
a tick; apart from the timers that are published. Only the function wakes that a timer wakes anyway,
and only its role may delete.
"""

import logging
from datetime import UTC, datetime, time, timedelta

import asyncpg
from msgspec import structs

from functions.fire_timer.rules import RULES, Rule
from taskflow.database import Connection
from taskflow.events import RetentionDue, encode, read_event
from taskflow.serve import Lease
from taskflow.settings import Settings

# The nil UUID: nobody's, and there is only one.
TIMER = "00000000-0000-0000-0000-000000000000"
# Rows that one transaction looks at.
PORTION = 5_000
# When most people of most zones sleep, or nobody starts the machine that sleeps too.
AT = time(3)
# After an error of ours: it must not keep the clock awake, nor end the retention for good.
AFTER_ERROR = timedelta(hours=1)

# By its id: among many that are due, a search by topic would look at each.
DUE = "SELECT event FROM timers WHERE id = $1 AND due_at <= $2 FOR UPDATE SKIP LOCKED"
MOVE = "UPDATE timers SET due_at = $2, event = $3 WHERE id = $1"
PUT_OFF = "UPDATE timers SET due_at = $2 WHERE id = $1"

log = logging.getLogger("taskflow")


async def apply_retention(lease: Lease) -> None:
    """Takes one portion if its timer is due, and has that come again: at once while there is more,
    otherwise the next night."""
    try:
        async with lease.transaction() as db:
            await _follow_timer(db, lease.settings, lease.now())
    except asyncpg.PostgresError:
        # It must neither end the clock's work nor be tried without end.
        log.exception("the retention waits for an hour")
        async with lease.transaction() as db:
            await db.execute(PUT_OFF, TIMER, lease.now() + AFTER_ERROR)


async def _follow_timer(db: Connection, settings: Settings, now: datetime) -> None:
    text = await db.fetchval(DUE, TIMER, now)
    if text is None:
        return
    event = read_event(text.encode())
    due_at, goes_on = await take_portion(db, event.data, settings, now)
    moved = structs.replace(event, time=due_at, data=goes_on)
    await db.execute(MOVE, TIMER, due_at, encode(moved).decode())


async def take_portion(
    db: Connection, due: RetentionDue, settings: Settings, now: datetime
) -> tuple[datetime, RetentionDue]:
    """Removes what is to go next; when and where it goes on."""
    windows = find_windows(settings, now)
    names = list(windows)
    place = names.index(due.rule) if due.rule in windows else 0
    name = names[place]
    more, after = await _run(db, RULES[name], due.after, windows[name])
    if more:
        return now, RetentionDue(rule=name, after=after)
    if place + 1 < len(names):
        return now, RetentionDue(rule=names[place + 1])
    return next_night(now), RetentionDue()


def find_windows(settings: Settings, now: datetime) -> dict[str, datetime]:
    """Of each rule, the instant before which rows go, but for what is kept for ever."""
    windows = {name: rule.before(settings, now) for name, rule in RULES.items()}
    return {name: before for name, before in windows.items() if before is not None}


async def _run(
    db: Connection, rule: Rule, after: tuple[str, int], before: datetime
) -> tuple[bool, tuple[str, int]]:
    """Whether there may be more, and after which place."""
    if rule.walks:
        last = await db.fetchrow(rule.sql, before, PORTION, *after)
        return last is not None, tuple(last) if last else after
    done = await db.execute(rule.sql, before, PORTION)
    return done.endswith(f" {PORTION}"), after


def next_night(now: datetime) -> datetime:
    """The next time that it is AT in UTC: one, however many were slept through."""
    tonight = datetime.combine(now.astimezone(UTC).date(), AT, UTC)
    return tonight if tonight > now else tonight + timedelta(days=1)
