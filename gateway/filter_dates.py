"""Dates in filter expressions: read apart from the clock, then placed in the day of who asks."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from gateway.filter_fields import DAYS, WEEKDAYS
from gateway.filter_syntax import DateValue, InvalidFilter, Unit
from taskflow.read_times import INSTANT, YEARS
from taskflow.zone import to_instant, to_local

STEP = re.compile(r"\s*([+-])\s*(\d{1,5})\s*(min|[hdwmy])(?![^\W_])", re.IGNORECASE)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
WORD = re.compile(r"[a-z]+", re.IGNORECASE)
TIMED_UNITS = ("min", "h")
EXPECTED = (
    "a date such as today, monday, today+7d, -2w, 2026-12-31, or an instant such as now-2h or"
    " 2026-12-31T09:00 (units: d, w, m, y, and with now also h, min)"
)
MOMENT = timedelta(microseconds=1)


class Span(Struct, frozen=True):
    """A day or an instant as a stretch of time, its end not included, with the local date that
    all-day tasks are compared to."""

    begin: datetime
    end: datetime
    day: date


def read_date(text: str, position: int) -> DateValue:
    """Raises InvalidFilter."""
    base, rest = _read_base(text, position)
    steps: list[tuple[int, Unit]] = []
    while rest and (found := STEP.match(rest)):
        unit: Unit = found[3].lower()  # type: ignore[assignment]
        steps.append((int(found[1] + found[2]), unit))
        rest = rest[found.end() :]
    timed = base == "now" or isinstance(base, datetime)
    if rest or (not timed and any(unit in TIMED_UNITS for _, unit in steps)):
        raise InvalidFilter(f"{text[:64]!r} is no date here; expected {EXPECTED}", position)
    return DateValue(base, tuple(steps), position)


def _read_base(text: str, position: int) -> tuple[str | date | datetime, str]:
    """What a date counts from, and the rest of its text."""
    try:
        if found := INSTANT.match(text):
            return datetime.fromisoformat(found[0].upper()), text[found.end() :]
        if found := DAY.match(text):
            return date.fromisoformat(found[0]), text[found.end() :]
    except ValueError as error:
        reason = f"{text[:64]!r} is no date of the calendar; expected {EXPECTED}"
        raise InvalidFilter(reason, position) from error
    if STEP.match(text):
        return "today", text
    found = WORD.match(text)
    name = _name_day(found[0].lower()) if found else None
    return (name or "today"), text[found.end() :] if found and name else (text or "?")


def _name_day(word: str) -> str | None:
    if word in (*DAYS, "now"):
        return word
    if len(word) < 3:
        return None
    return next((name for name in WEEKDAYS if word in (name, name[:3])), None)


def place_date(value: DateValue, now: datetime, zone: ZoneInfo) -> Span:
    """The stretch of time that a value means at `now` in `zone`. Raises InvalidFilter."""
    try:
        if value.base == "now" or isinstance(value.base, datetime):
            return _place_instant(value, now, zone)
        return _place_day(value, now, zone)
    except (OverflowError, ValueError) as error:
        years = f"{YEARS.start} to {YEARS.stop - 1}"
        raise InvalidFilter(
            f"this date lies outside the years {years}; expected one within them", value.position
        ) from error


def _place_day(value: DateValue, now: datetime, zone: ZoneInfo) -> Span:
    day = find_day(value.base, to_local(now, zone).date())
    day = _check_year(_add_steps(datetime.combine(day, time()), value)).date()
    begin, end = (_find_midnight(one, zone) for one in (day, day + timedelta(days=1)))
    return Span(begin, end, day)


def _find_midnight(day: date, zone: ZoneInfo) -> datetime:
    return to_instant(datetime.combine(day, time()), zone)[0]


def find_day(base: str | date, today: date) -> date:
    """The day of a word: a weekday is the coming one, today included."""
    if isinstance(base, date):
        return base
    if base in WEEKDAYS:
        return today + timedelta(days=(WEEKDAYS.index(base) - today.weekday()) % 7)
    return today + timedelta(days={"today": 0, "tomorrow": 1, "yesterday": -1}[base])


def _place_instant(value: DateValue, now: datetime, zone: ZoneInfo) -> Span:
    instant = value.base if isinstance(value.base, datetime) else now
    if instant.tzinfo is None:
        instant = to_instant(instant, zone)[0]
    days = DateValue("now", tuple(s for s in value.steps if s[1] not in TIMED_UNITS), 0)
    if days.steps:
        local = _check_year(_add_steps(to_local(instant, zone), days))
        instant = to_instant(local, zone)[0]
    names = {"min": "minutes", "h": "hours"}
    for amount, unit in value.steps:
        if unit in names:
            instant += timedelta(**{names[unit]: amount})
    _check_year(instant)
    return Span(instant.astimezone(UTC), instant + MOMENT, to_local(instant, zone).date())


def _add_steps(local: datetime, value: DateValue) -> datetime:
    """Days, weeks, months and years on the calendar: the 31st plus a month is that month's last."""
    from dateutil.relativedelta import relativedelta

    names = {"d": "days", "w": "weeks", "m": "months", "y": "years"}
    for amount, unit in value.steps:
        local += relativedelta(**{names[unit]: amount})  # type: ignore[arg-type]
    return local


def _check_year(moment: datetime) -> datetime:
    if moment.year not in YEARS:
        raise ValueError(moment)
    return moment
