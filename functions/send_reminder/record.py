"""What has left, told to the log, where it outlives the database: after a restore to a point in
time `taskflow after-restore` reads it, so that nothing leaves a second time.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from functions.send_reminder.attempt import SOURCE
from functions.send_reminder.ledger import Settled, put_timers
from taskflow.errors import Unavailable
from taskflow.events import Event, ReminderFact, ReminderSent, derive_id, new_event
from taskflow.serve import Lease

log = logging.getLogger("taskflow")


async def tell_sent(
    lease: Lease, ledger: asyncio.Lock, sent: Sequence[tuple[Event[ReminderFact], Settled]]
) -> None:
    """Publishes all at once; what the log does not take waits as a timer. Raises nothing: nobody
    sends again because of it."""
    told = [
        write_record(event, settled, settled.outcome.sent_at)
        for event, settled in sent
        if settled.outcome.sent_at is not None
    ]
    refused = await lease.publish(told) if told else set()
    if not refused:
        return
    try:
        async with ledger, lease.transaction() as db:
            await put_timers(db, [event for event in told if event.id in refused])
    except Unavailable as error:
        log.error("%d deliveries have left and no log knows: %s", len(refused), error)


def write_record(
    event: Event[ReminderFact], settled: Settled, sent_at: datetime
) -> Event[ReminderSent]:
    """The fact that this attempt has left; the same id however often it is told."""
    delivery, fact = settled.delivery, event.data
    record = ReminderSent(
        delivery_id=delivery.id,
        reminder_id=fact.reminder_id,
        task_id=fact.task_id,
        user_id=fact.user_id,
        channel_id=delivery.channel_id,
        channel=delivery.kind,
        due_at=delivery.due_at,
        remind_at=fact.remind_at,
        sent_at=sent_at,
        late_by_seconds=settled.outcome.late_by_seconds or 0,
        attempts=delivery.attempts + 1,
    )
    name = derive_id(delivery.id, record.type, record.attempts)
    return new_event(record, id=name, source=SOURCE, time=sent_at, cause=event)
