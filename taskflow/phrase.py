"""How often a task repeats in plain English, as a rule: a small grammar of clauses, each of which
must be understood; apart, because the libraries for it pass over what they do not know.

A clause is tried where the last one ended; what no clause can read is refused by name.
"""

import calendar
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import TypeVar

import msgspec
from msgspec import field

from taskflow.match_rule import match_times
from taskflow.phrase_words import (
    ADVERBS,
    DAYS,
    EVERYDAY,
    MONTHS,
    NUMBERS,
    ORDINALS,
    SOME_DAYS,
    TIMES,
    UNITS,
    WORKDAYS,
    write_ordinal,
)
from taskflow.recurrence import RecurrenceRequest
from taskflow.rule import WEEKDAYS, InvalidRecurrence, Start, parse_rule

T = TypeVar("T")
MAX_CHARACTERS = 200
TOKEN = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[:.]\d\d|\d+(?:st|nd|rd|th)\b|\d+|[a-z]+|,|\S")
KNOWN = (
    'say it like "every other tuesday and thursday at 9 until march", '
    '"monthly on the last friday" or "every 31st"'
)


# A day that is known once it is known what it follows.
FindDay = Callable[[date], date]


class Phrase(msgspec.Struct):
    """What was understood so far. `days` holds (ordinal or 0, weekday); `position` picks one of
    them in a month; `until` and `start` are resolved when the start is known."""

    frequency: str = ""
    interval: int = 1
    days: list[tuple[int, int]] = field(default_factory=list)
    month_days: list[int] = field(default_factory=list)
    months: list[int] = field(default_factory=list)
    position: int = 0
    times: list[time] = field(default_factory=list)
    until: FindDay | None = None
    start: FindDay | None = None
    count: int | None = None
    left_out: list[FindDay] = field(default_factory=list)
    from_completion: bool = False

    def find_start(self, now: datetime) -> datetime | date | None:
        """The first date of the rule after the local time `now`: a day if no time was said."""
        if self.frequency == "hourly":
            return now.replace(minute=0, second=0) + timedelta(hours=1)
        first = self.start(now.date()) if self.start else now.date()
        begin = datetime.combine(first, self.times[0] if self.times else time())
        start = Start(begin, not self.times, None)
        plain = msgspec.structs.replace(self, until=None, count=None, interval=1)
        rule = parse_rule(plain.write_rule(start), start)
        floor = max(now + timedelta(seconds=1), datetime.combine(first, time()))
        if not self.times:
            floor = datetime.combine(max(first, now.date()), time())
        found = next(match_times(rule, start, "omit", floor), None)
        return found.date() if found and not self.times else found

    def write_request(self, request: RecurrenceRequest, start: Start) -> RecurrenceRequest:
        """The same request with a rule instead of words. Raises InvalidRecurrence."""
        if start.all_day and self.times:
            message = 'say a time ("at 9"), and the due date has none: give due_at, or leave it out'
            raise InvalidRecurrence("words", message)
        left_out = [find(start.local.date()).isoformat() for find in self.left_out]
        return msgspec.structs.replace(
            request,
            rule=self.write_rule(start),
            words=None,
            repeat_from="completion" if self.from_completion else request.repeat_from,
            exdates=[*request.exdates, *left_out],
        )

    def write_rule(self, start: Start) -> str:
        """The rule for a series that begins at `start`."""
        parts = {
            "FREQ": self.frequency.upper(),
            "INTERVAL": str(self.interval),
            "BYMONTH": ",".join(map(str, self.months)),
            "BYMONTHDAY": ",".join(map(str, self.month_days)),
            "BYDAY": ",".join(f"{n or ''}{WEEKDAYS[day]}" for n, day in self.days),
            "BYHOUR": ",".join(str(one.hour) for one in self.times),
            "BYMINUTE": str(self.times[0].minute) if self.times else "",
            "BYSECOND": "0" if self.times else "",
            "BYSETPOS": str(self.position or ""),
            "UNTIL": f"{self.until(start.local.date()):%Y%m%d}" if self.until else "",
            "COUNT": str(self.count or ""),
        }
        return ";".join(f"{name}={value}" for name, value in parts.items() if value)


def read_phrase(text: str) -> Phrase:
    """What `text` says. Raises InvalidRecurrence with the part that was not understood."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidRecurrence("words", f"are longer than {MAX_CHARACTERS} characters: {KNOWN}")
    reader = Reader(TOKEN.findall(text.lower().strip().rstrip(".")))
    phrase = Phrase()
    while reader.left:
        if not any(clause(reader, phrase) for clause in CLAUSES):
            raise reader.refuse()
    return _settle(phrase, reader)


class Reader:
    """The words of a phrase, and how far they are understood."""

    def __init__(self, words: list[str]) -> None:
        self.words, self.place = words, 0

    @property
    def left(self) -> list[str]:
        return self.words[self.place :]

    def take(self, *wanted: str) -> bool:
        """Whether one of these sequences of words comes next; then it is passed."""
        for one in wanted:
            words = one.split()
            if self.left[: len(words)] == words:
                self.place += len(words)
                return True
        return False

    def take_from(self, table: dict[str, T]) -> T | None:
        """The value of the next word, if the table has it."""
        value = table.get(self.left[0]) if self.left else None
        if value is not None:
            self.place += 1
        return value

    def take_list(self, read: "Callable[[Reader], T | None]") -> list[T]:
        """Values with commas, "and" or "or" between them; nothing is passed if there is none."""
        found: list[T] = []
        while True:
            before = self.place
            if found and not (self.take(", and", ", or", ",", "and", "or", "&")):
                return found
            value = read(self)
            if value is None:
                self.place = before
                return found
            found.append(value)

    def refuse(self, reason: str = "is not understood") -> InvalidRecurrence:
        """What to raise about the words from here on."""
        shown = " ".join(self.left)[:60] or " ".join(self.words)[:60]
        return InvalidRecurrence("words", f'"{shown}" {reason}: {KNOWN}')


# Clauses: each reads what it knows and says whether it did.


def _read_every(reader: Reader, phrase: Phrase) -> bool:
    """every (other | 2)? day | weekday | tuesday and thursday | 31st | last friday | march"""
    if not reader.take("every", "each"):
        return False
    if _read_day_of_year(reader, phrase):
        _set_frequency(phrase, ("yearly", 1), 1, reader)
        return True
    other = reader.take("other")
    number = 2 if other else (reader.take_from(NUMBERS) or 1)
    unit = reader.take_from(UNITS)
    if unit:
        _set_frequency(phrase, unit, number, reader)
    elif _read_weekdays(reader, phrase):
        _set_frequency(phrase, ("weekly", 1), number, reader)
    elif number == 1 and not other and _read_day_of_month(reader, phrase):
        _check_place(reader, phrase)
    elif number == 1 and not other and _read_months(reader, phrase):
        _set_frequency(phrase, ("yearly", 1), 1, reader)
    else:
        raise reader.refuse()
    return True


def _set_frequency(phrase: Phrase, unit: tuple[str, int], number: int, reader: Reader) -> None:
    name, times = unit
    if phrase.frequency and (phrase.frequency, phrase.interval) != (name, times * number):
        reader.place -= 1
        raise reader.refuse("says how often a second time")
    phrase.frequency, phrase.interval = name, times * number


def _check_place(reader: Reader, phrase: Phrase) -> None:
    """ "Every second tuesday" may be one in two, or the second of the month."""
    of_month = reader.take("of the month", "of every month", "of each month", "of a month")
    said = of_month or reader.left[:1] in (["of"], ["in"])
    if not said and phrase.days and phrase.days[0][0] not in (0, 1, -1):
        raise InvalidRecurrence(
            "words",
            '"every second tuesday" has two meanings: say "every other tuesday" or '
            '"the second tuesday of every month"',
        )


def _read_adverb(reader: Reader, phrase: Phrase) -> bool:
    """daily | weekly | monthly | weekdays | tuesdays and thursdays | once a week"""
    unit = reader.take_from(ADVERBS)
    if unit is None and reader.take("once a", "once every", "once per"):
        unit = reader.take_from(UNITS)
        if unit is None:
            raise reader.refuse()
    if unit is not None:
        _set_frequency(phrase, unit, 1, reader)
        return True
    plural = reader.left[:1] and reader.left[0].endswith("s")
    return bool(plural) and _read_weekdays(reader, phrase)


def _read_weekdays(reader: Reader, phrase: Phrase) -> bool:
    groups = reader.take_list(_take_weekdays)
    phrase.days += [(0, day) for group in groups for day in group if (0, day) not in phrase.days]
    return bool(groups)


def _take_weekdays(reader: Reader) -> tuple[int, ...] | None:
    some = reader.take_from(SOME_DAYS)
    if some is not None:
        return some
    day = reader.take_from(DAYS)
    return None if day is None else (day,)


def _read_on(reader: Reader, phrase: Phrase) -> bool:
    """on mondays | on the 1st and 15th | on the last friday of the month | on 5 march | the ..."""
    said = reader.take("on")
    if not said and not (reader.left and (reader.left[0] == "the" or reader.left[0] in ORDINALS)):
        return False
    if _read_day_of_year(reader, phrase) or _read_day_of_month(reader, phrase):
        return True
    if _read_weekdays(reader, phrase):
        return True
    raise reader.refuse()


def _read_day_of_year(reader: Reader, phrase: Phrase) -> bool:
    """5 march | march 5th | the 5th of march"""
    before = reader.place
    reader.take("the")
    month, number = reader.take_from(MONTHS), _take_number(reader)
    if month is None:
        reader.take("of")
        month = reader.take_from(MONTHS)
    if month is None or number is None:
        reader.place = before
        return False
    phrase.months, phrase.month_days = [month], [number]
    return True


def _take_number(reader: Reader) -> int | None:
    before = reader.place
    number = reader.take_from(ORDINALS) or reader.take_from(NUMBERS)
    if number is not None and 1 <= number <= 31:
        return number
    reader.place = before
    return None


def _read_day_of_month(reader: Reader, phrase: Phrase) -> bool:
    """the 1st and 15th | the last day | the first weekday | the 2nd and 4th tuesday"""
    before = reader.place
    places = reader.take_list(_take_place)
    if not places:
        reader.place = before
        return False
    if reader.take("weekday", "workday", "working day", "business day"):
        phrase.position, phrase.days = places[0], [(0, day) for day in WORKDAYS]
        if len(places) > 1:
            raise reader.refuse("picks several weekdays: name one")
    elif (day := reader.take_from(DAYS)) is not None:
        phrase.days += [(place, day) for place in places]
        while reader.take("and"):
            phrase.days += _read_more_days(reader)
    else:
        reader.take("days", "day")
        phrase.month_days += places
    return True


def _take_place(reader: Reader) -> int | None:
    before = reader.place
    reader.take("the")
    number = reader.take_from(ORDINALS)
    if number is not None and reader.take("to last", "last"):
        number = -number
    if number is None:
        reader.place = before
    return number


def _read_more_days(reader: Reader) -> list[tuple[int, int]]:
    place, day = _take_place(reader), reader.take_from(DAYS)
    if place is None or day is None:
        raise reader.refuse()
    return [(place, day)]


def _read_of(reader: Reader, phrase: Phrase) -> bool:
    """of the month | of every month | in march and june | of november"""
    if reader.take("of the month", "of every month", "of each month", "in the month"):
        if not phrase.frequency:
            phrase.frequency = "monthly"
        return True
    if reader.take("of the year", "of every year", "of each year"):
        raise reader.refuse("comes after days that are counted in a month: name the month")
    return reader.take("in", "of", "during") and (_read_months(reader, phrase) or _fail(reader))


def _fail(reader: Reader) -> bool:
    raise reader.refuse()


def _read_months(reader: Reader, phrase: Phrase) -> bool:
    months = reader.take_list(lambda one: one.take_from(MONTHS))
    phrase.months += [month for month in months if month not in phrase.months]
    if len(months) == 1 and (day := _take_number(reader)):
        phrase.month_days.append(day)
    return bool(months)


def _read_at(reader: Reader, phrase: Phrase) -> bool:
    """at 9 | at 9:30 am and 5 pm | at noon"""
    if not reader.take("and at", "at"):
        return False
    times = reader.take_list(_take_time)
    if not times:
        raise reader.refuse("is no time of day")
    phrase.times += times
    if len({(one.minute, one.second) for one in phrase.times}) > 1:
        raise reader.refuse("gives times with different minutes: make a task of each")
    return True


def _take_time(reader: Reader) -> time | None:
    named = reader.take_from(TIMES)
    if named is not None or not reader.left:
        return named
    found = re.fullmatch(r"(\d{1,2})(?:[:.](\d\d))?", reader.left[0])
    if found is None:
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    half = reader.left[1:2]
    if half in (["am"], ["pm"]) and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == ["pm"] else 0)
        reader.place += 1
    if hour > 23 or minute > 59:
        raise reader.refuse("is no time of day")
    reader.place += 1
    return time(hour, minute)


def _read_end(reader: Reader, phrase: Phrase) -> bool:
    """until march | until 5 march 2027 | through june | until friday | 5 times | for 3 weeks"""
    if reader.take("until the", "until", "till", "through", "ending on", "ending"):
        whole = reader.words[reader.place - 1] == "through"
        phrase.until = _read_day(reader, whole_month=whole)
        return True
    before = reader.place
    said = reader.take(", for", ",", "for")
    number = reader.take_from(NUMBERS)
    if number and reader.take("times", "time", "occurrences"):
        phrase.count = number
        return True
    if number and said and (unit := reader.take_from(UNITS)) and unit[0] != "hourly":
        phrase.until = _after(unit[0], unit[1] * number)
        return True
    reader.place = before
    return False


def _after(unit: str, number: int) -> FindDay:
    """The last day of so many days, weeks, months or years from the start."""

    def find(start: date) -> date:
        if unit in ("daily", "weekly"):
            return start + timedelta(days=number * (7 if unit == "weekly" else 1) - 1)
        month = start.year * 12 + start.month - 1 + number * (12 if unit == "yearly" else 1)
        length = calendar.monthrange(month // 12, month % 12 + 1)[1]
        until = date(month // 12, month % 12 + 1, min(start.day, length))
        return until - timedelta(days=1)

    return find


def _read_start(reader: Reader, phrase: Phrase) -> bool:
    """starting monday | from 1 march | beginning tomorrow"""
    if reader.left[:2] in (["from", "completion"], ["from", "when"]):
        return False
    if not reader.take("starting on", "starting", "beginning on", "beginning", "from"):
        return False
    phrase.start = _read_day(reader)
    return True


def _read_day(reader: Reader, *, whole_month: bool = False) -> FindDay:
    """2027-03-05 | 5 march 2027 | march | the end of march | friday | tomorrow"""
    if reader.left and re.fullmatch(r"\d{4}-\d\d-\d\d", reader.left[0]):
        return _fixed_day(reader)
    reader.take("the")
    whole_month = reader.take("end of") or whole_month
    if reader.take("year", "the year") and whole_month:
        return lambda base: date(base.year, 12, 31)
    if reader.take("today", "tomorrow"):
        away = int(reader.words[reader.place - 1] == "tomorrow")
        return lambda base: base + timedelta(days=away)
    weekday = reader.take_from(DAYS)
    if weekday is not None:
        return lambda base: base + timedelta(days=(weekday - base.weekday()) % 7)
    return _read_month_day(reader, whole_month)


def _fixed_day(reader: Reader) -> FindDay:
    try:
        day = date.fromisoformat(reader.left[0])
    except ValueError:
        raise reader.refuse("is no date") from None
    reader.place += 1
    return lambda base: day


def _read_month_day(reader: Reader, whole_month: bool) -> FindDay:
    number = _take_number(reader)
    reader.take("of")
    month = reader.take_from(MONTHS)
    if month is None:
        raise reader.refuse("is no date")
    number = number or (_take_number(reader) if not whole_month else None)
    reader.take(",")
    year = None
    if reader.left and re.fullmatch(r"\d{4}", reader.left[0]):
        year, reader.place = int(reader.left[0]), reader.place + 1
    return lambda base: _find_month_day(base, year, month, -1 if whole_month else number or 1)


def _find_month_day(base: date, year: int | None, month: int, number: int) -> date:
    """That day in its year, or else the first such day from `base` on."""
    for wanted in [year] if year else range(base.year, base.year + 9):
        length = calendar.monthrange(wanted, month)[1]
        if number <= length:
            day = date(wanted, month, length if number == -1 else number)
            if year or day >= base:
                return day
    lacks = f"{calendar.month_name[month]} has no {write_ordinal(number)}"
    raise InvalidRecurrence("words", f"{lacks}: {KNOWN}")


def _read_exception(reader: Reader, phrase: Phrase) -> bool:
    """except sundays | except in august | but not on 5 march"""
    if not reader.take("except", "excluding", "but not", "not"):
        return False
    reader.take("on", "in")
    less = Phrase()
    if reader.left[:1] and reader.left[0] in MONTHS and not _has_number(reader):
        _read_months(reader, less)
        kept = phrase.months or list(range(1, 13))
        phrase.months = [month for month in kept if month not in less.months]
    elif _read_weekdays(reader, less):
        kept_days = phrase.days or [(0, day) for day in EVERYDAY]
        phrase.days = [one for one in kept_days if one not in less.days]
        if not phrase.days:
            raise reader.refuse("leaves no day")
    else:
        phrase.left_out.append(_read_day(reader))
    return True


def _has_number(reader: Reader) -> bool:
    return bool(reader.left[1:2]) and reader.left[1] in {**ORDINALS, **NUMBERS}


AFTER = (
    "after completion", "from completion", "after it is done", "after it is completed",
    "after i finish", "after finishing", "when done",
)  # fmt: skip


def _read_completion(reader: Reader, phrase: Phrase) -> bool:
    """after completion"""
    if not reader.take(*AFTER):
        return False
    phrase.from_completion = True
    return True


def _read_comma(reader: Reader, phrase: Phrase) -> bool:
    """A comma between clauses, never at an end."""
    return 0 < reader.place < len(reader.words) - 1 and reader.take(",")


CLAUSES: tuple[Callable[[Reader, Phrase], bool], ...] = (
    _read_completion,
    _read_every,
    _read_adverb,
    _read_end,
    _read_on,
    _read_of,
    _read_at,
    _read_start,
    _read_exception,
    _read_comma,
)


def _settle(phrase: Phrase, reader: Reader) -> Phrase:
    """What the clauses leave to each other. Raises InvalidRecurrence."""
    numbered = any(ordinal for ordinal, _ in phrase.days) or phrase.position
    if not phrase.frequency:
        if phrase.months and (phrase.month_days or numbered):
            phrase.frequency = "yearly"
        elif phrase.month_days or numbered:
            phrase.frequency = "monthly"
        elif phrase.days:
            phrase.frequency = "weekly"
        else:
            reader.place = 0
            raise reader.refuse("does not say how often")
    if phrase.days and not numbered and phrase.frequency == "daily":
        if phrase.interval > 1:
            raise reader.refuse("counts days and names weekdays: use one of the two")
        phrase.frequency = "weekly"
    if phrase.frequency == "weekly" and (phrase.month_days or numbered):
        raise reader.refuse("repeats by weeks and names days of a month: say every month")
    if phrase.frequency == "hourly" and phrase.times:
        raise reader.refuse("repeats by hours and names a time: use one of the two")
    return phrase
