"""What follows from facts beyond the task itself: reminders that come or go, and the timers that
publish when their instant comes; found by comparing the plan before a fact with the plan after it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, convert, field, to_builtins

from taskflow.decide import State
from taskflow.events import (
    Command,
    Event,
    Payload,
    ReminderCancelled,
    ReminderFact,
    ReminderScheduled,
    ReminderTriggered,
    ResolveTimes,
    SeriesDue,
    TaskCreated,
    TaskDeleted,
    TaskFact,
    TaskReopened,
    TaskSkipped,
    derive_events,
    derive_id,
    new_event,
)
from taskflow.expansion import occurrence_wakes
from taskflow.reminder import plan_reminders, reminder_fact
from taskflow.task import Series, Task

SOURCE = "write_task"
ENDED_HOW = {
    "completed": "done",
    "cancelled": "cancelled",
    "skipped": "skipped",
    "deleted": "deleted",
}


class Timer(Struct):
    """Publish `payload` at `due_at`."""

    due_at: datetime
    payload: Payload


class Ended(Struct):
    """How an occurrence ended; `how` is None while it is open."""

    task_id: str
    how: str | None
    at: datetime


class Effects(Struct):
    """The rows that a batch of commands leaves behind, the newest state of each."""

    facts: dict[str, TaskFact] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)
    ended: dict[tuple[str, str], Ended] = field(default_factory=dict)
    timers: dict[str, tuple[Timer, Event[Any]]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)


def follow_facts(
    command: Event[Command],
    facts: list[TaskFact],
    state: State,
    effects: Effects,
    replanned: Sequence[TaskFact] = (),
) -> list[Event[Any]]:
    """Notes rows and timers in `effects`; the reminder events that follow. Those that are only
    `replanned` leave no row."""
    payloads: list[Payload] = []
    for fact in facts:
        effects.facts[fact.task_id] = fact
        _note_occurrence(fact, effects)
        payloads += _follow_plan(command, fact, state, effects)
    for fact in replanned:
        payloads += _follow_plan(command, fact, state, effects)
    return derive_events(command, payloads, source=SOURCE)


def _note_occurrence(fact: TaskFact, effects: Effects) -> None:
    task = fact.task_data
    if task.series_id and task.recurrence_id:
        key, how = (task.series_id, task.recurrence_id), _how_ended(fact)
        ended = Ended(task.id, how, getattr(fact, "ended_at", None) or fact.timestamp)
        # The task that a new rule stands on may have taken the date of one that goes.
        if how != "superseded" or effects.ended.get(key, ended).task_id == task.id:
            effects.ended[key] = ended


def _how_ended(fact: TaskFact) -> str | None:
    if isinstance(fact, TaskSkipped) and fact.missed:
        return "missed"
    if isinstance(fact, TaskDeleted) and fact.superseded:
        return "superseded"
    if isinstance(fact, TaskCreated):
        return fact.ended_how
    return ENDED_HOW.get(fact.event_type)


def _follow_plan(
    command: Event[Command], fact: TaskFact, state: State, effects: Effects
) -> list[Payload]:
    zone = state.zones[fact.user_id]
    former = state.former.get((fact.task_id, fact.task_data.version))
    then = plan_timers(
        task_before(fact), former, fact, getattr(command.data, "former", None) or zone
    )
    left = None if isinstance(fact, TaskDeleted) else fact.task_data
    now = plan_timers(left, fact.series, fact, zone)
    overtaken = _overtaken(command.data, then, now, fact.timestamp)
    payloads: list[Payload] = []
    for name in then.keys() - now.keys():
        effects.timers.pop(name, None)
        effects.cancelled.add(name)
        payloads += _about(ReminderCancelled, then[name].payload)
    for name, timer in now.items():
        late = timer.due_at <= fact.timestamp and _reminder_of(timer) not in overtaken
        if name not in then:
            payloads += _about(ReminderScheduled, timer.payload, born_late=late)
        if not late or (name not in then and _fires_late(fact, timer.payload)):
            effects.cancelled.discard(name)
            # Never before its cause, or what follows would be refused as too old.
            time = max(timer.due_at, fact.timestamp)
            event = new_event(timer.payload, id=name, source=SOURCE, time=time, cause=command)
            effects.timers[name] = (timer, event)
    return payloads


def _overtaken(
    command: Command, then: dict[str, Timer], now: dict[str, Timer], at: datetime
) -> set[str | None]:
    """The reminders that a journey to the east has taken past their time: they come at once."""
    if not isinstance(command, ResolveTimes):
        return set()
    before, after = (
        {_reminder_of(timer) for timer in plan.values() if timer.due_at > at}
        for plan in (then, now)
    )
    return before - after - {None}


def _reminder_of(timer: Timer) -> str | None:
    return getattr(timer.payload, "reminder_id", None)


def _about(kind: type[ReminderFact], payload: Payload, **more: Any) -> list[Payload]:
    """The fact of `kind` about the reminder that `payload` will trigger, if it is one."""
    if not isinstance(payload, ReminderTriggered):
        return []
    names = (name for name in ReminderFact.__struct_fields__ if name != "event_type")
    return [kind(**{name: getattr(payload, name) for name in names}, **more)]


def task_before(fact: TaskFact) -> Task | None:
    """The task as it was before the fact; None for a new one."""
    if fact.before is None:
        return None
    fields = {**to_builtins(fact.task_data), **fact.before}
    return convert({name: value for name, value in fields.items() if value is not None}, Task)


def _fires_late(fact: TaskFact, payload: Payload) -> bool:
    """What a series needs is never too late. What a person reopens was followed when it ended, and
    is not missed at once."""
    return isinstance(payload, SeriesDue) and not isinstance(fact, TaskReopened)


def plan_timers(
    task: Task | None, series: Series | None, fact: TaskFact, zone: str
) -> dict[str, Timer]:
    """Every instant at which something must be published about an open task, by event id."""
    if task is None or task.status != "open":
        return {}
    timers = {
        planned.id: Timer(
            planned.remind_at,
            reminder_fact(ReminderTriggered, planned, task, fact.user_id, fact.stream),
        )
        for planned in plan_reminders(task, zone, fact.timestamp)
    }
    if series is not None:
        for instant in occurrence_wakes(task, series, zone):
            name = derive_id(task.id, SeriesDue.type, f"{series.version}/{instant.isoformat()}")
            timers[name] = Timer(instant, _series_due(fact, zone))
    return timers


def _series_due(fact: TaskFact, zone: str) -> SeriesDue:
    fields = {name: getattr(fact, name) for name in TaskFact.__struct_fields__}
    return SeriesDue(**{**fields, "event_type": "series.due", "before": None, "timezone": zone})
