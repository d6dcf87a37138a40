"""When a task's reminders are due, and what a person chose for all of theirs: computed from the
task and the choices alone, so that a plan is never stored twice and a moved start or due date
moves what hangs on it, and nothing else.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from taskflow.events import ReminderFact, derive_id
from taskflow.task import Reminder, Task
from taskflow.zone import find_zone, to_instant, to_local

F = TypeVar("F", bound=ReminderFact)
ALL_DAY_FROM = time(9)
# A reminder that nobody heeds must end some day: hourly, this is four days.
MOST_REPEATS = 100
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(days=30)
SNOOZE = "snooze"

OfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class QuietHours(Struct, frozen=True, forbid_unknown_fields=True, rename={"begin": "from"}):
    """From one time of day to another, on the person's own clock; may lie around midnight."""

    begin: OfDay
    until: OfDay


class Choices(Struct, frozen=True, kw_only=True):
    """What a person chose for all of their reminders.

    `channels` are kinds in their order, used where a reminder names none; with `escalate_after`
    (an ISO 8601 duration) each waits so long for an answer to the one before. What comes later
    than `late_after` through an outage of ours is sent and says so, or is dropped.
    """

    channels: list[str] = []
    escalate_after: str | None = None
    quiet_hours: QuietHours | None = None
    late: Literal["send", "drop"] = "send"
    late_after: str = "PT15M"


class Planned(Struct, frozen=True, kw_only=True):
    """One reminder at one instant."""

    reminder: Reminder
    remind_at: datetime

    @property
    def id(self) -> str:
        """Names this instant of this reminder: its timer, and the cause of its deliveries."""
        return derive_id(self.reminder.id, "at", self.remind_at.isoformat())


def read_duration(text: str) -> timedelta:
    """An ISO 8601 duration. Raises ValueError (msgspec's) for anything else."""
    return msgspec.convert(text, timedelta)


def read_pause(text: object) -> timedelta:
    """How long to wait before insisting: one minute to 30 days. Raises ValueError."""
    wanted = "must be an ISO 8601 duration from PT1M to P30D, such as PT10M"
    try:
        pause = read_duration(str(text))
    except (ValueError, OverflowError) as error:
        raise ValueError(wanted) from error
    if not SHORTEST_PAUSE <= pause <= LONGEST_PAUSE:
        raise ValueError(wanted)
    return pause


def plan_reminders(task: Task, zone: str, at: datetime | None = None) -> list[Planned]:
    """The instants of an open task's reminders; none for a finished one. Where a repeating one has
    begun by the instant `at`, its next repetition too."""
    if task.status != "open" or not task.reminders:
        return []
    planned = []
    for reminder in task.reminders:
        first = first_instant(reminder, task, zone)
        again = next_repetition(reminder, first, at) if first and at else None
        planned += [(reminder, one) for one in (first, again) if one is not None]
    return [Planned(reminder=reminder, remind_at=instant) for reminder, instant in planned]


def first_instant(reminder: Reminder, task: Task, zone: str) -> datetime | None:
    """When a reminder comes first; None where the time it counts from is not there."""
    if reminder.at is not None:
        return reminder.at.astimezone(UTC)
    if reminder.relative_to == "start":
        base = _instant(task.start_at, task.start_on, zone)
    else:
        base = _instant(task.due_at, task.due_on, zone)
    if base is None or reminder.before is None:
        return None
    return base - read_duration(reminder.before)


def _instant(
    instant: datetime | UnsetType | None, day: date | UnsetType | None, zone: str
) -> datetime | None:
    """What a reminder counts from; on a day from 09:00 in the person's zone."""
    if isinstance(day, date):
        return to_instant(datetime.combine(day, ALL_DAY_FROM), find_zone(zone))[0]
    return None if instant is UNSET else instant


def next_repetition(reminder: Reminder, first: datetime, at: datetime) -> datetime | None:
    """The first repetition after `at` of a reminder that began at `first`; None before it began,
    and after its last."""
    if reminder.repeat is UNSET or first > at:
        return None
    pause = read_pause(reminder.repeat)
    number = (at - first) // pause + 1
    return first + number * pause if number <= MOST_REPEATS else None


def is_planned(task: Task, zone: str, reminder_id: str, remind_at: datetime) -> bool:
    """Whether an open task's reminder comes at this instant, for the first time or again."""
    for reminder in task.reminders:
        first = first_instant(reminder, task, zone)
        if reminder.id != reminder_id or first is None or remind_at < first:
            continue
        just_before = remind_at - timedelta.resolution
        if remind_at in (first, next_repetition(reminder, first, max(first, just_before))):
            return True
    return False


def snoozed_until(task: Task) -> datetime | None:
    """The instant to which a task was put off; None if it was not."""
    name = derive_id(task.id, SNOOZE)
    return next((one.at for one in task.reminders if one.id == name), None)


def quiet_until(quiet: QuietHours | None, now: datetime, zone: str) -> datetime | None:
    """The end of the quiet hours that `now` lies in, where the person is; None outside of them."""
    if quiet is None or quiet.begin == quiet.until:
        return None
    local = to_local(now, find_zone(zone))
    begin, until = time.fromisoformat(quiet.begin), time.fromisoformat(quiet.until)
    around_midnight = begin > until
    inside = begin <= local.time() or local.time() < until
    if not around_midnight:
        inside = begin <= local.time() < until
    if not inside:
        return None
    tomorrow = around_midnight and local.time() >= begin
    end = datetime.combine(local.date() + timedelta(days=tomorrow), until)
    return to_instant(end, find_zone(zone))[0]


def reminder_fact(kind: type[F], planned: Planned, task: Task, user_id: str, stream: str) -> F:
    """The fact of `kind` for one planned reminder of a task."""
    return kind(  # type: ignore[call-arg]
        task_id=task.id,
        title=task.title,
        due_at=task.due_at,
        due_on=task.due_on,
        remind_at=planned.remind_at,
        user_id=user_id,
        reminder_id=planned.reminder.id,
        channels=planned.reminder.channels,
        stream=stream,
    )
