"""What one attempt came to and when the next one is due: pure, so that a day of retries can be
computed in a moment.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from functions.send_reminder.delivery import NO_TASK, Delivery, name_attempt, name_wait
from taskflow.events import Event, ReminderFact, ReminderTriggered, derive_id, new_event
from taskflow.mail import DeliveryFailed, Receipt

SOURCE = "send_reminder"

# Seconds between attempts: an outage of a day is outlived, 24 h 42 min without the jitter.
SCHEDULE = (30, 120, 600, 1800, 3600, 10_800, 21_600, 21_600, 28_800)
JITTER = 0.2


class Outcome(Struct, frozen=True, kw_only=True):
    """What is written down about an attempt; `timer` is the event of the next one. `gone`: nothing
    can be sent there any more; `counts` is False for one that was not made at all."""

    state: str
    sent_at: datetime | None = None
    late_by_seconds: int | None = None
    reason: str | None = None
    receipt: str | None = None
    timer: Event[Any] | None = None
    gone: bool = False
    counts: bool = True


def late_by(delivery: Delivery, now: datetime) -> int:
    """Whole seconds that `now` lies behind the delivery's due time, never below 0."""
    return max(0, int((now - delivery.due_at).total_seconds()))


def wait_seconds(delivery_id: str, attempts: int, schedule: Sequence[int] = SCHEDULE) -> float:
    """How long to wait after the failed attempt number `attempts`: the schedule and up to 20 %
    more, the same each time it is worked out, so that people who failed together return apart."""
    return schedule[attempts - 1] * (1 + JITTER * spread(delivery_id, attempts))


def spread(delivery_id: str, number: int) -> float:
    """From 0 to 1, for each delivery another, the same each time it is worked out."""
    return UUID(derive_id(delivery_id, "jitter", number)).int / 2**128


def judge_success(delivery: Delivery, receipt: Receipt, now: datetime) -> Outcome:
    return Outcome(
        state="sent",
        sent_at=now,
        late_by_seconds=late_by(delivery, now),
        receipt=receipt.provider_id,
    )


def judge_failure(
    event: Event[ReminderFact],
    delivery: Delivery,
    failed: DeliveryFailed,
    now: datetime,
    schedule: Sequence[int] = SCHEDULE,
) -> Outcome:
    """Another attempt later, or failed for good; what a person waits for (a test of a channel, a
    delivery they want again) is tried once."""
    attempts = delivery.attempts + 1
    if failed.permanent or _is_awaited(event.data):
        return Outcome(state="failed", reason=failed.reason, gone=failed.gone)
    if attempts > len(schedule):
        reason = f"Given up after {attempts} attempts; the last one ended so: {failed.reason}"
        return Outcome(state="failed", reason=reason)
    wait = max(wait_seconds(delivery.id, attempts, schedule), failed.retry_after or 0.0)
    name, at = name_attempt(delivery.id, attempts), now + timedelta(seconds=wait)
    return Outcome(state="retry", reason=failed.reason, timer=look_again(event, delivery, name, at))


def _is_awaited(fact: ReminderFact) -> bool:
    return fact.reminder_id == NO_TASK or getattr(fact, "again", False)


def postpone(event: Event[ReminderFact], delivery: Delivery, until: datetime, why: str) -> Outcome:
    """No attempt was made; the delivery is looked at again at `until`."""
    timer = look_again(event, delivery, name_wait(delivery.id, until), until)
    return Outcome(state="planned", reason=why, timer=timer, counts=False)


def look_again(
    event: Event[ReminderFact], delivery: Delivery, name: str, at: datetime
) -> Event[ReminderTriggered]:
    """The event `name` that brings one delivery back at the instant `at`."""
    fields = {name: getattr(event.data, name) for name in ReminderFact.__struct_fields__}
    fact = ReminderTriggered(**{**fields, "event_type": "triggered", "delivery_id": delivery.id})
    return new_event(fact, id=name, source=SOURCE, time=at, cause=event)
