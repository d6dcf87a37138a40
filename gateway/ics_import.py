"""A calendar file (RFC 5545) read as the document of an export: to-dos and events become tasks,
rules become series. It is read entry by entry, so that a bad one fails alone, and in bounded time.
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw, Struct, field

from gateway.import_document import Brought, Document, Line, bring, rename_for
from taskflow.errors import Refused, invalid
from taskflow.events import derive_id, occurrence_id
from taskflow.occurrences import Occurrence, iterate_occurrences
from taskflow.occurrences import Series as Dates
from taskflow.read_task import read_rule, read_task_id
from taskflow.read_times import read_zone
from taskflow.recurrence import Recurrence
from taskflow.zone import find_zone, to_instant, to_local

if TYPE_CHECKING:
    from icalendar.cal import Component

LARGEST = 1024 * 1024
# icalendar takes milliseconds for each.
MOST_ENTRIES = 1_000
DEEPEST = 3
ENTRIES = {"VTODO", "VEVENT"}
MARK = re.compile(rb"^(BEGIN|END):([A-Z0-9-]+)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)

STATUSES = {"COMPLETED": "done", "CANCELLED": "cancelled"}
CHOICES = ("repeat_from", "short_months", "missed")
TAKEN = {
    "UID", "SUMMARY", "DESCRIPTION", "DTSTART", "DUE", "DURATION", "PRIORITY", "CATEGORIES",
    "STATUS", "COMPLETED", "CREATED", "RRULE", "EXDATE", "RDATE", "RECURRENCE-ID", "DTSTAMP",
    "LAST-MODIFIED", "SEQUENCE", "PERCENT-COMPLETE", "TRANSP", "CLASS",
}  # fmt: skip


class Entry(Struct):
    """A to-do or an event as it stands in the file."""

    position: int
    uid: str
    component: Any
    not_taken: list[str]


class Calendar(Struct):
    """What was read: the entries of each UID, those that could not be read with their reason, and
    the account that the file says it is of."""

    entries: dict[str, list[Entry]] = field(default_factory=dict)
    refused: dict[int, Refused] = field(default_factory=dict)
    account: str = ""


def read_calendar(body: bytes, user_id: str, timezone: str) -> Brought:
    """The tasks of a calendar file, for this person in this zone. Raises Refused where it is none,
    or too much."""
    calendar = _read_entries(body)
    document = Document("", 0)
    positions: list[int] = []
    not_taken: dict[int, list[str]] = {}
    for uid, entries in calendar.entries.items():
        try:
            for entry, task in _make_all(uid, entries, timezone, document):
                document.tasks.append(Raw(msgspec.json.encode(task)))
                positions.append(entry.position)
                not_taken[entry.position] = entry.not_taken
        except Refused as refused:
            calendar.refused |= {entry.position: refused for entry in entries}
    own = calendar.account == user_id
    brought = bring(document, (lambda name: name) if own else rename_for(user_id))
    return _number(brought, positions, calendar.refused, not_taken)


def _number(
    brought: Brought,
    positions: list[int],
    refused: dict[int, Refused],
    not_taken: dict[int, list[str]],
) -> Brought:
    """The lines under the places of their entries; an entry that made two tasks, under two."""
    used: set[int] = set()
    spare = itertools.count(len(positions) + len(refused))
    for line, position in zip(brought.lines, positions, strict=True):
        line.not_taken = not_taken[position]
        line.position = next(spare) if position in used else position
        used.add(position)
    brought.lines += [Line(place, None, refused=why) for place, why in refused.items()]
    brought.lines.sort(key=lambda line: line.position)
    return brought


def _make_all(
    uid: str, entries: list[Entry], timezone: str, document: Document
) -> list[tuple[Entry, dict[str, Any]]]:
    """All tasks of one UID, or none. Raises Refused."""
    try:
        return list(_make_tasks(_name(uid), entries, timezone, document))
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        # A property of a type that has no place there: the library gives what it found.
        raise invalid("entry", f"cannot be read: {str(error)[:200]}") from error


def _name(uid: str) -> str:
    """A UUID for a UID, which may be any text."""
    try:
        return read_task_id(uid, invalid("UID", "is no UUID"))
    except Refused:
        return derive_id(uid, "ics")


# --- from the file to its entries ---------------------------------------------------------------


def _read_entries(body: bytes) -> Calendar:
    calendar = Calendar()
    account = re.search(rb"^X-TASKFLOW-ACCOUNT:([0-9a-f-]{36})\r?$", body, re.MULTILINE)
    if account:
        calendar.account = account[1].decode()
    for position, raw in enumerate(_cut(body)):
        if position >= MOST_ENTRIES:
            detail = f"The file has more than {MOST_ENTRIES} entries: send it in several."
            raise Refused("too_large", detail, status=413)
        try:
            component = _parse(raw)
            uid = str(component.get("UID") or derive_id(raw.hex(), "ics"))
            entry = Entry(position, uid, component, _list_not_taken(component))
            calendar.entries.setdefault(uid, []).append(entry)
        except Refused as refused:
            calendar.refused[position] = refused
    return calendar


def _cut(body: bytes) -> Iterator[bytes]:
    """The text of each entry. Raises Refused for what is no calendar, or nested beyond reason."""
    stack: list[str] = []
    begun = 0
    calendars = 0
    for mark in MARK.finditer(body):
        kind, name = mark[1].upper(), mark[2].decode().upper()
        if kind == b"BEGIN":
            stack.append(name)
            calendars += name == "VCALENDAR"
            begun = mark.start() if name in ENTRIES else begun
        elif not stack or stack.pop() != name:
            raise _malformed(f"END:{name} ends nothing")
        elif name in ENTRIES:
            yield body[begun : mark.end()] + b"\r\n"
        if len(stack) > DEEPEST:
            raise _malformed(f"it is nested deeper than {DEEPEST} levels")
    if stack or not calendars:
        raise _malformed(f"BEGIN:{stack[-1]} has no end" if stack else "there is no VCALENDAR")


def _malformed(reason: str) -> Refused:
    return Refused("malformed_calendar", f"The body is no calendar: {reason}.", status=400)


def _parse(raw: bytes) -> "Component":
    from icalendar.cal import Component

    try:
        return Component.from_ical(raw.decode())
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise invalid("entry", f"cannot be read: {str(error)[:200]}") from error


def _list_not_taken(component: "Component") -> list[str]:
    """What the entry says and a task has no place for."""
    names = {str(name).upper() for name in component}
    others = {name for name in names if name not in TAKEN and not name.startswith("X-TASKFLOW-")}
    if component.name == "VEVENT":
        others |= names & {"DTEND", "DURATION"}
    return sorted(others)


# --- from entries to tasks ----------------------------------------------------------------------


def _make_tasks(
    name: str, entries: list[Entry], timezone: str, document: Document
) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """The tasks of one UID. Raises Refused for all of it."""
    masters = [one for one in entries if "RECURRENCE-ID" not in one.component]
    if not masters:
        raise invalid("RECURRENCE-ID", "is an exception of a series that is not in the file")
    master, overrides = masters[-1], [one for one in entries if "RECURRENCE-ID" in one.component]
    if "RRULE" not in master.component and "RDATE" not in master.component:
        yield master, _write_task(name, master.component, timezone)
        return
    series, dates = _write_series(name, master.component, timezone)
    places = {_write_place(_moment(o.component, "RECURRENCE-ID"), dates): o for o in overrides}
    for place, entry in places.items():
        yield entry, _write_occurrence(series, entry.component, place, timezone)
    coming = _find_coming(series, dates, places)
    is_open = any(_read_status(one.component) == "open" for one in overrides)
    if coming is not None and not is_open:
        yield master, _write_coming(series, master.component, coming, timezone)
    document.series.append(Raw(msgspec.json.encode(series)))


def _find_coming(series: dict[str, Any], dates: Dates, places: Iterable[str]) -> Occurrence | None:
    """The first of a series that is not in the file by itself, nor left out."""
    gone = {*places, *series["recurrence"]["exdates"]}
    every = iterate_occurrences(dates)
    return next(
        (o for o in every if gone.isdisjoint({o.recurrence_id, o.recurrence_id[:10]})), None
    )


def _write_occurrence(
    series: dict[str, Any], component: "Component", place: str, timezone: str
) -> dict[str, Any]:
    if component["RECURRENCE-ID"].params.get("RANGE"):
        raise invalid("RECURRENCE-ID", "RANGE=THISANDFUTURE is not taken: send two series")
    task = _write_task(series["id"], component, timezone) | _place_in(series, place)
    if "due_at" not in task and "due_on" not in task:
        # One that does not say when it is due is due when it starts, or at its own date.
        start, own = _moment(component, "DTSTART"), datetime.fromisoformat(place)
        due = start or (own if "T" in place else own.date())
        task |= _write_moment("due", due, series["timezone"] or timezone)
        task |= {"start_at": None, "start_on": None}
    if name := _text(component, "X-TASKFLOW-ID"):
        task["id"] = name
    return task


def _write_coming(
    series: dict[str, Any], component: "Component", coming: Occurrence, timezone: str
) -> dict[str, Any]:
    """The task that is open, as the series has it at that date."""
    task = _write_task(series["id"], component, timezone) | _place_in(series, coming.recurrence_id)
    task |= {"due_at": coming.due_at, "due_on": coming.due_on}
    if coming.recurrence_id != series["anchor"] and isinstance(series["lead"], timedelta):
        start = coming.local - series["lead"]
        task |= _write_moment("start", start, series["timezone"] or timezone)
    return task


def _place_in(series: dict[str, Any], place: str) -> dict[str, Any]:
    first = place == series["anchor"]
    name = series["id"] if first else occurrence_id(series["id"], place)
    return {"id": name, "series_id": series["id"], "recurrence_id": place}


def _write_task(name: str, component: "Component", timezone: str) -> dict[str, Any]:
    """One entry as the export of a task would show it."""
    start, due = _read_times(component)
    status = _read_status(component)
    return {
        "id": name,
        "title": _text(component, "SUMMARY") or "(no title)",
        "notes": _text(component, "DESCRIPTION"),
        "status": status,
        "priority": _read_priority(component),
        "tags": list(_read_categories(component)),
        **_write_moment("due", due, timezone),
        **(_write_moment("start", start, timezone) if start != due else {}),
        **_write_zone(due if due is not None else start, timezone),
        "reminders": [_write_reminder(alarm, component) for alarm in component.walk("VALARM")],
        "created_at": _read_instant(component, "CREATED"),
        "completed_at": _read_instant(component, "COMPLETED") if status == "done" else None,
    }


def _write_series(name: str, component: "Component", timezone: str) -> tuple[dict[str, Any], Dates]:
    start, due = _read_times(component)
    if due is None:
        raise invalid("DTSTART", "is required where there is a rule")
    task = _write_task(name, component, timezone)
    rule = component.get("RRULE")
    if isinstance(rule, list):
        raise invalid("RRULE", "stands more than once: send two series")
    recurrence: dict[str, Any] = {"rule": rule.to_ical().decode() if rule else "FREQ=DAILY;COUNT=1"}
    for choice in CHOICES:
        if value := _text(component, f"X-TASKFLOW-{choice.replace('_', '-').upper()}"):
            recurrence[choice] = value
    zone = _zone_of(due, timezone)
    bare = Dates(Recurrence(rule="FREQ=DAILY"), _naive(due), zone)
    for prop in ("EXDATE", "RDATE"):
        recurrence[f"{prop.lower()}s"] = [
            _write_place(one, bare) for one in _dates(component, prop)
        ]
    anchor = _write_place(due, bare)
    lead = _text(component, "X-TASKFLOW-LEAD") or _find_lead(start, due)
    later = {k: [one for one in recurrence[k] if one > anchor] for k in ("exdates", "rdates")}
    series = {
        "id": name,
        "recurrence": recurrence,
        "anchor": anchor,
        "timezone": zone,
        "floating": _floats(due),
        "lead": lead,
        "template": {one: task[one] for one in ("title", "notes", "priority", "tags", "reminders")},
        "used": _read_number(component, "X-TASKFLOW-USED") or 1,
        "created_at": task["created_at"],
    }
    return series, Dates(read_rule(recurrence | later, _naive(due), zone), _naive(due), zone)


def _find_lead(start: date | None, due: date) -> timedelta | None:
    """How long before it is due each one starts, which is on the same day."""
    if start is None or start == due:
        return None
    return _naive(due) - _naive(start)


# --- properties ---------------------------------------------------------------------------------


def _read_times(component: "Component") -> tuple[date | None, date | None]:
    """When it starts and when it is due. An event is due when it begins; what repeats over days is,
    too, for its rule counts from there."""
    start, due = _moment(component, "DTSTART"), _moment(component, "DUE")
    if component.name == "VEVENT":
        return None, start
    length = component.get("DURATION")
    if due is None and start is not None and length is not None:
        due = start + length.dt
    if due is None and "RRULE" in component:
        due = start
    if start is not None and due is not None and _day(start) != _day(due) and "RRULE" in component:
        return None, start
    return start, due


def _day(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _moment(component: "Component", name: str) -> date | None:
    value = component.get(name)
    if value is None:
        return None
    if isinstance(value, list):
        raise invalid(name, "stands more than once")
    moment = value.dt
    if not isinstance(moment, date):
        raise invalid(name, "is neither a date nor a date-time")
    zone = value.params.get("TZID")
    if zone and isinstance(moment, datetime) and moment.tzinfo is None:
        raise invalid("TZID", f"{str(zone)[:40]!r} is no zone that is known here")
    return moment.replace(microsecond=0) if isinstance(moment, datetime) else moment


def _naive(moment: date) -> date:
    """What the clock shows."""
    return moment.replace(tzinfo=None) if isinstance(moment, datetime) else moment


def _floats(moment: date | None) -> bool:
    return isinstance(moment, datetime) and moment.tzinfo is None


def _zone_of(moment: date, timezone: str) -> str | None:
    """The zone of a time; the person's where it floats."""
    if not isinstance(moment, datetime):
        return None
    if moment.tzinfo is None:
        return timezone
    if isinstance(moment.tzinfo, ZoneInfo):
        return read_zone(moment.tzinfo.key)
    if moment.utcoffset() == timedelta():
        return "UTC"
    raise invalid("TZID", f"{str(moment.tzinfo)[:40]} is no zone that is known here")


def _write_zone(moment: date | None, timezone: str) -> dict[str, Any]:
    if not isinstance(moment, datetime):
        return {"timezone": None, "floating": None}
    return {"timezone": _zone_of(moment, timezone), "floating": _floats(moment) or None}


def _write_moment(name: str, moment: date | None, timezone: str) -> dict[str, Any]:
    if moment is None:
        return {}
    if not isinstance(moment, datetime):
        return {f"{name}_on": moment}
    zone = find_zone(_zone_of(moment, timezone))
    return {f"{name}_at": to_instant(moment.replace(tzinfo=None), zone)[0]}


def _write_place(moment: Any, dates: Dates) -> str:
    """A date of a series, as a recurrence id."""
    timed = isinstance(dates.anchor, datetime)
    if not isinstance(moment, date):
        raise invalid("RDATE", "a period is not taken: give its beginning")
    if timed and isinstance(moment, datetime):
        zone = find_zone(dates.timezone)
        local = to_local(moment.astimezone(UTC), zone) if moment.tzinfo else moment
        return local.replace(tzinfo=None, microsecond=0).isoformat()
    return _day(moment).isoformat()


def _dates(component: "Component", name: str) -> Iterator[Any]:
    value = component.get(name, [])
    for one in value if isinstance(value, list) else [value]:
        yield from (moment.dt for moment in one.dts)


def _text(component: "Component", name: str) -> str:
    value = component.get(name, "")
    return str(value[0] if isinstance(value, list) else value)


def _read_status(component: "Component") -> str:
    status = _text(component, "STATUS").upper()
    if component.name == "VEVENT" and status != "CANCELLED":
        return "open"
    done = "COMPLETED" in component and not status
    return "done" if done else STATUSES.get(status, "open")


def _read_priority(component: "Component") -> str:
    """Section 3.8.1.9: 1 to 4 is high, 5 medium, 6 to 9 low, 0 undefined."""
    level = _read_number(component, "PRIORITY")
    return "none" if level == 0 else "high" if level < 5 else "medium" if level == 5 else "low"


def _read_number(component: "Component", name: str) -> int:
    text = _text(component, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _read_categories(component: "Component") -> Iterable[str]:
    value = component.get("CATEGORIES", [])
    for one in value if isinstance(value, list) else [value]:
        yield from (str(tag) for tag in one.cats)


def _read_instant(component: "Component", name: str) -> datetime | None:
    moment = _moment(component, name)
    if not isinstance(moment, datetime):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _write_reminder(alarm: "Component", component: "Component") -> dict[str, Any]:
    """An alarm; what way it takes is the person's choice, unless it says ours."""
    trigger = alarm.get("TRIGGER")
    if trigger is None or isinstance(trigger, list):
        raise invalid("TRIGGER", "each alarm needs one")
    reminder: dict[str, Any] = {"channels": None}
    if isinstance(trigger.dt, datetime):
        instant = trigger.dt if trigger.dt.tzinfo else trigger.dt.replace(tzinfo=UTC)
        reminder["at"] = instant.astimezone(UTC).isoformat()
    else:
        text = trigger.to_ical().decode()
        reminder["before"] = text[1:] if text.startswith("-") else f"-{text.lstrip('+')}"
        start, due = _read_times(component)
        related = str(trigger.params.get("RELATED", "START")).upper()
        if related == "START" and start is not None and start != due:
            reminder["relative_to"] = "start"
    if "X-TASKFLOW-CHANNELS" in alarm:
        reminder["channels"] = [
            one for one in _text(alarm, "X-TASKFLOW-CHANNELS").split(",") if one
        ]
    for name in ("repeat", "escalate"):
        if pause := _text(alarm, f"X-TASKFLOW-{name.upper()}"):
            reminder[name] = pause
    return reminder
