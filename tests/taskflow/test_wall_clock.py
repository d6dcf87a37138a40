"""The wall clock stays when the zone or its rules change, for every time, zone and rule."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from taskflow.decide import State, decide, new_task
from taskflow.occurrences import iterate_occurrences
from taskflow.read_times import local_due, local_start
from taskflow.task import Series, Task
from taskflow.wall_clock import lead_of, place_start, resolve_task, series_in_zone
from taskflow.zone import find_zone, to_instant
from tests.functions.commands import create

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
PARIS = "Europe/Paris"
ZONES = st.sampled_from(
    [PARIS, "America/New_York", "Pacific/Auckland", "Africa/Cairo", "Asia/Kolkata", "UTC"]
)
LOCAL = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(
    lambda one: one.replace(second=0, microsecond=0)
)
NOT_STORED = (None, None)


def make(zone: str, **sent: Any) -> Task:
    return new_task(create("u", "t", title="x", **sent), zone, NOW)


@given(local=LOCAL, before=ZONES, after=ZONES)
def test_what_floats_shows_the_same_clock_wherever_its_person_is(
    local: datetime, before: str, after: str
) -> None:
    task = make(before, due_at=local.isoformat())
    shown = local_due(task)
    assert isinstance(shown, datetime)
    there = resolve_task(task, NOT_STORED, after, NOW)
    assert (there.timezone, there.floating) == (after, True)
    assert there.due_at == to_instant(shown, find_zone(after))[0]
    assert resolve_task(there, NOT_STORED, after, NOW) == there


@given(local=LOCAL, before=ZONES, after=ZONES)
def test_what_is_fixed_or_all_day_stays(local: datetime, before: str, after: str) -> None:
    fixed = make(before, due_at=local.isoformat(), timezone=before)
    all_day = make(before, due_on=local.date().isoformat())
    for task in (fixed, all_day):
        assert resolve_task(task, NOT_STORED, after, NOW) == task


@given(local=LOCAL, hours=st.integers(-2, 2))
def test_new_rules_change_the_future_alone(local: datetime, hours: int) -> None:
    """The clock that was stored is the truth: by other rules the instant was another one."""
    right = make(PARIS, due_at=local.isoformat(), start_at=local.isoformat(), timezone=PARIS)
    assert right.due_at is not None
    wrong = right.due_at + timedelta(hours=hours)
    stored = structs.replace(right, due_at=wrong, start_at=wrong)
    clock = local_due(right)
    assert isinstance(clock, datetime)
    again = resolve_task(stored, (clock, clock), "Asia/Tokyo", NOW)
    assert again == (right if wrong > NOW else stored)


RULES: list[dict[str, Any]] = [
    {"frequency": "daily"},
    {"frequency": "weekly", "weekdays": ["MO", "TH"], "count": 9},
    {"frequency": "monthly", "until": "2027-06-30"},
    {"frequency": "daily", "interval": 3, "until": "2026-12-31T10:00:00"},
    {"frequency": "daily", "exdates": ["2026-12-03"], "rdates": ["2026-12-04T17:00:00"]},
    {"rule": "FREQ=DAILY;BYHOUR=2,14"},
]


def make_series(zone: str, **sent: Any) -> Series:
    state = State(zones={"u": zone}, tasks={}, series={}, occurrences={})
    (series,) = decide(create("u", "t", title="x", **sent), state, NOW).series
    return series


@given(rule=st.sampled_from(RULES), before=ZONES, after=ZONES, local=LOCAL)
def test_a_floating_series_has_the_same_names_everywhere(
    rule: dict[str, Any], before: str, after: str, local: datetime
) -> None:
    """But for a time that a gap pushes onto the next, or behind the end of the last day."""
    at = datetime.combine(datetime(2026, 12, 1), local.time()).replace(minute=0, hour=10)
    series = make_series(before, due_at=at.isoformat(), recurrence=rule)
    moved = series_in_zone(series, after)
    names = [
        [one.recurrence_id for one in itertools.islice(iterate_occurrences(each.dates), 60)]
        for each in (series, moved)
    ]
    assert names[0] == names[1]
    assert moved.recurrence.until == series.recurrence.until
    assert (moved.timezone, moved.version) == (after, series.version)
    assert series_in_zone(moved, before) == series


def test_a_fixed_series_stays() -> None:
    series = make_series(PARIS, due_at="2026-12-01T09:00Z", recurrence={"frequency": "daily"})
    assert series_in_zone(series, "Asia/Tokyo") == series


@given(local=LOCAL, minutes=st.integers(0, 5_000), zone=ZONES)
def test_a_start_keeps_its_distance(local: datetime, minutes: int, zone: str) -> None:
    lead = timedelta(minutes=minutes)
    task = place_start(make(zone, due_at=local.isoformat()), lead)
    assert task.due_at is not None and isinstance(task.start_at, datetime)
    assert task.start_at <= task.due_at
    start, due = local_start(task), local_due(task)
    assert isinstance(start, datetime) and isinstance(due, datetime)
    moved_by_a_gap = to_instant(due - lead, find_zone(zone))[1]
    assert moved_by_a_gap or due - start == lead == lead_of(task)


@pytest.mark.parametrize("days", [0, 3])
def test_a_day_keeps_its_distance(days: int) -> None:
    task = place_start(make(PARIS, due_on="2026-12-31"), timedelta(days=days))
    assert lead_of(task) == timedelta(days=days) and task.start_at is not task.start_on
    assert lead_of(place_start(task, None)) is None
