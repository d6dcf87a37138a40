"""The ledger of deliveries: planned, leased and settled many at once in short transactions; the
timer that brings one back comes and goes with the row that needs it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import uuid4

from msgspec import Struct, structs

from functions.send_reminder.attempt import Outcome
from functions.send_reminder.delivery import Delivery, name_attempt, name_delivery, name_wait
from functions.send_reminder.situation import Place
from taskflow.database import Connection
from taskflow.events import Event, ReminderFact, encode

LEASED = timedelta(seconds=60)

PLAN = """
INSERT INTO deliveries (id, reminder_id, task_id, user_id, channel_id, channel, due_at, remind_at,
    state)
SELECT *, 'planned' FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[],
    $6::text[], $7::timestamptz[], $8::timestamptz[]) AS place (id)
ORDER BY id
ON CONFLICT (id) DO NOTHING
"""

LOCK = """
SELECT user_id::text, id::text, reminder_id::text, channel_id::text, channel AS kind, due_at,
    COALESCE(remind_at, due_at) AS remind_at, state, attempts, reason, next_at, leased_until
FROM deliveries
WHERE id = ANY($1::uuid[])
    OR (reminder_id = ANY($2::uuid[]) AND COALESCE(remind_at, due_at) = ANY($3::timestamptz[]))
ORDER BY id FOR UPDATE
"""

MARK = """
UPDATE deliveries AS d
SET state = m.state, reason = m.reason, next_at = m.next_at, lease = NULL, leased_until = NULL
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[])
    AS m (id, state, reason, next_at)
WHERE d.id = m.id
"""
CANCEL_TIMERS = "DELETE FROM timers WHERE id = ANY($1::uuid[])"

LEASE = """
UPDATE deliveries SET state = 'due', lease = $2, leased_until = $3 WHERE id = ANY($1::uuid[])
"""

SETTLE = """
WITH settled AS (
    UPDATE deliveries AS d
    SET state = o.state, attempts = d.attempts + o.counts, sent_at = o.sent_at,
        late_by_seconds = o.late, reason = o.reason, receipt = o.receipt, next_at = o.next_at,
        lease = NULL, leased_until = NULL
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::timestamptz[],
        $6::integer[], $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[],
        $11::integer[])
        AS o (id, lease, state, counts, sent_at, late, reason, receipt, next_at, at, took)
    WHERE d.id = o.id AND d.lease = o.lease
    RETURNING d.id, d.attempts, d.state, d.reason, d.receipt, o.counts, o.at, o.took
), logged AS (
    INSERT INTO delivery_attempts (delivery_id, number, at, took_ms, state, reason, receipt)
    SELECT id, attempts, at, took, state, reason, receipt FROM settled WHERE counts = 1
    ON CONFLICT DO NOTHING
)
SELECT id::text FROM settled
"""

PUT_TIMERS = """
INSERT INTO timers (id, due_at, topic, user_id, event)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::uuid[], $5::text[])
ON CONFLICT (id) DO NOTHING
"""

Planned: TypeAlias = tuple[ReminderFact, Place]


class Row(Struct, frozen=True):
    """What stands in a delivery's row from now on."""

    delivery: Delivery
    state: str
    reason: str | None
    next_at: datetime | None = None


class Settled(Struct, frozen=True):
    """One attempt on a leased delivery, ended at `at` after `took_ms` milliseconds."""

    delivery: Delivery
    outcome: Outcome
    at: datetime
    took_ms: int


async def plan_deliveries(db: Connection, plans: Sequence[Planned]) -> None:
    """One row for each place of each reminder; those that exist stay as they are."""
    rows = [
        (
            name_delivery(fact, place.channel_id),
            *(fact.reminder_id, fact.task_id, fact.user_id),
            *(place.channel_id, place.kind),
            *(fact.remind_at + place.after, fact.remind_at),
        )
        for fact, place in plans
    ]
    if rows:
        await db.execute(PLAN, *zip(*rows, strict=True))


async def lock_deliveries(
    db: Connection, facts: Sequence[ReminderFact]
) -> list[tuple[str, Delivery]]:
    """The rows that events are about, locked, each with its person: the one that an event names, or
    all of its reminder."""
    named = sorted({name for fact in facts if (name := getattr(fact, "delivery_id", None))})
    whole = [fact for fact in facts if not getattr(fact, "delivery_id", None)]
    reminders = sorted({fact.reminder_id for fact in whole})
    instants = sorted({fact.remind_at for fact in whole})
    rows = [dict(row) for row in await db.fetch(LOCK, named, reminders, instants)]
    return [(row.pop("user_id"), Delivery(**row)) for row in rows]


async def write_rows(db: Connection, rows: Sequence[Row]) -> None:
    """Writes what will become of locked rows; the timers that waited for what they were go."""
    if not rows:
        return
    values = [(row.delivery.id, row.state, row.reason, row.next_at) for row in rows]
    await db.execute(MARK, *zip(*values, strict=True))
    gone = [name for row in rows for name in _name_timers(row)]
    if gone:
        await db.execute(CANCEL_TIMERS, gone)


def _name_timers(row: Row) -> Iterable[str]:
    old = row.delivery
    if old.state == "retry":
        yield name_attempt(old.id, old.attempts)
    elif old.next_at is not None and old.next_at != row.next_at:
        yield name_wait(old.id, old.next_at)


async def lease_deliveries(
    db: Connection, deliveries: Sequence[Delivery], now: datetime
) -> list[Delivery]:
    """Locked rows as this worker's for 60 s; nobody else sends them until then."""
    lease, until = str(uuid4()), now + LEASED
    if deliveries:
        await db.execute(LEASE, [one.id for one in deliveries], lease, until)
    return [structs.replace(one, lease=lease, leased_until=until) for one in deliveries]


async def put_timers(
    db: Connection,
    events: Iterable[Event[Any]],
    name: Callable[[Event[Any]], str] = lambda event: event.id,
) -> None:
    """Each event at its own time, for the person it is about."""
    rows = [
        (name(event), event.time, event.data.topic, event.data.user_id, encode(event).decode())
        for event in sorted(events, key=lambda event: event.id)
    ]
    if rows:
        await db.execute(PUT_TIMERS, *zip(*rows, strict=True))


async def cancel_timers(db: Connection, names: Sequence[str]) -> None:
    if names:
        await db.execute(CANCEL_TIMERS, names)


async def settle_deliveries(db: Connection, settled: Sequence[Settled]) -> set[str]:
    """Writes what attempts came to, their log and the timers of the next ones; the ids that were
    still this worker's: the others took so long that another worker has taken over."""
    if not settled:
        return set()
    rows = [_settle_row(one) for one in sorted(settled, key=lambda one: one.delivery.id)]
    ours = {row[0] for row in await db.fetch(SETTLE, *zip(*rows, strict=True))}
    timers = [one.outcome.timer for one in settled if one.delivery.id in ours]
    await put_timers(db, [timer for timer in timers if timer is not None])
    return ours


def _settle_row(settled: Settled) -> tuple[Any, ...]:
    delivery, outcome = settled.delivery, settled.outcome
    return (
        *(delivery.id, delivery.lease, outcome.state, int(outcome.counts), outcome.sent_at),
        *(outcome.late_by_seconds, outcome.reason, outcome.receipt),
        *(outcome.timer.time if outcome.timer else None, settled.at, settled.took_ms),
    )
