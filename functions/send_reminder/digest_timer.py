"""From the timer of a person's daily digest to a reminder like any other: the person's clock and
choice decide when it fires, not when it was set.
"""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from functions.send_reminder.attempt import SOURCE
from functions.send_reminder.delivery import AHEAD, NO_TASK
from functions.send_reminder.ledger import cancel_timers, put_timers
from taskflow.database import Connection
from taskflow.digest import (
    PersonalChoices,
    digest_day,
    digest_event,
    digest_instant,
    name_digest,
    name_digest_timer,
    next_digest,
)
from taskflow.events import DigestDue, Event, ReminderTriggered, derive_id, new_event

TITLE = "Your day"

PEOPLE = """
SELECT id::text, timezone, reminder_choices::text FROM users
WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL
"""
# By a digest of another hour of the same day: the choice or the zone has changed since.
TOLD = """
SELECT d.reminder_id::text FROM deliveries AS d
JOIN unnest($1::uuid[], $2::timestamptz[]) AS w (reminder_id, remind_at)
    ON d.reminder_id = w.reminder_id AND d.remind_at <> w.remind_at AND d.state <> 'suppressed'
"""

_CHOICES = msgspec.json.Decoder(PersonalChoices)


async def follow_digests(
    db: Connection, events: Sequence[Event[DigestDue]], now: datetime
) -> list[Event[ReminderTriggered]]:
    """Has each person's timer come again, but for those who want none any more; the reminders of
    those whose hour has come. Of hours that were slept through, the last is told of."""
    if not events:
        return []
    people = sorted({event.data.user_id for event in events})
    due: list[Event[ReminderTriggered]] = []
    again: list[Event[DigestDue]] = []
    for user_id, zone, text in await db.fetch(PEOPLE, people):
        of_day, soon = _CHOICES.decode(text).digest, now + AHEAD
        if of_day is None:
            continue
        instant = digest_instant(of_day, zone, digest_day(zone, soon))
        if instant <= soon:
            due.append(_ask_for(user_id, digest_day(zone, soon), instant))
        again.append(digest_event(user_id, next_digest(of_day, zone, soon), SOURCE))
    await cancel_timers(db, [name_digest_timer(user_id) for user_id in people])
    await put_timers(db, again, lambda event: name_digest_timer(event.data.user_id))
    return await _leave_out_told(db, due)


def _ask_for(user_id: str, day: date, instant: datetime) -> Event[ReminderTriggered]:
    fact = ReminderTriggered(
        task_id=NO_TASK,
        reminder_id=name_digest(user_id, day),
        title=TITLE,
        remind_at=instant,
        user_id=user_id,
        channels=["email"],
        stream=user_id,
    )
    name = derive_id(fact.reminder_id, "at", instant.isoformat())
    return new_event(fact, id=name, source=SOURCE, time=instant)


async def _leave_out_told(
    db: Connection, due: list[Event[ReminderTriggered]]
) -> list[Event[ReminderTriggered]]:
    wanted = [(event.data.reminder_id, event.data.remind_at) for event in due]
    rows = await db.fetch(TOLD, *zip(*wanted, strict=True)) if wanted else []
    told = {row[0] for row in rows}
    return [event for event in due if event.data.reminder_id not in told]
