"""What a rule does where a month lacks its day: SKIP of RFC 7529 section 4.1, which the engine of
RFC 5545 does not know.

SKIP comes after BYMONTHDAY and before BYDAY, so a moved day may leave its BYMONTH, and BYSETPOS
still finds it in the period it came from.
"""

import calendar
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from taskflow.rule import Rule


def may_skip(rule: Rule, skip: str) -> bool:
    """Only days of the month that expand a month or year are moved, not limits on other parts."""
    return (
        skip != "omit"
        and rule.frequency in ("monthly", "yearly")
        and max(rule.by.get("BYMONTHDAY", (0,))) > 28
        and not rule.by.keys() & {"BYWEEKNO", "BYYEARDAY"}
        and not any(ordinal for ordinal, _ in rule.days)
    )


def list_days(year: int, months: list[int], rule: Rule, skip: str) -> Iterator[tuple[int, date]]:
    """The days of BYMONTHDAY in these months, with the month that each came from; unsorted."""
    weekdays = {day for _, day in rule.days} or set(range(7))
    for month in months:
        for number in rule.by["BYMONTHDAY"]:
            day = day_of_month(year, month, number, skip)
            if day is not None and day.weekday() in weekdays:
                yield month, day


def day_of_month(year: int, month: int, number: int, skip: str) -> date | None:
    """A day of a month, counted from its end if negative; one that it lacks moves by `skip`."""
    length = calendar.monthrange(year, month)[1]
    if 0 < number <= length:
        return date(year, month, number)
    if number < 0:
        return date(year, month, length + 1 + number) if -number <= length else None
    if skip == "omit":
        return None
    last = date(year, month, length)
    return last if skip == "backward" else last + timedelta(days=1)


def explain_skip(day: date, numbers: Iterable[int], skip: str) -> str | None:
    """Why a rule for these days of the month falls on `day`; None where it is one of them."""
    length = calendar.monthrange(day.year, day.month)[1]
    if day.day in numbers or day.day - length - 1 in numbers:
        return None
    short = day if skip == "backward" else day - timedelta(days=1)
    missing = min((number for number in numbers if number > short.day), default=None)
    if missing is None:
        return None
    lacks = f"{calendar.month_name[short.month]} has no {missing}{'st' if missing == 31 else 'th'}"
    if skip == "backward":
        return f"{lacks}: moved back to the {day.day}th"
    return f"{lacks}: moved forward to {day.day} {calendar.month_name[day.month]}"
