"""The words that phrases are made of, and what each means; tables alone, so that a new word is one
line."""

from datetime import time

WORKDAYS = (0, 1, 2, 3, 4)
WEEKEND = (5, 6)
EVERYDAY = (0, 1, 2, 3, 4, 5, 6)

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT_DAYS = {"tues": 1, "weds": 2, "thur": 3, "thurs": 3}
DAYS: dict[str, int] = {
    **{name: place for place, name in enumerate(_DAYS)},
    **{f"{name}s": place for place, name in enumerate(_DAYS)},
    **{name[:3]: place for place, name in enumerate(_DAYS)},
    **_SHORT_DAYS,
}
# Several days in one word.
SOME_DAYS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("weekday", "weekdays", "workday", "workdays"), WORKDAYS),
    **dict.fromkeys(("weekend", "weekends"), WEEKEND),
}

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
MONTHS: dict[str, int] = {
    **{name: place for place, name in enumerate(_MONTHS, 1)},
    **{name[:3]: place for place, name in enumerate(_MONTHS, 1)},
    "sept": 9,
}

# What repeats, and every how many of them.
UNITS: dict[str, tuple[str, int]] = {
    "hour": ("hourly", 1),
    "day": ("daily", 1),
    "week": ("weekly", 1),
    "fortnight": ("weekly", 2),
    "month": ("monthly", 1),
    "quarter": ("monthly", 3),
    "year": ("yearly", 1),
}
UNITS |= {f"{name}s": unit for name, unit in UNITS.items()}
ADVERBS: dict[str, tuple[str, int]] = {
    "hourly": ("hourly", 1),
    "daily": ("daily", 1),
    "weekly": ("weekly", 1),
    "biweekly": ("weekly", 2),
    "fortnightly": ("weekly", 2),
    "monthly": ("monthly", 1),
    "quarterly": ("monthly", 3),
    "yearly": ("yearly", 1),
    "annually": ("yearly", 1),
}

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
_NUMBERS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
)  # fmt: skip


def _suffix(number: int) -> str:
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number // 10 != 1 else 0, "th")


def write_ordinal(number: int) -> str:
    """1st, 2nd, 31st; last and 2nd to last for what is counted from the end."""
    if number == -1:
        return "last"
    shown = f"{abs(number)}{_suffix(abs(number))}"
    return shown if number > 0 else f"{shown} to last"


ORDINALS: dict[str, int] = {
    **{name: place for place, name in enumerate(_ORDINALS, 1)},
    **{write_ordinal(number): number for number in range(1, 32)},
    "last": -1,
}
NUMBERS: dict[str, int] = {
    **{name: place for place, name in enumerate(_NUMBERS, 1)},
    **{str(number): number for number in range(1, 1000)},
}
TIMES: dict[str, time] = {"noon": time(12), "midday": time(12), "midnight": time(0)}
