"""Turns what an export or a calendar says into a task and its series, by the same rules as what a
person sends; apart, because here what became of a task comes with it.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import structs

from taskflow.errors import invalid
from taskflow.events import ImportTask
from taskflow.read_task import read_fields, read_reminders, read_rule
from taskflow.read_times import read_zone
from taskflow.task import Imported, Series, SeriesInput, Task, TaskInput
from taskflow.wall_clock import place_start

CONTENT = ("title", "notes", "priority", "tags")
LONGEST_LEAD = timedelta(days=3660)
FRIENDLY = ("frequency", "interval", "weekdays", "until", "count")
CHOICES = ("repeat_from", "short_months", "missed")


def imported_task(command: ImportTask, zone: str, at: datetime, series: Series | None) -> Task:
    """The task as it is to stand, at the instant `at`. Raises Refused."""
    given = {k: v for k, v in command.imported.task.given().items() if v is not None}
    if "title" not in given:
        raise invalid("title", "is required")
    given.pop("recurrence", None)
    came = command.imported
    blank = Task(
        id=command.task_id,
        title="",
        timezone=zone,
        created_at=in_past(came.created_at, at),
        updated_at=at,
        created_by=command.actor_id,
    )
    task = structs.replace(
        read_fields(given, blank, zone),
        status=came.status,
        completed_at=in_past(came.completed_at, at) if came.status == "done" else None,
    )
    return _place(task, came, series) if series else task


def _place(task: Task, came: Imported, series: Series) -> Task:
    """The task as an occurrence: under the rule that its series has now."""
    if task.due_at is None and task.due_on is None:
        raise invalid("recurrence", "needs a due date: give due_at or due_on")
    name = read_place("recurrence_id", came.recurrence_id or "", timed="T" in series.anchor)
    return structs.replace(
        task, recurrence=series.recurrence, series_id=series.id, recurrence_id=name
    )


def in_past(instant: datetime | None, at: datetime) -> datetime:
    """An instant of the past; what an export calls later than now is now."""
    if instant is None:
        return at
    if instant.tzinfo is None:
        raise invalid("created_at", "needs an offset, such as Z")
    return min(instant, at)


def read_place(field: str, text: str, *, timed: bool) -> str:
    """A recurrence id: a local date-time, or a day. Raises Refused."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None or len(text) != (19 if timed else 10):
            raise ValueError(text)
    except ValueError:
        like = "2026-12-31T09:00:00" if timed else "2026-12-31"
        raise invalid(field, f"{text[:40]!r} is none: write it like {like}") from None
    return text


def imported_series(command: ImportTask, zone: str, at: datetime) -> tuple[Series, Task]:
    """The series that comes with the task, without its template, and a task that has it. Raises
    Refused."""
    given, series_id = command.imported.series, command.imported.series_id
    if given is None or series_id is None:
        raise TypeError("no series came with the task")
    timed = "T" in given.anchor
    read_place("series.anchor", given.anchor, timed=timed)
    timezone = read_zone(zone if given.floating else given.timezone or zone) if timed else None
    anchor = datetime.fromisoformat(given.anchor)
    recurrence = read_rule(
        _clean(given, given.anchor), anchor if timed else anchor.date(), timezone
    )
    series = Series(
        id=series_id,
        user_id=command.user_id,
        recurrence=recurrence,
        anchor=given.anchor,
        timezone=timezone,
        template={},
        stream=command.stream,
        used=given.used,
        created_at=in_past(given.created_at, at),
        floating=given.floating if timed and given.floating else None,
        lead=given.lead,
    )
    # Without a title of its own it has that of the task.
    template = {"title": command.imported.task.title, **given.template}
    return series, _model(series, template, anchor, at)


def _clean(given: SeriesInput, anchor: str) -> dict[str, Any]:
    """The rule in one of its forms. Dates up to the first one are left out: they were of a rule
    that has moved, or of a series that was ended by leaving out all that it had."""
    rule = given.recurrence
    names = FRIENDLY if rule.get("frequency") is not None else ("rule",)
    kept = {name: rule[name] for name in (*names, *CHOICES) if rule.get(name) is not None}
    for name in ("exdates", "rdates"):
        dates = rule.get(name) or []
        if not isinstance(dates, list) or not all(isinstance(one, str) for one in dates):
            raise invalid(f"series.recurrence.{name}", "must be a list of dates")
        kept[name] = [one for one in dates if one > anchor]
    return kept


def restate_series(given: SeriesInput, series: Series, model: Task) -> SeriesInput:
    """What was given, as it was understood: nothing beside it travels on, however long it was."""
    content = {name: msgspec.to_builtins(getattr(model, name)) for name in (*CONTENT, "reminders")}
    recurrence = msgspec.to_builtins(series.recurrence)
    return structs.replace(given, recurrence=recurrence, template=content)


def _model(series: Series, template: dict[str, Any], anchor: datetime, at: datetime) -> Task:
    """A task at the beginning of the series, with all that its occurrences start with."""
    timed = series.timezone is not None
    content = _read_template(template)
    reminders = content.pop("reminders", [])
    due = {"due_at": series.anchor, "timezone": series.timezone}
    given = {**content, **(due if timed else {"due_on": anchor.date()})}
    blank = Task(
        id=series.id,
        title="",
        timezone=series.timezone,
        created_at=at,
        updated_at=at,
        created_by=series.user_id,
    )
    task = read_fields(given, blank, series.timezone or "UTC")
    task = place_start(task, _read_lead(series.lead))
    return structs.replace(task, reminders=read_reminders(reminders, task))


def _read_template(template: dict[str, Any]) -> dict[str, Any]:
    given = {name: template[name] for name in (*CONTENT, "reminders") if name in template}
    try:
        read = msgspec.convert(given, TaskInput).given()
    except msgspec.ValidationError as error:
        raise invalid("series.template", f"cannot be read: {error}") from error
    return {name: value for name, value in read.items() if value is not None}


def _read_lead(lead: timedelta | None) -> timedelta | None:
    if lead is not None and not timedelta() <= lead <= LONGEST_LEAD:
        raise invalid("series.lead", "must lie between nothing and ten years")
    return lead
