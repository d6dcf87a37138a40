"""The filter language as text: what it means, where it is wrong, what may come next."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from gateway.filter_completion import complete, find_place
from gateway.filter_dates import place_date, read_date
from gateway.filter_language import parse_filter
from gateway.filter_syntax import (
    MOST_DEPTH,
    MOST_TERMS,
    And,
    Compare,
    Empty,
    Flag,
    InvalidFilter,
    Node,
    Not,
    Or,
    Words,
)
from tests.gateway.test_tasks import create

HOME, WORK = Compare("tag", "=", "home"), Compare("tag", "=", "deep work")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("tag:home", HOME),
        ("TAG = home", HOME),
        ('(tag:"deep work")', WORK),
        ("tag:home or tag:home and tag:home", Or([HOME, And([HOME, HOME])])),
        ("tag:home tag:home", And([HOME, HOME])),
        ("not tag:home OR tag:home", Or([Not(HOME), HOME])),
        ("-tag:home", Not(HOME)),
        ("not not tag:home", Not(Not(HOME))),
        ("tag:none", Empty("tag")),
        ('tag:"none"', Compare("tag", "=", "none")),
        ("due != none", Not(Empty("due"))),
        ("has:reminder", Not(Empty("reminders"))),
        ("is not overdue", Not(Flag("overdue"))),
        ("is:overdue", Flag("overdue")),
        ("pay rent", And([Words("pay"), Words("rent")])),
        ('"pay \\"rent\\""', Words('"pay  rent "')),
        ("text:rent", Words("rent")),
        ("priority>=MEDIUM", Compare("priority", ">=", "medium")),
        ("title:100%", Compare("title", ":", "100%")),
        ("notes:none", Compare("notes", ":", "none")),
        ("due tag", And([Words("due"), Words("tag")])),
        ("orchid android nothing", And([Words("orchid"), Words("android"), Words("nothing")])),
    ],
)  # fmt: skip
def test_what_a_text_means(text: str, wanted: Node) -> None:
    assert parse_filter(text) == wanted


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("", 0, "a field"),
        ("priority:", 9, "a value"),
        ("priority:urgent", 9, "none, low, medium or high"),
        ("tag:a and", 9, "a field"),
        ("tag:a or or tag:b", 9, "a field"),
        ("(tag:a", 6, ")"),
        ("tag:a)", 5, "the end"),
        ("colour:red", 0, "status, priority, tag, due"),
        ("tag:a http://x", 6, "quotes"),
        ("due <", 5, "a date"),
        ("due < banana", 6, "today+7d"),
        ("due < today+3h", 6, "with now"),
        ("due:2026-02-30", 4, "2026-12-31"),
        ("status < open", 7, ":, = or !="),
        ("reminders:5", 9, "reminders is empty"),
        ("created is empty", 0, "a comparison"),
        ("due is banana", 7, "empty"),
        ("due < none", 6, "a date"),
        ("is banana", 3, "overdue, recurring"),
        ("has:banana", 4, "due"),
        ('tag:"a', 4, "closing quote"),
        ("tag:a \x00", 6, "NUL"),
        ("tag:a" + " " * 4096, 0, "4096 bytes"),
        ("(" * MOST_DEPTH + "a b" + ") c" * MOST_DEPTH, 0, f"{MOST_DEPTH} levels"),
        ("a " * (MOST_TERMS + 1), 0, f"{MOST_TERMS} conditions"),
    ],
)
def test_an_error_has_a_place_and_says_what_would_do(
    text: str, position: int, expected: str
) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse_filter(text)
    assert (caught.value.position, caught.value.code) == (position, "invalid_filter")
    assert expected in caught.value.detail.partition("expected")[2]


def test_much_is_read_in_bounded_depth() -> None:
    """Nothing recurses by what a person writes: parentheses that say nothing cost nothing."""
    assert parse_filter("(" * 2000 + "tag:home" + ")" * 2000) == HOME


# --- dates -------------------------------------------------------------------------------------

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # Sunday, 00:30 in Paris; the clocks change at 2


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("today", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("tomorrow", "2026-03-29T22:00", "2026-03-30T22:00"),
        ("sunday", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("Mon", "2026-03-29T22:00", "2026-03-30T22:00"),
        ("saturday-1w", "2026-03-27T23:00", "2026-03-28T23:00"),
        ("2026-01-31 + 1m", "2026-02-27T23:00", "2026-02-28T23:00"),
        ("2028-02-29+1y", "2029-02-27T23:00", "2029-02-28T23:00"),
        ("+1w-2d", "2026-04-02T22:00", "2026-04-03T22:00"),
    ],
)
def test_a_day_is_the_local_day(text: str, begin: str, end: str) -> None:
    span = place_date(read_date(text, 0), NOW, PARIS)
    assert f"{span.begin:%Y-%m-%dT%H:%M}" == begin
    assert f"{span.end:%Y-%m-%dT%H:%M}" == end


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("now", "2026-03-28T23:30"),
        ("now-90min", "2026-03-28T22:00"),
        ("now+1d", "2026-03-29T22:30"),  # the same time on the wall, an hour earlier
        ("now+24h", "2026-03-29T23:30"),
        ("2026-03-29T02:30", "2026-03-29T01:30"),  # does not exist: moves by the gap
        ("2026-03-29T02:30:00+00:00", "2026-03-29T02:30"),
    ],
)
def test_an_instant_is_exact(text: str, begin: str) -> None:
    span = place_date(read_date(text, 0), NOW, PARIS)
    assert f"{span.begin:%Y-%m-%dT%H:%M}" == begin
    assert (span.end - span.begin).total_seconds() == 1e-6


def test_a_day_without_a_midnight_begins_with_its_first_hour() -> None:
    span = place_date(read_date("2026-04-24", 0), NOW, ZoneInfo("Africa/Cairo"))
    assert (span.begin, span.day) == (datetime(2026, 4, 23, 22, tzinfo=UTC), date(2026, 4, 24))


@pytest.mark.parametrize("text", ["today+9999y", "1899-12-31", "now-99999m", "2200-01-01"])
def test_dates_beyond_the_calendar_are_refused(text: str) -> None:
    with pytest.raises(InvalidFilter, match="1900 to 2199"):
        place_date(read_date(text, 7), NOW, PARIS)


# --- completion --------------------------------------------------------------------------------

TAGS = ["home", "deep work"]


def offered(text: str) -> dict[str, str]:
    return {item.text: item.kind for item in complete(find_place(text), TAGS)}


@pytest.mark.parametrize(
    ("text", "start", "wanted"),
    [
        ("", 0, {"due:": "field", "overdue": "keyword", "not": "keyword"}),
        ("pri", 0, {"priority:": "field"}),
        ("tag:home and d", 13, {"due:": "field"}),
        ("tag:home ", 9, {"and": "keyword", "or": "keyword", "status:": "field"}),
        ("priority:", 9, {"none": "value", "high": "value"}),
        ("priority >= h", 12, {"high": "value"}),
        ("tag:", 4, {"home": "tag", '"deep work"': "tag", "none": "value"}),
        ("tag:de", 4, {'"deep work"': "tag"}),
        ('tag:"deep w', 4, {'"deep work"': "tag"}),
        ("due < to", 6, {"today": "value", "tomorrow": "value", "today+7d": "value"}),
        ("due", 0, {"due:": "field", "due<=": "operator", "due!=": "operator"}),
        ("is o", 3, {"overdue": "keyword", "open": "keyword"}),
        ("due is ", 7, {"not": "keyword", "empty": "keyword"}),
        ("has:rem", 4, {"reminders": "field"}),
        ("-tag:h", 5, {"home": "tag"}),
        ("(-du", 2, {"due:": "field"}),
    ],
)
def test_what_may_come_next(text: str, start: int, wanted: dict[str, str]) -> None:
    assert find_place(text).start == start
    found = offered(text)
    assert wanted.items() <= found.items()


@pytest.mark.parametrize("text", ["colour:", ") ", "title:", 'tag:"home" or or '])
def test_where_nothing_is_known_nothing_is_offered(text: str) -> None:
    assert offered(text) == {}


@pytest.mark.parametrize("text", ["", "pri", "tag:", "due < ", "is ", "due is ", "has:", "tag:x "])
def test_what_is_offered_can_be_read(text: str) -> None:
    """Whatever is put in the place of what was begun, the parser goes on from there."""
    start = find_place(text).start
    for item in offered(text):
        assert find_place(f"{text[:start]}{item} ").accepted or item == "not", item


async def test_completion_over_http_knows_the_persons_tags(
    paris: httpx.AsyncClient, somebody_else: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    await create(paris, tags=["Deep Work"])
    await create(somebody_else, tags=["deer"])
    there, text = "/v1/filters/complete", "🎉 tag:dee and due < today"
    query: dict[str, Any] = {"filter": text, "position": len("🎉 tag:dee") + 1}
    answer = (await paris.get(there, params=query)).json()
    assert answer == {"items": [{"text": '"Deep Work"', "kind": "tag"}], "from": 7}
    assert (await anyone.get(there)).status_code == 401
    for position in (-1, 99):
        wrong = await paris.get(there, params={**query, "position": position})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "position")
    for text in ("\x00", 'tag:"\x00', "(" * 4000, "é" * 5000):
        assert (await paris.get(there, params={"filter": text})).status_code in (200, 422)
