"""What a command does to the tasks it meets: command + state → facts, or a named refusal; pure, so
that each rule can be read and tested as a table, and a repeat gives the same answer.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, structs, to_builtins

from taskflow.errors import Refused, invalid, not_found, problem
from taskflow.events import (
    CancelTask,
    CompleteTask,
    CreateOccurrence,
    CreateTask,
    DeleteTask,
    ImportTask,
    ReopenTask,
    ResolveTimes,
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
from taskflow.expansion import occurrence_passes
from taskflow.import_task import imported_series, imported_task, in_past
from taskflow.occurrences import (
    begin_at,
    count_before,
    end_before,
    find_occurrence,
    has_ended,
    iterate_occurrences,
    only_once,
    split_count,
)
from taskflow.read_task import (
    DEFAULT_CHANNEL,
    find_due,
    move_rule,
    read_fields,
    read_reminders,
    write_due,
)
from taskflow.read_times import local_due
from taskflow.recurrence import Recurrence
from taskflow.rule import InvalidRecurrence
from taskflow.task import Reminder, Series, Status, Task
from taskflow.wall_clock import lead_of, place_start, resolve_task, series_in_zone

F = TypeVar("F", bound=TaskFact)
CONTENT = ("title", "notes", "priority", "tags", "reminders")
UNSEEN = ("version", "updated_at")


class Stored(Struct, frozen=True):
    """A task as the database has it; a deleted one stays as its own tombstone. What its clock shows
    is kept beside its instants, for the rules of a zone may change."""

    task: Task
    user_id: str
    stream: str
    deleted: bool = False
    due_local: datetime | None = None
    start_local: datetime | None = None


class State(Struct):
    """What a batch of commands may touch, loaded and locked before, changed as they are decided.

    `zones` maps the accounts that exist to their zone; `occurrences` maps the (series, recurrence
    id) pairs that were ever created to their task, but for those that went with an older rule.
    `former` maps a task's id and version to the series it was in before.
    """

    zones: dict[str, str]
    tasks: dict[str, Stored]
    series: dict[str, Series]
    occurrences: dict[tuple[str, str], str]
    former: dict[tuple[str, int], Series] = {}


class Decision(Struct):
    """The answer to a command, and what happened. `task` is None where there is nothing to show;
    `replanned` are tasks that did not change, but what is planned for them did."""

    status: int
    task: Task | None = None
    facts: list[TaskFact] = []
    series: list[Series] = []
    replanned: list[TaskFact] = []


def decide(command: TaskCommand, state: State, at: datetime) -> Decision:
    """What `command` does at the instant `at`; `state` then holds the result. Raises Refused."""
    if command.user_id not in state.zones:
        raise not_found(f"The account {command.user_id}")
    decision = DECIDERS[type(command)](command, state, at)
    for fact in decision.replanned:
        _note_former(fact, state)
    for fact in decision.facts:
        deleted = isinstance(fact, TaskDeleted)
        _note_former(fact, state)
        state.tasks[fact.task_id] = Stored(fact.task_data, fact.user_id, fact.stream, deleted)
    for series in decision.series:
        state.series[series.id] = series
    return decision


def _note_former(fact: TaskFact, state: State) -> None:
    stored = state.tasks.get(fact.task_id)
    series = state.series.get(stored.task.series_id or "") if stored else None
    if series is not None:
        state.former[fact.task_id, fact.task_data.version] = series


# --- creating ----------------------------------------------------------------------------------


def new_task(command: CreateTask, zone: str, at: datetime) -> Task:
    """The task that a person asks for. Raises Refused."""
    given = command.task.given()
    if "title" not in given:
        raise invalid("title", "is required")
    blank = Task(
        id=command.task_id,
        title="",
        timezone=zone,
        created_at=at,
        updated_at=at,
        created_by=command.actor_id,
    )
    given = _without_nulls(given)
    task = read_fields(given | find_due(given, zone, at), blank, zone)
    return _start_series(task) if task.recurrence else task


def _without_nulls(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _start_series(task: Task) -> Task:
    return structs.replace(task, series_id=task.id, recurrence_id=write_due(task))


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
        raise _id_taken(task.id)
    return Decision(201, stored.task)


def _new_series(task: Task, user_id: str, stream: str, at: datetime) -> Series:
    if task.recurrence is None or task.series_id is None:
        raise TypeError("a series needs a recurring task")
    return Series(
        id=task.series_id,
        user_id=user_id,
        recurrence=task.recurrence,
        anchor=write_due(task),
        timezone=task.timezone,
        stream=stream,
        created_at=at,
        floating=task.floating is True or None,
        **_content(_template(task), lead_of(task)),
    )


def _template(task: Task) -> dict[str, Any]:
    """What the next occurrence starts with; a reminder at a fixed instant is not repeated."""
    content = {name: to_builtins(getattr(task, name)) for name in CONTENT}
    kept = [to_builtins(r) for r in task.reminders if r.before is not None]
    again = [{k: v for k, v in one.items() if k not in ("id", "at")} for one in kept]
    return {**content, "reminders": again}


def _content(template: dict[str, Any], lead: timedelta | None) -> dict[str, Any]:
    """What the occurrences of a series start with. Raises Refused where a reminder counts from a
    start that they do not have, for then none could be made."""
    if lead is None and any(_counts_from_start(one) for one in template["reminders"]):
        raise invalid(
            "reminders.relative_to", "needs a start in the whole series: give one, or due"
        )
    return {"template": template, "lead": lead}


def _counts_from_start(reminder: dict[str, Any]) -> bool:
    return reminder.get("relative_to") == "start"


def import_task(command: ImportTask, state: State, at: datetime) -> Decision:
    """A task with its history, unless it is there: what a person has is never overwritten, and what
    they deleted since comes back."""
    zone, stored = state.zones[command.user_id], state.tasks.get(command.task_id)
    if stored is not None and stored.user_id != command.user_id:
        raise _id_taken(command.task_id)
    if stored is not None and (not stored.deleted or command.imported.deleted):
        return Decision(200, None if stored.deleted else stored.task)
    series, is_new = _import_series(command, state, zone, at)
    task = imported_task(command, zone, at, series)
    if series is not None:
        _take_place(task, series, state)
    if stored is not None:
        version, since = stored.task.version + 1, stored.task.created_at
        task = structs.replace(task, version=version, created_at=since)
    fact = _import_fact(command, task, series, at)
    fact = structs.replace(fact, stream=stored.stream) if stored is not None else fact
    shown = None if command.imported.deleted else task
    return Decision(201 if shown else 204, shown, [fact], [series] if series and is_new else [])


def _import_series(
    command: ImportTask, state: State, zone: str, at: datetime
) -> tuple[Series | None, bool]:
    """The series of an imported task, and whether it comes with it: a new one, or one that was
    ended here and has an open task again. Raises Refused."""
    came = command.imported
    if came.series_id is None:
        return None, False
    known = state.series.get(came.series_id)
    if known is not None and known.user_id != command.user_id:
        raise _id_taken(came.series_id)
    ended = known is not None and not _open_of(known.id, state, but="")
    if came.series is None or not (known is None or (ended and came.status == "open")):
        if known is None:
            raise invalid("series_id", "names a series that the document does not have, or not so")
        return known, False
    series, model = imported_series(command, zone, at)
    series = structs.replace(series, **_content(_template(model), series.lead))
    if known is not None:
        version, stream = known.version + 1, known.stream
        series = structs.replace(series, version=version, stream=stream)
    return series, True


def _take_place(task: Task, series: Series, state: State) -> None:
    """The task's date in its series. Raises Refused where another task stands there."""
    key = (series.id, task.recurrence_id or "")
    other = state.tasks.get(state.occurrences.get(key, task.id))
    if other is not None and other.task.id != task.id and not other.deleted:
        detail = f"The series has another task at {task.recurrence_id}: {other.task.id}."
        raise Refused("id_taken", detail, status=409)
    state.occurrences[key] = task.id


def _import_fact(command: ImportTask, task: Task, series: Series | None, at: datetime) -> TaskFact:
    came = command.imported
    if came.deleted:
        # Without its series: nothing is to follow from its end, for that came before.
        gone = _fact(TaskDeleted, command, None, task, None, at)
        return structs.replace(gone, stream=series.stream if series else task.stream)
    how = came.ended_how or (None if came.status == "open" else came.status)
    ended_at = None if how is None else in_past(came.ended_at or task.completed_at, at)
    fact = _fact(TaskCreated, command, None, task, series, at)
    return structs.replace(fact, ended_how=how, ended_at=ended_at)


def _id_taken(name: str) -> Refused:
    detail = f"The id {name} belongs to another task; choose another, or leave it out."
    return Refused("id_taken", detail, status=409)


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
    """The same command, or about the first later occurrence that has not ended, nor left for
    another date: what followed one that ended early may have gone with an older rule."""

    def ended(recurrence_id: str) -> bool:
        key = (series.id, recurrence_id)
        stored = state.tasks.get(state.occurrences.get(key, ""))
        left = stored and (stored.task.series_id, stored.task.recurrence_id) != key
        return bool(left) or _has_ended(state.occurrences.get(key, ""), state)

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
    planned = find_occurrence(series.dates, command.recurrence_id)
    task = Task(
        id=command.task_id,
        **content,
        due_at=planned.due_at,
        due_on=planned.due_on,
        timezone=series.timezone,
        floating=series.floating or UNSET,
        recurrence=series.recurrence,
        series_id=series.id,
        recurrence_id=command.recurrence_id,
        created_at=at,
        updated_at=at,
        created_by=series.user_id,
    )
    task = place_start(task, series.lead)
    return structs.replace(task, reminders=read_reminders(reminders, task))


# --- changing ----------------------------------------------------------------------------------


def update_task(command: UpdateTask, state: State, at: datetime) -> Decision:
    stored = _own(command, state)
    given = command.changes.given()
    if "id" in given:
        raise invalid("id", "cannot be changed")
    old, zone = stored.task, state.zones[command.user_id]
    if local_due(old) is None:
        given |= find_due(given, old.timezone or zone, at)
    new = read_fields(given, old, zone)
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
    split = command.scope == "following" and not _is_first(state.tasks[new.id].task, series)
    if not split and not DATES & command.changes.given().keys():
        return _change_content(command, state, series, new, at)
    followed, changed = _follow_series(command, state, series, new, split=split)
    old_id = new.recurrence_id or ""
    if DATES & command.changes.given().keys():
        # A task that moved on with its rule stands at the new date, which must not come again.
        place = followed.anchor if split else max(old_id, followed.anchor)
        new = structs.replace(new, recurrence_id=place)
    new = structs.replace(new, series_id=followed.id, recurrence=followed.recurrence)
    decision = _state_again(command, state.tasks[new.id], new, followed, at)
    others = _restate_others(command, state, (series, followed), new, at)
    facts = [*decision.facts, *others]
    state.occurrences[followed.id, new.recurrence_id or ""] = new.id
    return Decision(200, decision.task, facts, [followed, *changed])


def _is_first(task: Task, series: Series) -> bool:
    """Whether nothing of the series lies before this task. Where one that moved back starts, its
    task has kept the name of before."""
    return (task.recurrence_id or "") <= series.anchor or write_due(task) == series.anchor


DATES = {"recurrence", "due_at", "due_on", "timezone", "floating"}
START = {"start_at", "start_on"}


def _state_again(
    command: UpdateTask, stored: Stored, new: Task, series: Series, at: datetime
) -> Decision:
    """A fact even if the task itself is the same: its series is not, and must be heard of."""
    decision = _changed(TaskUpdated, command, stored, new, series, at)
    if decision.facts:
        return decision
    new = structs.replace(new, version=stored.task.version + 1, updated_at=at)
    fact = structs.replace(_fact(TaskUpdated, command, {}, new, series, at), stream=stored.stream)
    return Decision(200, new, [fact])


def _change_content(
    command: UpdateTask, state: State, series: Series, new: Task, at: datetime
) -> Decision:
    """The dates stay, so every open occurrence that is meant does, with the new content where it
    had the old."""
    followed = structs.replace(series, **_content_of(command, series, new))
    decision = _changed(TaskUpdated, command, state.tasks[new.id], new, followed, at)
    facts = list(decision.facts)
    later = command.scope == "following"
    others = _later_of(command, series, state) if later else _open_of(series.id, state, but=new.id)
    for stored in others:
        changed = _take_content(stored.task, series, followed)
        facts += _changed(TaskUpdated, command, stored, changed, followed, at).facts
    return Decision(200, decision.task, facts, [followed])


def _content_of(command: UpdateTask, series: Series, new: Task) -> dict[str, Any]:
    """What occurrences start with after the change: what was sent, and nothing else that somebody
    changed in this one alone."""
    given, own = command.changes.given().keys(), _template(new)
    template = series.template | {name: own[name] for name in CONTENT if name in given}
    return _content(template, lead_of(new) if START & given else series.lead)


def _take_content(task: Task, series: Series, followed: Series) -> Task:
    """An occurrence with the new content of its series, but for what was changed in it alone."""
    if lead_of(task) == series.lead != followed.lead:
        task = place_start(task, followed.lead)
    own, old, new = _template(task), series.template, followed.template
    taken = {name: new[name] for name in CONTENT if own[name] == old[name] != new[name]}
    if "reminders" in taken:
        starts = lead_of(task) is not None
        wanted = [one for one in taken["reminders"] if starts or not _counts_from_start(one)]
        taken["reminders"] = read_reminders(wanted, task)
    return structs.replace(task, **taken)


def _follow_series(
    command: UpdateTask, state: State, series: Series, new: Task, *, split: bool
) -> tuple[Series, list[Series]]:
    """The series from here on, and the one that a split leaves behind."""
    given, here = command.changes.given().keys(), new.recurrence_id or ""
    try:
        recurrence = _rule_from(command, state, series, new, split=split)
        ended = end_before(series.dates, here) if split else recurrence
        if split:
            recurrence = _leave_out_ended(recurrence, here, series, state)
    except InvalidRecurrence as error:
        raise invalid(f"recurrence.{error.field}", error.message) from error
    followed = structs.replace(
        series,
        id=derive_id(series.id, "split", here) if split else series.id,
        version=series.version + 1,
        recurrence=recurrence,
        # What was moved alone does not move what follows it.
        anchor=write_due(new) if DATES & given else _anchor_from(here, series),
        timezone=new.timezone if DATES & given else series.timezone,
        floating=(new.floating is True or None) if DATES & given else series.floating,
        **_content_of(command, series, new),
        used=1 + sum(_stays(command, one, series) for one in _later_of(command, series, state)),
    )
    left = structs.replace(series, recurrence=ended, version=series.version + 1)
    return followed, [left] if split else []


def _rule_from(
    command: UpdateTask, state: State, series: Series, new: Task, *, split: bool
) -> Recurrence:
    """The rule from an occurrence on: as it is asked for, or what is left of the old one."""
    given, here = command.changes.given().keys(), new.recurrence_id or ""
    recurrence = new.recurrence or series.recurrence
    if "recurrence" in given:
        return recurrence
    if split and has_ended(series.dates, here):
        return begin_at(only_once(series.recurrence), write_due(new) if DATES & given else here)
    moved = move_rule(new) if DATES & given else begin_at(series.recurrence, here)
    return split_count(moved or recurrence, _used_before(here, series, state))


def _leave_out_ended(
    recurrence: Recurrence, recurrence_id: str, series: Series, state: State
) -> Recurrence:
    """What ended after a split stays where it is: the part that follows does not make it again."""
    ended = [
        place
        for (series_id, place), task_id in state.occurrences.items()
        if series_id == series.id and place > recurrence_id and _has_ended(task_id, state)
    ]
    return structs.replace(recurrence, exdates=sorted({*recurrence.exdates, *ended}))


def _has_ended(task_id: str, state: State) -> bool:
    stored = state.tasks.get(task_id)
    return stored is not None and (stored.deleted or stored.task.status != "open")


def _anchor_from(recurrence_id: str, series: Series) -> str:
    """Where the same dates go on from: not from one that was added, or that an older rule made,
    for those have times of their own."""
    before = datetime.fromisoformat(recurrence_id) - timedelta(seconds=1)
    coming = (one.recurrence_id for one in iterate_occurrences(series.dates, after=before))
    added = series.recurrence.rdates
    return next((one for one in coming if one not in added), recurrence_id)


def _used_before(recurrence_id: str, series: Series, state: State) -> int:
    """How many occurrences a rule with a count has had before this one."""
    if series.recurrence.repeat_from == "due":
        return count_before(series.dates, recurrence_id)
    later = [one for one in _open_of(series.id, state, but="") if _place(one) > recurrence_id]
    return series.used - 1 - len(later)


def _place(stored: Stored) -> str:
    return stored.task.recurrence_id or ""


def _restate_others(
    command: UpdateTask, state: State, rules: tuple[Series, Series], new: Task, at: datetime
) -> Iterator[TaskFact]:
    """Later open occurrences go, for the new rule makes its own; what was changed or moved in one
    of them alone keeps it. With scope=all the earlier open ones take the new content."""
    series, followed = rules
    later = _later_of(command, series, state)
    for stored in _open_of(series.id, state, but=new.id):
        changed = _take_content(stored.task, series, followed)
        if stored not in later:
            if command.scope == "all":
                yield from _changed(TaskUpdated, command, stored, changed, None, at).facts
        elif _stays(command, stored, series):
            state.occurrences[followed.id, _place(stored)] = stored.task.id
            moved = structs.replace(changed, series_id=followed.id)
            kept = structs.replace(moved, recurrence=followed.recurrence)
            yield from _changed(TaskUpdated, command, stored, kept, followed, at).facts
        else:
            state.occurrences.pop((series.id, _place(stored)), None)
            yield structs.replace(_delete(command, stored, None, at), superseded=True)


def _later_of(command: UpdateTask, series: Series, state: State) -> list[Stored]:
    here = state.tasks[command.task_id]
    others = _open_of(series.id, state, but=command.task_id)
    return [stored for stored in others if _place(stored) > _place(here)]


def _stays(command: UpdateTask, stored: Stored, series: Series) -> bool:
    """Whether a later occurrence goes on under another rule: its date is the same, or a person
    changed or moved it alone."""
    same_dates = not DATES & command.changes.given().keys()
    return same_dates or _is_touched(stored.task, series)


def _is_touched(task: Task, series: Series) -> bool:
    """Whether a person changed or moved this occurrence alone."""
    planned = find_occurrence(series.dates, task.recurrence_id or "")
    unmoved = (task.due_at, task.due_on) == (planned.due_at, planned.due_on)
    return not unmoved or _template(task) != series.template or lead_of(task) != series.lead


def _end_series(
    command: TaskCommand, state: State, series: Series, new: Task, at: datetime
) -> Decision:
    """The task goes on alone; nothing of its series comes any more."""
    new = structs.replace(new, series_id=None, recurrence_id=None)
    decision = _changed(TaskUpdated, command, state.tasks[new.id], new, None, at)
    return structs.replace(decision, series=[_cut(series, series.anchor)])


def _cut(series: Series, recurrence_id: str) -> Series:
    """The series without this occurrence and what would follow, so that whatever still ends in it
    makes nothing more."""
    dates = series.dates
    if recurrence_id > series.anchor:
        recurrence = end_before(dates, recurrence_id)
    else:
        # Where it moved back, what is done before its start would ask for that date.
        once = only_once(series.recurrence)
        recurrence = structs.replace(once, exdates=[series.anchor], rdates=[])
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


def resolve_times(command: ResolveTimes, state: State, at: datetime) -> Decision:
    """The same wall-clock times where the person is now, or by the present rules. Days stay; but
    what is planned for them goes by the person's clock."""
    stored, zone = _own(command, state, acting=""), state.zones[command.user_id]
    if stored.deleted or stored.task.status != "open":
        return Decision(200)
    series = _series_of(stored.task, state)
    if series is None or series_in_zone(series, zone) == series:
        return _resolve(command, state, [stored], (series, series), at)
    moved = series_in_zone(series, zone)
    tasks = _open_of(series.id, state, but="")
    decision = _resolve(command, state, tasks, (series, moved), at)
    return structs.replace(decision, series=[moved])


def _resolve(
    command: ResolveTimes,
    state: State,
    tasks: list[Stored],
    series: tuple[Series | None, Series | None],
    at: datetime,
) -> Decision:
    """The facts about tasks of a series as it was and as it is."""
    decision, zone, (former, series_now) = Decision(200), state.zones[command.user_id], series
    for stored in tasks:
        new = _in_zone(stored, zone, at)
        if former and series_now and new.recurrence == former.recurrence:
            new = structs.replace(new, recurrence=series_now.recurrence)
        changed = _changed(TaskUpdated, command, stored, new, series_now, at)
        decision.facts += changed.facts
        if not changed.facts and (series_now is not None or new.timezone is None):
            fact = _fact(TaskUpdated, command, {}, new, series_now, at)
            decision.replanned.append(structs.replace(fact, stream=stored.stream))
    return decision


def _in_zone(stored: Stored, zone: str, at: datetime) -> Task:
    return resolve_task(stored.task, (stored.due_local, stored.start_local), zone, at)


def skip_occurrence(command: SkipOccurrence, state: State, at: datetime) -> Decision:
    key = (command.series_id or "", command.recurrence_id or "")
    command = structs.replace(command, task_id=state.occurrences.get(key, command.task_id))
    stored = _own(command, state, acting="skip")
    if command.missed and not _is_missed(command, stored, state, at):
        raise Refused("superseded", "It was moved, or its rule has changed since.", status=409)
    if stored.task.series_id is None:
        raise _invalid_transition("skip", "it is not an occurrence of a series; cancel it instead")
    decision = _move(TaskSkipped, command, state, "cancelled", at)
    if command.missed:
        missed = [structs.replace(fact, missed=True) for fact in decision.facts]
        return structs.replace(decision, facts=missed)
    return decision


def _is_missed(command: SkipOccurrence, stored: Stored, state: State, at: datetime) -> bool:
    """Whether it still stands where the command saw it: unmoved, under the same rule."""
    series = _series_of(stored.task, state)
    passes = occurrence_passes(stored.task, state.zones[command.user_id])
    same = series is not None and command.series_version in (None, series.version)
    return same and passes is not None and passes <= at


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
    series, zone = _series_of(task, state), state.zones[command.user_id]
    moved = series
    if status == "open":
        # It did not follow its person while it was finished.
        task = _in_zone(stored, zone, at)
        moved = series_in_zone(series, zone) if series else None
    new = structs.replace(task, status=status, completed_at=at if status == "done" else None)
    decision = _changed(kind, command, stored, new, moved, at)
    return decision if moved == series else structs.replace(decision, series=[moved])


def snooze_task(command: SnoozeTask, state: State, at: datetime) -> Decision:
    stored = _own(command, state, acting="snooze")
    task = stored.task
    if task.status != "open":
        raise _invalid_transition("snooze", f"it is {task.status}; reopen it first")
    if command.until <= at:
        raise invalid("until", "must lie in the future")
    name = derive_id(task.id, "snooze")
    blank = Reminder(id=name, channels=[DEFAULT_CHANNEL], defaults=True)
    like = task.reminders[0] if task.reminders else blank
    kept = [reminder for reminder in task.reminders if reminder.id != name]
    snoozed = structs.replace(like, id=name, before=None, at=command.until)
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
    split = command.scope == "following" and not _is_first(stored.task, series)
    here = stored.task.recurrence_id if split else None
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
    values = {name: getattr(old, name) for name in different}
    return {name: None if one is UNSET else to_builtins(one) for name, one in values.items()}


def refusal(refused: Refused, task: Task | None) -> dict[str, Any]:
    """A refusal as the outcome of a command; a version conflict shows the task as it is."""
    if refused.code == "version_conflict" and task is not None:
        return problem(refused, current=msgspec.to_builtins(task))
    return problem(refused)


DECIDERS: dict[type[TaskCommand], Callable[..., Decision]] = {
    CreateTask: create_task,
    ImportTask: import_task,
    CreateOccurrence: create_occurrence,
    UpdateTask: update_task,
    CompleteTask: complete_task,
    ReopenTask: reopen_task,
    CancelTask: cancel_task,
    SkipOccurrence: skip_occurrence,
    SnoozeTask: snooze_task,
    ResolveTimes: resolve_times,
    DeleteTask: delete_task,
}
