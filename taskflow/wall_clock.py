"""What stays the same where the clock on the wall is the truth: a floating task in another zone, a
fixed one under new rules of its zone, the start of each occurrence before it is due.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec import UNSET, UnsetType, structs

from taskflow.read_times import local_due, local_start, move_instant
from taskflow.recurrence import Recurrence
from taskflow.rule import read_start, show_until, write_until
from taskflow.task import Series, Task
from taskflow.zone import find_zone, to_instant

UNTIL = re.compile(r"UNTIL=(\d{8}T\d{6}Z)")


def resolve_task(
    task: Task, shown: tuple[datetime | None, datetime | None], zone: str, at: datetime
) -> Task:
    """The task with its instants worked out anew from its wall-clock due time and start, as they
    are `shown` (None: as its zone says now): in the person's `zone` where it floats, else by the
    present rules of its own. What had passed by the instant `at` moves only with its person."""
    timezone = zone if task.floating is True else task.timezone
    if timezone is None or task.timezone is None:
        return task
    since = None if timezone != task.timezone else at
    due = _wall_clock(task, shown[0])
    start = shown[1] or local_start(task)
    return structs.replace(
        task,
        timezone=timezone,
        due_at=_resolve(task.due_at, due, timezone, since),
        start_at=_resolve(task.start_at, start, timezone, since),
    )


def _wall_clock(task: Task, shown: datetime | None) -> datetime | date | None:
    """The due time on the wall; of an untouched occurrence, the one before a gap moved it."""
    if task.recurrence_id and task.due_at is not None and task.timezone is not None:
        named = datetime.fromisoformat(task.recurrence_id)
        if to_instant(named, find_zone(task.timezone))[0] == task.due_at:
            return named
    return shown or local_due(task)


def _resolve(
    instant: datetime | UnsetType | None,
    local: datetime | date | None,
    timezone: str,
    since: datetime | None,
) -> Any:
    if not isinstance(instant, datetime) or not isinstance(local, datetime):
        return instant
    if since is not None and instant <= since:
        return instant
    return to_instant(local, find_zone(timezone))[0]


def series_in_zone(series: Series, zone: str) -> Series:
    """A floating series where its person is now: the same names and wall-clock times."""
    if not series.floating or series.timezone in (None, zone):
        return series
    moved = structs.replace(series, timezone=zone)
    return structs.replace(moved, recurrence=_move_until(series, moved))


def _move_until(series: Series, moved: Series) -> Recurrence:
    """The last day is the last day there too."""
    recurrence = series.recurrence
    found = UNTIL.search(recurrence.rule)
    if found is None or series.timezone is None or moved.timezone is None:
        return recurrence
    instant = datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    until = move_instant(instant, series.timezone, moved.timezone)
    rule = recurrence.rule.replace(found[0], f"UNTIL={write_until(until)}")
    start = read_start(moved.dates.anchor, moved.timezone)
    shown = show_until(until, start) if recurrence.until else None
    return structs.replace(recurrence, rule=rule, until=shown)


def lead_of(task: Task) -> timedelta | None:
    """How long before it is due the task starts, on the wall; None if it has no start."""
    due, start = local_due(task), local_start(task)
    if due is None or start is None:
        return None
    return due - start


def place_start(task: Task, lead: timedelta | None) -> Task:
    """The task with its start so long before it is due, on the wall."""
    local = local_due(task)
    start_at: datetime | UnsetType = UNSET
    start_on: date | UnsetType = UNSET
    if lead is not None and isinstance(local, datetime) and task.due_at is not None:
        # A gap between them may move the start alone.
        start_at = min(to_instant(local - lead, find_zone(task.timezone))[0], task.due_at)
    elif lead is not None and local is not None:
        start_on = local - lead
    return structs.replace(task, start_at=start_at, start_on=start_on)
