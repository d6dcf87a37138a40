"""An RFC 5545 rule as text and as numbers: read, checked, completed and written; apart from its
dates, because what is refused must be refused before anything is computed.

All rules, hourly ones too, are evaluated in local time (RFC 5545 section 3.3.10): "every hour from
9 to 17" keeps its hours all year, and a local time names one occurrence only.
"""

import functools
import math
import re
from datetime import UTC, date, datetime, time
from typing import Literal, get_args

import msgspec

from taskflow.zone import find_zone, to_instant, to_local

Frequency = Literal["hourly", "daily", "weekly", "monthly", "yearly"]

MAX_RULE_BYTES = 1024
MAX_INTERVAL = 999
MAX_COUNT = 10_000
MAX_TIMES_PER_DAY = 96
FIRST_YEAR, LAST_YEAR = 1900, 2199

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FREQUENCIES: dict[str, Frequency] = {name.upper(): name for name in get_args(Frequency)}
# The largest value of each list, and the smallest; where that is negative, 0 is none.
BY_PARTS = {
    "BYMONTH": (1, 12),
    "BYWEEKNO": (-53, 53),
    "BYYEARDAY": (-366, 366),
    "BYMONTHDAY": (-31, 31),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 59),
    "BYSETPOS": (-366, 366),
}
TIME_PARTS = {"BYHOUR", "BYMINUTE", "BYSECOND"}
OTHER_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"}
# RFC 5545 section 3.3.10, the table of by-parts.
FORBIDDEN_PARTS: dict[Frequency, set[str]] = {
    "hourly": {"BYWEEKNO"},
    "daily": {"BYWEEKNO", "BYYEARDAY"},
    "weekly": {"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY"},
    "monthly": {"BYWEEKNO", "BYYEARDAY"},
    "yearly": set(),
}
FRIENDLY_FIELDS = {
    "FREQ": "frequency",
    "INTERVAL": "interval",
    "COUNT": "count",
    "UNTIL": "until",
    "BYDAY": "weekdays",
}


class InvalidRecurrence(ValueError):
    """A recurrence that is refused; `field` is the JSON name, `message` the reason and way out."""

    def __init__(self, field: str, message: str) -> None:
        self.field, self.message = field, message
        super().__init__(f"{field}: {message}")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed rule; `days` holds (ordinal or 0, weekday), `until` a day or a UTC instant."""

    frequency: Frequency
    interval: int
    count: int | None
    until: datetime | date | None
    week_start: int
    days: tuple[tuple[int, int], ...]
    by: dict[str, tuple[int, ...]]
    last_year: int = LAST_YEAR


class Start(msgspec.Struct, frozen=True):
    """DTSTART: `local` is midnight for an all-day series."""

    local: datetime
    all_day: bool
    timezone: str | None

    def to_due(self, local: datetime) -> tuple[datetime, str | None]:
        """The instant of a local time of the series, and why it is not simply that."""
        return to_instant(local, find_zone(self.timezone))


def read_start(anchor: datetime | date, timezone: str | None) -> Start:
    """Where a series starts. Raises InvalidRecurrence, InvalidZone."""
    if not FIRST_YEAR <= anchor.year <= LAST_YEAR:
        way_out = f"start between {FIRST_YEAR} and {LAST_YEAR}"
        raise InvalidRecurrence("recurrence", f"cannot repeat from {anchor.year}: {way_out}")
    if not isinstance(anchor, datetime):
        return Start(datetime.combine(anchor, time()), True, None)
    find_zone(timezone)
    return Start(anchor.replace(microsecond=0, tzinfo=None, fold=0), False, timezone)


# Reading


@functools.lru_cache(maxsize=1024)
def parse_rule(text: str, start: Start) -> Rule:
    """The rule that `text` writes ("RRULE:" may stand before it). Raises InvalidRecurrence."""
    try:
        return build_rule(_split_parts(text), start)
    except InvalidRecurrence as error:
        raise InvalidRecurrence("rule", error.message) from None


def _split_parts(text: str) -> dict[str, str]:
    if len(text.encode(errors="replace")) > MAX_RULE_BYTES:
        raise InvalidRecurrence("rule", f"is longer than {MAX_RULE_BYTES} bytes: shorten it")
    parts: dict[str, str] = {}
    for pair in text.upper().removeprefix("RRULE:").split(";"):
        name, _, value = pair.partition("=")
        if name not in BY_PARTS and name not in OTHER_PARTS:
            known = "use the parts of RFC 5545, and short_months for SKIP"
            raise InvalidRecurrence("rule", f"{name[:32]!r} is no part of a rule: {known}")
        if name in parts:
            raise InvalidRecurrence("rule", f"{name} stands twice: join its values with commas")
        parts[name] = value
    return parts


def build_rule(parts: dict[str, str], start: Start) -> Rule:
    """The rule of its named parts, checked. Raises InvalidRecurrence."""
    frequency = FREQUENCIES.get(parts.get("FREQ", ""))
    if frequency is None:
        shown = f"FREQ={parts['FREQ'][:32]} is not possible: " if "FREQ" in parts else ""
        known = ", ".join(FREQUENCIES)
        raise InvalidRecurrence("frequency", f"{shown}FREQ must be one of {known}")
    if "UNTIL" in parts and "COUNT" in parts:
        raise InvalidRecurrence("until", "UNTIL and COUNT exclude each other: leave one out")
    week_start = parts.get("WKST", "MO")
    if week_start not in WEEKDAYS:
        raise InvalidRecurrence("rule", f"WKST must be one of {', '.join(WEEKDAYS)}")
    rule = Rule(
        frequency=frequency,
        interval=_read_number("INTERVAL", parts.get("INTERVAL", "1"), (1, MAX_INTERVAL)),
        count=_read_number("COUNT", parts["COUNT"], (1, MAX_COUNT)) if "COUNT" in parts else None,
        until=_read_until(parts["UNTIL"], start) if "UNTIL" in parts else None,
        week_start=WEEKDAYS.index(week_start),
        days=_read_days(parts["BYDAY"]) if "BYDAY" in parts else (),
        by={name: _read_numbers(name, parts[name]) for name in BY_PARTS if name in parts},
    )
    _check_parts(rule, start)
    return rule


def _read_number(name: str, text: str, limits: tuple[int, int]) -> int:
    lowest, highest = limits
    number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,6}", text, re.ASCII) else None
    if number is None or not lowest <= number <= highest or (number == 0 and lowest < 0):
        shown = f"{lowest} to {highest}" + (" without 0" if lowest < 0 else "")
        field = FRIENDLY_FIELDS.get(name, "rule")
        raise InvalidRecurrence(field, f"{name}={text[:32]} is out of range: use {shown}")
    return number


def _read_numbers(name: str, text: str) -> tuple[int, ...]:
    return tuple(sorted({_read_number(name, item, BY_PARTS[name]) for item in text.split(",")}))


def _read_days(text: str) -> tuple[tuple[int, int], ...]:
    days = set()
    for item in text.split(","):
        ordinal, weekday = item[:-2], item[-2:]
        if weekday not in WEEKDAYS:
            raise InvalidRecurrence("weekdays", f"BYDAY={item[:32]} is no weekday: use MO or -1FR")
        number = _read_number("BYDAY", ordinal, (-53, 53)) if ordinal else 0
        days.add((number, WEEKDAYS.index(weekday)))
    return tuple(sorted(days))


def read_local(text: str) -> datetime:
    """A date, a local time or an instant in ISO 8601, extended or basic. Raises ValueError."""
    if not re.fullmatch(r"[0-9T:.Z+-]{8,40}", text.upper()):
        raise ValueError(text)
    return datetime.fromisoformat(text.upper())


def is_whole_day(text: str) -> bool:
    """Whether a date was written without a time."""
    return "T" not in text.upper()


def _read_until(text: str, start: Start) -> datetime | date:
    """A day counts whole. Timed series get an instant, all-day ones a day (RFC 5545 3.3.10)."""
    try:
        until = read_local(text)
    except ValueError:
        way_out = "write 2026-12-31, 2026-12-31T10:00:00 or 2026-12-31T09:00:00Z"
        message = f"UNTIL={text[:40]} is no date or time: {way_out}"
        raise InvalidRecurrence("until", message) from None
    if not FIRST_YEAR < until.year <= LAST_YEAR:
        way_out = "leave it out to repeat without end"
        raise InvalidRecurrence("until", f"UNTIL must lie before {LAST_YEAR + 1}: {way_out}")
    last = _fit_until(until, is_whole_day(text), start)
    if last < (start.local.date() if start.all_day else start.to_due(start.local)[0]):
        raise InvalidRecurrence("until", "UNTIL lies before the start: choose a later one")
    return last


def _fit_until(until: datetime, whole_day: bool, start: Start) -> datetime | date:
    if start.all_day:
        return until.date()
    if until.tzinfo is not None:
        return until.astimezone(UTC).replace(microsecond=0)
    if whole_day:
        until = until.replace(hour=23, minute=59, second=59)
    return start.to_due(until.replace(microsecond=0))[0]


# Checking


def _check_parts(rule: Rule, start: Start) -> None:
    named = rule.frequency.upper()
    for name in sorted(FORBIDDEN_PARTS[rule.frequency] & rule.by.keys()):
        raise InvalidRecurrence("rule", f"{name} does not go with FREQ={named}: leave it out")
    if any(ordinal for ordinal, _ in rule.days) and (
        rule.frequency not in ("monthly", "yearly") or "BYWEEKNO" in rule.by
    ):
        message = "BYDAY: numbered weekdays go with months or years: use MO"
        raise InvalidRecurrence("weekdays", message)
    if "BYSETPOS" in rule.by and len(rule.by) == 1 and not rule.days:
        raise InvalidRecurrence("rule", "BYSETPOS picks from another by-part: add one, as BYDAY")
    if start.all_day and (rule.frequency == "hourly" or TIME_PARTS & rule.by.keys()):
        named = min(TIME_PARTS & rule.by.keys(), default="FREQ=HOURLY")
        message = f"{named}: an all-day date has no hours: give it a due time"
        raise InvalidRecurrence("frequency", message)
    _check_times(rule, start)


def _check_times(rule: Rule, start: Start) -> None:
    """Refuse at once what would have to be searched hour by hour, or crowd a day."""
    hourly = rule.frequency == "hourly"
    per_hour = len(rule.by.get("BYMINUTE", "0")) * len(rule.by.get("BYSECOND", "0"))
    per_day = per_hour * len(rule.by.get("BYHOUR", range(24 if hourly else 1)))
    if per_day > MAX_TIMES_PER_DAY:
        named = ", ".join(sorted(TIME_PARTS & rule.by.keys()))
        way_out = f"at most {MAX_TIMES_PER_DAY} a day are possible"
        raise InvalidRecurrence("rule", f"{named}: comes {per_day} times a day: {way_out}")
    size = _most_in_period(rule, per_hour, per_day)
    if min(map(abs, rule.by.get("BYSETPOS", (1,)))) > size:
        raise InvalidRecurrence("rule", f"BYSETPOS picks from {size} times: use a smaller one")
    step = math.gcd(rule.interval, 24) if hourly else 1
    if all((hour - start.local.hour) % step for hour in rule.by.get("BYHOUR", (start.local.hour,))):
        raise InvalidRecurrence("rule", "INTERVAL never meets BYHOUR: start at one of these hours")


def _most_in_period(rule: Rule, per_hour: int, per_day: int) -> int:
    """At most so many times can BYSETPOS pick from."""
    if rule.frequency == "hourly":
        return per_hour
    month_days = len(rule.by.get("BYMONTHDAY", range(31)))
    weekdays = sum(1 if ordinal else 5 for ordinal, _ in rule.days) or 31
    days = {"daily": 1, "weekly": len(rule.days) or 1, "monthly": min(month_days, weekdays)}
    return days.get(rule.frequency, 366) * per_day


# Writing


def complete_rule(rule: Rule, start: Start) -> Rule:
    """Write down what the rule leaves to DTSTART, so that the 31st stays the 31st; drop a week
    start that changes nothing and a time of day that is the start's own."""
    by, days, anchor = dict(rule.by), rule.days, start.local
    if not days and not by.keys() & {"BYMONTHDAY", "BYYEARDAY"}:
        if rule.frequency == "weekly" or "BYWEEKNO" in by:
            days = ((0, anchor.weekday()),)
        elif rule.frequency in ("monthly", "yearly"):
            by["BYMONTHDAY"] = (anchor.day,)
            if rule.frequency == "yearly":
                by.setdefault("BYMONTH", (anchor.month,))
    if rule.frequency != "hourly" and "BYSETPOS" not in by:
        own = {"BYHOUR": anchor.hour, "BYMINUTE": anchor.minute, "BYSECOND": anchor.second}
        by = {name: numbers for name, numbers in by.items() if numbers != (own.get(name),)}
    weeks = rule.frequency == "weekly" and (rule.interval > 1 or "BYSETPOS" in by)
    week_start = rule.week_start if weeks or "BYWEEKNO" in by else 0
    return msgspec.structs.replace(rule, by=by, days=days, week_start=week_start)


def write_rule(rule: Rule) -> str:
    """The rule's text, its parts always in the same order, without "RRULE:"."""
    days = [f"{ordinal or ''}{WEEKDAYS[day]}" for ordinal, day in rule.days]
    lists = {name: [str(number) for number in numbers] for name, numbers in rule.by.items()}
    parts = {
        "FREQ": rule.frequency.upper(),
        "INTERVAL": str(rule.interval) if rule.interval > 1 else "",
        **{name: ",".join(lists.get(name, ())) for name in BY_PARTS},
        "BYDAY": ",".join(days),
        "WKST": WEEKDAYS[rule.week_start] if rule.week_start else "",
        "UNTIL": write_until(rule.until),
        "COUNT": str(rule.count or ""),
    }
    return ";".join(f"{name}={value}" for name, value in parts.items() if value)


def write_until(until: datetime | date | None) -> str:
    """An end as RFC 5545 writes it."""
    if until is None:
        return ""
    return f"{until:%Y%m%dT%H%M%SZ}" if isinstance(until, datetime) else f"{until:%Y%m%d}"


def show_until(until: datetime | date | None, start: Start) -> str | None:
    """As a person wrote it: the day, the local time, or the instant where that is ambiguous."""
    if until is None:
        return None
    if not isinstance(until, datetime):
        return until.isoformat()
    local = to_local(until, find_zone(start.timezone))
    if start.to_due(local)[0] != until:
        return f"{until:%Y-%m-%dT%H:%M:%SZ}"
    return local.date().isoformat() if local.time() == time(23, 59, 59) else local.isoformat()
