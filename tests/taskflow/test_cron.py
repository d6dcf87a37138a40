"""Cron expressions: what each says as a rule, and that the rule comes when cron itself would."""

from datetime import datetime
from itertools import islice, pairwise

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from taskflow.cron import read_cron
from taskflow.occurrences import Series, iterate_occurrences
from taskflow.recurrence import find_start, read_recurrence
from taskflow.rule import InvalidRecurrence

MONDAY = datetime(2026, 1, 5, 9)


@pytest.mark.parametrize(
    ("cron", "rule"),
    [
        ("0 9 * * *", "FREQ=DAILY"),
        ("0 9 * * 1-5", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("30 8 * * mon,thu", "FREQ=WEEKLY;BYHOUR=8;BYMINUTE=30;BYDAY=MO,TH"),
        ("0 9 * * 0", "FREQ=WEEKLY;BYDAY=SU"),
        ("0 9 * * 7", "FREQ=WEEKLY;BYDAY=SU"),
        ("0 9 1,15 * *", "FREQ=MONTHLY;BYMONTHDAY=1,15"),
        ("0 9 31 * *", "FREQ=DAILY;BYMONTHDAY=31"),
        ("0 9 L * *", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        ("0 9 LW * *", "FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9"),
        ("0 9 * * 5#2", "FREQ=MONTHLY;BYDAY=2FR"),
        ("0 9 * * 5L", "FREQ=MONTHLY;BYDAY=-1FR"),
        ("0 9 5 3 *", "FREQ=MONTHLY;BYMONTH=3;BYMONTHDAY=5"),
        ("15 * * * *", "FREQ=HOURLY;BYMINUTE=15;BYSECOND=0"),
        ("@daily", "FREQ=DAILY;BYHOUR=0"),
    ],
)
def test_expressions(cron: str, rule: str) -> None:
    read = read_recurrence({"cron": cron}, MONDAY, "Europe/Paris")
    assert set(read.rule.split(";")) >= set(rule.split(";")) - {"BYHOUR=9"}
    assert read_recurrence({"rule": read.rule}, MONDAY, "Europe/Paris").rule == read.rule


@pytest.mark.parametrize(
    ("cron", "reason"),
    [
        ("", "five fields"),
        ("* * *", "five fields"),
        ("0 9 * * * *", "five fields"),
        ("61 9 * * *", "its minute"),
        ("0 25 * * *", "its hour"),
        ("0 9 32 * *", "its day-of-month"),
        ("0 9 * 13 *", "its month"),
        ("0 9 * * 8", "its day-of-week"),
        ("0 9 1 * 1", "two rules: make two tasks"),
        ("* * * * *", "at most 96"),
        ("0 9 30 2 *", "its day-of-month"),
        ("x" * 10_000, "five fields"),
    ],
)
def test_a_refusal_names_the_field(cron: str, reason: str) -> None:
    with pytest.raises(InvalidRecurrence, match=reason) as refused:
        read_recurrence({"cron": cron}, MONDAY, "Europe/Paris")
    assert len(refused.value.message) < 250


def test_cron_stands_alone() -> None:
    with pytest.raises(InvalidRecurrence, match="leave interval out"):
        read_recurrence({"cron": "0 9 * * *", "interval": 2}, MONDAY, "Europe/Paris")


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    some = st.lists(st.integers(low, high), min_size=1, max_size=3)
    ranges = st.tuples(st.integers(low, high), st.integers(low, high)).map(
        lambda pair: f"{min(pair)}-{max(pair)}"
    )
    return st.one_of(st.just("*"), some.map(lambda found: ",".join(map(str, found))), ranges)


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(
        st.integers(0, 59).map(str), numbers(0, 23), numbers(1, 31), numbers(1, 12), numbers(0, 7)
    ),
    st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1)),
)
def test_a_rule_comes_when_cron_does(fields: tuple[str, ...], moment: datetime) -> None:
    text, now = " ".join(fields), moment.replace(microsecond=0)
    try:
        read_cron(text)
        start = find_start({"cron": text}, now.astimezone(), "UTC")
    except InvalidRecurrence:
        assume(False)
    assert isinstance(start, datetime)
    series = Series(read_recurrence({"cron": text}, start, "UTC"), start, "UTC")
    ours = [one.local for one in islice(iterate_occurrences(series), 10)]
    theirs = [start, *islice(CronSim(text, start), 9)]
    assert ours == theirs
    assert all(one < following for one, following in pairwise(ours))
