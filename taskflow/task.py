"""What a task is: its shape as people and events see it, apart from what may be done with it."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from taskflow.occurrences import Series as Dates
from taskflow.recurrence import Recurrence

Status = Literal["open", "done", "cancelled"]
Priority = Literal["high", "medium", "low", "none"]
Scope = Literal["this", "following", "all"]
Ending = Literal["done", "cancelled", "skipped", "missed", "deleted"]


class Reminder(Struct, frozen=True, kw_only=True):
    """When to tell a person: `before` the due time (ISO 8601 duration) or `at` an instant.

    A negative `before` is after; `relative_to` is shown where it counts from the start. `channels`
    holds channel kinds; empty, or `defaults`, means the person's own choice. `repeat` is the pause
    after which it comes again until the task is done, `escalate` the wait for an answer before the
    next channel is tried. What is not used is not shown.
    """

    id: str
    before: str | None = None
    at: datetime | None = None
    channels: list[str] = []
    defaults: bool | UnsetType = UNSET
    repeat: str | UnsetType = UNSET
    escalate: str | UnsetType = UNSET
    relative_to: Literal["start", "due"] | UnsetType = UNSET


class Task(Struct, frozen=True, kw_only=True):
    """A task as API.md shows it; `task_data` of every task event has the same shape.

    A start, and that it is `floating` (its wall-clock times follow the person's zone), are shown
    only where it has them.
    """

    id: str
    title: str
    notes: str = ""
    status: Status = "open"
    priority: Priority = "none"
    tags: list[str] = []
    due_at: datetime | None = None
    due_on: date | None = None
    timezone: str | None = None
    recurrence: Recurrence | None = None
    reminders: list[Reminder] = []
    series_id: str | None = None
    recurrence_id: str | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None
    created_by: str
    start_at: datetime | UnsetType = UNSET
    start_on: date | UnsetType = UNSET
    floating: bool | UnsetType = UNSET

    @property
    def stream(self) -> str:
        """What keeps its changes in order: its series, or itself."""
        return self.series_id or self.id

    def shown(self) -> dict[str, Any]:
        """The fields that people see, without those that it does not have."""
        return {k: v for k, v in structs.asdict(self).items() if v is not UNSET}


class Series(Struct, frozen=True, kw_only=True):
    """A recurring task's rule and what its occurrences start with.

    `anchor` is the local date-time (or date) of the first occurrence; it never drifts.
    `stream` is the id of the first series: a split keeps it. `lead` is how long before it is due an
    occurrence starts, on the wall. A `floating` one is always in its person's zone.
    """

    id: str
    user_id: str
    version: int = 1
    recurrence: Recurrence
    anchor: str
    timezone: str | None
    template: dict[str, Any]
    stream: str
    used: int = 1
    created_at: datetime
    floating: bool | None = None
    lead: timedelta | None = None

    @property
    def dates(self) -> Dates:
        """What its occurrences are computed from."""
        timed = "T" in self.anchor
        anchor = datetime.fromisoformat(self.anchor) if timed else date.fromisoformat(self.anchor)
        return Dates(self.recurrence, anchor, self.timezone)


class TaskInput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person sends to create or change a task; what is unset stays as it is."""

    id: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    notes: str | UnsetType | None = UNSET
    priority: Priority | UnsetType | None = UNSET
    tags: list[str] | UnsetType | None = UNSET
    due_at: str | UnsetType | None = UNSET
    due_on: date | UnsetType | None = UNSET
    start_at: str | UnsetType | None = UNSET
    start_on: date | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    floating: bool | UnsetType | None = UNSET
    recurrence: dict[str, Any] | UnsetType | None = UNSET
    reminders: list[dict[str, Any]] | UnsetType | None = UNSET

    def given(self) -> dict[str, Any]:
        """The fields that were sent."""
        return {k: v for k, v in structs.asdict(self).items() if v is not UNSET}


class SeriesInput(Struct, frozen=True, kw_only=True):
    """A series as an export shows it; a field that is not used here may stand beside these."""

    id: str
    recurrence: dict[str, Any]
    anchor: str
    timezone: str | None = None
    floating: bool | None = None
    lead: timedelta | None = None
    template: dict[str, Any] = {}
    used: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    created_at: datetime | None = None


class Imported(Struct, frozen=True, kw_only=True):
    """A task with what became of it, and the series that it is an occurrence of. `deleted`: only
    that it was there is kept, so that its series does not make it again."""

    task: TaskInput
    status: Status = "open"
    created_at: datetime | None = None
    completed_at: datetime | None = None
    deleted: bool = False
    series_id: str | None = None
    recurrence_id: str | None = None
    ended_how: Ending | None = None
    ended_at: datetime | None = None
    series: SeriesInput | None = None
