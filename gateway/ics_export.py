"""A person's tasks as a calendar file (RFC 5545): a to-do for each, a series as one with its rule
and an exception for each occurrence that there is. What calendars have no word for stands in
properties of ours, which an import reads back.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import UNSET

from taskflow.content_line import escape, write_lines, write_time
from taskflow.read_times import local_due, local_start
from taskflow.task import Reminder, Series, Task

PRIORITIES = {"high": 1, "medium": 5, "low": 9}
STATUSES = {"open": "NEEDS-ACTION", "done": "COMPLETED", "cancelled": "CANCELLED"}
CHOICES = {"repeat_from": "due", "short_months": "backward", "missed": "keep_latest"}


def write_head(account: str, zones: list[str]) -> str:
    """The beginning of the file, with the rules of every zone that is named in it."""
    # Loaded here: a tenth of a second that nobody else need pay.
    from icalendar import Timezone

    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//TaskFlow//Export//EN",
        f"X-TASKFLOW-ACCOUNT:{account}",
    ]
    rules = b"".join(Timezone.from_tzid(zone).to_ical() for zone in zones)
    return write_lines(lines) + rules.decode()


TAIL = "END:VCALENDAR\r\n"


def write_todo(task: Task, at: datetime) -> str:
    """A task; as an occurrence, the exception of its series that it is."""
    return _todo([*_identify(task), *_describe(task), *_become(task)], task.reminders, at)


def write_series(series: Series, deleted: list[str], at: datetime) -> str:
    """A series by its rule, as its occurrences start."""
    template = series.template
    rule = series.recurrence
    lines = [
        f"UID:{series.id}",
        f"SUMMARY:{escape(template['title'])}",
        *_describe_content(template),
        *(_write_place(name, series.anchor, series) for name in ("DTSTART", "DUE")),
        f"RRULE:{rule.rule}",
        *(_write_place("EXDATE", one, series) for one in sorted({*rule.exdates, *deleted})),
        *(_write_place("RDATE", one, series) for one in rule.rdates),
        *_choose(series),
        f"CREATED:{series.created_at:%Y%m%dT%H%M%SZ}",
        f"X-TASKFLOW-USED:{series.used}",
    ]
    reminders = msgspec.convert(
        [{"id": "", **one} for one in template["reminders"]], list[Reminder]
    )
    return _todo(lines, reminders, at)


def _todo(lines: list[str], reminders: list[Reminder], at: datetime) -> str:
    alarms = [line for reminder in reminders for line in _write_alarm(reminder)]
    stamp = f"DTSTAMP:{at:%Y%m%dT%H%M%SZ}"
    return write_lines(["BEGIN:VTODO", stamp, *lines, *alarms, "END:VTODO"])


def _choose(series: Series) -> Iterator[str]:
    for name, usual in CHOICES.items():
        if (value := getattr(series.recurrence, name)) != usual:
            yield f"X-TASKFLOW-{name.replace('_', '-').upper()}:{value}"
    if series.lead is not None:
        yield f"X-TASKFLOW-LEAD:{msgspec.to_builtins(series.lead)}"


def _write_place(name: str, place: str, series: Series) -> str:
    """A recurrence id, or a day of one, in the zone of the series."""
    moment = datetime.fromisoformat(place)
    timed = "T" in series.anchor
    if timed and "T" not in place:
        moment = datetime.combine(moment, datetime.fromisoformat(series.anchor).time())
    zone = None if series.floating else series.timezone
    return write_time(name, moment if timed else moment.date(), zone)


def _identify(task: Task) -> Iterator[str]:
    if task.series_id is None or task.recurrence_id is None:
        yield f"UID:{task.id}"
        return
    place = datetime.fromisoformat(task.recurrence_id)
    timed = "T" in task.recurrence_id
    zone = None if task.floating is True else task.timezone
    yield f"UID:{task.series_id}"
    yield write_time("RECURRENCE-ID", place if timed else place.date(), zone)
    yield f"X-TASKFLOW-ID:{task.id}"


def _describe(task: Task) -> Iterator[str]:
    yield f"SUMMARY:{escape(task.title)}"
    yield from _describe_content(msgspec.to_builtins(task))
    zone = None if task.floating is True else task.timezone
    for name, local in (("DTSTART", local_start(task)), ("DUE", local_due(task))):
        if local is not None:
            yield write_time(name, _naive(local), zone)


def _naive(local: date) -> date:
    return local.replace(tzinfo=None) if isinstance(local, datetime) else local


def _describe_content(content: Mapping[str, Any]) -> Iterator[str]:
    if content["notes"]:
        yield f"DESCRIPTION:{escape(content['notes'])}"
    if content["priority"] in PRIORITIES:
        yield f"PRIORITY:{PRIORITIES[content['priority']]}"
    if content["tags"]:
        yield f"CATEGORIES:{','.join(map(escape, content['tags']))}"


def _become(task: Task) -> Iterator[str]:
    yield f"STATUS:{STATUSES[task.status]}"
    if task.completed_at is not None:
        yield f"COMPLETED:{task.completed_at:%Y%m%dT%H%M%SZ}"
    yield f"CREATED:{task.created_at:%Y%m%dT%H%M%SZ}"
    yield f"LAST-MODIFIED:{task.updated_at:%Y%m%dT%H%M%SZ}"
    yield f"SEQUENCE:{task.version}"


def _write_alarm(reminder: Reminder) -> Iterator[str]:
    yield "BEGIN:VALARM"
    yield "ACTION:DISPLAY"
    yield "DESCRIPTION:Reminder"
    if reminder.at is not None:
        yield f"TRIGGER;VALUE=DATE-TIME:{reminder.at:%Y%m%dT%H%M%SZ}"
    else:
        related = "START" if reminder.relative_to == "start" else "END"
        before = reminder.before or "PT0S"
        trigger = before[1:] if before.startswith("-") else f"-{before}"
        yield f"TRIGGER;RELATED={related}:{trigger}"
    if reminder.defaults is not True:
        yield f"X-TASKFLOW-CHANNELS:{','.join(reminder.channels)}"
    for name in ("repeat", "escalate"):
        if (pause := getattr(reminder, name)) is not UNSET:
            yield f"X-TASKFLOW-{name.upper()}:{pause}"
    yield "END:VALARM"
