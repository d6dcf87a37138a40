"""What a command does to the tasks it meets: command + state → facts, or a named refusal; pure, so
that each rule can be read and tested as a table, and a repeat gives the same answer.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs, to_builtins

from taskflow.errors import Refused, invalid, not_found, problem
from taskflow.events import (
    CancelTask,
    CompleteTask,
    CreateOccurrence,
    CreateTask,
    DeleteTask,
    ReopenTask,
    SkipOccurrence,
    SnoozeTask,
    TaskCancelled,
    TaskCommand,
    TaskCompleted,
    TaskCreated,
    TaskDeleted,
    TaskFact,
    TaskReopened,
    TaskSkipped,
    TaskSnoozed,
    TaskUpdated,
    UpdateTask,
    derive_id,
    occurrence_id,
)
from taskflow.read_task import DEFAULT_CHANNEL, local_due, move_rule, read_fields, read_reminders
from taskflow.recurrence import (
    InvalidRecurrence,
    end_before,
    iterate_occurrences,
    read_recurrence,
    split_count,
)
from taskflow.task import Reminder, Series, Status, Task

F = TypeVar("F", bound=TaskFact)
CONTENT = ("title", "notes", "priority", "tags", "reminders")
UNSEEN = ("version", "updated_at")


class Stored(Struct, frozen=True):
    """A task as the database has it; a deleted one stays as its own tombstone."""

    task: Task
    user_id: str
    stream: str
    deleted: bool = False


class State(Struct):
    """What a batch of commands may touch, loaded and locked before, changed as they are decided.

    `zones` maps the accounts that exist to their zone; `occurrences` maps the (series, recurrence
    id) pairs that were ever created to their task, but for those that went with an older rule.
    """

    zones: dict[str, str]
    tasks: dict[str, Stored]
    series: dict[str, Series]
    occurrences: dict[tuple[str, str], str]


class Decision(Struct):
    """The answer to a command, and what happened. `task` is None where there is nothing to show."""

    status: int
    task: Task | None = None
    facts: list[TaskFact] = []
    series: list[Series] = []


def decide(command: TaskCommand, state: State, at: datetime) -> Decision:
    """What `command` does at the instant `at`; `state` then holds the result. Raises Refused."""
    if command.user_id not in state.zones:
        raise not_found(f"The account {command.user_id}")
    decision = DECIDERS[type(command)](command, state, at)
    for fact in decision.facts:
        deleted = isinstance(fact, TaskDeleted)
        state.tasks[fact.task_id] = Stored(fact.task_data, fact.user_id, fact.stream, deleted)
    for series in decision.series:
        state.series[series.id] = series
    return decision


# --- creating ----------------------------------------------------------------------------------


def new_task(command: CreateTask, zone: str, at: datetime) -> Task:
    """The task that a person asks for. Raises Refused."""
    given = command.task.given()
    if "title" not in given:
        raise invalid("title", "is required")
    blank = Task(
        id=command.task_id, title="", created_at=at, updated_at=at, created_by=command.actor_id
    )
    task = read_fields({"timezone": zone, **_without_nulls(given)}, blank, zone)
    return _start_series(task) if task.recurrence else task


def _without_nulls(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _start_series(task: Task) -> Task:
    return structs.replace(task, series_id=task.id, recurrence_id=_recurrence_id(task))


def _recurrence_id(task: Task) -> str:
    return _iso(local_due(task))


def _iso(local: datetime | date | None) -> str:
    if isinstance(local, datetime):
        return local.isoformat(timespec="seconds")
    return local.isoformat() if local else ""


def create_task(command: CreateTask, state: State, at: datetime) -> Decision:
    task = new_task(command, state.zones[command.user_id], at)
    stored = state.tasks.get(task.id)
    if stored is not None:
        return _create_again(command, stored, task)
    series = [_new_series(task, command.user_id, task.id, at)] if task.recurrence else []
    state.occurrences |= {(one.id, one.anchor): task.id for one in series}
    fact = _fact(TaskCreated, command, None, task, series[0] if series else None, at)
    return Decision(201, task, [fact], series)


def _create_again(command: CreateTask, stored: Stored, task: Task) -> Decision:
    """The same task once more is the same task; anything else wants an id that is taken."""
    same = structs.replace(
        task,
        version=stored.task.version,
        created_at=stored.task.created_at,
        updated_at=stored.task.updated_at,
    )
    if stored.user_id != command.user_id or stored.deleted or same != stored.task:
        detail = f"The id {task.id} belongs to another task; choose another, or leave it out."
        raise Refused("id_taken", detail, status=409)
    return Decision(201, stored.task)


def _new_series(task: Task, user_id: str, stream: str, at: datetime) -> Series:
    if task.recurrence is None or task.series_id is None:
        raise TypeError("a series needs a recurring task")
    return Series(
        id=task.series_id,
        user_id=user_id,
        recurrence=task.recurrence,
        anchor=_recurrence_id(task),
        timezone=task.timezone,
        template=_template(task),
        stream=stream,
        created_at=at,
    )


def _template(task: Task) -> dict[str, Any]:
    """What the next occurrence starts with; a reminder at a fixed instant is not repeated."""
    content = {name: to_builtins(getattr(task, name)) for name in CONTENT}
    kept = [r for r in task.reminders if r.before is not None]
    return {**content, "reminders": [{"before": r.before, "channels": r.channels} for r in kept]}


def create_occurrence(command: CreateOccurrence, state: State, at: datetime) -> Decision:
    """The next occurrence, unless it was ever created or the rule has changed since."""
    series = state.series.get(command.series_id)
    if series is None or series.user_id != command.user_id:
        raise not_found(f"The series {command.series_id}")
    if series.version != command.series_version:
        raise Refused("superseded", "The rule of the series has changed since.", status=409)
    command = _pass_ended(command, series, state)
    key = (series.id, command.recurrence_id)
    stored = state.tasks.get(state.occurrences.get(key, command.task_id))
    if key in state.occurrences:
        return Decision(200, stored.task if stored else None)
    if stored is not None and (not stored.deleted or stored.user_id != series.user_id):
        raise Refused("id_taken", f"The id {command.task_id} is another task's.", status=409)
    state.occurrences[key] = command.task_id
    task = _occurrence(command, series, at)
    if stored is not None:
        version, since = stored.task.version + 1, stored.task.created_at
        task = structs.replace(task, version=version, created_at=since)
    series = structs.replace(series, used=series.used + 1)
    return Decision(201, task, [_fact(TaskCreated, command, None, task, series, at)], [series])


def _pass_ended(command: CreateOccurrence, series: Series, state: State) -> CreateOccurrence:
    """The same command, or about the first later occurrence that has not ended: what followed one
    that ended early may have gone with an older rule."""

    def ended(recurrence_id: str) -> bool:
        task_id = state.occurrences.get((series.id, recurrence_id))
        stored = state.tasks.get(task_id or "")
        return stored is not None and (stored.deleted or stored.task.status != "open")

    here = command.recurrence_id
    if series.recurrence.repeat_from == "completion" or not ended(here):
        return command
    later = iterate_occurrences(series.dates, after=datetime.fromisoformat(here))
    found = next((one for one in later if not ended(one.recurrence_id)), None)
    if found is None:
        return command
    return structs.replace(
        command,
        task_id=occurrence_id(series.id, found.recurrence_id),
        recurrence_id=found.recurrence_id,
        due_at=found.due_at,
        due_on=found.due_on,
    )


def _occurrence(command: CreateOccurrence, series: Series, at: datetime) -> Task:
    content = dict(series.template)
    reminders = content.pop("reminders")
    task = Task(
        id=command.task_id,
        **content,
        due_at=command.due_at,
        due_on=command.due_on,
        timezone=series.timezone,
        recurrence=series.recurrence,
        series_id=series.id,
        recurrence_id=command.recurrence_id,
        created_at=at,
        updated_at=at,
        created_by=series.user_id,
    )
    return structs.replace(task, reminders=read_reminders(reminders, task))


# --- changing ----------------------------------------------------------------------------------


def update_task(command: UpdateTask, state: State, at: datetime) -> Decision:
    stored = _own(command, state)
    given = command.changes.given()
    if "id" in given:
        raise invalid("id", "cannot be changed")
    old = stored.task
    new = read_fields(given, old, state.zones[command.user_id])
    series = state.series.get(old.series_id or "")
    if series is not None and (command.scope != "this" or "recurrence" in given):
        return _restate(command, state, series, new, at)
    if series is None and new.recurrence is not None:
        return _begin_series(command, state, new, at)
    return _changed(TaskUpdated, command, stored, new, series, at)


def _begin_series(command: UpdateTask, state: State, new: Task, at: datetime) -> Decision:
    new = _start_series(new)
    series = _new_series(new, command.user_id, state.tasks[new.id].stream, at)
    earlier = state.series.get(series.id)
    if earlier is not None:
        series = structs.replace(series, version=earlier.version + 1)
    state.occurrences[series.id, series.anchor] = new.id
    decision = _changed(TaskUpdated, command, state.tasks[new.id], new, series, at)
    return structs.replace(decision, series=[series])


def _restate(
    command: UpdateTask, state: State, series: Series, new: Task, at: datetime
) -> Decision:
    """The rule or the content of a series from this occurrence on; what is finished stays."""
    if new.recurrence is None:
        return _end_series(command, state, series, new, at)
    split = command.scope == "following" and new.recurrence_id != series.anchor
    followed, changed = _follow_series(command, series, new, split=split)
    new = structs.replace(
        new,
        series_id=followed.id,
        recurrence=followed.recurrence,
        # A task that moved on with its rule stands at the new date, which must not come again.
        recurrence_id=followed.anchor if split else max(new.recurrence_id or "", followed.anchor),
    )
    stored = state.tasks[new.id]
    decision = _changed(TaskUpdated, command, stored, new, followed, at)
    facts = [*decision.facts, *_restate_others(command, state, series, new, at)]
    state.occurrences[followed.id, new.recurrence_id or ""] = new.id
    return Decision(200, decision.task, facts, [followed, *changed])


def _follow_series(
    command: UpdateTask, series: Series, new: Task, *, split: bool
) -> tuple[Series, list[Series]]:
    """The series from here on, and the one that a split leaves behind."""
    recurrence = new.recurrence or series.recurrence
    try:
        if "recurrence" not in command.changes.given():
            recurrence = split_count(move_rule(new) or recurrence, series.used - 1)
        ended = end_before(series.dates, new.recurrence_id or "") if split else recurrence
    except InvalidRecurrence as error:
        raise invalid(f"recurrence.{error.field}", error.message) from error
    followed = structs.replace(
        series,
        id=derive_id(series.id, "split", new.recurrence_id or "") if split else series.id,
        version=series.version + 1,
        recurrence=recurrence,
        anchor=_recurrence_id(new),
        timezone=new.timezone,
        template=_template(new),
        used=1,
    )
    left = structs.replace(series, recurrence=ended, version=series.version + 1)
    return followed, [left] if split else []


def _restate_others(
    command: UpdateTask, state: State, series: Series, new: Task, at: datetime
) -> Iterator[TaskFact]:
    """Later open occurrences go, for the new rule makes its own; with scope=all the earlier open
    ones take the new content."""
    content = {name: getattr(new, name) for name in CONTENT if name != "reminders"}
    for stored in _open_of(series.id, state, but=new.id):
        if (stored.task.recurrence_id or "") > (state.tasks[new.id].task.recurrence_id or ""):
            state.occurrences.pop((series.id, stored.task.recurrence_id or ""), None)
            yield structs.replace(_delete(command, stored, None, at), superseded=True)
        elif command.scope == "all":
            changed = structs.replace(stored.task, **content)
            yield from _changed(TaskUpdated, command, stored, changed, None, at).facts


def _end_series(
    command: TaskCommand, state: State, series: Series, new: Task, at: datetime
) -> Decision:
    """The task goes on alone; nothing of its series comes any more."""
    new = structs.replace(new, series_id=None, recurrence_id=None)
    decision = _changed(TaskUpdated, command, state.tasks[new.id], new, None, at)
    return structs.replace(decision, series=[_cut(series, series.anchor)])


def _cut(series: Series, recurrence_id: str) -> Series:
    """The series without this occurrence and what would follow, so that whatever still ends in it
    makes nothing more; its first occurrence always stays."""
    dates = series.dates
    if recurrence_id > series.anchor:
        recurrence = end_before(dates, recurrence_id)
    else:
        once = {"rule": "FREQ=DAILY;COUNT=1", "repeat_from": series.recurrence.repeat_from}
        recurrence = read_recurrence(once, dates.anchor, dates.timezone)
    return structs.replace(series, recurrence=recurrence, version=series.version + 1)


def _open_of(series_id: str, state: State, *, but: str) -> list[Stored]:
    return [
        stored
        for stored in state.tasks.values()
        if stored.task.series_id == series_id
        and stored.task.id != but
        and stored.task.status == "open"
        and not stored.deleted
    ]


def complete_task(command: CompleteTask, state: State, at: datetime) -> Decision:
    return _move(TaskCompleted, command, state, "done", at)


def cancel_task(command: CancelTask, state: State, at: datetime) -> Decision:
    return _move(TaskCancelled, command, state, "cancelled", at)


def reopen_task(command: ReopenTask, state: State, at: datetime) -> Decision:
    return _move(TaskReopened, command, state, "open", at)


def skip_occurrence(command: SkipOccurrence, state: State, at: datetime) -> Decision:
    key = (command.series_id or "", command.recurrence_id or "")
    command = structs.replace(command, task_id=state.occurrences.get(key, command.task_id))
    stored = _own(command, state, acting="skip")
    if stored.task.series_id is None:
        raise _invalid_transition("skip", "it is not an occurrence of a series; cancel it instead")
    decision = _move(TaskSkipped, command, state, "cancelled", at)
    if command.missed:
        missed = [structs.replace(fact, missed=True) for fact in decision.facts]
        return structs.replace(decision, facts=missed)
    return decision


FROM: dict[Status, tuple[Status, ...]] = {
    "done": ("open",),
    "cancelled": ("open",),
    "open": ("done", "cancelled"),
}


def _move(
    kind: type[TaskFact], command: TaskCommand, state: State, status: Status, at: datetime
) -> Decision:
    """To another status; one that the task already has is no change and no fact."""
    verb = command.type.split(".")[2]
    stored = _own(command, state, acting=verb)
    task = stored.task
    if task.status == status:
        return Decision(200, task)
    if task.status not in FROM[status]:
        raise _invalid_transition(verb, f"it is {task.status}; reopen it first")
    new = structs.replace(task, status=status, completed_at=at if status == "done" else None)
    return _changed(kind, command, stored, new, _series_of(task, state), at)


def snooze_task(command: SnoozeTask, state: State, at: datetime) -> Decision:
    stored = _own(command, state, acting="snooze")
    task = stored.task
    if task.status != "open":
        raise _invalid_transition("snooze", f"it is {task.status}; reopen it first")
    if command.until <= at:
        raise invalid("until", "must lie in the future")
    channels = task.reminders[0].channels if task.reminders else [DEFAULT_CHANNEL]
    name = derive_id(task.id, "snooze")
    kept = [reminder for reminder in task.reminders if reminder.id != name]
    snoozed = Reminder(id=name, at=command.until, channels=channels)
    new = structs.replace(task, reminders=[*kept, snoozed])
    return _changed(TaskSnoozed, command, stored, new, _series_of(task, state), at)


def delete_task(command: DeleteTask, state: State, at: datetime) -> Decision:
    stored = _own(command, state, acting="")
    if stored.deleted:
        return Decision(204)
    series = state.series.get(stored.task.series_id or "")
    if series is None or command.scope == "this":
        return Decision(204, None, [_delete(command, stored, series, at)])
    others = [
        one
        for one in _open_of(series.id, state, but=stored.task.id)
        if command.scope == "all"
        or (one.task.recurrence_id or "") > (stored.task.recurrence_id or "")
    ]
    facts: list[TaskFact] = [_delete(command, one, None, at) for one in (stored, *others)]
    here = stored.task.recurrence_id if command.scope == "following" else None
    return Decision(204, None, facts, [_cut(series, here or series.anchor)])


# --- what they share ---------------------------------------------------------------------------


def _own(command: TaskCommand, state: State, acting: str | None = None) -> Stored:
    """The command's task, if it is the person's, there, and as they saw it. Raises Refused."""
    stored = state.tasks.get(command.task_id)
    if stored is None or stored.user_id != command.user_id:
        raise not_found(f"The task {command.task_id}")
    if stored.deleted and acting:
        raise _invalid_transition(acting, "it is deleted")
    if stored.deleted and acting is None:
        raise not_found(f"The task {command.task_id}")
    if not stored.deleted and command.if_version not in (None, stored.task.version):
        raise version_conflict(stored.task)
    return stored


def version_conflict(task: Task) -> Refused:
    """412: somebody changed the task since this person read it."""
    detail = f"The task is at version {task.version} by now; read it and decide again."
    return Refused("version_conflict", detail, status=412)


def _invalid_transition(verb: str, reason: str) -> Refused:
    return Refused("invalid_transition", f"Cannot {verb} this task: {reason}.", status=409)


def _series_of(task: Task, state: State) -> Series | None:
    return state.series.get(task.series_id or "")


def _changed(
    kind: type[TaskFact],
    command: TaskCommand,
    stored: Stored,
    new: Task,
    series: Series | None,
    at: datetime,
) -> Decision:
    """The changed task as one fact of `kind`, or no fact where nothing changed."""
    before = changed_fields(stored.task, new)
    if not before:
        return Decision(200, stored.task)
    new = structs.replace(new, version=stored.task.version + 1, updated_at=at)
    fact = _fact(kind, command, before, new, series, at)
    return Decision(200, new, [structs.replace(fact, stream=stored.stream)])


def _delete(
    command: TaskCommand, stored: Stored, series: Series | None, at: datetime
) -> TaskDeleted:
    task = structs.replace(stored.task, version=stored.task.version + 1, updated_at=at)
    fact = _fact(TaskDeleted, command, to_builtins(stored.task), task, series, at)
    return structs.replace(fact, stream=stored.stream)


def _fact(
    kind: type[F],
    command: TaskCommand,
    before: dict[str, Any] | None,
    task: Task,
    series: Series | None,
    at: datetime,
) -> F:
    return kind(  # type: ignore[call-arg]
        task_id=task.id,
        task_data=task,
        user_id=command.user_id,
        timestamp=at,
        actor_id=command.actor_id,
        stream=series.stream if series else task.stream,
        before=before,
        series=series,
    )


def changed_fields(old: Task, new: Task) -> dict[str, Any]:
    """The old values of what is different, as JSON has them."""
    if old == new:
        return {}
    names = [f for f in old.__struct_fields__ if f not in UNSEEN]
    different = [f for f in names if getattr(old, f) != getattr(new, f)]
    return {name: to_builtins(getattr(old, name)) for name in different}


def refusal(refused: Refused, task: Task | None) -> dict[str, Any]:
    """A refusal as the outcome of a command; a version conflict shows the task as it is."""
    if refused.code == "version_conflict" and task is not None:
        return problem(refused, current=msgspec.to_builtins(task))
    return problem(refused)


DECIDERS: dict[type[TaskCommand], Callable[..., Decision]] = {
    CreateTask: create_task,
    CreateOccurrence: create_occurrence,
    UpdateTask: update_task,
    CompleteTask: complete_task,
    ReopenTask: reopen_task,
    CancelTask: cancel_task,
    SkipOccurrence: skip_occurrence,
    SnoozeTask: snooze_task,
    DeleteTask: delete_task,
}
