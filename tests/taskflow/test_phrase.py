"""Plain words: what each phrase says, what none can say, and that our own words read back."""

from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskflow.describe_rule import describe_recurrence
from taskflow.phrase import read_phrase
from taskflow.recurrence import read_recurrence
from taskflow.rule import WEEKDAYS, InvalidRecurrence, read_start

TUESDAY = datetime(2026, 1, 6, 9)
PARIS = "Europe/Paris"

PHRASES = [
    (
        "every other tuesday and thursday at 9 until march",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH;UNTIL=20260301T225959Z",
    ),
    ("monthly on the last friday", "FREQ=MONTHLY;BYDAY=-1FR"),
    ("Every weekday.", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
    ("every 31st", "FREQ=MONTHLY;BYMONTHDAY=31"),
    ("daily", "FREQ=DAILY"),
    ("every 3 days", "FREQ=DAILY;INTERVAL=3"),
    ("every other week on sat", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SA"),
    ("biweekly", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
    ("on tuesdays, thursdays and sundays", "FREQ=WEEKLY;BYDAY=TU,TH,SU"),
    ("weekends at 10:30", "FREQ=WEEKLY;BYHOUR=10;BYMINUTE=30;BYDAY=SA,SU"),
    ("every day at 9 am and 5 pm", "FREQ=DAILY;BYHOUR=9,17"),
    ("every day at noon", "FREQ=DAILY;BYHOUR=12"),
    ("every day except sunday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA"),
    ("every monday except in august", "FREQ=WEEKLY;BYMONTH=1,2,3,4,5,6,7,9,10,11,12;BYDAY=MO"),
    ("on the 1st and 15th of each month", "FREQ=MONTHLY;BYMONTHDAY=1,15"),
    ("every month on the 2nd to last day", "FREQ=MONTHLY;BYMONTHDAY=-2"),
    ("the second tuesday of every month", "FREQ=MONTHLY;BYDAY=2TU"),
    ("the first weekday of the month", "FREQ=MONTHLY;BYSETPOS=1;BYDAY=MO,TU,WE,TH,FR"),
    ("quarterly", "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=6"),
    ("every year on march 5", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=5"),
    ("every 5 march", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=5"),
    ("yearly on the 4th thursday of november", "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH"),
    ("every 2 weeks on mon for 5 times", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;COUNT=5"),
    ("every other day for 3 weeks", "FREQ=DAILY;INTERVAL=2;UNTIL=20260126T225959Z"),
    ("every friday through june", "FREQ=WEEKLY;BYDAY=FR;UNTIL=20260630T215959Z"),
    ("daily until the end of march 2027", "FREQ=DAILY;UNTIL=20270331T215959Z"),
    ("daily until 2026-12-31", "FREQ=DAILY;UNTIL=20261231T225959Z"),
    ("every 4 hours", "FREQ=HOURLY;INTERVAL=4"),
]


@pytest.mark.parametrize(("words", "rule"), PHRASES)
def test_phrases(words: str, rule: str) -> None:
    assert read_recurrence({"words": words}, TUESDAY, PARIS).rule == rule


def test_completion_and_days_left_out() -> None:
    read = read_recurrence({"words": "every 3 days after completion"}, TUESDAY, PARIS)
    assert (read.rule, read.repeat_from) == ("FREQ=DAILY;INTERVAL=3", "completion")
    read = read_recurrence({"words": "every day but not on 24 december"}, TUESDAY, PARIS)
    assert read.exdates == ["2026-12-24"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("", '"" does not say how often'),
        ("every", '"every" is not'),
        ("every tuesday blah foo", '"blah foo" is not'),
        ("every 0 days", '"0 days"'),
        ("every blue moon", '"blue moon"'),
        ("twice a week", '"twice a week"'),
        ("at 9", "does not say how often"),
        ("every day at 25", '"25" is no time'),
        ("every day at 9:15 and 10:30", "different minutes"),
        ("every second tuesday", "two meanings"),
        ("every day until march 40", '"40"'),
        ("every day until soon", '"soon" is no date'),
        ("every day until 31 june", "June has no 31st"),
        ("every week on the 15th", "say every month"),
        ("daily weekly", "a second time"),
        ("every day every week", "a second time"),
        ("every 1000000 days", '"1000000 days"'),
        ("every day " * 100, "longer than"),
        ("every day\x00", "is not understood"),
        ("every hour at 9", "one of the two"),
        ("jeden tag", '"jeden tag"'),
    ],
)
def test_a_refusal_names_what_is_not_understood(words: str, part: str) -> None:
    with pytest.raises(InvalidRecurrence) as refused:
        read_recurrence({"words": words}, TUESDAY, PARIS)
    assert refused.value.field == "words" and part in refused.value.message
    assert len(refused.value.message) < 300


@given(
    st.lists(
        st.sampled_from(
            "every day other 2 31st monday at 9 until march on the last , of "
            "except in for times week first after completion".split()
        )
    )
)
def test_any_mixture_is_read_or_refused(words: list[str]) -> None:
    try:
        read_recurrence({"words": " ".join(words)}, TUESDAY, PARIS)
    except InvalidRecurrence as refused:
        assert refused.field in ("words", "rule", "exdates", "until")


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("every other tuesday at 9", datetime(2026, 1, 13, 9)),
        ("every tuesday at 10", datetime(2026, 1, 6, 10)),
        ("every tuesday", date(2026, 1, 6)),
        ("monthly on the last friday", date(2026, 1, 30)),
        ("daily at 8 starting 1 march", datetime(2026, 3, 1, 8)),
        ("every hour", datetime(2026, 1, 6, 10)),
        ("every 29th of february", date(2028, 2, 29)),
    ],
)
def test_words_say_when_a_series_begins(words: str, first: object) -> None:
    assert read_phrase(words).find_start(TUESDAY) == first


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH", "every 2 weeks on Tuesday and Thursday at 09:00"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday at 09:00"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "every month on the last Friday at 09:00"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1,31", "every month on the 31st and last day at 09:00"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "every year on the 29th day in February at 09:00"),
        ("FREQ=DAILY;UNTIL=20260301", "every day at 09:00 until 2026-03-01"),
        ("FREQ=DAILY;COUNT=5", "every day at 09:00 for 5 times"),
        ("FREQ=YEARLY;BYWEEKNO=20", "by the rule FREQ=YEARLY;BYWEEKNO=20;BYDAY=TU"),
    ],
)
def test_a_rule_in_words(rule: str, words: str) -> None:
    read = read_recurrence({"rule": rule}, TUESDAY, PARIS)
    assert describe_recurrence(read, read_start(TUESDAY, PARIS)) == words


weekdays = st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=4, unique=True)
DAYS = st.one_of(
    st.builds(lambda n: f"DAILY;INTERVAL={n}", st.integers(1, 99)),
    st.builds(lambda n, d: f"WEEKLY;INTERVAL={n};BYDAY={','.join(d)}", st.integers(1, 9), weekdays),
    st.builds(
        lambda n, d: f"MONTHLY;INTERVAL={n};BYMONTHDAY={','.join(map(str, d))}",
        st.integers(1, 99),
        st.lists(st.sampled_from([*range(1, 29), -1, -2, -3]), min_size=1, max_size=3),
    ),
    st.builds(lambda o, d: f"MONTHLY;BYDAY={o}{d}", st.sampled_from([1, 2, 3, 4, -1, -2]),
              st.sampled_from(WEEKDAYS)),
    st.builds(lambda m, d: f"YEARLY;BYMONTH={m};BYMONTHDAY={d}", st.integers(1, 12),
              st.integers(1, 28)),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(DAYS, st.sampled_from(["", ";COUNT=5", ";UNTIL=20290301"]))
def test_our_own_words_read_back(days: str, end: str) -> None:
    read = read_recurrence({"rule": f"FREQ={days}{end}"}, TUESDAY, PARIS)
    words = describe_recurrence(read, read_start(TUESDAY, PARIS))
    assert read_recurrence({"words": words}, TUESDAY, PARIS).rule == read.rule
