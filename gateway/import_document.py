"""What an import brings, read from the document of an export: each task with what became of it, and
the rule of its series. Ids are those of the account that it goes into; a bad line fails alone.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, structs

from gateway.bodies import explain, read_json
from taskflow.errors import Refused, invalid
from taskflow.events import derive_id, occurrence_id
from taskflow.import_task import read_place
from taskflow.read_task import read_task_id
from taskflow.task import Ending, Imported, Priority, SeriesInput, Status, TaskInput
from taskflow.zone import InvalidZone, find_zone, to_local

FORMAT, VERSION = "taskflow-export", 1
MOST_TASKS = 10_000
# What an export tells of and an import does not make, for the reasons in docs/export.md.
LEFT_OUT = (
    "views",
    "channels",
    "deliveries",
    "reminder_answers",
    "api_tokens",
    "sessions",
    "audit",
)

Rename: TypeAlias = Callable[[str], str]


class _Account(Struct):
    id: str = ""


class _Ended(Struct):
    series_id: str
    recurrence_id: str
    ended_how: str | None = None
    ended_at: datetime | None = None


class Document(Struct):
    """The parts of an export that are looked at; tasks and series are read one by one."""

    format: str
    version: int
    account: _Account = msgspec.field(default_factory=_Account)
    tasks: Annotated[list[Raw], Meta(max_length=MOST_TASKS)] = []
    series: Annotated[list[Raw], Meta(max_length=MOST_TASKS)] = []
    occurrences: list[_Ended] = []
    views: list[Raw] = []
    channels: list[Raw] = []
    deliveries: list[Raw] = []
    reminder_answers: list[Raw] = []
    api_tokens: list[Raw] = []
    sessions: list[Raw] = []
    audit: list[Raw] = []


class ExportedTask(Struct, kw_only=True):
    """A task as the API shows it, and when it was deleted."""

    id: str
    title: str
    notes: str = ""
    status: Status = "open"
    priority: Priority = "none"
    tags: list[str] = []
    due_at: datetime | None = None
    due_on: date | None = None
    start_at: datetime | None = None
    start_on: date | None = None
    timezone: str | None = None
    floating: bool | None = None
    reminders: list[dict[str, Any]] = []
    series_id: str | None = None
    recurrence_id: str | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    deleted_at: datetime | None = None


class Line(Struct):
    """One task of a document: its place and its id there, its id here, and what is brought; or why
    it is not. `not_taken`: what else was said of it."""

    position: int
    id: str | None
    task_id: str = ""
    imported: Imported | None = None
    refused: Refused | None = None
    not_taken: list[str] = []


class Brought(Struct):
    """What is to be made, in the order of the document, and what is left out, by its number."""

    lines: list[Line]
    left_out: dict[str, int]


_DOCUMENT = msgspec.json.Decoder(Document)
_TASK = msgspec.json.Decoder(ExportedTask)
_SERIES = msgspec.json.Decoder(SeriesInput)
_ENDINGS = {"done", "cancelled", "skipped", "missed", "deleted"}


def read_document(body: bytes, user_id: str) -> Brought:
    """An export, for this person. Raises Refused where it is none at all."""
    document = read_json(body, _DOCUMENT)
    if (document.format, document.version) != (FORMAT, VERSION):
        detail = f"is {document.format[:40]!r} {document.version}: send {FORMAT!r} {VERSION}"
        raise invalid("format", detail)
    own = document.account.id == user_id
    return bring(document, (lambda name: name) if own else rename_for(user_id))


def rename_for(user_id: str) -> Rename:
    """Ids for another account: the same each time, and nobody else's."""
    return lambda name: derive_id(user_id, "import", name)


def bring(document: Document, rename: Rename) -> Brought:
    """The tasks of a document. Deleted ones are left out; of a series that goes on, that they were
    there is kept, or it would make them again."""
    lines = [_read_line(position, raw) for position, raw in enumerate(document.tasks)]
    alive = {
        task.series_id for _, task in lines if isinstance(task, ExportedTask) if _is_alive(task)
    }
    reading = _Reading(document, rename, alive)
    wanted = [(line, task) for line, task in lines if task is None or reading.wants(task)]
    for line, task in wanted:
        if task is not None:
            reading.fill(line, task)
    kept = [line for line, _ in wanted]
    left_out = {name: len(getattr(document, name)) for name in LEFT_OUT}
    return Brought(kept, {"deleted_tasks": len(lines) - len(kept), **left_out})


def _is_alive(task: ExportedTask) -> bool:
    return task.series_id is not None and task.deleted_at is None


def _read_line(position: int, raw: Raw) -> tuple[Line, ExportedTask | None]:
    try:
        task = _TASK.decode(raw)
        return Line(position, task.id), task
    except msgspec.ValidationError as error:
        return Line(position, None, refused=explain(str(error))), None


class _Reading:
    """One document while it is read."""

    def __init__(self, document: Document, rename: Rename, alive: set[str | None]) -> None:
        self._rename = rename
        self._alive = alive
        self._ended = {(one.series_id, one.recurrence_id): one for one in document.occurrences}
        self._series = dict(_read_all_series(document.series))
        self._begun: set[str] = set()

    def wants(self, task: ExportedTask) -> bool:
        """Whether anything is made of it: it is there, or its series, which must not make it anew,
        is; what went with an older rule does not count."""
        if task.deleted_at is None:
            return True
        return task.series_id in self._alive and self._how(task) == "deleted"

    def _how(self, task: ExportedTask) -> str | None:
        ended = self._ended.get((task.series_id or "", task.recurrence_id or ""))
        return ended.ended_how if ended else None

    def fill(self, line: Line, task: ExportedTask) -> None:
        """What is brought, with its id here; or why not."""
        try:
            line.task_id = self._name(task)
            line.imported = self._import(task)
        except Refused as refused:
            line.refused = refused

    def _name(self, task: ExportedTask) -> str:
        old = read_task_id(task.id, invalid("id", "must be a UUID"))
        if task.series_id and old == occurrence_id(task.series_id, task.recurrence_id or ""):
            return occurrence_id(self._rename(task.series_id), task.recurrence_id or "")
        return self._rename(old)

    def _import(self, task: ExportedTask) -> Imported:
        came = Imported(
            task=write_input(task),
            status=task.status,
            created_at=task.created_at,
            completed_at=task.completed_at,
            deleted=task.deleted_at is not None,
        )
        if task.series_id is None:
            return came
        old = read_task_id(task.series_id, invalid("series_id", "must be a UUID"))
        ended = self._ended.get((task.series_id, task.recurrence_id or ""))
        how = ended.ended_how if ended and ended.ended_how in _ENDINGS else None
        return structs.replace(
            came,
            series_id=self._rename(old),
            recurrence_id=_read_name(task.recurrence_id or ""),
            ended_how=msgspec.convert(how, Ending | None),
            ended_at=ended.ended_at if ended else None,
            series=self._begin(task),
        )

    def _begin(self, task: ExportedTask) -> SeriesInput | None:
        """The series, with the first of its tasks and with those that are open."""
        name = task.series_id or ""
        found = self._series.get(name)
        if isinstance(found, Refused):
            raise found
        is_first = name not in self._begun
        self._begun.add(name)
        return found if is_first or task.status == "open" else None


def _read_name(text: str) -> str:
    return read_place("recurrence_id", text, timed="T" in text)


def _read_all_series(raws: Sequence[Raw]) -> Iterator[tuple[str, SeriesInput | Refused]]:
    """By their ids; one that cannot be read is why its tasks are refused."""
    for raw in raws:
        try:
            series = _SERIES.decode(raw)
            yield series.id, series
        except msgspec.ValidationError as error:
            bare = msgspec.json.decode(raw)
            name = bare.get("id") if isinstance(bare, dict) else None
            if isinstance(name, str):
                yield name, explain(str(error))


def write_input(task: ExportedTask) -> TaskInput:
    """What a person would have sent for it: what floats as the clock shows it, without a zone."""
    timed = task.due_at is not None or task.start_at is not None
    floating = bool(task.floating) and timed
    write = _on_the_wall(task.timezone) if floating else _in_utc
    return TaskInput(
        title=task.title,
        notes=task.notes,
        priority=task.priority,
        tags=task.tags,
        due_at=UNSET if task.due_at is None else write(task.due_at),
        start_at=UNSET if task.start_at is None else write(task.start_at),
        due_on=UNSET if task.due_on is None else task.due_on,
        start_on=UNSET if task.start_on is None else task.start_on,
        timezone=task.timezone if timed and not floating and task.timezone else UNSET,
        floating=True if floating else UNSET,
        reminders=[{k: v for k, v in one.items() if k != "id"} for one in task.reminders],
    )


def _in_utc(instant: datetime) -> str:
    if instant.tzinfo is None:
        raise invalid("due_at", "needs an offset, such as Z")
    return instant.astimezone(UTC).isoformat()


def _on_the_wall(timezone: str | None) -> Callable[[datetime], str]:
    def write(instant: datetime) -> str:
        try:
            _in_utc(instant)
            return to_local(instant.astimezone(UTC), find_zone(timezone)).isoformat()
        except InvalidZone as error:
            raise invalid(error.field, error.message) from error

    return write
