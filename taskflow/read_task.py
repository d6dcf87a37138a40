"""Turns what a person sent into the fields of a task: every rule about a value stands here, so
that the gateway refuses early what `write_task` would refuse anyway.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from taskflow.errors import Refused, invalid, not_found
from taskflow.events import derive_id
from taskflow.occurrences import begin_at
from taskflow.read_times import TIMES, local_due, read_instant, read_times, read_zone
from taskflow.recurrence import Recurrence, find_start, read_recurrence
from taskflow.reminder import read_duration, read_pause
from taskflow.rule import InvalidRecurrence
from taskflow.task import Reminder, Task

TITLE, NOTES_BYTES, TAGS, TAG, REMINDERS = 500, 64 * 1024, 50, 64, 20
CHANNELS = ("email", "webhook", "web_push", "apprise")
DEFAULT_CHANNEL = "email"
UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")


def read_fields(given: dict[str, Any], task: Task, zone: str) -> Task:
    """`task` with the fields that were sent, checked against each other. Raises Refused."""
    fields: dict[str, Any] = {}
    if "title" in given:
        fields["title"] = read_title(given["title"])
    if "notes" in given:
        fields["notes"] = read_notes(given["notes"] or "")
    if "priority" in given:
        fields["priority"] = given["priority"] or "none"
    if "tags" in given:
        fields["tags"] = read_tags(given["tags"] or [])
    if TIMES & given.keys():
        fields |= read_times(given, task, zone)
    task = msgspec.structs.replace(task, **fields)
    if "recurrence" in given:
        task = msgspec.structs.replace(task, recurrence=_read_recurrence(given["recurrence"], task))
    if task.recurrence and local_due(task) is None:
        raise invalid("recurrence", "needs a due date: give due_at or due_on")
    if "reminders" in given:
        reminders = read_reminders(given["reminders"] or [], task)
        task = msgspec.structs.replace(task, reminders=reminders)
    return task


def _printable(field: str, text: str) -> str:
    if UNPRINTABLE.search(text):
        raise invalid(field, "must not contain NUL or lone surrogates; remove them")
    return text


def read_title(text: str) -> str:
    title = _printable("title", text).strip()
    if not 1 <= len(title) <= TITLE:
        raise invalid("title", f"must have 1 to {TITLE} characters after trimming")
    return title


def read_notes(text: str) -> str:
    if len(_printable("notes", text).encode()) > NOTES_BYTES:
        raise invalid("notes", f"must not exceed {NOTES_BYTES // 1024} KiB")
    return text


def read_tags(texts: Sequence[str]) -> list[str]:
    """Tags in their first spelling; case makes no second tag."""
    tags: dict[str, str] = {}
    for text in texts:
        tag = _printable("tags", text).strip()
        if not 1 <= len(tag) <= TAG:
            raise invalid("tags", f"each must have 1 to {TAG} characters")
        tags.setdefault(tag.casefold(), tag)
    if len(texts) > TAGS:
        raise invalid("tags", f"at most {TAGS}")
    return list(tags.values())


def find_due(given: dict[str, Any], zone: str, at: datetime) -> dict[str, Any]:
    """The due field that cron or words imply where none was sent, seen at the instant `at`; empty
    where they imply none. Raises Refused."""
    wanted, due = given.get("recurrence"), {"due_at", "due_on"} & given.keys()
    if wanted is None or any(given[name] is not None for name in due):
        return {}
    timezone = read_zone(given.get("timezone") or zone)
    try:
        start = find_start(wanted, at, timezone)
    except InvalidRecurrence as error:
        raise invalid(f"recurrence.{error.field}", error.message) from error
    if isinstance(start, datetime):
        return {"due_at": start.isoformat()}
    return {"due_on": start} if start else {}


def write_due(task: Task) -> str:
    """The due time on the wall, or the due date, as a recurrence id writes it; or nothing."""
    local = local_due(task)
    if isinstance(local, datetime):
        return local.isoformat(timespec="seconds")
    return local.isoformat() if local else ""


def _read_recurrence(wanted: dict[str, Any] | None, task: Task) -> Recurrence | None:
    return None if wanted is None else read_rule(wanted, local_due(task), task.timezone)


def move_rule(task: Task) -> Recurrence | None:
    """The task's recurrence as it begins at its present due date: what the old one implied (the
    day of the month) is implied anew. Raises Refused."""
    if task.recurrence is None:
        return None
    given = msgspec.structs.asdict(begin_at(task.recurrence, write_due(task)))
    del given["rule" if task.recurrence.frequency else "frequency"]
    return _read_recurrence(given, task)


def read_rule(
    wanted: dict[str, Any], anchor: datetime | date | None, timezone: str | None
) -> Recurrence:
    """A recurrence that begins at `anchor`. Raises Refused."""
    if anchor is None:
        raise invalid("recurrence", "needs a due date: give due_at or due_on")
    try:
        return read_recurrence(wanted, anchor, timezone)
    except InvalidRecurrence as error:
        raise invalid(f"recurrence.{error.field}", error.message) from error


def read_reminders(given: Sequence[dict[str, Any]], task: Task) -> list[Reminder]:
    """Reminders with ids of their own; two that say the same are one."""
    if len(given) > REMINDERS:
        raise invalid("reminders", f"at most {REMINDERS}")
    reminders = [_read_reminder(item, task) for item in given]
    return list({reminder.id: reminder for reminder in reminders}.values())


def _read_reminder(item: dict[str, Any], task: Task) -> Reminder:
    unknown = item.keys() - set(Reminder.__struct_fields__)
    if unknown:
        raise invalid(f"reminders.{min(unknown)}", "is not a field of a reminder")
    before, at = item.get("before"), item.get("at")
    if (before is None) == (at is None):
        raise invalid("reminders", "each needs either before (a duration) or at (an instant)")
    more = _read_insistence(item) | _read_base(item)
    channels = _read_channels(item.get("channels"), keep_order="escalate" in more)
    instant = None if at is None else read_instant("reminders.at", at, task.timezone or "UTC")
    if before is not None:
        _read_before(before, task, from_start="relative_to" in more)
    when = before if instant is None else instant.isoformat()
    when = f"start {when}" if "relative_to" in more else when
    name = derive_id(task.id, "reminder", f"{when}/{','.join(channels)}")
    if item.get("channels") is None or item.get("defaults") is True:
        more["defaults"] = True
    return Reminder(id=name, before=before, at=instant, channels=channels, **more)


def _read_insistence(item: dict[str, Any]) -> dict[str, Any]:
    """How a reminder insists: the pauses after which it repeats and escalates, if it does."""
    given = {name: item[name] for name in ("repeat", "escalate") if item.get(name) is not None}
    for name, text in given.items():
        try:
            read_pause(text)
        except ValueError as error:
            raise invalid(f"reminders.{name}", str(error)) from error
    return given


def _read_base(item: dict[str, Any]) -> dict[str, Any]:
    """What `before` counts from, where that is not the due time."""
    base = item.get("relative_to") or "due"
    if base not in ("start", "due"):
        raise invalid("reminders.relative_to", "must be start or due")
    if item.get("before") is None and item.get("relative_to") is not None:
        raise invalid(
            "reminders.relative_to", "goes with before: an instant is relative to nothing"
        )
    return {"relative_to": base} if base == "start" else {}


def _read_before(before: object, task: Task, *, from_start: bool) -> None:
    try:
        duration = read_duration(str(before))
    except (msgspec.ValidationError, OverflowError) as error:
        raise invalid("reminders.before", "must be an ISO 8601 duration such as PT30M") from error
    if abs(duration.days) > 3660:
        raise invalid("reminders.before", "must not exceed ten years")
    if from_start and task.start_at is UNSET and task.start_on is UNSET:
        raise invalid("reminders.relative_to", "needs a start: give start_at or start_on")
    if not from_start and task.due_at is None and task.due_on is None:
        raise invalid("reminders.before", "needs a due date, or use at")


def _read_channels(given: object, *, keep_order: bool = False) -> list[str]:
    if given is None:
        return [DEFAULT_CHANNEL]
    if not isinstance(given, list) or not all(kind in CHANNELS for kind in given):
        raise invalid("reminders.channels", f"must be a list of {' and '.join(CHANNELS)}")
    return list(dict.fromkeys(given)) if keep_order else sorted(set(given))


def read_task_id(text: str, otherwise: Refused | None = None) -> str:
    """A task id in its canonical form. Raises `otherwise`, or 404, for what is no UUID."""
    try:
        if len(text) > 36:
            raise ValueError(text)
        return str(UUID(text))
    except ValueError:
        raise otherwise or not_found(f"The task {text[:64]!r}") from None
