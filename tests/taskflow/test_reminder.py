"""When reminders come due, for timed and all-day tasks, across a change of the clock."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from taskflow.events import ReminderScheduled
from taskflow.read_task import read_fields
from taskflow.reminder import plan_reminders, reminder_fact
from taskflow.task import Task
from tests.functions.commands import make_input

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
PARIS = "Europe/Paris"
BLANK = Task(id="t", title="T", timezone=PARIS, created_at=NOW, updated_at=NOW, created_by="u")


def make_task(**sent: Any) -> Task:
    return read_fields(make_input(**sent).given(), BLANK, PARIS)


def instants(task: Task, zone: str = PARIS) -> list[str]:
    return [f"{one.remind_at:%Y-%m-%dT%H:%M:%S%z}" for one in plan_reminders(task, zone)]


DUE = {"due_at": "2026-12-31T09:00:00Z"}
PLANS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    (DUE, {"before": "PT30M"}, ["2026-12-31T08:30:00+0000"]),
    (DUE, {"before": "P0D"}, ["2026-12-31T09:00:00+0000"]),
    (DUE, {"before": "-PT5M"}, ["2026-12-31T09:05:00+0000"]),
    (DUE, {"at": "2026-12-30T18:00:00+02:00"}, ["2026-12-30T16:00:00+0000"]),
    ({"due_on": "2026-12-31"}, {"before": "P0D"}, ["2026-12-31T08:00:00+0000"]),
    ({"due_on": "2026-07-31"}, {"before": "P1D"}, ["2026-07-30T07:00:00+0000"]),
    ({}, {"at": "2026-12-30T18:00:00Z"}, ["2026-12-30T18:00:00+0000"]),
]


@pytest.mark.parametrize(("due", "reminder", "wanted"), PLANS)
def test_instants(due: dict[str, Any], reminder: dict[str, Any], wanted: list[str]) -> None:
    assert instants(make_task(**due, reminders=[reminder])) == wanted


def test_an_all_day_task_counts_from_nine_where_the_person_is() -> None:
    task = make_task(due_on="2026-12-31", reminders=[{"before": "P0D"}])
    assert instants(task, "Asia/Tokyo") == ["2026-12-31T00:00:00+0000"]


@pytest.mark.parametrize("status", ["done", "cancelled"])
def test_nobody_is_reminded_of_what_is_finished(status: Any) -> None:
    task = make_task(**DUE, reminders=[{"before": "PT30M"}])
    assert instants(structs.replace(task, status=status)) == []


def test_without_a_due_date_nothing_comes_before_it() -> None:
    task = make_task(**DUE, reminders=[{"before": "PT30M"}, {"at": "2026-12-30T18:00:00Z"}])
    assert instants(structs.replace(task, due_at=None)) == ["2026-12-30T18:00:00+0000"]


def test_an_instant_has_a_name_of_its_own() -> None:
    task = make_task(**DUE, reminders=[{"before": "PT30M"}, {"before": "PT1H"}])
    moved = structs.replace(task, due_at=datetime(2027, 1, 1, tzinfo=UTC))
    names = [one.id for plan in (task, moved) for one in plan_reminders(plan, PARIS)]
    assert len(set(names)) == 4
    assert names[:2] == [one.id for one in plan_reminders(task, PARIS)]


def test_a_fact_about_a_reminder() -> None:
    task = make_task(**DUE, reminders=[{"before": "PT30M", "channels": ["webhook"]}])
    (planned,) = plan_reminders(task, PARIS)
    fact = reminder_fact(ReminderScheduled, planned, task, "u", "stream")
    assert (fact.task_id, fact.title, fact.due_at, fact.key) == ("t", "T", task.due_at, "stream")
    assert (fact.reminder_id, fact.channels) == (task.reminders[0].id, ["webhook"])
    assert fact.remind_at == planned.remind_at and not fact.born_late
