"""Cursors come back as they were written, and in no other way."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.context import Context
from gateway.feeds import Feeds
from gateway.identity import AccountState
from gateway.outcomes import Outcomes
from gateway.pages import page, read_cursor, read_limit, write_cursor
from taskflow.errors import Refused
from taskflow.publish import ListPublisher
from taskflow.settings import Settings

PARIS_WINTER = timezone(timedelta(hours=1))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.lists(
    TEXT
    | st.integers(-(2**63), 2**63 - 1)
    | st.none()
    | st.datetimes(
        datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.sampled_from([UTC, PARIS_WINTER])
    )
)


def make_context(secret: str) -> Context:
    settings = Settings(secret=secret)
    return Context(
        settings=settings,
        engine=create_async_engine("postgresql+asyncpg://"),
        publisher=ListPublisher(),
        outcomes=Outcomes(settings, lambda people: None),
        feeds=Feeds(),
        accounts=AccountState(),
    )


CONTEXT = make_context("a secret for tests, long enough")


@given(VALUES)
def test_what_is_written_is_read(values: list[str | int | datetime | None]) -> None:
    text = write_cursor(CONTEXT, "things", *values)
    assert read_cursor(CONTEXT, text, "things") == values
    assert text.isascii() and not set(text) & set("+/=&?#% ")


@given(VALUES, st.data())
def test_a_changed_character_is_refused(
    values: list[str | int | datetime | None], data: st.DataObject
) -> None:
    text = write_cursor(CONTEXT, "things", *values)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("AZaz09-_+/= \néß"))
    assume(other != text[place])
    expect_refused(text[:place] + other + text[place + 1 :])


@given(TEXT)
def test_a_text_of_ones_own_is_refused(text: str) -> None:
    expect_refused(text)


def test_a_cursor_belongs_to_its_list_and_its_secret() -> None:
    text = write_cursor(CONTEXT, "things", 7)
    expect_refused(text, kind="others")
    expect_refused(write_cursor(make_context("another secret"), "things", 7))
    expect_refused(text[:-1])
    expect_refused(text + "A")


def expect_refused(text: str, kind: str = "things") -> None:
    with pytest.raises(Refused) as caught:
        read_cursor(CONTEXT, text, kind)
    assert (caught.value.code, caught.value.status) == ("invalid_cursor", 422)


@pytest.mark.parametrize(("text", "limit"), [(None, 50), ("1", 1), ("500", 500), ("007", 7)])
def test_limits(text: str | None, limit: int) -> None:
    assert read_limit(text) == limit


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "501",
        "-1",
        "1.5",
        "",
        " 5",
        "\u0665",
        "0000000005000",
        "ten",
        "1_0",
        "9" * 5000,
        "1" + "0" * 9,
    ],
)
def test_wrong_limits(text: str) -> None:
    with pytest.raises(Refused) as caught:
        read_limit(text)
    assert (caught.value.code, list(caught.value.errors)) == ("invalid", ["limit"])


def test_a_page() -> None:
    assert page([1, 2], "x") == {"items": [1, 2], "next_cursor": "x"}
    assert page([], None) == {"items": [], "next_cursor": None}
