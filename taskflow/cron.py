"""A cron expression as the rule (RFC 5545) that says the same; cronsim reads it as Debian's cron
does, with names, `L` and `#`. Apart, because the library is loaded only where somebody uses cron.
"""

from typing import TYPE_CHECKING

from taskflow.rule import WEEKDAYS, InvalidRecurrence

if TYPE_CHECKING:
    from cronsim import CronSim

MAX_CHARACTERS = 200
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS = "five fields: minute hour day-of-month month day-of-week, such as 0 9 * * 1-5"
EVERY_HOUR, EVERY_DAY = set(range(24)), set(range(1, 32))
EVERY_MONTH, EVERY_WEEKDAY = set(range(1, 13)), set(range(7))
LAST_OF_MONTH, LAST_WEEKDAY = -1000, -1001


def read_cron(text: str) -> str:
    """The rule of an expression, in the time zone of its task. Raises InvalidRecurrence where cron
    cannot read it, or where no rule says it: "this day of the month or that weekday"."""
    given = text.strip().lower()
    fields = NICKNAMES.get(given, given).split()
    if len(text) > MAX_CHARACTERS or len(fields) != 5:
        raise InvalidRecurrence("cron", f"{text[:40]!r} is no cron expression: give {FIELDS}")
    found = _parse(" ".join(fields))
    parts = _read_days(found, " ".join(fields))
    if found.hours == EVERY_HOUR and parts == {"FREQ": "DAILY"}:
        parts["FREQ"] = "HOURLY"
    else:
        parts["BYHOUR"] = _join(found.hours)
    parts |= {"BYMINUTE": _join(found.minutes), "BYSECOND": "0"}
    if found.months != EVERY_MONTH:
        parts["BYMONTH"] = _join(found.months)
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _parse(expression: str) -> "CronSim":
    from datetime import datetime

    from cronsim import CronSim, CronSimError

    try:
        return CronSim(expression, datetime(2000, 1, 1))
    except CronSimError as error:
        reason = str(error).lower().removeprefix("bad ")
        message = f"cannot read its {reason}: give {FIELDS}"
        raise InvalidRecurrence("cron", f"{expression[:60]!r}: {message}") from None


def _join(numbers: set[int]) -> str:
    return ",".join(map(str, sorted(numbers)))


def _read_days(found: "CronSim", expression: str) -> dict[str, str]:
    """FREQ with BYMONTHDAY or BYDAY. Sunday is 0 and 7."""
    weekdays = {day % 7 if isinstance(day, int) else day for day in found.weekdays}
    any_day, any_weekday = found.days >= EVERY_DAY, weekdays >= EVERY_WEEKDAY
    if not found.day_and:
        # Written without a star, cron takes either: so every day if one of the two is.
        if any_day or any_weekday:
            return {"FREQ": "DAILY"}
        reason = "takes the day of the month or the weekday, which is two rules"
        raise InvalidRecurrence("cron", f"{expression!r} {reason}: make two tasks")
    if not any_day and not any_weekday:
        return {"FREQ": "DAILY", **_read_month_days(found.days), **_read_weekdays(weekdays)}
    if LAST_WEEKDAY in found.days:
        # Of a day with several times each is the last weekday's.
        places = range(1, len(found.hours) * len(found.minutes) + 1)
        last = ",".join(f"-{place}" for place in places)
        return {"FREQ": "MONTHLY", "BYDAY": "MO,TU,WE,TH,FR", "BYSETPOS": last}
    if not any_day:
        # What limits days is never moved, and cron leaves out what a month lacks.
        frequency = "DAILY" if max(found.days) > 28 else "MONTHLY"
        return {"FREQ": frequency, **_read_month_days(found.days)}
    if any_weekday:
        return {"FREQ": "DAILY"}
    numbered = any(isinstance(day, tuple) for day in weekdays)
    return {"FREQ": "MONTHLY" if numbered else "WEEKLY", **_read_weekdays(weekdays)}


def _read_month_days(days: set[int]) -> dict[str, str]:
    return {"BYMONTHDAY": _join({-1 if day == LAST_OF_MONTH else day for day in days})}


def _read_weekdays(weekdays: "set[int | tuple[int, int]]") -> dict[str, str]:
    names = []
    for day in sorted(weekdays, key=str):
        number, ordinal = (day, 0) if isinstance(day, int) else day
        place = {0: "", LAST_OF_MONTH: "-1"}.get(ordinal, str(ordinal))
        names.append(f"{place}{WEEKDAYS[(number - 1) % 7]}")
    return {"BYDAY": ",".join(names)}
