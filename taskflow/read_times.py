"""When a task starts and is due: instants in a zone, or days without one, each read as it was sent
and checked against the other; apart, because whether they float with the person depends on that.
"""

import re
from datetime import UTC, date, datetime
from typing import Any

from msgspec import UNSET, UnsetType

from taskflow.errors import invalid
from taskflow.task import Task
from taskflow.zone import InvalidZone, find_zone, to_instant, to_local

YEARS = range(1900, 2200)
INSTANT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(?P<offset>Z|[+-]\d\d:\d\d)?",
    re.ASCII | re.IGNORECASE,
)
TIMES = {"due_at", "due_on", "start_at", "start_on", "timezone", "floating"}


def read_times(given: dict[str, Any], task: Task, zone: str) -> dict[str, Any]:
    """The times of `task` after what was sent, with the zone that they are in: the person's `zone`
    where they float. Raises Refused."""
    floating = _floats(given, task)
    timezone = _choose_zone(given, task, zone, floating=floating)
    # What begins to float keeps its instant; what only changes zones, its wall clock.
    keeps = floating and task.floating is UNSET
    due_at, due_on = _read_time("due", given, task, timezone, keeps=keeps)
    start_at, start_on = _read_time("start", given, task, timezone, keeps=keeps)
    _check_order((due_at, due_on), (start_at, start_on))
    timed = due_at is not None or start_at is not None
    if given.get("floating") and not timed:
        raise invalid("floating", "needs due_at or start_at: days are the same in every zone")
    return {
        "due_at": due_at,
        "due_on": due_on,
        "start_at": start_at or UNSET,
        "start_on": start_on or UNSET,
        "timezone": timezone if timed or (due_on is None and start_on is None) else None,
        "floating": (floating and timed) or UNSET,
    }


def _floats(given: dict[str, Any], task: Task) -> bool:
    """Whether the times follow the person: as asked; or if a time without an offset is sent, and
    no zone. A zone that was fixed before stays so."""
    if "floating" in given:
        return bool(given["floating"])
    if given.get("timezone") is not None:
        return False
    decides = given.get("due_at") or (task.due_at is None and given.get("start_at"))
    if not decides:
        return task.floating is True
    has_time = task.due_at is not None or task.start_at is not UNSET
    return not _has_offset(decides) and (task.floating is True or not has_time)


def _has_offset(text: object) -> bool:
    found = INSTANT.fullmatch(text) if isinstance(text, str) else None
    return found is not None and found["offset"] is not None


def _choose_zone(given: dict[str, Any], task: Task, zone: str, *, floating: bool) -> str:
    wanted = given.get("timezone")
    if not floating:
        return read_zone(wanted or task.timezone or zone)
    if wanted is not None and read_zone(wanted) != zone:
        message = f"goes with your own zone, {zone}: leave timezone out, or do not let it float"
        raise invalid("floating", message)
    for name in ("due_at", "start_at"):
        if _has_offset(given.get(name)) and "floating" in given:
            raise invalid(
                name, "must have no offset where floating is true, or do not let it float"
            )
    return zone


def _read_time(
    name: str, given: dict[str, Any], task: Task, timezone: str, *, keeps: bool
) -> tuple[datetime | None, date | None]:
    """The instant or the day that a task is due, or starts, as sent or as it was."""
    at, on = f"{name}_at", f"{name}_on"
    if given.get(at) is not None and given.get(on) is not None:
        raise invalid(on, f"give {at} or {on}, not both")
    if given.get(on) is not None:
        return None, _read_year(on, given[on])
    if given.get(at) is not None:
        return read_instant(at, given[at], timezone), None
    instant = None if at in given else _held(getattr(task, at))
    day = None if on in given else _held(getattr(task, on))
    if instant is None or keeps or timezone == task.timezone or task.timezone is None:
        return instant, day
    return move_instant(instant, task.timezone, timezone), None


def _held(value: Any) -> Any:
    return None if value is UNSET else value


def move_instant(instant: datetime, before: str, after: str) -> datetime:
    """The instant at which the clocks of another zone show the same."""
    return to_instant(to_local(instant, find_zone(before)), find_zone(after))[0]


def _check_order(
    due: tuple[datetime | None, date | None], start: tuple[datetime | None, date | None]
) -> None:
    (due_at, due_on), (start_at, start_on) = due, start
    if due_at is not None and start_on is not None:
        raise invalid("start_on", "give start_at, for the task is due at a time")
    if due_on is not None and start_at is not None:
        raise invalid("start_at", "give start_on, for the task is due on a day")
    late = (due_at and start_at and start_at > due_at) or (
        due_on and start_on and start_on > due_on
    )
    if late:
        name = "start_at" if start_at else "start_on"
        raise invalid(name, "must not be after the task is due: change both, or clear one by null")


def read_zone(name: str) -> str:
    try:
        return find_zone(name).key
    except InvalidZone as error:
        raise invalid(error.field, error.message) from error


def read_instant(field: str, text: object, timezone: str) -> datetime:
    """RFC 3339, or wall-clock time in `timezone` when it has no offset."""
    try:
        if not isinstance(text, str) or not INSTANT.fullmatch(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text)
        _read_year(field, moment)
        return (
            moment.astimezone(UTC) if moment.tzinfo else to_instant(moment, find_zone(timezone))[0]
        )
    except (ValueError, OverflowError) as error:
        raise invalid(
            field, "must be a date and time such as 2026-12-31T09:00:00Z, or without Z for local"
        ) from error


def _read_year(field: str, day: date) -> date:
    if day.year not in YEARS:
        raise invalid(field, f"must lie in the years {YEARS.start} to {YEARS.stop - 1}")
    return day


def local_due(task: Task) -> datetime | date | None:
    """The due time on the wall, or the due date."""
    return _local(task.due_at, task.due_on, task)


def local_start(task: Task) -> datetime | date | None:
    """The start on the wall, or its day."""
    return _local(task.start_at, task.start_on, task)


def _local(
    instant: datetime | UnsetType | None, day: date | UnsetType | None, task: Task
) -> datetime | date | None:
    if isinstance(instant, datetime) and task.timezone is not None:
        return to_local(instant, find_zone(task.timezone))
    return None if day is UNSET else day
