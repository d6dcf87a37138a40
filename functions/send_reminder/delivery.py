"""One delivery: a reminder at one instant by one channel, and the ids that are derived from it."""

from datetime import UTC, datetime

from msgspec import Struct

from taskflow.events import ReminderFact, derive_id
from taskflow.reminder import Planned
from taskflow.task import Reminder


class Delivery(Struct, frozen=True, kw_only=True):
    """A row of `deliveries` as far as sending needs it; `lease` names its holder."""

    id: str
    channel_id: str
    kind: str
    due_at: datetime
    state: str
    attempts: int = 0
    reason: str | None = None
    leased_until: datetime | None = None
    lease: str | None = None


def name_delivery(fact: ReminderFact, channel_id: str) -> str:
    """The same for the same reminder, instant and channel, whatever event it is asked of."""
    reminder = Reminder(id=fact.reminder_id)
    planned = Planned(reminder=reminder, remind_at=fact.remind_at.astimezone(UTC))
    return derive_id(planned.id, "delivery", channel_id)


def name_attempt(delivery_id: str, attempts: int) -> str:
    """The event that asks for the next attempt after `attempts` failed ones."""
    return derive_id(delivery_id, "attempt", attempts)
