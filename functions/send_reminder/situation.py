"""What is true of a person and a task now, and whether that still asks for a reminder: the task's
row decides, never the order in which events arrive.
"""

from datetime import datetime

import msgspec
from msgspec import Struct, field

from functions.send_reminder.delivery import Delivery
from taskflow.database import Connection
from taskflow.events import ReminderCancelled, ReminderFact, ReminderScheduled, derive_id
from taskflow.read_task import DEFAULT_CHANNEL
from taskflow.reminder import plan_reminders
from taskflow.task import Reminder, Task

# The nil UUID (RFC 9562): a test of a channel is about no task.
NO_TASK = "00000000-0000-0000-0000-000000000000"

ACCOUNT_DELETED = "The account was deleted."
TASK_DELETED = "The task was deleted."
FINISHED = {"done": "The task is done.", "cancelled": "The task was cancelled."}
REMOVED = "The reminder was removed from the task."
MOVED = "The reminder was moved to another time."
BORN_LATE = "Its time had passed already when it was set."
CHANNEL_REMOVED = "The channel was removed."

SITUATION = """
SELECT json_build_object(
    'person', (
        SELECT json_build_object('timezone', timezone, 'deleted_at', deleted_at)
        FROM users WHERE id = $1),
    'channels', COALESCE((
        SELECT json_object_agg(id, json_build_object(
            'id', id, 'kind', kind, 'address', address, 'secret', secret))
        FROM channels WHERE user_id = $1 AND confirmed_at IS NOT NULL), '{}'),
    'task', (
        SELECT json_build_object(
            'id', id, 'title', title, 'notes', notes, 'status', status, 'due_at', due_at,
            'due_on', due_on, 'timezone', timezone, 'reminders', reminders, 'version', version,
            'created_at', created_at, 'updated_at', updated_at, 'created_by', created_by)
        FROM tasks WHERE id = $2 AND user_id = $1 AND deleted_at IS NULL)
)::text
"""


class Channel(Struct, frozen=True):
    """A way to reach a person, confirmed by them; `secret` signs what a webhook is sent."""

    id: str
    kind: str
    address: str
    secret: str | None = None


class Person(Struct, frozen=True):
    timezone: str
    deleted_at: datetime | None = None


class Place(Struct, frozen=True):
    """A delivery's place: a channel, or what stands for one that the person does not have."""

    channel_id: str
    kind: str


class Situation(Struct, frozen=True):
    """A person, their confirmed channels by id, and a task of theirs unless it is deleted."""

    person: Person | None
    channels: dict[str, Channel] = field(default_factory=dict)
    task: Task | None = None

    def choose_places(self, fact: ReminderFact) -> list[Place]:
        """Where a reminder goes: every channel of the kinds it names, and one place that tells of
        a kind that the person has no channel for. Nowhere if it is cancelled, or if the event
        names its delivery."""
        if isinstance(fact, ReminderCancelled) or getattr(fact, "delivery_id", None):
            return []
        found = self.channels.values()
        chosen = []
        for kind in fact.channels or [DEFAULT_CHANNEL]:
            ids = [channel.id for channel in found if channel.kind == kind]
            nowhere = derive_id(fact.user_id, "channel", kind)
            chosen += [Place(channel_id, kind) for channel_id in ids or [nowhere]]
        return chosen

    def why_not(self, fact: ReminderFact, place: Place | Delivery) -> str | None:
        """Why this reminder is not to be sent by this channel; None if it is."""
        if self.person is None or self.person.deleted_at is not None:
            return ACCOUNT_DELETED
        reason = self._why_not_at_all(fact)
        if reason is None and place.channel_id not in self.channels:
            others = any(channel.kind == place.kind for channel in self.channels.values())
            return CHANNEL_REMOVED if others else f"There is no confirmed {place.kind} channel."
        return reason

    def _why_not_at_all(self, fact: ReminderFact) -> str | None:
        if fact.task_id == NO_TASK:
            return None
        if self.task is None:
            return TASK_DELETED
        if self.task.status in FINISHED:
            return FINISHED[self.task.status]
        reminders = {reminder.id: reminder for reminder in self.task.reminders}
        if fact.reminder_id not in reminders:
            return REMOVED
        if not self._is_planned(fact, self.task, reminders[fact.reminder_id]):
            return MOVED
        late = isinstance(fact, ReminderScheduled) and fact.born_late
        return BORN_LATE if late else None

    def _is_planned(self, fact: ReminderFact, task: Task, reminder: Reminder) -> bool:
        # A person who has changed zones since keeps an all-day reminder at its old instant.
        if reminder.before is not None and task.due_on is not None:
            return task.due_on == fact.due_on
        zone = self.person.timezone if self.person else "UTC"
        planned = {(one.reminder.id, one.remind_at) for one in plan_reminders(task, zone)}
        return (fact.reminder_id, fact.remind_at) in planned


_SITUATION = msgspec.json.Decoder(Situation)


async def load_situation(db: Connection, fact: ReminderFact) -> Situation:
    """What the database knows now about the person and the task of `fact`."""
    text: str = await db.fetchval(SITUATION, fact.user_id, fact.task_id)
    return _SITUATION.decode(text)
