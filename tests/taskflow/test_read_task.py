"""Every rule about a value, as tables of what is taken and what is refused."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs, to_builtins

from taskflow.errors import Refused
from taskflow.read_task import read_fields, read_tags, read_task_id, read_title
from taskflow.task import Task, TaskInput
from tests.functions.commands import make_input

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
PARIS = "Europe/Paris"
BLANK = Task(id="t", title="Old", timezone=PARIS, created_at=NOW, updated_at=NOW, created_by="u")
DUE = "2026-12-31T09:00:00Z"


def read(task: Task = BLANK, **sent: Any) -> Task:
    return read_fields(make_input(**sent).given(), task, PARIS)


def refused(task: Task = BLANK, **sent: Any) -> dict[str, str]:
    """The field that a refusal names, with its message."""
    with pytest.raises(Refused) as caught:
        read(task, **sent)
    assert (caught.value.status, caught.value.code) == (422, "invalid")
    return caught.value.errors


def with_due(**sent: Any) -> dict[str, Any]:
    return {"due_at": DUE, **sent}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"title": ""}, "title"),
    ({"title": " \t\n "}, "title"),
    ({"title": "x" * 501}, "title"),
    ({"title": "a\0b"}, "title"),
    ({"title": "a\ud800b"}, "title"),
    ({"notes": "x" * (64 * 1024 + 1)}, "notes"),
    ({"notes": "ü" * (32 * 1024 + 1)}, "notes"),
    ({"notes": "\0"}, "notes"),
    ({"notes": "\udfff"}, "notes"),
    ({"tags": [""]}, "tags"),
    ({"tags": [" "]}, "tags"),
    ({"tags": ["x" * 65]}, "tags"),
    ({"tags": ["a\0"]}, "tags"),
    ({"tags": [str(n) for n in range(51)]}, "tags"),
    ({"due_at": DUE, "due_on": "2026-12-31"}, "due_on"),
    ({"due_at": ""}, "due_at"),
    ({"due_at": "tomorrow"}, "due_at"),
    ({"due_at": "2026-12-31"}, "due_at"),
    ({"due_at": "2026-13-01T00:00:00Z"}, "due_at"),
    ({"due_at": "1899-12-31T23:59:59Z"}, "due_at"),
    ({"due_at": "2200-01-01T00:00:00Z"}, "due_at"),
    ({"due_at": "0001-01-01T00:00:00+14:00"}, "due_at"),
    ({"due_at": "9999-12-31T23:59:59-14:00"}, "due_at"),
    ({"due_on": "1899-12-31"}, "due_on"),
    ({"due_on": "2200-01-01"}, "due_on"),
    ({"due_at": DUE, "timezone": "Mars/Olympus"}, "timezone"),
    ({"timezone": "../../etc/passwd"}, "timezone"),
    ({"timezone": "localtime"}, "timezone"),
    ({"recurrence": {"frequency": "daily"}}, "recurrence"),
    (with_due(recurrence={}), "recurrence.rule"),
    (with_due(recurrence={"frequency": "daily", "interval": 0}), "recurrence.interval"),
    (with_due(recurrence={"rule": "FREQ=DAILY;INTERVAL=0"}), "recurrence.rule"),
    (with_due(recurrence={"rule": "FREQ=SECONDLY"}), "recurrence.rule"),
    (with_due(recurrence={"rule": "FREQ=DAILY;X=" + "1" * 1024}), "recurrence.rule"),
    (with_due(recurrence={"rule": 7}), "recurrence.rule"),
    (with_due(recurrence={"frequency": "daily", "missed": "some"}), "recurrence.missed"),
    (with_due(reminders=[{"before": "P1D"}] * 21), "reminders"),
    (with_due(reminders=[{}]), "reminders"),
    (with_due(reminders=[{"before": "P1D", "at": DUE}]), "reminders"),
    (with_due(reminders=[{"before": "P1D", "sound": "x"}]), "reminders.sound"),
    (with_due(reminders=[{"before": "soon"}]), "reminders.before"),
    (with_due(reminders=[{"before": 5}]), "reminders.before"),
    (with_due(reminders=[{"before": ["P1D"]}]), "reminders.before"),
    (with_due(reminders=[{"before": "P3662D"}]), "reminders.before"),
    (with_due(reminders=[{"before": "P" + "9" * 40 + "D"}]), "reminders.before"),
    ({"reminders": [{"before": "P1D"}]}, "reminders.before"),
    ({"reminders": [{"at": "soon"}]}, "reminders.at"),
    ({"reminders": [{"at": 5}]}, "reminders.at"),
    ({"reminders": [{"at": {}}]}, "reminders.at"),
    ({"reminders": [{"at": DUE, "channels": "email"}]}, "reminders.channels"),
    ({"reminders": [{"at": DUE, "channels": ["pigeon"]}]}, "reminders.channels"),
    ({"reminders": [{"at": DUE, "channels": [[]]}]}, "reminders.channels"),
]


@pytest.mark.parametrize(("sent", "field"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_names_its_field(sent: dict[str, Any], field: str) -> None:
    (found,) = refused(**sent).items()
    assert found[0] == field and len(found[1]) > 5


TAKEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"title": " " + "x" * 500 + "\n"}, {"title": "x" * 500}),
    ({"title": "\U0001f600" * 500}, {"title": "\U0001f600" * 500}),
    ({"notes": "x" * 64 * 1024}, {"notes": "x" * 64 * 1024}),
    ({"tags": ["x" * 64]}, {"tags": ["x" * 64]}),
    ({"tags": ["Home", "home ", "HOME", "straße", "STRASSE"]}, {"tags": ["Home", "straße"]}),
    ({"due_at": "2026-12-31T09:00:00.25+05:30"}, {"due_at": "2026-12-31T03:30:00.250000Z"}),
    ({"due_at": "1900-01-01T12:00:00Z"}, {"due_at": "1900-01-01T12:00:00Z"}),
    ({"due_at": "2026-12-31T10:00:00"}, {"due_at": DUE, "timezone": PARIS}),
    (
        {"due_at": "2026-12-31T18:00:00", "timezone": "Asia/Tokyo"},
        {"due_at": DUE, "timezone": "Asia/Tokyo"},
    ),
    ({"due_at": "2027-03-28T02:30:00"}, {"due_at": "2027-03-28T01:30:00Z"}),
    ({"due_at": "2026-10-25T02:30:00"}, {"due_at": "2026-10-25T00:30:00Z"}),
    ({"due_on": "2026-12-31"}, {"due_on": "2026-12-31", "timezone": None}),
    ({"due_on": "2026-12-31", "timezone": "Asia/Tokyo"}, {"timezone": None}),
    ({"timezone": "Asia/Tokyo"}, {"timezone": "Asia/Tokyo", "due_at": None}),
]


@pytest.mark.parametrize(("sent", "result"), TAKEN, ids=range(len(TAKEN)))
def test_what_is_taken(sent: dict[str, Any], result: dict[str, Any]) -> None:
    found = to_builtins(read(**sent))
    assert result.items() <= found.items()
    unsent = {"title", "notes", "tags", "due_at", "due_on"} - sent.keys() - result.keys()
    assert all(found[name] == to_builtins(BLANK)[name] for name in unsent)


TIMED = read(due_at=DUE)
ALL_DAY = read(due_on="2026-12-31")
AFTER: list[tuple[Task, dict[str, Any], dict[str, Any]]] = [
    (TIMED, {"timezone": "Asia/Tokyo"}, {"due_at": "2026-12-31T01:00:00Z"}),
    (TIMED, {"timezone": None}, {"due_at": DUE, "timezone": PARIS}),
    (TIMED, {"due_at": None}, {"due_at": None, "due_on": None, "timezone": PARIS}),
    (TIMED, {"due_on": "2026-12-30"}, {"due_at": None, "due_on": "2026-12-30", "timezone": None}),
    (TIMED, {"due_on": None}, {"due_at": DUE, "due_on": None}),
    (ALL_DAY, {"due_at": DUE}, {"due_at": DUE, "due_on": None, "timezone": PARIS}),
    (ALL_DAY, {"timezone": "Asia/Tokyo"}, {"due_on": "2026-12-31", "timezone": None}),
    (ALL_DAY, {"due_on": None}, {"due_on": None, "due_at": None, "timezone": PARIS}),
]


@pytest.mark.parametrize(("task", "sent", "result"), AFTER, ids=range(len(AFTER)))
def test_how_a_due_date_changes(task: Task, sent: dict[str, Any], result: dict[str, Any]) -> None:
    assert result.items() <= to_builtins(read(task, **sent)).items()


def test_a_series_keeps_its_due_date() -> None:
    series = read(TIMED, recurrence={"frequency": "daily"})
    assert list(refused(series, due_at=None)) == ["recurrence"]
    assert read(series, due_at=None, recurrence=None).due_at is None


def test_a_rule_is_answered_in_both_forms() -> None:
    friendly = read(TIMED, recurrence={"frequency": "weekly", "weekdays": ["TU"]}).recurrence
    rule = read(TIMED, recurrence={"rule": "FREQ=WEEKLY;BYDAY=TU"}).recurrence
    assert friendly == rule and rule is not None
    assert (rule.rule, rule.frequency, rule.weekdays) == ("FREQ=WEEKLY;BYDAY=TU", "weekly", ["TU"])


def test_reminders() -> None:
    sent = [
        {"before": "PT30M"},
        {"before": "PT30M"},
        {"before": "P0D", "channels": ["webhook", "email", "email"]},
        {"at": "2026-12-30T19:00:00", "id": "chosen by somebody"},
        {"before": "-PT5M", "channels": []},
    ]
    found = read(TIMED, reminders=sent).reminders
    assert [(r.before, r.channels) for r in found] == [
        ("PT30M", ["email"]),
        ("P0D", ["email", "webhook"]),
        (None, ["email"]),
        ("-PT5M", []),
    ]
    assert found[2].at == datetime(2026, 12, 30, 18, tzinfo=UTC)
    assert len({reminder.id for reminder in found}) == 4
    assert read(TIMED, reminders=sent).reminders == found
    other = read(structs.replace(TIMED, id="other"), reminders=sent).reminders
    assert not {r.id for r in other} & {r.id for r in found}


@given(st.text(max_size=600))
def test_a_title_is_refused_or_trimmed(text: str) -> None:
    try:
        title = read_title(text)
    except Refused:
        assert "\0" in text or not 1 <= len(text.strip()) <= 500
    else:
        assert title == text.strip() and 1 <= len(title) <= 500


@given(st.lists(st.text("aAbBß ", min_size=1, max_size=3), max_size=50))
def test_tags_are_unlike_each_other(texts: list[str]) -> None:
    try:
        tags = read_tags(texts)
    except Refused:
        assert any(not text.strip() for text in texts)
        return
    assert len({tag.casefold() for tag in tags}) == len(tags)
    assert {tag.casefold() for tag in tags} == {text.strip().casefold() for text in texts}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
RULE = st.dictionaries(
    st.sampled_from(["rule", "frequency", "interval", "weekdays", "until", "count", "missed"]),
    JSON | st.sampled_from(["daily", "FREQ=DAILY", 1, 2, "2027-01-01", ["MO"]]),
)
REMINDER = st.dictionaries(
    st.sampled_from(["before", "at", "channels", "id"]),
    JSON | st.sampled_from(["PT1H", DUE, ["email"], "P99999999D", "-P1W"]),
)
SENT = st.fixed_dictionaries(
    {},
    optional={
        "title": st.text(),
        "notes": st.none() | st.text(),
        "tags": st.none() | st.lists(st.text(), max_size=3),
        "due_at": st.none() | st.text() | st.datetimes().map(datetime.isoformat),
        "due_on": st.none() | st.dates().map(lambda day: day.isoformat()),
        "timezone": st.none() | st.text() | st.just("Asia/Tokyo"),
        "recurrence": st.none() | RULE,
        "reminders": st.none() | st.lists(REMINDER, max_size=2),
    },
)


@given(SENT)
def test_whatever_is_sent_is_a_task_or_a_refusal(sent: dict[str, Any]) -> None:
    given = msgspec.convert(sent, TaskInput).given()
    try:
        task = read_fields(given, TIMED, PARIS)
    except Refused as error:
        assert error.status == 422
    else:
        assert msgspec.json.decode(msgspec.json.encode(task), type=Task) == task


@pytest.mark.parametrize("text", ["", "x", "0" * 40, "{" + "0" * 36 + "}", "urn:uuid:" + "0" * 32])
def test_what_is_no_id_is_not_found(text: str) -> None:
    with pytest.raises(Refused) as caught:
        read_task_id(text)
    assert (caught.value.status, caught.value.code) == (404, "not_found")


def test_an_id_has_one_form() -> None:
    wanted = "0197a6b1-0000-7000-8000-00000000000a"
    assert read_task_id(wanted.upper()) == read_task_id(wanted.replace("-", "")) == wanted
