"""Which local days and times a rule matches: steps through hours, days, weeks, months and years.

python-dateutil decides which days of a year match the by-parts (RFC 5545 section 3.3.10), one year
at a time, for it searches a rule without a match until the year 9999. A year is one of fourteen
(its first weekday, leap or not), so it is asked only once for each. What it does not know stands
here: SKIP (`short_months`), weeks at the turn of the year, and limits.
"""

import calendar
import functools
import itertools
from bisect import bisect_left
from collections.abc import Iterator
from datetime import MAXYEAR, date, datetime, time, timedelta

from taskflow.rule import Rule, Start
from taskflow.short_months import list_days, may_skip

# The days of the longest period, for whose beginning to look back; a year is looked at whole.
LONGEST = {"hourly": 1, "daily": 1, "weekly": 7, "monthly": 31}
EVERY_DAY = tuple((0, day) for day in range(7))
# Every kind of year once: by the weekday of its first day, and whether it is a leap year.
YEARS = {(date(year, 1, 1).weekday(), calendar.isleap(year)): year for year in range(2000, 2028)}
# A rule's parts that decide the days of a year: months, weekdays, days of the month, of the year.
Parts = tuple[
    tuple[int, ...] | None,
    tuple[tuple[int, int], ...],
    tuple[int, ...] | None,
    tuple[int, ...] | None,
]


def match_times(rule: Rule, start: Start, skip: str, floor: datetime) -> Iterator[datetime]:
    """Local times that match the rule, from `floor` on, strictly increasing."""
    last = floor - timedelta(seconds=1)
    for days, times in _match_periods(rule, start, skip, floor):
        for local in _pick_times(days, times, rule):
            if local > last:
                last = local
                yield local


def _pick_times(days: list[date], times: list[time], rule: Rule) -> Iterator[datetime]:
    """Every time of one period, or those at the positions of BYSETPOS."""
    size = len(days) * len(times)
    places = rule.by.get("BYSETPOS")
    picked = range(size) if places is None else sorted({*_to_indexes(places, size)})
    for index in picked:
        yield datetime.combine(days[index // len(times)], times[index % len(times)])


def _to_indexes(places: tuple[int, ...], size: int) -> Iterator[int]:
    for place in places:
        if abs(place) <= size:
            yield place - 1 if place > 0 else size + place


def _match_periods(
    rule: Rule, start: Start, skip: str, floor: datetime
) -> Iterator[tuple[list[date], list[time]]]:
    """Days and times of each hour, day, week, month or year that reaches `floor`."""
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
            yield days, times
            continue
        for hour in _hours_of(days[0], rule, start):
            yield days, [time(hour, *pair) for pair in pairs]


def _hours_of(day: date, rule: Rule, start: Start) -> list[int]:
    away = day.toordinal() - start.local.toordinal()
    hours = range((start.local.hour - 24 * away) % rule.interval, 24, rule.interval)
    wanted = rule.by.get("BYHOUR")
    return [hour for hour in hours if wanted is None or hour in wanted]


def _match_days(rule: Rule, start: Start, skip: str, floor: datetime) -> Iterator[tuple[int, date]]:
    """Matching days with the number of their period, from that of `floor` on, in order."""
    earliest = floor.toordinal() - LONGEST.get(rule.frequency, 1000)
    first_year = floor.year - 1 if "BYWEEKNO" in rule.by else (floor - timedelta(days=7)).year
    for year in range(first_year, rule.last_year + 1):
        months = _months_of(year, rule, start)
        for period, day in _days_of(year, months, rule, skip, earliest) if months else ():
            if _is_in_step(period, day, rule, start):
                yield period, day


def _months_of(year: int, rule: Rule, start: Start) -> list[int]:
    months = rule.by.get("BYMONTH", range(1, 13))
    away = 12 * (year - start.local.year)
    if rule.frequency == "yearly" and "BYWEEKNO" not in rule.by:
        return list(months) if away % (12 * rule.interval) == 0 else []
    if rule.frequency == "monthly":
        return [m for m in months if (away + m - start.local.month) % rule.interval == 0]
    return list(months)


def _is_in_step(period: int, day: date, rule: Rule, start: Start) -> bool:
    if rule.frequency == "hourly":
        return bool(_hours_of(day, rule, start))
    if "BYWEEKNO" in rule.by:
        return (period - start.local.year) % rule.interval == 0
    if rule.frequency in ("daily", "weekly"):
        return (period - _period_of(start.local, rule)) % rule.interval == 0
    return True


def _period_of(day: date, rule: Rule) -> int:
    if rule.frequency == "yearly":
        # A week belongs to the year of its fourth day, and so do its days (ISO 8601).
        away = 3 - (day.weekday() - rule.week_start) % 7 if "BYWEEKNO" in rule.by else 0
        return (day + timedelta(days=away)).year
    if rule.frequency == "monthly":
        return day.year * 12 + day.month
    ordinal = day.toordinal()
    return (ordinal - 1 - rule.week_start) // 7 if rule.frequency == "weekly" else ordinal


def _days_of(
    year: int, months: list[int], rule: Rule, skip: str, earliest: int
) -> Iterator[tuple[int, date]]:
    """Days of one year, none before the ordinal `earliest` where that is known to be too early."""
    if may_skip(rule, skip):
        found = list_days(year, months, rule, skip)
        yield from sorted({(_period_of(date(year, month, 1), rule), day) for month, day in found})
        return
    numbers = _days_by_parts(year, months, rule)
    if "BYWEEKNO" in rule.by:
        numbers = sorted(_days_of_weeks(year, rule).intersection(numbers))
    before = date(year, 1, 1).toordinal() - 1
    for number in numbers[bisect_left(numbers, earliest - before) :]:
        day = date.fromordinal(before + number)
        yield _period_of(day, rule), day


def _days_by_parts(year: int, months: list[int], rule: Rule) -> list[int]:
    """Days of the year, from 1 on."""
    per_month = rule.frequency == "monthly" or "BYMONTH" in rule.by
    parts: Parts = (
        tuple(months) if per_month else None,
        rule.days or EVERY_DAY,
        rule.by.get("BYMONTHDAY"),
        rule.by.get("BYYEARDAY"),
    )
    return _ask_dateutil(YEARS[date(year, 1, 1).weekday(), calendar.isleap(year)], parts)


@functools.lru_cache(maxsize=512)
def _ask_dateutil(year: int, parts: Parts) -> list[int]:
    """The days of one kind of year, by dateutil; an interval past its last year ends it there."""
    from dateutil.rrule import YEARLY, rrule, weekday

    months, days, month_days, year_days = parts
    # dateutil intersects numbered and other weekdays, where RFC 5545 joins them.
    plain = [weekday(day) for ordinal, day in days if not ordinal]
    numbered = [weekday(day, ordinal) for ordinal, day in days if ordinal]
    found: set[int] = set()
    for weekdays in filter(None, (plain, numbered)):
        matches = rrule(
            YEARLY,
            dtstart=datetime(year, 1, 1),
            interval=MAXYEAR,
            bymonth=months,
            bymonthday=month_days,
            byyearday=year_days,
            byweekday=weekdays,
        )
        found.update(moment.timetuple().tm_yday for moment in matches)
    return sorted(found)


def _days_of_weeks(year: int, rule: Rule) -> frozenset[int]:
    leaps = [calendar.isleap(near) for near in (year - 1, year, year + 1)]
    kind = (date(year, 1, 1).weekday() - rule.week_start) % 7
    return _list_week_days(kind, (leaps[0], leaps[1], leaps[2]), rule.by["BYWEEKNO"])


@functools.lru_cache(maxsize=512)
def _list_week_days(
    first: int, leaps: tuple[bool, bool, bool], weeks: tuple[int, ...]
) -> frozenset[int]:
    """The days of a year in numbered weeks. `first`: the place of its first day in its week;
    `leaps`: whether the year before, it and the one after are leap years.

    Week 1 is the first with four days in the year (RFC 5545 BYWEEKNO, ISO 8601). Not left to
    dateutil, which takes 2022-01-01 for week 53.
    """
    before, length, after = (365 + leap for leap in leaps)
    found = set()
    for day in range(1, length + 1):
        # A week belongs to the year of its fourth day.
        middle, own = day + 3 - (first + day - 1) % 7, length
        if middle < 1:
            middle, own = middle + before, before
        elif middle > length:
            middle, own = middle - length, after
        number, following = (middle - 1) // 7 + 1, (own - middle) // 7
        if number in weeks or -following - 1 in weeks:
            found.add(day)
    return frozenset(found)
