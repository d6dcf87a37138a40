"""A rule in plain English, in words that `phrase` reads back; apart from both, because people are
shown what was understood before anything is saved.
"""

import calendar
from datetime import datetime, time

from taskflow.phrase_words import WORKDAYS, write_ordinal
from taskflow.recurrence import Recurrence
from taskflow.rule import Rule, Start, parse_rule, write_rule
from taskflow.zone import find_zone, to_local

UNITS = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}


def describe_recurrence(recurrence: Recurrence, start: Start) -> str:
    """How often, on which days, at what time and until when a series comes."""
    rule = parse_rule(recurrence.rule, start)
    days = _describe_days(rule)
    if days is None:
        return f"by the rule {write_rule(rule)}"
    parts = [_describe_pace(rule), days, _describe_months(rule), _describe_times(rule, start)]
    parts += [_describe_end(rule, start)]
    if recurrence.repeat_from == "completion":
        parts.append("after completion")
    return " ".join(part for part in parts if part)


def _describe_pace(rule: Rule) -> str:
    if rule.frequency == "weekly" and rule.interval == 1 and _is_workdays(rule):
        return "every weekday"
    unit = UNITS[rule.frequency]
    return f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"


def _is_workdays(rule: Rule) -> bool:
    return rule.days == tuple((0, day) for day in WORKDAYS)


def _describe_days(rule: Rule) -> str | None:
    """The days in their period; empty where there are none, None where words fail."""
    names = rule.by.keys() - {"BYMONTH", "BYHOUR", "BYMINUTE", "BYSECOND"}
    if rule.frequency == "weekly" and not names:
        plain = rule.interval == 1 and _is_workdays(rule)
        return "" if plain else f"on {_join(calendar.day_name[day] for _, day in rule.days)}"
    if rule.frequency in ("hourly", "daily") and not names and not rule.days:
        return ""
    if rule.frequency not in ("monthly", "yearly"):
        return None
    if rule.frequency == "yearly" and len(rule.by.get("BYMONTH", ())) != 1:
        return None
    return _describe_month_days(rule, names)


def _describe_month_days(rule: Rule, names: set[str]) -> str | None:
    if names == {"BYMONTHDAY"} and not rule.days:
        numbers = sorted(rule.by["BYMONTHDAY"], key=lambda number: (number < 0, number))
        return f"on the {_join(map(write_ordinal, numbers))} day"
    if names == {"BYSETPOS"} and _is_workdays(rule) and len(rule.by["BYSETPOS"]) == 1:
        return f"on the {write_ordinal(rule.by['BYSETPOS'][0])} weekday"
    if names or not rule.days or not all(ordinal for ordinal, _ in rule.days):
        return None
    named = (f"the {write_ordinal(n)} {calendar.day_name[day]}" for n, day in rule.days)
    return f"on {_join(named)}"


def _join(names: object) -> str:
    listed = list(names)  # type: ignore[call-overload]
    return " and ".join(filter(None, (", ".join(listed[:-1]), listed[-1])))


def _describe_months(rule: Rule) -> str:
    months = rule.by.get("BYMONTH")
    if months is None:
        return ""
    return f"in {_join(calendar.month_name[month] for month in months)}"


def _describe_times(rule: Rule, start: Start) -> str | None:
    if start.all_day or rule.frequency == "hourly":
        return ""
    clock = start.local
    minutes = rule.by.get("BYMINUTE", (clock.minute,))
    hours = rule.by.get("BYHOUR", (clock.hour,))
    return f"at {_join(f'{hour:02}:{minute:02}' for hour in hours for minute in minutes)}"


def _describe_end(rule: Rule, start: Start) -> str:
    if rule.count is not None:
        return f"for {rule.count} {'time' if rule.count == 1 else 'times'}"
    if rule.until is None:
        return ""
    if not isinstance(rule.until, datetime):
        return f"until {rule.until.isoformat()}"
    local = to_local(rule.until, find_zone(start.timezone))
    clock = "" if local.time() == time(23, 59, 59) else f" at {local:%H:%M}"
    return f"until {local.date().isoformat()}{clock}"
