"""What is true of a person and a task now, and whether that still asks for a reminder: the task's
row decides, never the order in which events arrive.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, Struct, field

from functions.send_reminder.delivery import NO_TASK, Delivery
from functions.send_reminder.digest import Digest, Reader, load_digests
from taskflow.database import Connection
from taskflow.digest import PersonalChoices, find_digest_day
from taskflow.events import ReminderCancelled, ReminderFact, ReminderScheduled, derive_id
from taskflow.read_task import DEFAULT_CHANNEL
from taskflow.reminder import first_instant, is_planned, read_pause, snoozed_until
from taskflow.task import Reminder, Task

ACCOUNT_DELETED = "The account was deleted."
TASK_DELETED = "The task was deleted."
FINISHED = {"done": "The task is done.", "cancelled": "The task was cancelled."}
REMOVED = "The reminder was removed from the task."
MOVED = "The reminder was moved to another time."
BORN_LATE = "Its time had passed already when it was set."
CHANNEL_REMOVED = "The channel was removed."
CHANNEL_OFF = "The channel is switched off"
SNOOZED = "The task was snoozed to a later time."
ANSWERED = "An earlier channel was answered"
NOTHING_DUE = "Nothing was overdue, or due today or tomorrow."
NO_DIGEST = "The daily digest was switched off."

PEOPLE = """
SELECT json_build_object(
    'id', u.id, 'timezone', u.timezone, 'deleted_at', u.deleted_at, 'choices', u.reminder_choices,
    'channels', COALESCE((
        SELECT json_object_agg(c.id, json_build_object(
            'id', c.id, 'kind', c.kind, 'address', c.address, 'failing_since', c.failing_since,
            'disabled_reason', CASE WHEN c.disabled_at IS NOT NULL
                THEN COALESCE(c.disabled_reason, '') END,
            'secret', concat_ws(' ', c.secret,
                CASE WHEN c.old_secret_until > $2 THEN c.old_secret END)))
        FROM channels AS c WHERE c.user_id = u.id AND c.confirmed_at IS NOT NULL), '{}')
)::text
FROM users AS u WHERE u.id = ANY($1::uuid[])
"""
TASKS = """
SELECT user_id::text, json_strip_nulls(json_build_object(
    'id', id, 'title', title, 'notes', notes, 'status', status, 'due_at', due_at,
    'due_on', due_on, 'start_at', start_at, 'start_on', start_on, 'timezone', timezone,
    'reminders', reminders, 'version', version, 'created_at', created_at,
    'updated_at', updated_at, 'created_by', created_by))::text
FROM tasks WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL
"""
ANSWERS = """
SELECT reminder_id::text, remind_at, min(verb) FROM reminder_answers
WHERE reminder_id = ANY($1::uuid[]) AND verb <> 'unsubscribe' GROUP BY reminder_id, remind_at
"""


class Channel(Struct, frozen=True):
    """A way to reach a person, confirmed by them; `secret` signs what a webhook is sent, or holds
    the keys of a push subscription. `disabled_reason` is set once it is switched off."""

    id: str
    kind: str
    address: str
    secret: str | None = None
    failing_since: datetime | None = None
    disabled_reason: str | None = None


class Person(Struct, frozen=True):
    timezone: str
    deleted_at: datetime | None = None
    choices: PersonalChoices = PersonalChoices()
    channels: dict[str, Channel] = field(default_factory=dict)
    id: str = ""


class Place(Struct, frozen=True):
    """A delivery's place: a channel, or what stands for one that the person does not have; `after`
    is how long it waits for an answer to the places before it."""

    channel_id: str
    kind: str
    after: timedelta = timedelta()


class Situation(Struct, frozen=True):
    """A person, and a task of theirs unless it is deleted, or what their digest tells; `answer` is
    how an earlier channel of the same reminder was answered."""

    person: Person | None
    task: Task | None = None
    answer: str | None = None
    digest: Digest | None = None

    @property
    def channels(self) -> dict[str, Channel]:
        return self.person.channels if self.person else {}

    def choose_places(self, fact: ReminderFact) -> list[Place]:
        """Where a reminder goes: every channel of the kinds it names, and one place that tells of
        a kind that the person has no channel for. Nowhere if it is cancelled, or if the event
        names its delivery."""
        if isinstance(fact, ReminderCancelled) or getattr(fact, "delivery_id", None):
            return []
        kinds, wait = self._choose_order(fact)
        chosen: list[Place] = []
        step = 0
        for kind in kinds:
            found = [one for one in self.channels.values() if one.kind == kind]
            nowhere = derive_id(fact.user_id, "channel", kind)
            names = [one.id for one in found] or [nowhere]
            chosen += [Place(name, kind, step * wait) for name in names]
            # Nobody waits for an answer to what cannot be sent.
            step += any(one.disabled_reason is None for one in found)
        return chosen

    def _choose_order(self, fact: ReminderFact) -> tuple[list[str], timedelta]:
        """The kinds of channels in their order, and how long each waits for the one before."""
        reminder = self.reminder(fact)
        choices = self.person.choices if self.person else PersonalChoices()
        kinds = fact.channels or [DEFAULT_CHANNEL]
        pause = reminder.escalate if reminder else UNSET
        if choices.channels and (not fact.channels or (reminder and reminder.defaults is True)):
            kinds = choices.channels
            pause = choices.escalate_after or UNSET
        return kinds, timedelta() if pause is UNSET else read_pause(pause)

    def reminder(self, fact: ReminderFact) -> Reminder | None:
        """The reminder as it stands in the task now."""
        reminders = self.task.reminders if self.task else []
        return next((one for one in reminders if one.id == fact.reminder_id), None)

    def why_not(self, fact: ReminderFact, place: Place | Delivery) -> str | None:
        """Why this reminder is not to be sent by this channel; None if it is."""
        if self.person is None or self.person.deleted_at is not None:
            return ACCOUNT_DELETED
        reason = self._why_not_at_all(fact) or self._why_not_now(fact, place)
        return reason or self._why_not_there(place)

    def _why_not_there(self, place: Place | Delivery) -> str | None:
        channel = self.channels.get(place.channel_id)
        if channel is None:
            others = any(channel.kind == place.kind for channel in self.channels.values())
            return CHANNEL_REMOVED if others else f"There is no confirmed {place.kind} channel."
        if channel.disabled_reason is not None:
            return f"{CHANNEL_OFF}: {channel.disabled_reason}"
        return None

    def _why_not_at_all(self, fact: ReminderFact) -> str | None:
        if self.digest is not None:
            return self._why_no_digest(self.digest)
        if fact.task_id == NO_TASK or getattr(fact, "again", False):
            return None
        if self.task is None:
            return TASK_DELETED
        if self.task.status in FINISHED:
            return FINISHED[self.task.status]
        reminder = self.reminder(fact)
        if reminder is None:
            return REMOVED
        if not self._is_planned(fact, self.task, reminder):
            return MOVED
        late = isinstance(fact, ReminderScheduled) and fact.born_late
        return BORN_LATE if late else None

    def _why_no_digest(self, digest: Digest) -> str | None:
        if self.person is None or self.person.choices.digest is None:
            return NO_DIGEST
        return NOTHING_DUE if digest.is_empty else None

    def _why_not_now(self, fact: ReminderFact, place: Place | Delivery) -> str | None:
        """Whether it only insists on what has been answered."""
        if self.task is None or getattr(fact, "again", False) or not isinstance(place, Delivery):
            return None
        escalates = place.due_at > fact.remind_at
        if escalates and self.answer is not None:
            return f"{ANSWERED} ({self.answer.replace('_', ' ')})."
        reminder, until = self.reminder(fact), snoozed_until(self.task)
        insists = escalates or (reminder is not None and reminder.repeat is not UNSET)
        return SNOOZED if insists and until is not None and place.due_at < until else None

    def _is_planned(self, fact: ReminderFact, task: Task, reminder: Reminder) -> bool:
        zone = self.person.timezone if self.person else "UTC"
        if is_planned(task, zone, fact.reminder_id, fact.remind_at):
            return True
        # A person has changed zones on the same day: what has come earlier there comes now.
        first = first_instant(reminder, task, zone)
        all_day = reminder.before is not None and task.due_on is not None
        same = all_day and task.due_on == fact.due_on and reminder.repeat is UNSET
        return same and first is not None and first < fact.remind_at


_PERSON = msgspec.json.Decoder(Person)
_TASK = msgspec.json.Decoder(Task)


async def load_situations(
    db: Connection, facts: Sequence[ReminderFact], now: datetime
) -> list[Situation]:
    """What the database knows now about the person and the task of each fact, in their order."""
    users = sorted({fact.user_id for fact in facts})
    people = [_PERSON.decode(row[0]) for row in await db.fetch(PEOPLE, users, now)]
    by_id = {person.id: person for person in people}
    tasks = await _load_tasks(db, {fact.task_id for fact in facts} - {NO_TASK})
    answers = await _load_answers(db, facts)
    digests = await _load_digests(db, facts, by_id, now)
    return [
        Situation(
            by_id.get(fact.user_id),
            tasks.get((fact.user_id, fact.task_id)),
            answers.get((fact.reminder_id, fact.remind_at)),
            digests.get(fact.reminder_id),
        )
        for fact in facts
    ]


async def _load_digests(
    db: Connection, facts: Sequence[ReminderFact], people: dict[str, Person], now: datetime
) -> dict[str, Digest]:
    """By what stands for the reminder in each."""
    readers = {
        fact.reminder_id: Reader(fact.user_id, people[fact.user_id].timezone)
        for fact in facts
        if fact.task_id == NO_TASK
        and fact.user_id in people
        and find_digest_day(fact.user_id, fact.reminder_id, fact.remind_at)
    }
    return dict(zip(readers, await load_digests(db, list(readers.values()), now), strict=True))


async def _load_tasks(db: Connection, ids: Iterable[str]) -> dict[tuple[str, str], Task]:
    wanted = sorted(ids)
    rows: Sequence[Any] = await db.fetch(TASKS, wanted) if wanted else []
    tasks = [(row[0], _TASK.decode(row[1])) for row in rows]
    return {(user_id, task.id): task for user_id, task in tasks}


async def _load_answers(
    db: Connection, facts: Sequence[ReminderFact]
) -> dict[tuple[str, datetime], str]:
    """Only a delivery that is looked at again can have been answered by another channel."""
    wanted = sorted({fact.reminder_id for fact in facts if getattr(fact, "delivery_id", None)})
    rows: Sequence[Any] = await db.fetch(ANSWERS, wanted) if wanted else []
    return {(row[0], row[1]): row[2] for row in rows}
