"""When a task's reminders are due: computed from the task alone, so that a plan is never stored
twice and a moved due date moves what hangs on it.
"""

from datetime import UTC, datetime, time, timedelta
from typing import TypeVar

import msgspec
from msgspec import Struct

from taskflow.events import ReminderFact, derive_id
from taskflow.task import Reminder, Task
from taskflow.zone import find_zone, to_instant

F = TypeVar("F", bound=ReminderFact)
ALL_DAY_FROM = time(9)


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


def due_instant(task: Task, zone: str) -> datetime | None:
    """When the task is due; an all-day task from 09:00 in the person's zone."""
    if task.due_on is not None:
        return to_instant(datetime.combine(task.due_on, ALL_DAY_FROM), find_zone(zone))[0]
    return task.due_at


def plan_reminders(task: Task, zone: str) -> list[Planned]:
    """The instants of an open task's reminders; none for a finished one."""
    if task.status != "open" or not task.reminders:
        return []
    due = due_instant(task, zone)
    planned = [(reminder, _instant(reminder, due)) for reminder in task.reminders]
    return [Planned(reminder=r, remind_at=at) for r, at in planned if at is not None]


def _instant(reminder: Reminder, due: datetime | None) -> datetime | None:
    if reminder.at is not None:
        return reminder.at.astimezone(UTC)
    if due is None or reminder.before is None:
        return None
    return due - read_duration(reminder.before)


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
