"""Series: what their occurrences came to, what is planned, and a preview before it is saved."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response
from msgspec import Struct
from sqlalchemy import select

from gateway.bodies import read_bytes, read_json, write_json
from gateway.context import Context, Ctx
from gateway.identity import Identity, Who
from gateway.pages import page
from gateway.schemas import accepts
from gateway.tables import OccurrenceRow, SeriesRow, TaskRow
from taskflow.describe_rule import describe_recurrence
from taskflow.errors import invalid, not_found
from taskflow.occurrences import Occurrence, iterate_occurrences, preview
from taskflow.occurrences import Series as Dates
from taskflow.read_task import find_due, read_rule, read_task_id
from taskflow.read_times import read_instant, read_zone
from taskflow.rule import read_start
from taskflow.task import Series
from taskflow.zone import find_zone, to_local

router = APIRouter(prefix="/v1", tags=["series"])

OCCURRENCE: Any = OccurrenceRow
SERIES: Any = SeriesRow
TASK: Any = TaskRow
PLANNED = 10
MOST_PREVIEWED = 1_000


class Preview(Struct, forbid_unknown_fields=True):
    """A recurrence as it would begin at its due date."""

    recurrence: dict[str, Any]
    due_at: str | None = None
    due_on: date | None = None
    timezone: str | None = None
    count: int = 10


_PREVIEW = msgspec.json.Decoder(Preview)


@router.post("/recurrence/preview", openapi_extra=accepts(Preview))
async def preview_recurrence(request: Request, who: Who, context: Ctx) -> Response:
    """What was understood: the rule, in words, and its first dates with the reason of each
    adjustment. Without a due date they begin at the first match of cron or words."""
    wanted = read_json(await read_bytes(request), _PREVIEW)
    if not 1 <= wanted.count <= MOST_PREVIEWED:
        raise invalid("count", f"must lie between 1 and {MOST_PREVIEWED}")
    dates = _dates(wanted, who, context.clock())
    found, ends = preview(dates, wanted.count)
    words = describe_recurrence(dates.recurrence, read_start(dates.anchor, dates.timezone))
    body = {
        "recurrence": dates.recurrence,
        "words": words,
        "timezone": dates.timezone,
        "items": [_shown(one) for one in found],
        "ends": ends,
    }
    return write_json(body)


def _dates(wanted: Preview, who: Identity, now: datetime) -> Dates:
    zone = read_zone(wanted.timezone or who.timezone)
    due: dict[str, Any] = {"due_at": wanted.due_at, "due_on": wanted.due_on}
    due |= find_due({**due, "recurrence": wanted.recurrence}, zone, now)
    if (due["due_at"] is None) == (due["due_on"] is None):
        raise invalid("due_at", "give either due_at or due_on, or cron or words that say when")
    anchor: datetime | date
    if due["due_on"] is not None:
        anchor, timezone = due["due_on"], None
    else:
        instant = read_instant("due_at", due["due_at"], zone)
        anchor, timezone = to_local(instant, find_zone(zone)), zone
    return Dates(read_rule(wanted.recurrence, anchor, timezone), anchor, timezone)


def _shown(occurrence: Occurrence) -> dict[str, Any]:
    due = {"due_on": occurrence.due_on} if occurrence.due_on else {"due_at": occurrence.due_at}
    local = occurrence.local
    text = local.isoformat(timespec="seconds") if isinstance(local, datetime) else str(local)
    return {**due, "local": text, "adjusted": occurrence.adjusted}


@router.get("/series/{series_id}/occurrences")
async def list_occurrences(
    series_id: str, who: Who, context: Ctx, planned: Annotated[int, Query(ge=0, le=500)] = PLANNED
) -> Response:
    """Those that exist, with how each ended, and the next ones until they exist."""
    series = await _find_series(context, who, read_task_id(series_id))
    existing = await _existing(context, series)
    last = max((item["recurrence_id"] for item in existing), default=None)
    items = [*existing, *_planned(series, last, planned)]
    return write_json(page(items, None))


async def _find_series(context: Context, who: Identity, series_id: str) -> Series:
    columns = [getattr(SeriesRow, name) for name in SeriesRow.model_fields]
    query = select(*columns).where(
        SERIES.id == UUID(series_id), SERIES.user_id == UUID(who.user_id)
    )
    async with context.engine.connect() as db:
        row = (await db.execute(query)).mappings().first()
    if row is None:
        raise not_found(f"The series {series_id}")
    fields = {**row, **{name: str(row[name]) for name in ("id", "user_id", "stream")}}
    return msgspec.convert(fields, Series)


async def _existing(context: Context, series: Series) -> list[dict[str, Any]]:
    one, task = OCCURRENCE, TASK
    query = (
        select(one.recurrence_id, one.task_id, one.ended_how, one.ended_at)
        .add_columns(task.due_at, task.due_on, task.status)
        .join(task, task.id == one.task_id)
        .where(one.series_id == UUID(series.id))
        # What a split or a new rule took along stands where it is now.
        .where(task.series_id == one.series_id, task.recurrence_id == one.recurrence_id)
        .where(one.ended_how.is_distinct_from("superseded"))
        .order_by(one.recurrence_id)
    )
    async with context.engine.connect() as db:
        rows = (await db.execute(query)).mappings().all()
    return [{**row, "planned": False} for row in rows]


def _planned(series: Series, last: str | None, count: int) -> list[dict[str, Any]]:
    after = datetime.fromisoformat(last) if last else None
    planned: list[dict[str, Any]] = []
    for occurrence in iterate_occurrences(series.dates, after=after):
        if len(planned) == count:
            break
        planned.append(_as_planned(occurrence))
    return planned


def _as_planned(occurrence: Occurrence) -> dict[str, Any]:
    return {
        "recurrence_id": occurrence.recurrence_id,
        "task_id": None,
        "ended_how": None,
        "ended_at": None,
        "due_at": occurrence.due_at,
        "due_on": occurrence.due_on,
        "status": "planned",
        "planned": True,
    }
