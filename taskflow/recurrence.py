"""When a series repeats: read, check and write its rule, and compute its occurrences; apart from
`write_task` and `expand_recurrence` because a preview must give exactly what they will create.

python-dateutil decides which days of a year match the by-parts (RFC 5545 section 3.3.10), one year
at a time, for it searches a rule without a match until the year 9999. What it does not know stands
here: SKIP (RFC 7529 section 4), gaps and folds (`zone`), weeks at the turn of the year, and limits.

- The due date (DTSTART) is always the first occurrence and counts, whether it matches or not.
- All rules, hourly ones too, are evaluated in local time, as RFC 5545 does: "every hour from 9 to
  17" keeps its hours all year, and a local time names one occurrence only. So the hour that comes
  twice in autumn counts once, and a time in the gap is left out if the next one would meet it.
- `recurrence_id` is the local time before a gap moves it, and the day after SKIP moved it.
- A series ends with the year 2199. A rule must match within 40 years of its start.
"""

import calendar
import itertools
import math
import re
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from typing import Literal, get_args

import msgspec

from taskflow.zone import find_zone, to_instant, to_local

Frequency = Literal["hourly", "daily", "weekly", "monthly", "yearly"]

MAX_RULE_BYTES = 1024
MAX_INTERVAL = 999
MAX_COUNT = 10_000
MAX_TIMES_PER_DAY = 96
MAX_CAUGHT_UP = 100
FIRST_YEAR, LAST_YEAR = 1900, 2199
# Weekdays and leap days repeat after 28 years; the missing leap day of 2100 adds 12.
SEARCHED_YEARS = 40

EVERY_DAY = tuple((0, day) for day in range(7))
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


class RecurrenceRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person may send: `rule`, or the friendly form, or both where they agree."""

    rule: str | None = None
    frequency: Frequency | None = None
    interval: int | None = None
    weekdays: list[str] | None = None
    until: str | None = None
    count: int | None = None
    repeat_from: Literal["due", "completion"] = "due"
    short_months: Literal["backward", "forward", "omit"] = "backward"
    missed: Literal["keep_latest", "keep_all", "skip_to_next"] = "keep_latest"


class Recurrence(RecurrenceRequest, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A checked recurrence: `rule` is canonical, without "RRULE:". The friendly form is all None
    where the rule says more; `weekdays` is None where the day is only that of the due date."""

    rule: str


class Series(msgspec.Struct, frozen=True):
    """A recurrence and where it starts: naive local time with its zone, or a day without one."""

    recurrence: Recurrence
    anchor: datetime | date
    timezone: str | None


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """One date of a series; `local` is what the clock shows, `adjusted` why that is not the rule's
    own day or time. Either `due_at` (UTC) or `due_on` is set."""

    recurrence_id: str
    local: datetime | date
    due_at: datetime | None
    due_on: date | None
    adjusted: str | None


class _Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed rule; `days` holds (ordinal or 0, weekday), `until` a day or a UTC instant."""

    frequency: Frequency
    interval: int
    count: int | None
    until: datetime | date | None
    week_start: int
    days: tuple[tuple[int, int], ...]
    by: dict[str, tuple[int, ...]]
    last_year: int = LAST_YEAR


class _Start(msgspec.Struct, frozen=True):
    """DTSTART: `local` is midnight for an all-day series."""

    local: datetime
    all_day: bool
    timezone: str | None


# Reading and writing


def read_recurrence(given: object, anchor: datetime | date, timezone: str | None) -> Recurrence:
    """Check what a person sent (a mapping, RecurrenceRequest or Recurrence) for a series that
    starts at `anchor`, in bounded time. Raises InvalidRecurrence, InvalidZone."""
    request = _read_request(given)
    start = _read_start(anchor, timezone)
    friendly = _read_friendly(request, start)
    written = _read_rule(request.rule, start) if request.rule is not None else friendly
    if written is None:
        raise InvalidRecurrence("rule", "nothing to repeat by: give rule or frequency")
    rule = _complete_rule(written, start)
    if friendly is not None and _complete_rule(friendly, start) != rule:
        raise InvalidRecurrence("rule", "says something else than frequency: give one of the two")
    _check_matches(rule, start)
    return _write_recurrence(request, rule, friendly or written, start)


def _check_matches(rule: _Rule, start: _Start) -> None:
    """SKIP moves what one month lacks; a day that all the months of a rule lack is a mistake."""
    soon = msgspec.structs.replace(
        rule, last_year=min(LAST_YEAR, start.local.year + SEARCHED_YEARS)
    )
    if next(_match_times(soon, start, "omit", start.local), None) is None:
        why = f"no date within {SEARCHED_YEARS} years matches all of its parts"
        raise InvalidRecurrence("rule", f"never comes: {why}, leave one out")


def _read_request(given: object) -> RecurrenceRequest:
    try:
        return msgspec.convert(given, RecurrenceRequest, from_attributes=True)
    except msgspec.ValidationError as error:
        path = re.search(r"\$\.(\w+)", str(error))
        raise InvalidRecurrence(path[1] if path else "recurrence", str(error)) from None


def _read_start(anchor: datetime | date, timezone: str | None) -> _Start:
    if not FIRST_YEAR <= anchor.year <= LAST_YEAR:
        way_out = f"start between {FIRST_YEAR} and {LAST_YEAR}"
        raise InvalidRecurrence("recurrence", f"cannot repeat from {anchor.year}: {way_out}")
    if not isinstance(anchor, datetime):
        return _Start(datetime.combine(anchor, time()), True, None)
    find_zone(timezone)
    return _Start(anchor.replace(microsecond=0, tzinfo=None, fold=0), False, timezone)


def _read_friendly(request: RecurrenceRequest, start: _Start) -> _Rule | None:
    given = (request.interval, request.weekdays, request.until, request.count)
    if request.frequency is None:
        if any(value is not None for value in given):
            raise InvalidRecurrence(
                "frequency", "is missing: interval, weekdays, until, count need it"
            )
        return None
    if request.weekdays is not None and request.frequency in ("monthly", "yearly"):
        way_out = "write a rule such as FREQ=MONTHLY;BYDAY=1MO"
        raise InvalidRecurrence("weekdays", f"do not go with {request.frequency}: {way_out}")
    if request.weekdays is not None and not set(request.weekdays) <= set(WEEKDAYS):
        raise InvalidRecurrence("weekdays", f"are some of {', '.join(WEEKDAYS)}")
    values = (
        request.interval,
        ",".join(request.weekdays or ()) or None,
        request.until,
        request.count,
    )
    named = zip(("INTERVAL", "BYDAY", "UNTIL", "COUNT"), values, strict=True)
    parts = {name: str(value) for name, value in named if value is not None}
    return _build_rule({"FREQ": request.frequency.upper()} | parts, start)


def _read_rule(text: str, start: _Start) -> _Rule:
    try:
        return _build_rule(_split_parts(text), start)
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


def _build_rule(parts: dict[str, str], start: _Start) -> _Rule:
    frequency = FREQUENCIES.get(parts.get("FREQ", ""))
    if frequency is None:
        raise InvalidRecurrence("frequency", f"FREQ must be one of {', '.join(FREQUENCIES)}")
    if "UNTIL" in parts and "COUNT" in parts:
        raise InvalidRecurrence("until", "UNTIL and COUNT exclude each other: leave one out")
    week_start = parts.get("WKST", "MO")
    if week_start not in WEEKDAYS:
        raise InvalidRecurrence("rule", f"WKST must be one of {', '.join(WEEKDAYS)}")
    rule = _Rule(
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
            raise InvalidRecurrence("weekdays", f"{item[:32]!r} is no weekday: use MO or -1FR")
        number = _read_number("BYDAY", ordinal, (-53, 53)) if ordinal else 0
        days.add((number, WEEKDAYS.index(weekday)))
    return tuple(sorted(days))


def _read_until(text: str, start: _Start) -> datetime | date:
    """A day counts whole. Timed series get an instant, all-day ones a day (RFC 5545 3.3.10)."""
    try:
        if not re.fullmatch(r"[0-9T:.Z+-]{8,40}", text.upper()):
            raise ValueError
        until = datetime.fromisoformat(text.upper())
    except ValueError:
        way_out = "write 2026-12-31, 2026-12-31T10:00:00 or 2026-12-31T09:00:00Z"
        raise InvalidRecurrence("until", f"{text[:40]!r} is no date or time: {way_out}") from None
    if not FIRST_YEAR < until.year <= LAST_YEAR:
        way_out = "leave it out to repeat without end"
        raise InvalidRecurrence("until", f"must lie before {LAST_YEAR + 1}: {way_out}")
    last = _fit_until(until, "T" not in text.upper(), start)
    if last < (start.local.date() if start.all_day else _to_due(start.local, start)[0]):
        raise InvalidRecurrence("until", "lies before the start: choose a later one")
    return last


def _fit_until(until: datetime, whole_day: bool, start: _Start) -> datetime | date:
    if start.all_day:
        return until.date()
    if until.tzinfo is not None:
        return until.astimezone(UTC).replace(microsecond=0)
    if whole_day:
        until = until.replace(hour=23, minute=59, second=59)
    return _to_due(until.replace(microsecond=0), start)[0]


def _to_due(local: datetime, start: _Start) -> tuple[datetime, str | None]:
    return to_instant(local, find_zone(start.timezone))


def _check_parts(rule: _Rule, start: _Start) -> None:
    named = rule.frequency.upper()
    for name in sorted(FORBIDDEN_PARTS[rule.frequency] & rule.by.keys()):
        raise InvalidRecurrence("rule", f"{name} does not go with FREQ={named}: leave it out")
    if any(ordinal for ordinal, _ in rule.days) and (
        rule.frequency not in ("monthly", "yearly") or "BYWEEKNO" in rule.by
    ):
        raise InvalidRecurrence("weekdays", "numbered weekdays go with months or years: use MO")
    if "BYSETPOS" in rule.by and len(rule.by) == 1 and not rule.days:
        raise InvalidRecurrence("rule", "BYSETPOS picks from another by-part: add one, as BYDAY")
    if start.all_day and (rule.frequency == "hourly" or TIME_PARTS & rule.by.keys()):
        raise InvalidRecurrence("frequency", "an all-day date has no hours: give it a due time")
    _check_times(rule, start)


def _check_times(rule: _Rule, start: _Start) -> None:
    """Refuse at once what would have to be searched hour by hour, or crowd a day."""
    hourly = rule.frequency == "hourly"
    per_hour = len(rule.by.get("BYMINUTE", "0")) * len(rule.by.get("BYSECOND", "0"))
    per_day = per_hour * len(rule.by.get("BYHOUR", range(24 if hourly else 1)))
    if per_day > MAX_TIMES_PER_DAY:
        way_out = f"at most {MAX_TIMES_PER_DAY} a day are possible"
        raise InvalidRecurrence("rule", f"comes {per_day} times a day: {way_out}")
    size = {"hourly": per_hour, "daily": per_day}.get(rule.frequency, MAX_COUNT)
    if min(map(abs, rule.by.get("BYSETPOS", (1,)))) > size:
        raise InvalidRecurrence("rule", f"BYSETPOS picks from {size} times: use a smaller one")
    step = math.gcd(rule.interval, 24) if hourly else 1
    if all((hour - start.local.hour) % step for hour in rule.by.get("BYHOUR", (start.local.hour,))):
        raise InvalidRecurrence("rule", "INTERVAL never meets BYHOUR: start at one of these hours")


def _complete_rule(rule: _Rule, start: _Start) -> _Rule:
    """Write down what the rule leaves to DTSTART, so that the 31st stays the 31st, and drop a week
    start that changes nothing."""
    by, days, anchor = dict(rule.by), rule.days, start.local
    if not days and not by.keys() & {"BYMONTHDAY", "BYYEARDAY"}:
        if rule.frequency == "weekly" or "BYWEEKNO" in by:
            days = ((0, anchor.weekday()),)
        elif rule.frequency in ("monthly", "yearly"):
            by["BYMONTHDAY"] = (anchor.day,)
            if rule.frequency == "yearly":
                by.setdefault("BYMONTH", (anchor.month,))
    weeks = rule.frequency == "weekly" and (rule.interval > 1 or "BYSETPOS" in by)
    week_start = rule.week_start if weeks or "BYWEEKNO" in by else 0
    return msgspec.structs.replace(rule, by=by, days=days, week_start=week_start)


def _write_recurrence(
    request: RecurrenceRequest, rule: _Rule, written: _Rule, start: _Start
) -> Recurrence:
    bare = Recurrence(
        rule=_write_rule(rule),
        repeat_from=request.repeat_from,
        short_months=request.short_months,
        missed=request.missed,
    )
    days = () if rule.frequency in ("monthly", "yearly") else written.days
    plain = msgspec.structs.replace(rule, week_start=0, days=days, by={})
    if _complete_rule(plain, start) != rule:
        return bare
    return msgspec.structs.replace(
        bare,
        frequency=rule.frequency,
        interval=rule.interval,
        weekdays=[WEEKDAYS[day] for _, day in days] or None,
        until=_show_until(rule.until, start),
        count=rule.count,
    )


def _write_rule(rule: _Rule) -> str:
    days = [f"{ordinal or ''}{WEEKDAYS[day]}" for ordinal, day in rule.days]
    lists = {name: [str(number) for number in numbers] for name, numbers in rule.by.items()}
    parts = {
        "FREQ": rule.frequency.upper(),
        "INTERVAL": str(rule.interval) if rule.interval > 1 else "",
        **{name: ",".join(lists.get(name, ())) for name in BY_PARTS},
        "BYDAY": ",".join(days),
        "WKST": WEEKDAYS[rule.week_start] if rule.week_start else "",
        "UNTIL": _write_until(rule.until),
        "COUNT": str(rule.count or ""),
    }
    return ";".join(f"{name}={value}" for name, value in parts.items() if value)


def _write_until(until: datetime | date | None) -> str:
    if until is None:
        return ""
    return f"{until:%Y%m%dT%H%M%SZ}" if isinstance(until, datetime) else f"{until:%Y%m%d}"


def _show_until(until: datetime | date | None, start: _Start) -> str | None:
    """As a person wrote it: the day, the local time, or the instant where that is ambiguous."""
    if until is None:
        return None
    if not isinstance(until, datetime):
        return until.isoformat()
    local = to_local(until, find_zone(start.timezone))
    if _to_due(local, start)[0] != until:
        return f"{until:%Y-%m-%dT%H:%M:%SZ}"
    return local.date().isoformat() if local.time() == time(23, 59, 59) else local.isoformat()


# Matching days and times


def _match_times(rule: _Rule, start: _Start, skip: str, floor: datetime) -> Iterator[datetime]:
    """Local times that match the rule, from `floor` on, strictly increasing."""
    last = floor - timedelta(seconds=1)
    for period in _match_periods(rule, start, skip, floor):
        for local in _pick_positions(period, rule):
            if local > last:
                last = local
                yield local


def _pick_positions(period: list[datetime], rule: _Rule) -> list[datetime]:
    positions = rule.by.get("BYSETPOS")
    if positions is None:
        return period
    places = (place - 1 if place > 0 else place for place in positions if abs(place) <= len(period))
    return sorted({period[place] for place in places})


def _match_periods(
    rule: _Rule, start: _Start, skip: str, floor: datetime
) -> Iterator[list[datetime]]:
    """The matching times of each hour, day, week, month or year that reaches `floor`."""
    clock = start.local
    minutes = rule.by.get("BYMINUTE", (clock.minute,))
    seconds = rule.by.get("BYSECOND", (clock.second,))
    first_day = floor.date()
    pairs = list(itertools.product(minutes, seconds))
    hours = rule.by.get("BYHOUR", (clock.hour,))
    times = [time(hour, *pair) for hour in hours for pair in pairs]
    for _, group in itertools.groupby(_match_days(rule, start, skip, floor), lambda pair: pair[0]):
        days = [day for _, day in group]
        if days[-1] < first_day:
            continue
        if rule.frequency != "hourly":
            yield [datetime.combine(day, clock) for day in days for clock in times]
            continue
        for hour in _hours_of(days[0], rule, start):
            yield [datetime.combine(days[0], time(hour, *pair)) for pair in pairs]


def _hours_of(day: date, rule: _Rule, start: _Start) -> list[int]:
    away = day.toordinal() - start.local.toordinal()
    hours = range((start.local.hour - 24 * away) % rule.interval, 24, rule.interval)
    wanted = rule.by.get("BYHOUR")
    return [hour for hour in hours if wanted is None or hour in wanted]


def _match_days(
    rule: _Rule, start: _Start, skip: str, floor: datetime
) -> Iterator[tuple[int, date]]:
    """Matching days with the number of their period, from the week of `floor` on, in order."""
    for year in range((floor - timedelta(days=7)).year, rule.last_year + 1):
        months = _months_of(year, rule, start)
        for period, day in _days_of(year, months, rule, skip) if months else ():
            if _is_in_step(period, day, rule, start):
                yield period, day


def _months_of(year: int, rule: _Rule, start: _Start) -> list[int]:
    months = rule.by.get("BYMONTH", range(1, 13))
    away = 12 * (year - start.local.year)
    if rule.frequency == "yearly":
        return list(months) if away % (12 * rule.interval) == 0 else []
    if rule.frequency == "monthly":
        return [m for m in months if (away + m - start.local.month) % rule.interval == 0]
    return list(months)


def _is_in_step(period: int, day: date, rule: _Rule, start: _Start) -> bool:
    if rule.frequency == "hourly":
        return bool(_hours_of(day, rule, start))
    if rule.frequency in ("daily", "weekly"):
        return (period - _period_of(start.local, rule)) % rule.interval == 0
    return True


def _period_of(day: date, rule: _Rule) -> int:
    if rule.frequency == "yearly":
        return day.year
    if rule.frequency == "monthly":
        return day.year * 12 + day.month
    ordinal = day.toordinal()
    return (ordinal - 1 - rule.week_start) // 7 if rule.frequency == "weekly" else ordinal


def _days_of(year: int, months: list[int], rule: _Rule, skip: str) -> list[tuple[int, date]]:
    if _may_skip(rule, skip):
        return _days_with_skip(year, months, rule, skip)
    if "BYWEEKNO" not in rule.by:
        return [(_period_of(day, rule), day) for day in _days_by_parts(year, months, rule)]
    days = _days_by_parts(year, months, rule)
    return [(year, day) for day in days if _is_in_week(day, rule)]


def _days_by_parts(year: int, months: list[int], rule: _Rule) -> list[date]:
    """The days of one year, by dateutil; an interval past its last year ends it there."""
    from dateutil.rrule import YEARLY, rrule, weekday

    # dateutil intersects numbered and other weekdays, where RFC 5545 joins them.
    plain = [weekday(day) for ordinal, day in rule.days or EVERY_DAY if not ordinal]
    numbered = [weekday(day, ordinal) for ordinal, day in rule.days if ordinal]
    per_month = rule.frequency == "monthly" or "BYMONTH" in rule.by
    found: set[date] = set()
    for days in filter(None, (plain, numbered)):
        matches = rrule(
            YEARLY,
            dtstart=datetime(year, 1, 1),
            interval=MAXYEAR,
            bymonth=months if per_month else None,
            bymonthday=rule.by.get("BYMONTHDAY"),
            byyearday=rule.by.get("BYYEARDAY"),
            byweekday=days,
        )
        found.update(moment.date() for moment in matches)
    return sorted(found)


def _is_in_week(day: date, rule: _Rule) -> bool:
    """Week 1 is the first with four days in the year (RFC 5545 BYWEEKNO, ISO 8601). Not left to
    dateutil, which takes 2022-01-01 for week 53."""
    middle = day + timedelta(days=3 - (day.weekday() - rule.week_start) % 7)
    ordinal = middle.timetuple().tm_yday
    number = (ordinal - 1) // 7 + 1
    following = (365 + calendar.isleap(middle.year) - ordinal) // 7
    return number in rule.by["BYWEEKNO"] or -following - 1 in rule.by["BYWEEKNO"]


# Short months: RFC 7529 section 4.1 evaluates SKIP after BYMONTHDAY and before BYDAY, so a moved
# day may leave its BYMONTH, and BYSETPOS still finds it in the period it came from.


def _may_skip(rule: _Rule, skip: str) -> bool:
    """Only days of the month that expand a month or year are moved, not limits on other parts."""
    return (
        skip != "omit"
        and rule.frequency in ("monthly", "yearly")
        and max(rule.by.get("BYMONTHDAY", (0,))) > 28
        and not rule.by.keys() & {"BYWEEKNO", "BYYEARDAY"}
        and not any(ordinal for ordinal, _ in rule.days)
    )


def _days_with_skip(year: int, months: list[int], rule: _Rule, skip: str) -> list[tuple[int, date]]:
    weekdays = {day for _, day in rule.days} or set(range(7))
    days = {
        (_period_of(date(year, month, 1), rule), day)
        for month in months
        for number in rule.by["BYMONTHDAY"]
        if (day := _day_of_month(year, month, number, skip)) and day.weekday() in weekdays
    }
    return sorted(days)


def _day_of_month(year: int, month: int, number: int, skip: str) -> date | None:
    length = calendar.monthrange(year, month)[1]
    if 0 < number <= length:
        return date(year, month, number)
    if number < 0:
        return date(year, month, length + 1 + number) if -number <= length else None
    if skip == "omit":
        return None
    last = date(year, month, length)
    return last if skip == "backward" else last + timedelta(days=1)


def _explain_skip(day: date, numbers: Iterable[int], skip: str) -> str | None:
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


# Occurrences


def iterate_occurrences(
    series: Series, *, after: datetime | date | None = None
) -> Iterator[Occurrence]:
    """The occurrences whose recurrence id is later than `after` (naive local), lazily, in order of
    id and instant. Jumps to `after`, except with COUNT, which walks from the start."""
    start = _read_start(series.anchor, series.timezone)
    rule = _read_rule(series.recurrence.rule, start)
    bound = None if after is None else _to_datetime(after)
    floor = start.local if bound is None or rule.count is not None else max(start.local, bound)
    found = itertools.islice(
        _place_all(rule, start, series.recurrence.short_months, floor), rule.count
    )
    for occurrence in found:
        if not _is_within(occurrence, rule.until):
            return
        if bound is None or datetime.fromisoformat(occurrence.recurrence_id) > bound:
            yield occurrence


def _to_datetime(local: datetime | date) -> datetime:
    return local if isinstance(local, datetime) else datetime.combine(local, time())


def _is_within(occurrence: Occurrence, until: datetime | date | None) -> bool:
    if until is None:
        return True
    return (occurrence.due_at or occurrence.due_on or until) <= until


def _place_all(rule: _Rule, start: _Start, skip: str, floor: datetime) -> Iterator[Occurrence]:
    numbers = rule.by["BYMONTHDAY"] if _may_skip(rule, skip) else ()
    matches = _match_times(rule, start, skip, floor)
    if floor == start.local:
        matches = itertools.chain([floor], (local for local in matches if local > floor))
    first = None if start.all_day else _to_due(start.local, start)[0]
    for local, following in itertools.pairwise(itertools.chain(matches, [None])):
        if local is None:
            return
        reason = _explain_skip(local, numbers, skip) if numbers and local != start.local else None
        placed = _place(local, start, reason)
        if local != start.local and first and placed.due_at and placed.due_at <= first:
            continue
        if local != start.local and following and _shown(placed) >= following:
            continue
        yield placed


def _shown(placed: Occurrence) -> datetime:
    return _to_datetime(placed.local)


def _place(local: datetime, start: _Start, reason: str | None) -> Occurrence:
    if start.all_day:
        day = local.date()
        return Occurrence(
            recurrence_id=day.isoformat(), local=day, due_at=None, due_on=day, adjusted=reason
        )
    zone = find_zone(start.timezone)
    instant, moved = to_instant(local, zone)
    return Occurrence(
        recurrence_id=local.isoformat(),
        local=to_local(instant, zone) if moved else local,
        due_at=instant,
        due_on=None,
        adjusted="; ".join(filter(None, (reason, moved))) or None,
    )


def next_occurrence(series: Series, after: str) -> Occurrence | None:
    """The first occurrence later than a recurrence id."""
    return next(iterate_occurrences(series, after=datetime.fromisoformat(after)), None)


# Days to look back for the newest occurrences: if one window holds fewer than 100, twenty of them
# hold fewer than 2,000.
WINDOWS = (5, 100, 2_000, 40_000, 200_000)


def previous_occurrence(series: Series, before: str) -> Occurrence | None:
    """The last occurrence earlier than a recurrence id."""
    bound = datetime.fromisoformat(before)
    newest: deque[Occurrence] = deque(maxlen=1)
    for days in _windows(series):
        after = _step_back(bound, days)
        found = iterate_occurrences(series, after=after)
        newest.extend(itertools.takewhile(lambda one: one.recurrence_id < before, found))
        if newest:
            return newest[0]
    return None


def _windows(series: Series) -> tuple[int, ...]:
    """With COUNT every look back walks from the start, so one is enough."""
    return WINDOWS[-1:] if "COUNT=" in series.recurrence.rule else WINDOWS


def _step_back(local: datetime, days: int) -> datetime:
    return datetime.fromordinal(max(1, local.toordinal() - days))


def due_since(
    series: Series, after: str, now: datetime
) -> tuple[list[Occurrence], Occurrence | None]:
    """The newest 100 occurrences later than the id `after` and due by the instant `now`, oldest
    first, and the first one still to come. A day is due as soon as it begins, in UTC where the
    series names no zone."""
    zone = find_zone(series.timezone or "UTC")
    today = to_local(now, zone)
    bound = datetime.fromisoformat(after)
    for days in _windows(series):
        since = max(bound, _step_back(today, days))
        due: deque[Occurrence] = deque(maxlen=MAX_CAUGHT_UP)
        coming = None
        for occurrence in iterate_occurrences(series, after=since):
            if (occurrence.due_at or now) > now or (
                occurrence.due_on or today.date()
            ) > today.date():
                coming = occurrence
                break
            due.append(occurrence)
        if len(due) == MAX_CAUGHT_UP or since == bound:
            break
    return list(due), coming


def preview(series: Series, count: int) -> tuple[list[Occurrence], bool]:
    """The first `count` occurrences, and whether the series ends at all."""
    found = list(itertools.islice(iterate_occurrences(series), count + 1))
    rule = series.recurrence.rule
    return found[:count], "UNTIL=" in rule or "COUNT=" in rule or len(found) <= count


# From completion, and splitting


def next_from_completion(
    series: Series, completed_at: datetime, ended: int, after: str
) -> Occurrence | None:
    """What follows the occurrence `after`, completed at `completed_at` (UTC), when `ended`
    occurrences are used up.

    The interval counts from the local day of completion, at the time of day of the series (hourly:
    from that moment, by the clock). A rule that names days of its own goes on with the first such
    day. Never at or before `after`: of what is done early, the interval counts from `after`.
    """
    start = _read_start(series.anchor, series.timezone)
    rule = _read_rule(series.recurrence.rule, start)
    if rule.count is not None and ended >= rule.count:
        return None
    done = to_local(completed_at, find_zone(series.timezone or "UTC")).replace(microsecond=0)
    earlier = datetime.fromisoformat(after)
    local = _follow(done, series, rule, start)
    if local is not None and local <= earlier:
        local = _follow(earlier, series, rule, start)
    occurrence = None if local is None else _place(local, start, None)
    return occurrence if occurrence and _is_within(occurrence, rule.until) else None


def _follow(done: datetime, series: Series, rule: _Rule, start: _Start) -> datetime | None:
    given, skip = series.recurrence, series.recurrence.short_months
    moment = done if rule.frequency == "hourly" else datetime.combine(done, start.local.time())
    if given.frequency is None or given.weekdays not in (None, [WEEKDAYS[start.local.weekday()]]):
        again = _Start(moment, start.all_day, start.timezone)
        return next((t for t in _match_times(rule, again, skip, moment) if t > moment), None)
    if rule.frequency in ("monthly", "yearly"):
        return _follow_months(moment, rule, skip)
    unit = {"hourly": timedelta(hours=1), "weekly": timedelta(days=7)}
    return moment + rule.interval * unit.get(rule.frequency, timedelta(days=1))


def _follow_months(moment: datetime, rule: _Rule, skip: str) -> datetime | None:
    step = rule.interval * (12 if rule.frequency == "yearly" else 1)
    month = moment.year * 12 + moment.month - 1
    while (month := month + step) < (LAST_YEAR + 1) * 12:
        day = _day_of_month(month // 12, month % 12 + 1, moment.day, skip)
        if day is not None:
            return datetime.combine(day, moment.time())
    return None


def split_count(recurrence: Recurrence, used: int) -> Recurrence:
    """The recurrence of what follows after `used` occurrences; unchanged without a count. Raises
    InvalidRecurrence if nothing is left."""
    found = re.search(r";COUNT=(\d+)", recurrence.rule)
    if found is None:
        return recurrence
    left = int(found[1]) - used
    if left < 1:
        raise InvalidRecurrence(
            "count", f"all {found[1]} occurrences are used: choose a larger count"
        )
    return msgspec.structs.replace(
        recurrence,
        rule=recurrence.rule.replace(found[0], f";COUNT={left}"),
        count=recurrence.count and left,
    )


def end_before(series: Series, recurrence_id: str) -> Recurrence:
    """The recurrence of what comes before an occurrence: it ends a second (all day: a day) before,
    without a count. Raises InvalidRecurrence if nothing comes before."""
    start = _read_start(series.anchor, series.timezone)
    local = datetime.fromisoformat(recurrence_id)
    if local <= start.local:
        raise InvalidRecurrence("until", "nothing comes before the first: change the whole series")
    second = timedelta(seconds=1)
    until = (local - second).date() if start.all_day else _to_due(local, start)[0] - second
    rule = re.sub(r";(COUNT|UNTIL)=[^;]*", "", series.recurrence.rule)
    return msgspec.structs.replace(
        series.recurrence,
        rule=f"{rule};UNTIL={_write_until(until)}",
        until=_show_until(until, start) if series.recurrence.frequency else None,
        count=None,
    )
