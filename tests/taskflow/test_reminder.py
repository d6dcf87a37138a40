"""When reminders come due, for timed and all-day tasks, across a change of the clock."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from taskflow.errors import Refused
from taskflow.events import ReminderScheduled, derive_id
from taskflow.read_task import read_fields
from taskflow.reminder import (
    MOST_REPEATS,
    SNOOZE,
    QuietHours,
    is_planned,
    plan_reminders,
    quiet_until,
    read_pause,
    reminder_fact,
    snoozed_until,
)
from taskflow.task import Reminder, Task
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


# --- insisting ---------------------------------------------------------------------------------

HOUR = timedelta(hours=1)
AT = datetime(2026, 12, 31, 8, tzinfo=UTC)


def repeating(pause: str = "PT1H") -> Task:
    return make_task(reminders=[{"at": AT.isoformat(), "repeat": pause}])


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        (AT - HOUR, [AT]),
        (AT, [AT, AT + HOUR]),
        (AT + 0.5 * HOUR, [AT, AT + HOUR]),
        (AT + HOUR, [AT, AT + 2 * HOUR]),
        (AT + MOST_REPEATS * HOUR, [AT]),
    ],
)
def test_a_repeating_one_comes_again_after_it_began(at: datetime, wanted: list[datetime]) -> None:
    assert [one.remind_at for one in plan_reminders(repeating(), PARIS, at)] == wanted


@given(st.integers(0, 2 * MOST_REPEATS * 60), st.sampled_from(["PT1H", "PT7M", "P1D"]))
def test_what_is_planned_after_any_minute_is_known_as_planned(minutes: int, pause: str) -> None:
    task = repeating(pause)
    (reminder,) = task.reminders
    for one in plan_reminders(task, PARIS, AT + timedelta(minutes=minutes)):
        assert is_planned(task, PARIS, reminder.id, one.remind_at)
        assert not is_planned(task, PARIS, reminder.id, one.remind_at + timedelta(seconds=1))
        assert not is_planned(task, PARIS, "another", one.remind_at)


@pytest.mark.parametrize("pause", ["PT59S", "P31D", "-PT5M", "soon", "", None, 5, "P9999999999D"])
def test_pauses_are_a_minute_to_a_month(pause: object) -> None:
    with pytest.raises(ValueError, match="from PT1M to P30D"):
        read_pause(pause)


QUIET = QuietHours("22:00", "07:00")


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        (QUIET, "2026-12-01T20:59:59", None),
        (QUIET, "2026-12-01T21:00:00", "2026-12-02T06:00:00"),
        (QUIET, "2026-12-01T23:30:00", "2026-12-02T06:00:00"),
        (QUIET, "2026-12-02T05:59:59", "2026-12-02T06:00:00"),
        (QUIET, "2026-12-02T06:00:00", None),
        (QuietHours("12:00", "13:00"), "2026-12-01T11:30:00", "2026-12-01T12:00:00"),
        (QuietHours("12:00", "13:00"), "2026-12-01T10:30:00", None),
        (QuietHours("12:00", "12:00"), "2026-12-01T11:00:00", None),
        (None, "2026-12-01T23:00:00", None),
        # The clocks change while the person sleeps; 02:30 does not exist on that morning.
        (QUIET, "2026-03-28T23:30:00", "2026-03-29T05:00:00"),
        (QUIET, "2026-10-24T23:30:00", "2026-10-25T06:00:00"),
        (QuietHours("22:00", "02:30"), "2026-03-28T23:30:00", "2026-03-29T01:30:00"),
    ],
)
def test_quiet_hours_end_on_the_persons_own_clock(
    quiet: QuietHours | None, now: str, until: str | None
) -> None:
    wanted = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    assert quiet_until(quiet, datetime.fromisoformat(now).replace(tzinfo=UTC), PARIS) == wanted


@given(st.times(), st.times(), st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))
def test_what_is_held_is_held_for_a_day_at_most_and_then_not_again(
    begin: time, until: time, moment: datetime
) -> None:
    quiet = QuietHours(f"{begin:%H:%M}", f"{until:%H:%M}")
    now = moment.replace(tzinfo=UTC)
    end = quiet_until(quiet, now, PARIS)
    if end is not None:
        assert now < end <= now + timedelta(hours=25)
        assert quiet_until(quiet, end, PARIS) is None


@pytest.mark.parametrize("text", ["24:00", "7:00", "07:60", "", "07:00:00"])
def test_times_of_day_are_hours_and_minutes(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"from": text, "until": "07:00"}, QuietHours)


def test_a_snooze_is_found_by_its_name() -> None:
    task = make_task(**DUE, reminders=[{"before": "PT30M"}])
    assert snoozed_until(task) is None
    snooze = Reminder(id=derive_id("t", SNOOZE), at=AT)
    assert snoozed_until(structs.replace(task, reminders=[*task.reminders, snooze])) == AT


DUE_AND_START: dict[str, Any] = {"due_at": "2026-12-31T09:00Z", "start_at": "2026-12-30T09:00Z"}
DAYS: dict[str, Any] = {"due_on": "2026-12-31", "start_on": "2026-12-30"}


@pytest.mark.parametrize(
    ("times", "reminder", "wanted"),
    [
        (DUE_AND_START, {"before": "PT1H", "relative_to": "start"}, "2026-12-30T08:00:00Z"),
        (DUE_AND_START, {"before": "-PT30M", "relative_to": "start"}, "2026-12-30T09:30:00Z"),
        (DUE_AND_START, {"before": "PT1H", "relative_to": "due"}, "2026-12-31T08:00:00Z"),
        (DUE_AND_START, {"before": "-PT30M"}, "2026-12-31T09:30:00Z"),
        (DAYS, {"before": "P0D", "relative_to": "start"}, "2026-12-30T08:00:00Z"),
        (DAYS, {"before": "-PT3H"}, "2026-12-31T11:00:00Z"),
        (
            {"start_at": "2026-12-30T09:00Z"},
            {"before": "P1D", "relative_to": "start"},
            "2026-12-29T09:00:00Z",
        ),
    ],
)
def test_n1_before_and_after_start_and_due(
    times: dict[str, Any], reminder: dict[str, Any], wanted: str
) -> None:
    given = make_input(**times, reminders=[reminder]).given()
    task = read_fields(given, BLANK, PARIS)
    assert [one.remind_at for one in plan_reminders(task, PARIS)] == [
        datetime.fromisoformat(wanted)
    ]


KINDS: list[dict[str, Any]] = [
    {"before": "PT1H"},
    {"before": "-PT1H"},
    {"before": "PT1H", "relative_to": "start"},
    {"at": "2026-12-29T07:00Z"},
]


@pytest.mark.parametrize(
    ("change", "moved"),
    [({"due_at": "2027-01-02T09:00Z"}, [0, 1]), ({"start_at": "2026-12-28T09:00Z"}, [2])],
)
def test_n1_moving_a_date_moves_what_counts_from_it_alone(
    change: dict[str, Any], moved: list[int]
) -> None:
    task = read_fields(make_input(**DUE_AND_START, reminders=KINDS).given(), BLANK, PARIS)
    then = [one.remind_at for one in plan_reminders(task, PARIS)]
    after = read_fields(make_input(**change).given(), task, PARIS)
    now = [one.remind_at for one in plan_reminders(after, PARIS)]
    assert [n for n in range(len(KINDS)) if then[n] != now[n]] == moved
    assert after.reminders == task.reminders


@pytest.mark.parametrize(
    ("reminder", "field"),
    [
        ({"before": "PT1H", "relative_to": "end"}, "reminders.relative_to"),
        ({"at": "2026-12-29T07:00Z", "relative_to": "start"}, "reminders.relative_to"),
        ({"before": "PT1H", "relative_to": "start"}, "reminders.relative_to"),
    ],
)
def test_n1_a_base_that_is_not_there_is_refused(reminder: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as caught:
        read_fields(
            make_input(due_at="2026-12-31T09:00Z", reminders=[reminder]).given(), BLANK, "UTC"
        )
    assert list(caught.value.errors) == [field]
