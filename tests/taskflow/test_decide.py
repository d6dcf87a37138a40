"""What each command does, as tables: one person in Paris, a few tasks, no clock, no database."""

import copy
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, structs, to_builtins

from functions.write_task.effects import task_before
from taskflow.decide import Decision, State, decide, refusal
from taskflow.errors import Refused
from taskflow.events import (
    CancelTask,
    CompleteTask,
    CreateOccurrence,
    CreateTask,
    DeleteTask,
    ReopenTask,
    SkipOccurrence,
    SnoozeTask,
    TaskCommand,
    UpdateTask,
    derive_id,
)
from taskflow.occurrences import iterate_occurrences, next_occurrence
from taskflow.task import Series, Task
from tests.functions.commands import NOW, complete, create, make_command, update

USER, OTHER = str(uuid4()), str(uuid4())
TASK = str(uuid4())
DUE = "2026-12-07T09:00:00Z"
MONDAYS = {"frequency": "weekly"}
LATER = NOW + timedelta(minutes=1)


def make_state() -> State:
    return State(zones={USER: "Europe/Paris", OTHER: "UTC"}, tasks={}, series={}, occurrences={})


def run(state: State, *commands: TaskCommand, at: datetime = NOW) -> Decision:
    """The decision about the last of `commands`."""
    decision = Decision(0)
    for command in commands:
        decision = decide(command, state, at)
    return decision


def start(**fields: Any) -> State:
    """A state with one task of one person."""
    state = make_state()
    run(state, create(USER, TASK, **fields))
    return state


def refuse(state: State, command: TaskCommand) -> tuple[int, str]:
    """Status and code of a refusal, which must change nothing."""
    before = copy.deepcopy(state)
    with pytest.raises(Refused) as caught:
        decide(command, state, LATER)
    assert state == before
    return caught.value.status, caught.value.code


def shown(decision: Decision) -> Task:
    assert decision.task is not None
    return decision.task


def act(kind: type[TaskCommand], task_id: str = TASK, **more: Any) -> TaskCommand:
    return make_command(kind, USER, task_id, **more)


def names(decision: Decision) -> list[str]:
    return [fact.event_type for fact in decision.facts]


# --- create ------------------------------------------------------------------------------------


def test_a_new_task_with_nothing_but_a_title() -> None:
    state = make_state()
    decision = run(state, create(USER, TASK, title="  Pay  "))
    assert decision.status == 201
    assert decision.task == Task(
        id=TASK,
        title="Pay",
        timezone="Europe/Paris",
        created_at=NOW,
        updated_at=NOW,
        created_by=USER,
    )
    (fact,) = decision.facts
    assert (fact.event_type, fact.before, fact.series) == ("created", None, None)
    assert (fact.task_id, fact.task_data, fact.user_id) == (TASK, decision.task, USER)
    assert (fact.timestamp, fact.key, fact.subject) == (NOW, TASK, TASK)


def test_the_same_task_again_is_the_same_task() -> None:
    state = start(tags=["a"])
    decision = run(state, create(USER, TASK, tags=["a"]), at=LATER)
    assert (decision.status, decision.facts) == (201, [])
    assert shown(decision).created_at == NOW


@pytest.mark.parametrize("other", [create(USER, TASK, title="x"), create(OTHER, TASK)])
def test_an_id_is_one_tasks_alone(other: CreateTask) -> None:
    assert refuse(start(), other) == (409, "id_taken")


def test_the_id_of_a_deleted_task_stays_taken() -> None:
    state = start()
    run(state, act(DeleteTask))
    assert refuse(state, create(USER, TASK)) == (409, "id_taken")


def test_without_a_title_there_is_no_task() -> None:
    command = create(USER, TASK)
    bare = structs.replace(command, task=type(command.task)(notes="n"))
    assert refuse(make_state(), bare) == (422, "invalid")


def test_an_account_that_is_gone_has_nothing() -> None:
    assert refuse(make_state(), create(str(uuid4()))) == (404, "not_found")


def test_nulls_are_as_good_as_nothing_in_a_new_task() -> None:
    nulls = dict.fromkeys(
        ("notes", "priority", "tags", "due_at", "due_on", "timezone", "recurrence", "reminders")
    )
    assert start(**nulls).tasks[TASK] == start().tasks[TASK]


# --- update ------------------------------------------------------------------------------------

FULL: dict[str, Any] = {
    "notes": "n",
    "priority": "high",
    "tags": ["a"],
    "due_at": DUE,
    "timezone": "Asia/Tokyo",
    "reminders": [{"before": "PT1H"}],
}
CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"title": "New "}, {"title": "New"}),
    ({"notes": "m"}, {"notes": "m"}),
    ({"notes": None}, {"notes": ""}),
    ({"priority": "low"}, {"priority": "low"}),
    ({"priority": None}, {"priority": "none"}),
    ({"tags": ["b", "B", " c "]}, {"tags": ["b", "c"]}),
    ({"tags": None}, {"tags": []}),
    ({"due_at": "2026-12-08T09:00:00Z"}, {"due_at": "2026-12-08T09:00:00Z"}),
    ({"due_at": "2026-12-08T09:00:00"}, {"due_at": "2026-12-08T00:00:00Z"}),
    ({"due_at": None}, {"due_at": None}),
    (
        {"due_on": "2026-12-08"},
        {"due_on": "2026-12-08", "due_at": None, "timezone": None},
    ),
    ({"due_at": None, "due_on": "2026-12-08"}, {"due_on": "2026-12-08", "due_at": None}),
    (
        {"timezone": "Europe/Paris"},
        {"timezone": "Europe/Paris", "due_at": "2026-12-07T17:00:00Z"},
    ),
    ({"timezone": None}, {}),
    ({"reminders": None}, {"reminders": []}),
]


@pytest.mark.parametrize(("sent", "result"), CHANGES)
def test_a_change_of_each_field(sent: dict[str, Any], result: dict[str, Any]) -> None:
    state = start(**FULL)
    old = to_builtins(state.tasks[TASK].task)
    decision = run(state, update(USER, TASK, **sent), at=LATER)
    new = to_builtins(shown(decision))
    assert decision.status == 200 and result.items() <= new.items()
    changed = {name for name in new if new[name] != old[name]} - {"version", "updated_at"}
    assert result.keys() >= changed - {"timezone"}
    if not result:
        assert decision.facts == []
        return
    (fact,) = decision.facts
    assert fact.before == {name: old[name] for name in changed}
    assert (new["version"], fact.timestamp, new["updated_at"]) == (2, LATER, to_builtins(LATER))


def test_what_is_the_same_is_no_change() -> None:
    state = start(**FULL)
    decision = run(state, update(USER, TASK, title="Pay rent", **FULL), at=LATER)
    assert (decision.status, decision.facts, shown(decision).version) == (200, [], 1)


def test_an_id_cannot_be_changed() -> None:
    assert refuse(start(), update(USER, TASK, id=str(uuid4()))) == (422, "invalid")


EVERY = (UpdateTask, CompleteTask, ReopenTask, CancelTask, SkipOccurrence, SnoozeTask, DeleteTask)


def fill(kind: type[TaskCommand], user: str, task_id: str, **more: Any) -> TaskCommand:
    if kind is UpdateTask:
        return update(user, task_id, title="x", **more)
    extra: dict[str, Any] = {"until": LATER + timedelta(hours=1)} if kind is SnoozeTask else {}
    return make_command(kind, user, task_id, **extra, **more)


@pytest.mark.parametrize("kind", EVERY)
def test_who_may_not_see_a_task_finds_none(kind: type[TaskCommand]) -> None:
    state = start(due_at=DUE, recurrence=MONDAYS)
    assert refuse(state, fill(kind, OTHER, TASK)) == (404, "not_found")
    assert refuse(state, fill(kind, USER, str(uuid4()))) == (404, "not_found")


@pytest.mark.parametrize("kind", EVERY)
def test_a_deleted_task(kind: type[TaskCommand]) -> None:
    state = start(due_at=DUE, recurrence=MONDAYS)
    run(state, act(DeleteTask))
    if kind is DeleteTask:
        assert run(state, act(DeleteTask)) == Decision(204)
    elif kind is UpdateTask:
        assert refuse(state, fill(kind, USER, TASK)) == (404, "not_found")
    else:
        assert refuse(state, fill(kind, USER, TASK)) == (409, "invalid_transition")


@pytest.mark.parametrize("kind", EVERY)
def test_what_somebody_else_changed_meanwhile(kind: type[TaskCommand]) -> None:
    state = start(due_at=DUE, recurrence=MONDAYS)
    run(state, update(USER, TASK, title="Other"))
    stale = structs.replace(fill(kind, USER, TASK), if_version=1)
    assert refuse(state, stale) == (412, "version_conflict")
    current = structs.replace(fill(kind, USER, TASK), if_version=2)
    assert run(state, current).status in (200, 204)


def test_a_conflict_shows_the_task_as_it_is() -> None:
    state = start()
    with pytest.raises(Refused) as caught:
        run(state, update(USER, TASK, version=7, title="x"))
    shown = refusal(caught.value, state.tasks[TASK].task)
    assert (shown["status"], shown["current"]["version"]) == (412, 1)
    assert "current" not in refusal(Refused("invalid", "x"), state.tasks[TASK].task)


# --- transitions -------------------------------------------------------------------------------

SKIP, CANCEL, REOPEN = SkipOccurrence, CancelTask, ReopenTask
MOVES: list[tuple[str, type[TaskCommand], str]] = [
    ("open", CompleteTask, "completed done"),
    ("open", CANCEL, "cancelled cancelled"),
    ("open", SKIP, "skipped cancelled"),
    ("open", REOPEN, "200 open"),
    ("done", CompleteTask, "200 done"),
    ("done", CANCEL, "409"),
    ("done", SKIP, "409"),
    ("done", REOPEN, "reopened open"),
    ("cancelled", CompleteTask, "409"),
    ("cancelled", CANCEL, "200 cancelled"),
    ("cancelled", SKIP, "200 cancelled"),
    ("cancelled", REOPEN, "reopened open"),
]


@pytest.mark.parametrize(("status", "kind", "result"), MOVES)
def test_transitions(status: str, kind: type[TaskCommand], result: str) -> None:
    state = start(due_at=DUE, recurrence=MONDAYS)
    first = {"open": REOPEN, "done": CompleteTask, "cancelled": CANCEL}[status]
    run(state, act(first))
    if result == "409":
        assert refuse(state, act(kind)) == (409, "invalid_transition")
        return
    decision = run(state, act(kind), at=LATER)
    said = names(decision) or [str(decision.status)]
    task = shown(decision)
    assert f"{said[0]} {task.status}" == result
    assert (task.completed_at is not None) == (task.status == "done")


def test_completing_notes_when_and_reopening_forgets_it() -> None:
    state = start()
    assert shown(run(state, complete(USER, TASK), at=LATER)).completed_at == LATER
    assert shown(run(state, act(ReopenTask))).completed_at is None


def test_what_is_no_occurrence_cannot_be_skipped() -> None:
    assert refuse(start(), act(SkipOccurrence)) == (409, "invalid_transition")


def test_a_missed_occurrence_says_so() -> None:
    state = start(due_at=DUE, recurrence=MONDAYS)
    passed = datetime.fromisoformat(DUE)
    (fact,) = run(state, act(SkipOccurrence, missed=True), at=passed).facts
    assert to_builtins(fact)["missed"] is True


@pytest.mark.parametrize(
    ("change", "version"),
    [({"due_at": "2026-12-09T09:00:00Z"}, 1), ({"title": "x"}, 2), ({"notes": "x"}, 9)],
)
def test_what_moved_on_was_not_missed(change: dict[str, Any], version: int) -> None:
    state = start(due_at=DUE, recurrence=MONDAYS)
    run(state, update(USER, TASK, **change))
    missed = act(SkipOccurrence, missed=True, series_version=version)
    with pytest.raises(Refused, match="moved"):
        run(state, missed, at=datetime.fromisoformat(DUE))


def test_snoozing_reminds_again_and_moves_nothing() -> None:
    state = start(due_at=DUE, reminders=[{"before": "PT1H", "channels": ["webhook"]}])
    for hours in (1, 2):
        until = LATER + timedelta(hours=hours)
        decision = run(state, act(SnoozeTask, until=until), at=LATER)
    task = shown(decision)
    assert [r.at for r in task.reminders] == [None, until]
    assert task.reminders[1].channels == ["webhook"] and names(decision) == ["snoozed"]
    assert to_builtins(task.due_at) == DUE


@pytest.mark.parametrize("until", [LATER, LATER - timedelta(days=1)])
def test_nobody_snoozes_into_the_past(until: datetime) -> None:
    assert refuse(start(), act(SnoozeTask, until=until)) == (422, "invalid")


def test_what_is_finished_sleeps_already() -> None:
    state = start()
    run(state, complete(USER, TASK))
    later = LATER + timedelta(hours=1)
    assert refuse(state, act(SnoozeTask, until=later)) == (409, "invalid_transition")


# --- series ------------------------------------------------------------------------------------


def born(series: Series, rid: str, due: str, **more: Any) -> CreateOccurrence:
    return make_command(
        CreateOccurrence,
        series.user_id,
        derive_id(series.id, "occurrence", rid),
        stream=series.stream,
        **{
            "series_id": series.id,
            "series_version": series.version,
            "recurrence_id": rid,
            "due_at": datetime.fromisoformat(due),
            **more,
        },
    )


RID = ["2026-12-07T10:00:00", "2026-12-14T10:00:00", "2026-12-21T10:00:00"]


def weekly(count: int = 3, **fields: Any) -> tuple[State, list[str]]:
    """A weekly series with its first occurrences, all open; their task ids."""
    state = start(**{"due_at": DUE, "recurrence": MONDAYS, **fields})
    for rid in RID[1:count]:
        command = born(state.series[TASK], rid, f"{rid[:10]}T09:00:00Z")
        assert run(state, command).status == 201
    return state, [TASK, *(derive_id(TASK, "occurrence", rid) for rid in RID[1:count])]


def test_a_task_with_a_rule_begins_a_series() -> None:
    state = make_state()
    decision = run(state, create(USER, TASK, due_at=DUE, recurrence=MONDAYS, tags=["a"]))
    task, (series,) = shown(decision), decision.series
    assert (task.series_id, task.recurrence_id) == (TASK, RID[0])
    assert (series.id, series.stream, series.version, series.used) == (TASK, TASK, 1, 1)
    assert (series.anchor, series.timezone) == (RID[0], "Europe/Paris")
    assert decision.facts[0].series == series and state.occurrences == {(TASK, RID[0]): TASK}


def test_a_task_that_exists_becomes_a_series() -> None:
    state = start(due_at=DUE)
    decision = run(state, update(USER, TASK, recurrence=MONDAYS))
    task = shown(decision)
    assert (task.series_id, task.recurrence_id, task.version) == (TASK, RID[0], 2)
    assert decision.facts[0].before == {
        "recurrence": None,
        "series_id": None,
        "recurrence_id": None,
    }
    assert state.series[TASK].anchor == RID[0]


def test_an_occurrence_takes_the_content_of_its_series() -> None:
    reminders = [{"before": "PT1H"}, {"at": "2026-12-06T09:00:00Z"}]
    state, ids = weekly(tags=["a"], notes="n", priority="low", reminders=reminders)
    first, second, third = (state.tasks[one].task for one in ids)
    for one in (second, third):
        assert (one.title, one.tags, one.notes, one.priority) == ("Pay rent", ["a"], "n", "low")
        assert [r.before for r in one.reminders] == ["PT1H"]
    assert len({one.reminders[0].id for one in (first, second, third)}) == 3
    assert state.series[TASK].used == 3
    assert {one.version for one in (first, second, third)} == {1}


START = {"start_at": "2026-12-05T08:00:00Z"}
FROM_START = [{"before": "PT1H", "relative_to": "start"}]


def starts(state: State, ids: list[str]) -> list[object]:
    return [state.tasks[one].task.start_at for one in ids]


def day(number: int, hour: int = 8) -> datetime:
    return datetime(2026, 12, number, hour, tzinfo=UTC)


def test_n1_every_occurrence_starts_at_the_same_distance() -> None:
    state, ids = weekly(**START, reminders=FROM_START)
    assert starts(state, ids) == [day(5), day(12), day(19)]
    assert state.series[TASK].lead == timedelta(days=2, hours=1)
    assert {one.relative_to for i in ids for one in state.tasks[i].task.reminders} == {"start"}


def test_n1_a_start_is_moved_alone_or_for_all() -> None:
    state, ids = weekly(**START)
    run(state, update(USER, ids[2], start_at="2026-12-20T08:00:00Z"))
    assert starts(state, ids) == [day(5), day(12), day(20)]
    run(state, update(USER, ids[0], "all", start_at="2026-12-07T08:30:00Z"))
    assert starts(state, ids)[1:] == [day(14).replace(minute=30), day(20)]
    run(state, update(USER, ids[0], "all", start_at=None))
    assert [one for one in starts(state, ids) if one is not UNSET] == [day(20)]


@pytest.mark.parametrize("sent", [{"reminders": FROM_START}, {"start_at": None}])
def test_n1_no_series_has_reminders_from_a_start_that_is_not_there(sent: dict[str, Any]) -> None:
    """They would keep every further occurrence from being made."""
    state, ids = weekly(**START, reminders=FROM_START if "start_at" in sent else [])
    if "reminders" in sent:
        run(state, update(USER, ids[0], "all", start_at=None))
        run(state, update(USER, ids[1], start_at="2026-12-12T08:00:00Z"))
    assert refuse(state, update(USER, ids[1], "all", **sent)) == (422, "invalid")


def test_a_wide_change_takes_along_only_what_is_sent() -> None:
    state, ids = weekly()
    run(state, update(USER, ids[1], priority="high", due_at="2026-12-15T09:00:00Z"))
    run(state, update(USER, ids[1], "all", title="All"))
    others = [state.tasks[one].task for one in (ids[0], ids[2])]
    assert {(one.title, one.priority) for one in others} == {("All", "none")}
    assert state.series[TASK].template["priority"] == "none"


def test_an_occurrence_exists_once() -> None:
    state, ids = weekly(2)
    again = born(state.series[TASK], RID[1], DUE)
    assert run(state, again) == Decision(200, state.tasks[ids[1]].task)
    run(state, act(CancelTask, ids[1]))
    (fact,) = run(state, again).facts
    assert fact.task_data.recurrence_id == RID[2]
    assert run(state, again) == Decision(200, fact.task_data)


def test_an_occurrence_never_takes_another_tasks_id() -> None:
    state, _ = weekly(1)
    command = born(state.series[TASK], RID[1], DUE)
    run(state, create(USER, command.task_id))
    assert refuse(state, command) == (409, "id_taken")


def test_an_occurrence_of_an_older_rule_is_refused() -> None:
    state, _ = weekly(1)
    old = born(state.series[TASK], RID[1], DUE)
    run(state, update(USER, TASK, recurrence={"frequency": "daily"}))
    assert refuse(state, old) == (409, "superseded")
    other = structs.replace(old, user_id=OTHER)
    assert refuse(state, other) == (404, "not_found")
    assert refuse(state, structs.replace(old, series_id=str(uuid4()))) == (404, "not_found")


def test_a_change_of_one_occurrence_touches_no_other() -> None:
    state, ids = weekly()
    series = state.series[TASK]
    moved = run(state, update(USER, ids[1], title="Once", due_at="2026-12-16T09:00:00Z"))
    assert shown(moved).recurrence_id == RID[1] and names(moved) == ["updated"]
    assert state.series[TASK] == series
    assert [state.tasks[one].task.title for one in ids] == ["Pay rent", "Once", "Pay rent"]


def test_a_new_rule_takes_the_place_of_the_old_one() -> None:
    state, ids = weekly()
    run(state, complete(USER, ids[0]))
    daily = {"frequency": "daily", "count": 9}
    decision = run(state, update(USER, ids[1], recurrence=daily))
    assert names(decision) == ["updated", "deleted"]
    assert decision.facts[1].task_id == ids[2]
    series = state.series[TASK]
    assert (series.version, series.used, series.anchor) == (2, 1, RID[1])
    assert series.recurrence.rule == "FREQ=DAILY;COUNT=9"
    assert state.tasks[ids[0]].task.status == "done"


def test_a_split_leaves_what_came_before() -> None:
    state, ids = weekly(recurrence={"frequency": "weekly", "count": 10})
    decision = run(state, update(USER, ids[1], "following", title="Now"))
    task = shown(decision)
    left, followed = state.series[TASK], state.series[task.series_id or ""]
    assert followed.id == derive_id(TASK, "split", RID[1]) and followed.stream == TASK
    assert left.recurrence.rule == "FREQ=WEEKLY;BYDAY=MO;UNTIL=20261214T085959Z"
    assert followed.recurrence.rule == "FREQ=WEEKLY;BYDAY=MO;COUNT=9"
    assert (left.version, followed.version, followed.used) == (2, 2, 2)
    assert {fact.key for fact in decision.facts} == {TASK}
    assert state.tasks[ids[0]].task.title == "Pay rent"
    third = state.tasks[ids[2]].task
    assert (third.title, third.series_id, third.recurrence_id) == ("Now", followed.id, RID[2])
    assert run(state, born(followed, RID[2], "2026-12-21T09:00:00Z")).facts == []


@pytest.mark.parametrize("change", [{"title": "x"}, {"recurrence": MONDAYS | {"count": 9}}])
def test_a_split_makes_nothing_again_that_ended_after_it(change: dict[str, Any]) -> None:
    """Done out of order: the third before the second is changed."""
    state, ids = weekly()
    run(state, complete(USER, ids[2]))
    task = shown(run(state, update(USER, ids[1], "following", **change)))
    series = state.series[task.series_id or ""]
    following = next_occurrence(series.dates, RID[1])
    assert following and following.recurrence_id == "2026-12-28T10:00:00"
    assert state.tasks[ids[2]].task.status == "done"


def test_all_changes_the_earlier_ones_too() -> None:
    state, ids = weekly()
    decision = run(state, update(USER, ids[1], "all", title="All"))
    assert names(decision) == ["updated"] * 3
    assert [state.tasks[one].task.title for one in ids] == ["All"] * 3
    assert state.series[TASK].template["title"] == "All"


@pytest.mark.parametrize("scope", ["following", "all"])
@pytest.mark.parametrize(
    "own", [{"title": "Own"}, {"due_at": "2026-12-22T09:00:00Z"}, {"title": "Own", "tags": ["o"]}]
)
def test_what_was_changed_in_one_alone_stays(scope: str, own: dict[str, Any]) -> None:
    state, ids = weekly()
    run(state, update(USER, ids[2], **own))
    run(state, update(USER, ids[1], scope, title="All", priority="high"))
    third = state.tasks[ids[2]].task
    shown = {name: getattr(third, name) for name in ("title", "priority", "tags")}
    assert shown == {"title": "All", "priority": "high", "tags": []} | {
        name: value for name, value in own.items() if name != "due_at"
    }
    run(state, update(USER, ids[1], scope, recurrence={"frequency": "weekly", "count": 9}))
    assert not state.tasks[ids[2]].deleted
    series = state.series[state.tasks[ids[1]].task.series_id or ""]
    assert run(state, born(series, RID[2], "2026-12-21T09:00:00Z")).facts == []


def test_a_series_that_moves_goes_on_after_its_new_date() -> None:
    """Its first date under the new rule is the task itself, and is never made again."""
    state, ids = weekly(2)
    moved = run(state, update(USER, ids[1], "all", due_at="2026-12-16T11:00:00"))
    assert shown(moved).recurrence_id == "2026-12-16T11:00:00"
    series = state.series[TASK]
    assert (series.anchor, series.recurrence.rule) == (
        "2026-12-16T11:00:00",
        "FREQ=WEEKLY;BYDAY=WE",
    )
    again = born(series, series.anchor, "2026-12-16T10:00:00Z")
    assert run(state, again).facts == []


def test_a_series_that_moves_back_keeps_its_place() -> None:
    state, ids = weekly(2)
    moved = run(state, update(USER, ids[1], "all", due_at="2026-12-08T11:00:00"))
    assert shown(moved).recurrence_id == RID[1]
    assert state.series[TASK].anchor == "2026-12-08T11:00:00"


BIWEEKLY = {"recurrence": {"frequency": "weekly", "interval": 2}}


@pytest.mark.parametrize("change", [{"title": "x"}, BIWEEKLY, {"due_at": "2026-12-09T11:00:00"}])
def test_a_series_that_moved_back_is_not_split_where_it_starts(change: dict[str, Any]) -> None:
    """Or the part before would make a date of its own, beside the task that stands there."""
    state, ids = weekly(2)
    run(state, complete(USER, ids[0]), update(USER, ids[1], "all", due_at="2026-12-08T11:00:00"))
    task = shown(run(state, update(USER, ids[1], "following", **change)))
    assert (task.series_id, state.series.keys()) == (TASK, {TASK})


def test_a_series_that_moved_back_ends_where_it_starts() -> None:
    state, ids = weekly(2)
    run(state, complete(USER, ids[0]), update(USER, ids[1], "all", due_at="2026-12-08T11:00:00"))
    run(state, act(DeleteTask, ids[1], scope="following"))
    assert next_occurrence(state.series[TASK].dates, RID[0]) is None


@pytest.mark.parametrize("change", [{"title": "x"}, BIWEEKLY])
def test_what_lies_before_a_series_is_changed_with_what_follows(change: dict[str, Any]) -> None:
    """The first stays where it was while the series moves on from the second."""
    state, ids = weekly(2)
    run(state, update(USER, ids[1], "all", due_at="2026-12-16T11:00:00"))
    task = shown(run(state, update(USER, ids[0], "following", **change)))
    assert (task.series_id, state.series.keys()) == (TASK, {TASK})


@pytest.mark.parametrize("change", [{"title": "x"}, {"due_at": "2026-12-23T11:00:00"}, BIWEEKLY])
@pytest.mark.parametrize("end", [{"until": "2026-12-15"}, {"count": 2}])
def test_an_added_date_after_the_end_is_changed_as_what_follows(
    end: dict[str, Any], change: dict[str, Any]
) -> None:
    """Nothing of the rule is left there, and what came before ends as it did."""
    added = {"rdates": ["2026-12-22T18:00:00", "2026-12-24T18:00:00"]}
    state, _ = weekly(1, recurrence=MONDAYS | end | added)
    here = born(state.series[TASK], "2026-12-22T18:00:00", "2026-12-22T17:00:00Z")
    task = shown(run(state, here, update(USER, here.task_id, "following", **change)))
    left, followed = state.series[TASK], state.series[task.series_id or ""]
    assert [one.recurrence_id for one in iterate_occurrences(left.dates)] == RID[:2]
    dates = [one.recurrence_id for one in islice(iterate_occurrences(followed.dates), 2)]
    if change is not BIWEEKLY:
        assert dates == [task.recurrence_id, "2026-12-24T18:00:00"]


def test_what_is_reopened_after_the_end_of_its_part_is_changed_alone() -> None:
    """It was done when its series was split before it, and stayed with the first part."""
    state, ids = weekly()
    run(state, complete(USER, ids[2]), update(USER, ids[1], "following", title="Later"))
    left = state.series[TASK].recurrence
    run(state, act(ReopenTask, ids[2]))
    task = shown(run(state, update(USER, ids[2], "following", title="Alone")))
    dates = iterate_occurrences(state.series[task.series_id or ""].dates)
    assert [one.recurrence_id for one in dates] == [RID[2]]
    assert state.series[TASK].recurrence == left


def test_a_series_goes_on_past_what_left_it() -> None:
    """The second left with a split; the part before it then repeats again."""
    state, ids = weekly(2)
    run(state, update(USER, ids[1], "following", due_at="2026-12-16T09:00:00Z"))
    run(state, update(USER, TASK, "following", recurrence=MONDAYS))
    (fact,) = run(state, born(state.series[TASK], RID[1], DUE)).facts
    assert fact.task_data.recurrence_id == RID[2]


def test_what_a_new_rule_removed_it_may_make_again() -> None:
    """Nobody deleted the third occurrence: only the old rule's copy of it went."""
    state, ids = weekly()
    other = {"frequency": "weekly", "missed": "keep_all"}
    run(state, update(USER, ids[1], "all", title="All", recurrence=other))
    assert state.tasks[ids[2]].deleted
    decision = run(state, born(state.series[TASK], RID[2], "2026-12-21T09:00:00Z"))
    task = shown(decision)
    assert (decision.status, task.id, task.title) == (201, ids[2], "All")
    assert task.version == 3 and not state.tasks[ids[2]].deleted


def test_what_a_person_deleted_no_rule_brings_back() -> None:
    state, ids = weekly()
    run(state, act(DeleteTask, ids[2]), update(USER, ids[1], "all", title="All"))
    (fact,) = run(state, born(state.series[TASK], RID[2], DUE)).facts
    assert fact.task_data.recurrence_id == "2026-12-28T10:00:00"
    assert state.tasks[ids[2]].deleted


@pytest.mark.parametrize("scope", ["following", "all"])
def test_a_deleted_series_makes_nothing_more(scope: str) -> None:
    """Even if what was done in it is reopened, and done again."""
    state, ids = weekly(2)
    run(state, complete(USER, ids[0]), act(DeleteTask, ids[1], scope=scope))
    decision = run(state, act(ReopenTask), complete(USER, ids[0]))
    series = decision.facts[0].series
    assert series is not None and next_occurrence(series.dates, RID[0]) is None


def test_a_task_leaves_its_series() -> None:
    state, ids = weekly()
    decision = run(state, update(USER, ids[1], recurrence=None))
    task = shown(decision)
    assert (task.series_id, task.recurrence_id, task.recurrence) == (None, None, None)
    assert decision.facts[0].key == TASK and state.tasks[ids[1]].stream == TASK
    assert state.series[TASK].version == 2
    again = run(state, update(USER, ids[1], recurrence=MONDAYS))
    assert shown(again).series_id == ids[1] and again.facts[0].key == TASK


def test_the_same_task_repeats_again() -> None:
    state, _ = weekly(1)
    run(state, update(USER, TASK, recurrence=None), update(USER, TASK, recurrence=MONDAYS))
    assert state.series[TASK].version == 3


@pytest.mark.parametrize(
    ("scope", "deleted"),
    [("this", [1]), ("following", [1, 2]), ("all", [0, 1, 2])],
)
def test_deleting_some_of_a_series(scope: str, deleted: list[int]) -> None:
    state, ids = weekly()
    decision = run(state, act(DeleteTask, ids[1], scope=scope))
    assert decision.status == 204 and set(names(decision)) == {"deleted"}
    assert [n for n, one in enumerate(ids) if state.tasks[one].deleted] == deleted
    assert state.series[TASK].version == (1 if scope == "this" else 2)
    follow = [fact.series is not None for fact in decision.facts]
    assert follow == ([True] if scope == "this" else [False] * len(deleted))


def test_what_is_done_stays_when_its_series_goes() -> None:
    state, ids = weekly()
    run(state, complete(USER, ids[0]), act(DeleteTask, ids[1], scope="all"))
    assert [state.tasks[one].deleted for one in ids] == [False, True, True]


BAD_SERIES: list[tuple[str, dict[str, Any], str]] = [
    ("this", {"due_at": None}, "recurrence"),
    ("this", {"recurrence": {"frequency": "daily", "interval": 0}}, "recurrence.interval"),
    ("all", {"recurrence": {"rule": "FREQ=SECONDLY"}}, "recurrence.rule"),
    ("following", {"due_at": "2300-01-01T00:00:00Z"}, "due_at"),
]


@pytest.mark.parametrize(("scope", "sent", "field"), BAD_SERIES)
def test_a_bad_change_of_a_series(scope: str, sent: dict[str, Any], field: str) -> None:
    state, ids = weekly()
    before = copy.deepcopy(state)
    with pytest.raises(Refused) as caught:
        run(state, update(USER, ids[1], scope, **sent))
    assert list(caught.value.errors) == [field] and state == before


# --- properties --------------------------------------------------------------------------------

IDS = [str(uuid4()) for _ in range(3)]
TEXTS = st.sampled_from(["a", " b ", "", "ü" * 501])
DATES = st.sampled_from([None, DUE, "2026-12-16T11:00:00", "1800-01-01T00:00:00Z"])
RULES = st.sampled_from(
    [None, MONDAYS, {"frequency": "daily", "count": 3}, {"frequency": "yearly", "interval": 0}]
)
FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "title": TEXTS,
        "tags": st.lists(st.sampled_from("aAb"), max_size=3),
        "due_at": DATES,
        "due_on": st.sampled_from([None, "2026-12-09"]),
        "recurrence": RULES,
        "reminders": st.sampled_from([None, [{"before": "PT1H"}], [{"at": DUE}], [{}]]),
    },
)
SCOPES = st.sampled_from(["this", "following", "all"])
WHO, WHICH = st.sampled_from([USER, USER, USER, OTHER]), st.sampled_from(IDS)
COMMANDS: st.SearchStrategy[TaskCommand] = st.one_of(
    st.builds(lambda who, one, f: create(who, one, **f), WHO, WHICH, FIELDS),
    st.builds(lambda who, one, s, f: update(who, one, s, **f), WHO, WHICH, SCOPES, FIELDS),
    st.builds(lambda kind, who, one: fill(kind, who, one), st.sampled_from(EVERY[1:6]), WHO, WHICH),
    st.builds(lambda who, one, s: make_command(DeleteTask, who, one, scope=s), WHO, WHICH, SCOPES),
)


def attempt(command: TaskCommand, state: State) -> Decision | tuple[int, str]:
    try:
        return decide(command, state, NOW)
    except Refused as refused:
        return refused.status, refused.code


def each(
    commands: Iterable[TaskCommand],
) -> Iterable[tuple[State, State, Decision | tuple[int, str]]]:
    state = make_state()
    for command in commands:
        before = copy.deepcopy(state)
        yield before, state, attempt(command, state)


@given(st.lists(COMMANDS, max_size=12))
def test_every_history_keeps_the_rules(commands: list[TaskCommand]) -> None:
    for command, (before, after, result) in zip(commands, each(commands), strict=True):
        assert attempt(command, before if isinstance(result, tuple) else copy.deepcopy(before)) == (
            result
        )
        if isinstance(result, tuple):
            assert after == before
            continue
        for fact in result.facts:
            old = before.tasks.get(fact.task_id)
            assert fact.task_data.version == (old.task.version + 1 if old else 1)
            earlier = task_before(fact)
            expected = None if old is None else old.task
            if earlier is None or expected is None:
                assert earlier is expected
            else:
                unseen = {"version": expected.version, "updated_at": expected.updated_at}
                assert structs.replace(earlier, **unseen) == expected
            assert after.tasks[fact.task_id].task == fact.task_data
            assert fact.stream == (old.stream if old else fact.task_data.stream)
        assert len({fact.task_id for fact in result.facts}) == len(result.facts)


def test_time_comes_from_outside() -> None:
    other = datetime(2020, 1, 1, tzinfo=UTC)
    for kind in (CompleteTask, CancelTask):
        (fact,) = run(start(), act(kind), at=other).facts
        assert (fact.timestamp, fact.task_data.updated_at) == (other, other)
