"""One fact about an occurrence in, commands for what must exist now out: computed from the event
alone, so that a hundred deliveries ask for the same occurrence a hundred times and get it once.
"""

from collections.abc import Sequence
from datetime import datetime

from taskflow.events import (
    CreateOccurrence,
    Event,
    Payload,
    SeriesDue,
    SkipOccurrence,
    TaskFact,
    TaskSkipped,
    TaskUpdated,
    derive_events,
    occurrence_id,
)
from taskflow.expansion import pass_time
from taskflow.occurrences import Occurrence, next_from_completion, next_occurrence
from taskflow.task import Series

SOURCE = "expand_recurrence"


async def expand_recurrence(event: Event[TaskFact], now: datetime) -> Sequence[Event[Payload]]:
    """Commands to create what comes next, and to end what its series does not keep."""
    fact = event.data
    if fact.series is None or fact.task_data.recurrence_id is None:
        return []
    return derive_events(event, expand(fact, fact.series, now), source=SOURCE)


def expand(fact: TaskFact, series: Series, now: datetime) -> list[Payload]:
    """The commands that follow from one fact about one occurrence."""
    if isinstance(fact, TaskUpdated):
        return follow_change(fact, series)
    if isinstance(fact, SeriesDue):
        return follow_time(fact, series, now)
    if isinstance(fact, TaskSkipped) and fact.missed:
        return []  # What comes instead was asked for together with this end.
    coming = follow_end(fact, series)
    return [create(fact, series, coming)] if coming else []


def follow_change(fact: TaskFact, series: Series) -> list[Payload]:
    """What a new rule needs at once if the task that it stands on is finished, for then nothing
    else wakes it; an open one has timers."""
    if series.used > 1 or fact.task_data.status == "open":
        return []
    coming = follow_end(fact, series)
    return [create(fact, series, coming)] if coming else []


def follow_end(fact: TaskFact, series: Series) -> Occurrence | None:
    """What comes after an occurrence that ended, however it ended."""
    here = fact.task_data.recurrence_id or ""
    if series.recurrence.repeat_from == "completion":
        ended = fact.task_data.completed_at or fact.timestamp
        return next_from_completion(series.dates, ended, series.used, here)
    return next_occurrence(series.dates, here)


def follow_time(fact: SeriesDue, series: Series, now: datetime) -> list[Payload]:
    """What must exist by now, and the end of what was missed."""
    found = pass_time(fact.task_data, series, now, fact.timezone)
    ended = [miss(fact, series, fact.task_data.recurrence_id or "")] if found.ends else []
    return [*(create(fact, series, one) for one in found.wanted), *ended]


def create(fact: TaskFact, series: Series, occurrence: Occurrence) -> CreateOccurrence:
    """The command for one occurrence; its id follows from its place in the series."""
    return CreateOccurrence(
        user_id=fact.user_id,
        actor_id=fact.user_id,
        stream=fact.stream,
        task_id=occurrence_id(series.id, occurrence.recurrence_id),
        series_id=series.id,
        series_version=series.version,
        recurrence_id=occurrence.recurrence_id,
        due_at=occurrence.due_at,
        due_on=occurrence.due_on,
    )


def miss(fact: TaskFact, series: Series, recurrence_id: str) -> SkipOccurrence:
    """The command that ends an untouched occurrence whose time has passed."""
    return SkipOccurrence(
        user_id=fact.user_id,
        actor_id=fact.user_id,
        stream=fact.stream,
        task_id=occurrence_id(series.id, recurrence_id),
        missed=True,
        series_version=series.version,
        series_id=series.id,
        recurrence_id=recurrence_id,
    )
