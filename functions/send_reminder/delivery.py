"""One delivery: a reminder at one instant by one channel, and the ids that are derived from it."""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from taskflow.events import ReminderFact, derive_id
from taskflow.reminder import Planned
from taskflow.task import Reminder

# The nil UUID (RFC 9562): a test of a channel, a notice about one or a digest is about no task.
NO_TASK = "00000000-0000-0000-0000-000000000000"
# Timers fire so much early at the most; nothing that is due within it waits again.
AHEAD = timedelta(seconds=2)


class Delivery(Struct, frozen=True, kw_only=True):
    """A row of `deliveries` as far as sending needs it; `lease` names its holder.

    `due_at` is the reminder's instant or, where channels wait for each other, later; `next_at` is
    when it is looked at again.
    """

    id: str
    channel_id: str
    kind: str
    due_at: datetime
    state: str
    reminder_id: str = ""
    remind_at: datetime | None = None
    attempts: int = 0
    reason: str | None = None
    next_at: datetime | None = None
    leased_until: datetime | None = None
    lease: str | None = None

    @property
    def expected_at(self) -> datetime:
        """When it was to be sent, by its reminder or by what put it off since."""
        return max(self.due_at, self.next_at) if self.next_at else self.due_at


def name_delivery(fact: ReminderFact, channel_id: str) -> str:
    """The same for the same reminder, instant and channel, whatever event it is asked of."""
    reminder = Reminder(id=fact.reminder_id)
    planned = Planned(reminder=reminder, remind_at=fact.remind_at.astimezone(UTC))
    return derive_id(planned.id, "delivery", channel_id)


def name_attempt(delivery_id: str, attempts: int) -> str:
    """The event that asks for the next attempt after `attempts` made ones."""
    return derive_id(delivery_id, "attempt", attempts)


def name_wait(delivery_id: str, until: datetime) -> str:
    """The event that looks at a delivery again at the instant `until`."""
    return derive_id(delivery_id, "wait", until.astimezone(UTC).isoformat())
