"""The ledger of deliveries: planned, leased and settled in short transactions; the timer of a
further attempt comes and goes with the row that needs it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from msgspec import structs

from functions.send_reminder.attempt import Outcome
from functions.send_reminder.delivery import Delivery, name_attempt, name_delivery
from functions.send_reminder.situation import Place
from functions.send_reminder.step import Mark
from taskflow.database import Connection
from taskflow.errors import LeaseHeld
from taskflow.events import ReminderFact, ReminderTriggered, encode

LEASED = timedelta(seconds=60)

PLAN = """
INSERT INTO deliveries (id, reminder_id, task_id, user_id, channel_id, channel, due_at, state)
SELECT place.id, $1, $2, $3, place.channel_id, place.channel, $4, 'planned'
FROM unnest($5::uuid[], $6::uuid[], $7::text[]) AS place (id, channel_id, channel)
ORDER BY place.id
ON CONFLICT (id) DO NOTHING
"""

LOCK = """
SELECT id::text, channel_id::text, channel AS kind, due_at, state, attempts, reason, leased_until
FROM deliveries
"""
LOCK_ONE = LOCK + "WHERE id = $1 AND user_id = $2 FOR UPDATE"
LOCK_ALL = LOCK + "WHERE reminder_id = $1 AND due_at = $2 AND user_id = $3 ORDER BY id FOR UPDATE"

MARK = """
UPDATE deliveries AS d SET state = m.state, reason = m.reason, lease = NULL, leased_until = NULL
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS m (id, state, reason) WHERE d.id = m.id
"""
CANCEL_ATTEMPTS = "DELETE FROM timers WHERE id = ANY($1::uuid[])"

LEASE = """
UPDATE deliveries SET state = 'due', lease = $2, leased_until = $3 WHERE id = ANY($1::uuid[])
"""

SETTLE = """
UPDATE deliveries SET state = $3, attempts = attempts + 1, sent_at = $4, late_by_seconds = $5,
    reason = $6, receipt = $7, lease = NULL, leased_until = NULL
WHERE id = $1 AND lease = $2
"""
PUT_TIMER = """
INSERT INTO timers (id, due_at, topic, user_id, event) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO NOTHING
"""


async def plan_deliveries(db: Connection, fact: ReminderFact, places: Sequence[Place]) -> None:
    """One row for each place; those that exist stay as they are."""
    if not places:
        return
    ids = [name_delivery(fact, place.channel_id) for place in places]
    channels = [place.channel_id for place in places]
    kinds = [place.kind for place in places]
    head = (fact.reminder_id, fact.task_id, fact.user_id, fact.remind_at)
    await db.execute(PLAN, *head, ids, channels, kinds)


async def lock_deliveries(db: Connection, fact: ReminderFact) -> list[Delivery]:
    """The rows that an event is about, locked: the one it names, or all of its reminder."""
    if isinstance(fact, ReminderTriggered) and fact.delivery_id is not None:
        rows = await db.fetch(LOCK_ONE, fact.delivery_id, fact.user_id)
    else:
        rows = await db.fetch(LOCK_ALL, fact.reminder_id, fact.remind_at, fact.user_id)
    return [Delivery(**row) for row in rows]


async def mark_deliveries(db: Connection, marks: Sequence[tuple[Delivery, Mark]]) -> None:
    """Writes what will become of locked rows; no timer stays for what is not to be sent."""
    if not marks:
        return
    rows = [(delivery.id, mark.state, mark.reason) for delivery, mark in marks]
    await db.execute(MARK, *zip(*rows, strict=True))
    waiting = [name_attempt(one.id, one.attempts) for one, _ in marks if one.state == "retry"]
    if waiting:
        await db.execute(CANCEL_ATTEMPTS, waiting)


async def lease_deliveries(
    db: Connection, deliveries: Sequence[Delivery], now: datetime
) -> list[Delivery]:
    """Locked rows as this worker's for 60 s; nobody else sends them until then."""
    lease, until = str(uuid4()), now + LEASED
    if deliveries:
        await db.execute(LEASE, [one.id for one in deliveries], lease, until)
    return [structs.replace(one, lease=lease, leased_until=until) for one in deliveries]


async def settle_delivery(
    db: Connection, fact: ReminderFact, delivery: Delivery, outcome: Outcome
) -> None:
    """Writes what an attempt came to, and with it the timer of the next one. Raises LeaseHeld if
    the attempt took so long that another worker has taken over."""
    told = (outcome.sent_at, outcome.late_by_seconds, outcome.reason, outcome.receipt)
    done = await db.execute(SETTLE, delivery.id, delivery.lease, outcome.state, *told)
    if done != "UPDATE 1":
        raise LeaseHeld(f"The delivery {delivery.id} took too long; another worker has it.")
    if timer := outcome.timer:
        text = encode(timer).decode()
        await db.execute(PUT_TIMER, timer.id, timer.time, fact.topic, fact.user_id, text)
