"""How a person says that a task repeats, and what is kept of it: a rule (RFC 5545), its friendly
form, a cron expression or plain words in; a checked rule with both forms out.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import msgspec

from taskflow.match_rule import match_times
from taskflow.rule import (
    FIRST_YEAR,
    LAST_YEAR,
    WEEKDAYS,
    Frequency,
    InvalidRecurrence,
    Rule,
    Start,
    build_rule,
    complete_rule,
    is_whole_day,
    parse_rule,
    read_local,
    read_start,
    show_until,
    write_rule,
)
from taskflow.zone import find_zone, to_local

MAX_DATES = 100
# Weekdays and leap days repeat after 28 years; the missing leap day of 2100 adds 12.
SEARCHED_YEARS = 40


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """Both forms of a rule, and the choices beside it. `exdates` are left out, `rdates` added."""

    rule: str | None = None
    frequency: Frequency | None = None
    interval: int | None = None
    weekdays: list[str] | None = None
    until: str | None = None
    count: int | None = None
    repeat_from: Literal["due", "completion"] = "due"
    short_months: Literal["backward", "forward", "omit"] = "backward"
    missed: Literal["keep_latest", "keep_all", "skip_to_next"] = "keep_latest"
    exdates: list[str] = []
    rdates: list[str] = []


class RecurrenceRequest(Written, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person may send: `rule`, or the friendly form, or both where they agree; or else a
    `cron` expression, or plain `words`."""

    cron: str | None = None
    words: str | None = None


class Recurrence(Written, frozen=True, kw_only=True):
    """A checked recurrence: `rule` is canonical, without "RRULE:". The friendly form is all None
    where the rule says more; `weekdays` is None where the day is only that of the due date. Dates
    are recurrence ids; a day in `exdates` of a timed series is that whole day."""

    rule: str


def read_recurrence(given: object, anchor: datetime | date, timezone: str | None) -> Recurrence:
    """Check what a person sent (a mapping, RecurrenceRequest or Recurrence) for a series that
    starts at `anchor`, in bounded time. Raises InvalidRecurrence, InvalidZone."""
    request = read_request(given)
    start = read_start(anchor, timezone)
    request = _translate(request, start)
    friendly = _read_friendly(request, start)
    written = parse_rule(request.rule, start) if request.rule is not None else friendly
    if written is None:
        raise InvalidRecurrence("rule", "nothing to repeat by: give rule, frequency, cron or words")
    rule = complete_rule(written, start)
    if friendly is not None and complete_rule(friendly, start) != rule:
        raise InvalidRecurrence("rule", "says something else than frequency: give one of the two")
    _check_matches(rule, start)
    if request.rdates and request.repeat_from == "completion":
        message = "do not go with repeat_from=completion: only days of the calendar can be added"
        raise InvalidRecurrence("rdates", message)
    return _write_recurrence(request, rule, friendly or written, start)


def read_request(given: object) -> RecurrenceRequest:
    """What a person sent, in its shape. Raises InvalidRecurrence."""
    try:
        return msgspec.convert(given, RecurrenceRequest, from_attributes=True)
    except msgspec.ValidationError as error:
        path = re.search(r"\$\.(\w+)", str(error))
        raise InvalidRecurrence(path[1] if path else "recurrence", str(error)) from None


def find_start(given: object, now: datetime, timezone: str) -> datetime | date | None:
    """When a series begins that was given without a due date: at the first match after `now`
    (UTC), if cron or words say enough; None if they do not. Raises InvalidRecurrence."""
    request = read_request(given)
    local = to_local(now, find_zone(timezone)).replace(microsecond=0)
    if request.cron is not None:
        start = read_start(local.replace(second=0), timezone)
        rule = parse_rule(_translate(request, start).rule or "", start)
        _check_matches(rule, start)
        return next(match_times(rule, start, "omit", local + timedelta(seconds=1)))
    if request.words is not None:
        from taskflow.phrase import read_phrase

        return read_phrase(request.words).find_start(local)
    return None


def _translate(request: RecurrenceRequest, start: Start) -> RecurrenceRequest:
    """The rule that a cron expression or words say; they stand alone."""
    if request.cron is None and request.words is None:
        return request
    name = "cron" if request.cron is not None else "words"
    friendly = ("rule", "frequency", "interval", "weekdays", "until", "count", "words")
    others = [one for one in friendly if one != name and getattr(request, one) is not None]
    if others:
        raise InvalidRecurrence(name, f"says it all already: leave {others[0]} out")
    if request.cron is not None:
        from taskflow.cron import read_cron

        return msgspec.structs.replace(request, rule=read_cron(request.cron), cron=None)
    from taskflow.phrase import read_phrase

    return read_phrase(request.words or "").write_request(request, start)


def _check_matches(rule: Rule, start: Start) -> None:
    """SKIP moves what one month lacks; a day that all the months of a rule lack is a mistake."""
    if _matches(rule, start):
        return
    parts = [
        *(["INTERVAL"] if rule.interval > 1 else []),
        *rule.by,
        *(["BYDAY"] if rule.days else []),
    ]
    guilty = [name for name in parts if _matches(_without(name, rule), start)]
    why = f"no date within {SEARCHED_YEARS} years matches all of its parts"
    way_out = f"change {' or '.join(guilty or parts)}"
    raise InvalidRecurrence("rule", f"never comes: {why}, {way_out}")


def _without(name: str, rule: Rule) -> Rule:
    if name == "INTERVAL":
        return msgspec.structs.replace(rule, interval=1)
    if name == "BYDAY":
        return msgspec.structs.replace(rule, days=())
    by = {part: numbers for part, numbers in rule.by.items() if part != name}
    return msgspec.structs.replace(rule, by=by)


def _matches(rule: Rule, start: Start) -> bool:
    last_year = min(LAST_YEAR, start.local.year + SEARCHED_YEARS)
    soon = msgspec.structs.replace(rule, last_year=last_year)
    return next(match_times(soon, start, "omit", start.local), None) is not None


def _read_friendly(request: RecurrenceRequest, start: Start) -> Rule | None:
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
    return build_rule({"FREQ": request.frequency.upper()} | parts, start)


def _read_dates(name: str, texts: list[str], start: Start) -> list[str]:
    """Dates as recurrence ids, in order, each once. Raises InvalidRecurrence."""
    if len(texts) > MAX_DATES:
        raise InvalidRecurrence(name, f"are {len(texts)}: at most {MAX_DATES}")
    ids = {_read_date(name, text, start) for text in texts}
    first = _write_date(start.local, start)
    if name == "exdates" and ids & {first, first[:10]}:
        message = f"{first[:10]} is the due date, which always counts: give a later due date"
        raise InvalidRecurrence(name, message)
    early = min(ids, default=first)
    if name == "rdates" and early < first:
        raise InvalidRecurrence(name, f"{early} lies before the due date: leave it out")
    return sorted(one for one in ids if one > first)


def _read_date(name: str, text: str, start: Start) -> str:
    try:
        given = read_local(text)
    except ValueError:
        way_out = "write 2026-12-31, 2026-12-31T10:00:00 or 2026-12-31T09:00:00Z"
        raise InvalidRecurrence(name, f"{text[:40]!r} is no date or time: {way_out}") from None
    if not FIRST_YEAR <= given.year <= LAST_YEAR:
        way_out = f"use the years {FIRST_YEAR} to {LAST_YEAR}"
        raise InvalidRecurrence(name, f"{text[:40]} is out of range: {way_out}")
    if start.all_day:
        if not is_whole_day(text):
            raise InvalidRecurrence(name, f"{text[:40]}: an all-day date has no hours: give a day")
        return given.date().isoformat()
    if is_whole_day(text):
        day = given.date()
        return day.isoformat() if name == "exdates" else _at_own_time(day, start)
    local = to_local(given.astimezone(UTC), find_zone(start.timezone)) if given.tzinfo else given
    return _write_date(local.replace(microsecond=0), start)


def _at_own_time(day: date, start: Start) -> str:
    return datetime.combine(day, start.local.time()).isoformat()


def _write_date(local: datetime, start: Start) -> str:
    return local.date().isoformat() if start.all_day else local.isoformat()


def _write_recurrence(
    request: RecurrenceRequest, rule: Rule, written: Rule, start: Start
) -> Recurrence:
    bare = Recurrence(
        rule=write_rule(rule),
        repeat_from=request.repeat_from,
        short_months=request.short_months,
        missed=request.missed,
        exdates=_read_dates("exdates", request.exdates, start),
        rdates=_read_dates("rdates", request.rdates, start),
    )
    days = () if rule.frequency in ("monthly", "yearly") else written.days
    plain = msgspec.structs.replace(rule, week_start=0, days=days, by={})
    if complete_rule(plain, start) != rule:
        return bare
    return msgspec.structs.replace(
        bare,
        frequency=rule.frequency,
        interval=rule.interval,
        weekdays=[WEEKDAYS[day] for _, day in days] or None,
        until=show_until(rule.until, start),
        count=rule.count,
    )
