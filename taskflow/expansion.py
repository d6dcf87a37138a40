"""When the occurrences of a series come to be, and when what was missed ends: stated once, for the
timers that `write_task` sets and the commands that `expand_recurrence` gives.

An occurrence comes to be when the one before it ends. While that is still open, it comes when it
is its turn: at the start of its own day, or at its own time if both are on the same day; earlier
only if a reminder of its own asks for it, and never before the time of the one before. So thirty
idle days leave thirty open occurrences of a daily series under `keep_all`; under `keep_latest` one,
for the turn of a newer one ends the older; under `skip_to_next` one, for whatever passes ends and
the next comes at once.
"""

from datetime import date, datetime, time, timedelta

from msgspec import Struct
from msgspec.structs import replace

from taskflow.occurrences import Occurrence, due_since, find_occurrence, next_occurrence
from taskflow.read_task import read_reminders
from taskflow.reminder import plan_reminders
from taskflow.task import Series, Task
from taskflow.zone import find_zone, to_instant


class Expansion(Struct, frozen=True):
    """What must exist by now, oldest first, and whether the occurrence itself was missed."""

    wanted: list[Occurrence]
    ends: bool


def occurrence_passes(task: Task, zone: str) -> datetime | None:
    """When the time of an occurrence has passed: its due time, or the end of its day in `zone`."""
    if task.series_id is None:
        return None
    if task.due_on is not None:
        return _day_begins(task.due_on + timedelta(days=1), zone)
    return task.due_at


def occurrence_wakes(task: Task, series: Series, zone: str) -> set[datetime]:
    """The instants at which an open occurrence must be looked at: when the next one comes to be,
    and when it may have been missed itself."""
    passes = occurrence_passes(task, zone)
    if passes is None or series.recurrence.repeat_from == "completion":
        return set()
    own = series.timezone or zone
    here = find_occurrence(series.dates, task.recurrence_id or "")
    following = next_occurrence(series.dates, here.recurrence_id)
    comes = _comes(here, following, series, zone) if following else passes
    policy = series.recurrence.missed
    if policy == "skip_to_next":
        return {passes, comes}
    if following is None:
        return set()
    return {comes, max(passes, _turn(here, following, own))} if policy == "keep_latest" else {comes}


def pass_time(task: Task, series: Series, now: datetime, zone: str) -> Expansion:
    """What one open occurrence asks for at `now`, by the series' `missed`. What lies before the
    creation of a series was never missed."""
    if series.recurrence.repeat_from == "completion":
        return Expansion([], False)
    own = series.timezone or zone
    here = find_occurrence(series.dates, task.recurrence_id or "")
    due, coming = due_since(series.dates, here.recurrence_id, now, zone)
    missed = [one for one in due if _passes(one, zone) >= series.created_at]
    policy = series.recurrence.missed
    ended = _has_passed(task, series, now, zone)
    if policy == "skip_to_next":
        # A day that has begun is due, but has not passed.
        coming = next((one for one in due if _passes(one, zone) > now), coming)
    if policy == "skip_to_next" and ended:
        return Expansion([coming] if coming else [], True)
    latest = due[-1] if due else here
    # Where the dates in between were never missed, nothing else would ask for the coming one.
    unwatched = bool(due) and not missed
    comes = coming is not None and (unwatched or _comes(latest, coming, series, zone) <= now)
    if policy == "skip_to_next":
        return Expansion([coming] if coming and (comes or due) else [], False)
    if policy == "keep_all":
        return Expansion([*missed, coming] if coming and comes else missed, False)
    kept = missed[-1:]
    if coming and comes:
        kept = [coming] if _turn(latest, coming, own) <= now else [*kept, coming]
    newer = bool(missed) or (coming is not None and _turn(latest, coming, own) <= now)
    return Expansion(kept, newer and ended)


def _has_passed(task: Task, series: Series, now: datetime, zone: str) -> bool:
    passes = occurrence_passes(task, zone)
    return passes is not None and series.created_at <= passes <= now


def _passes(one: Occurrence, zone: str) -> datetime:
    if one.due_on is not None:
        return _day_begins(one.due_on + timedelta(days=1), zone)
    return _instant(one, zone)


def _instant(one: Occurrence, zone: str) -> datetime:
    """Its due time, or the beginning of its day."""
    return one.due_at or _day_begins(_day(one), zone)


def _day(one: Occurrence) -> date:
    return one.local.date() if isinstance(one.local, datetime) else one.local


def _day_begins(day: date, zone: str) -> datetime:
    return to_instant(datetime.combine(day, time()), find_zone(zone))[0]


def _turn(before: Occurrence, one: Occurrence, zone: str) -> datetime:
    """When an occurrence takes the place of the one before it."""
    return _instant(one, zone) if _day(one) == _day(before) else _day_begins(_day(one), zone)


def _comes(before: Occurrence, one: Occurrence, series: Series, zone: str) -> datetime:
    own = series.timezone or zone
    return max(_instant(before, own), min(_turn(before, one, own), _reminds(one, series, zone)))


def _reminds(one: Occurrence, series: Series, zone: str) -> datetime:
    """When the first reminder of an occurrence would come; its own time if there is none."""
    bare = Task(
        id=series.id,
        title="",
        due_at=one.due_at,
        due_on=one.due_on,
        timezone=series.timezone,
        created_at=series.created_at,
        updated_at=series.created_at,
        created_by=series.user_id,
    )
    reminders = read_reminders(series.template["reminders"], bare)
    bare = replace(bare, reminders=reminders)
    first = [planned.remind_at for planned in plan_reminders(bare, zone)]
    return min([_instant(one, series.timezone or zone), *first])
