"""What floats and what does not, and a start that fits its due date, as tables."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs, to_builtins

from taskflow.decide import new_task
from taskflow.errors import Refused
from taskflow.read_task import read_fields
from taskflow.task import Task
from tests.functions.commands import create, make_input

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
PARIS, TOKYO = "Europe/Paris", "Asia/Tokyo"
WALL, INSTANT = "2026-12-31T09:00:00", "2026-12-31T08:00:00Z"
EIGHT, SEVEN_UTC = "2026-12-31T08:00", "2026-12-31T07:00:00Z"


def new(zone: str = PARIS, **sent: Any) -> Task:
    return new_task(create("u", "t", title="x", **sent), zone, NOW)


def change(task: Task, zone: str = PARIS, **sent: Any) -> Task:
    return read_fields(make_input(**sent).given(), task, zone)


def times(task: Task) -> dict[str, Any]:
    names = ("due_at", "due_on", "start_at", "start_on", "timezone", "floating")
    shown = to_builtins(task)
    return {name: shown[name] for name in names if shown.get(name) is not None}


FLOATS = {"due_at": INSTANT, "timezone": PARIS, "floating": True}
FIXED = {"due_at": INSTANT, "timezone": PARIS}
CREATED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"due_at": WALL}, FLOATS),
    ({"due_at": WALL, "timezone": PARIS}, FIXED),
    ({"due_at": INSTANT}, FIXED),
    ({"due_at": WALL, "floating": False}, FIXED),
    ({"due_at": WALL, "floating": True}, FLOATS),
    ({"due_at": WALL, "floating": True, "timezone": PARIS}, FLOATS),
    ({"due_at": WALL, "timezone": TOKYO}, {"due_at": "2026-12-31T00:00:00Z", "timezone": TOKYO}),
    ({"due_at": WALL, "floating": False, "timezone": TOKYO},
     {"due_at": "2026-12-31T00:00:00Z", "timezone": TOKYO}),
    ({"due_on": "2026-12-31"}, {"due_on": "2026-12-31"}),
    ({}, {"timezone": PARIS}),
    ({"start_at": WALL}, {"start_at": INSTANT, "timezone": PARIS, "floating": True}),
    ({"start_at": INSTANT}, {"start_at": INSTANT, "timezone": PARIS}),
    ({"start_on": "2026-12-30"}, {"start_on": "2026-12-30"}),
    ({"due_at": WALL, "start_at": EIGHT}, FLOATS | {"start_at": SEVEN_UTC}),
    ({"due_at": WALL, "start_at": SEVEN_UTC}, FLOATS | {"start_at": SEVEN_UTC}),
    ({"due_at": INSTANT, "start_at": EIGHT}, FIXED | {"start_at": SEVEN_UTC}),
    ({"due_at": WALL, "start_at": WALL}, FLOATS | {"start_at": INSTANT}),
    ({"due_on": "2026-12-31", "start_on": "2026-12-31"},
     {"due_on": "2026-12-31", "start_on": "2026-12-31"}),
    ({"recurrence": {"words": "every day at 9"}}, {"due_at": "2026-12-02T08:00:00Z",
     "timezone": PARIS, "floating": True}),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "wanted"), CREATED, ids=range(len(CREATED)))
def test_a_new_task(sent: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert times(new(**sent)) == wanted


def test_what_it_has_not_is_not_shown() -> None:
    assert not {"floating", "start_at", "start_on"} & to_builtins(new(due_at=INSTANT)).keys()


FLOATING, AT_HOME = new(due_at=WALL), new(due_at=INSTANT)
IN_TOKYO = new(due_at=WALL, timezone=TOKYO)
LEFT_BEHIND = structs.replace(FLOATING, timezone=TOKYO)
STARTS = new(due_at=WALL, start_at="2026-12-31T08:00")
NEXT_DAY = {"due_at": "2027-01-01T08:00:00Z", "timezone": PARIS}
CHANGED: list[tuple[Task, dict[str, Any], dict[str, Any]]] = [
    (FLOATING, {"due_at": "2027-01-01T09:00"}, NEXT_DAY | {"floating": True}),
    (FLOATING, {"due_at": "2027-01-01T08:00Z"}, NEXT_DAY),
    (FLOATING, {"timezone": TOKYO}, {"due_at": "2026-12-31T00:00:00Z", "timezone": TOKYO}),
    (FLOATING, {"floating": False}, FIXED),
    (FLOATING, {"floating": None}, FIXED),
    (FLOATING, {"due_on": "2026-12-31", "due_at": None}, {"due_on": "2026-12-31"}),
    (FLOATING, {"due_at": None}, {"timezone": PARIS}),
    (AT_HOME, {"due_at": "2027-01-01T09:00"}, NEXT_DAY),
    (AT_HOME, {"floating": True}, FLOATS),
    # A zone that was fixed stays so until it is asked to float; then the instant stays.
    (IN_TOKYO, {"due_at": "2027-01-01T17:00"}, NEXT_DAY | {"timezone": TOKYO}),
    (IN_TOKYO, {"floating": True}, {"due_at": "2026-12-31T00:00:00Z", "timezone": PARIS,
     "floating": True}),
    (IN_TOKYO, {"floating": True, "due_at": WALL}, FLOATS),
    (new(), {"due_at": WALL}, FLOATS),
    (new(due_on="2026-12-31"), {"due_at": WALL}, FLOATS),
    # What its person's change of zone has not reached yet goes along with any other change of time.
    (LEFT_BEHIND, {"start_at": None}, {"due_at": "2026-12-31T16:00:00Z", "timezone": PARIS,
     "floating": True}),
    (STARTS, {"due_at": "2027-01-01T09:00"}, NEXT_DAY | {"start_at": "2026-12-31T07:00:00Z",
     "floating": True}),
    (STARTS, {"start_at": None}, FLOATS),
    (STARTS, {"timezone": TOKYO}, {"due_at": "2026-12-31T00:00:00Z",
     "start_at": "2026-12-30T23:00:00Z", "timezone": TOKYO}),
]  # fmt: skip


@pytest.mark.parametrize(("task", "sent", "wanted"), CHANGED, ids=range(len(CHANGED)))
def test_a_change(task: Task, sent: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert times(change(task, **sent)) == wanted


REFUSED: list[tuple[Task, dict[str, Any], str]] = [
    (new(), {"floating": True}, "floating"),
    (new(), {"floating": True, "due_on": "2026-12-31"}, "floating"),
    (new(), {"floating": True, "due_at": WALL, "timezone": TOKYO}, "floating"),
    (new(), {"floating": True, "due_at": INSTANT}, "due_at"),
    (new(), {"floating": True, "start_at": INSTANT}, "start_at"),
    (new(), {"due_at": WALL, "start_on": "2026-12-30"}, "start_on"),
    (new(), {"due_on": "2026-12-31", "start_at": WALL}, "start_at"),
    (new(), {"start_on": "2026-12-31", "start_at": WALL}, "start_on"),
    (new(), {"due_at": WALL, "start_at": "2026-12-31T09:01"}, "start_at"),
    (new(), {"due_on": "2026-12-31", "start_on": "2027-01-01"}, "start_on"),
    (new(), {"start_at": "soon"}, "start_at"),
    (new(), {"start_on": "1700-01-01"}, "start_on"),
    (STARTS, {"due_at": "2026-12-30T09:00"}, "start_at"),
    (STARTS, {"due_on": "2026-12-31", "due_at": None}, "start_at"),
]


@pytest.mark.parametrize(("task", "sent", "field"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_names_its_field(task: Task, sent: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as caught:
        change(task, **sent)
    assert list(caught.value.errors) == [field]
