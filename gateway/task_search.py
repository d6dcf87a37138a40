"""Lists of tasks: parameters, a filter expression and full text together, one statement a page."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from fastapi import Response
from msgspec import Struct
from sqlalchemy import ARRAY, ColumnElement, Integer, Select, Text, and_, bindparam, or_, select

from gateway.bodies import write_json
from gateway.context import Context
from gateway.identity import Identity
from gateway.pages import page, read_cursor, read_limit, write_cursor
from gateway.statements import Statement, fetch_rows, write_statement
from gateway.task_highlights import highlight_tasks
from gateway.task_query import TaskChoice, TaskQuery
from gateway.task_rows import ROW, SHOWN, as_task
from gateway.task_sort import after, check_sort, name_place, read_sort
from gateway.text_query import FOUND, name_whole_words, read_terms
from taskflow.errors import invalid
from taskflow.read_task import read_task_id
from taskflow.read_times import read_instant
from taskflow.zone import find_zone, to_instant, to_local

KEYS: Any = ARRAY(Text)
# Each by the name of the parameter that it needs.
CONDITIONS: dict[str, ColumnElement[bool]] = {
    "user_id": ROW.user_id == bindparam("user_id"),
    "status": ROW.status == bindparam("status"),
    "priority": ROW.priority == bindparam("priority"),
    "tag": ROW.tag_keys.contains(bindparam("tag", type_=KEYS)),
    "any_tag": ROW.tag_keys.overlap(bindparam("any_tag", type_=KEYS)),
    "series_id": ROW.series_id == bindparam("series_id"),
    # Timed tasks by their instant, all-day ones by their day; the edge is for the index.
    "due_after": and_(
        ROW.due_sort >= bindparam("due_after_edge"),
        or_(
            and_(ROW.due_on.is_(None), ROW.due_sort >= bindparam("due_after")),
            ROW.due_on >= bindparam("due_after_day"),
        ),
    ),
    "due_before": and_(
        ROW.due_sort < bindparam("due_before_edge"),
        or_(
            and_(ROW.due_on.is_(None), ROW.due_sort < bindparam("due_before")),
            ROW.due_on < bindparam("due_before_day"),
        ),
    ),
    "terms": FOUND,
}


class Shape(Struct, frozen=True):
    """What decides the SQL of a page: which values there are to ask for, which order, and whether
    a cursor goes before it, with which of its values null."""

    values: tuple[str, ...]
    sort: str
    nulls: tuple[bool, ...] | None


# --- what is wanted ----------------------------------------------------------------------------


def read_values(query: TaskQuery, who: Identity) -> dict[str, Any]:
    """The values of the conditions that are asked for. Raises Refused."""
    values: dict[str, Any] = {
        "user_id": UUID(who.user_id),
        "status": query.status,
        "priority": query.priority,
        "tag": _fold(query.tag),
        "any_tag": _fold(query.any_tag),
        "series_id": query.series_id and _read_series(query.series_id),
        **_read_text(query),
        **_read_bound("due_after", query.due_after, who.timezone, min),
        **_read_bound("due_before", query.due_before, who.timezone, max),
    }
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def _read_text(query: TaskQuery) -> dict[str, Any]:
    """Terms; where a text has none, an empty tuple, which finds nothing."""
    if not query.searches:
        return {}
    terms = read_terms(query.q or "")
    return {"terms": terms, "whole_terms": tuple(name_whole_words(terms))}


def _read_bound(
    name: str, given: str | None, timezone: str, widest: Callable[[datetime, datetime], datetime]
) -> dict[str, Any]:
    """`due_after` is inclusive, `due_before` exclusive; a day begins where the person is."""
    if not given:
        return {}
    instant = read_instant(name, given, timezone)
    day, first = _first_day(instant, timezone)
    return {name: instant, f"{name}_day": day, f"{name}_edge": widest(instant, first)}


def _first_day(instant: datetime, timezone: str) -> tuple[date, datetime]:
    """The first day that begins at `instant` or later in a zone, and where it stands in the order
    of due times."""
    zone = find_zone(timezone)
    day = to_local(instant, zone).date()
    if to_instant(datetime.combine(day, time()), zone)[0] < instant:
        day += timedelta(days=1)
    return day, datetime.combine(day, time(), UTC)


def _fold(tags: Sequence[str]) -> list[str]:
    return [tag.strip().casefold() for tag in tags]


def _read_series(text: str) -> UUID:
    return UUID(read_task_id(text, invalid("series_id", "must be a UUID")))


def check_choice(query: TaskChoice, now: datetime, timezone: str) -> None:
    """That a list of these tasks can be asked for. Raises Refused."""
    check_sort(query)
    _read_filter(query, now, timezone)


def _read_filter(query: TaskChoice, now: datetime, timezone: str) -> ColumnElement[bool] | None:
    if not query.filters:
        return None
    from gateway.filter_sql import filter_tasks

    found: ColumnElement[bool] = filter_tasks(query.filter or "", now, timezone)
    return found


# --- the statement -----------------------------------------------------------------------------


def compose(shape: Shape) -> Select[Any]:
    """The statement of a page."""
    keys = read_sort(shape.sort)
    extra = [key.column.label(f"sort_{n}") for n, key in enumerate(keys)]
    query = select(*SHOWN).add_columns(*extra).where(ROW.deleted_at.is_(None))
    query = query.where(*(CONDITIONS[name] for name in shape.values if name in CONDITIONS))
    if shape.nulls is not None:
        query = query.where(after(keys, shape.nulls))
    ordered = query.order_by(*(key.order for key in keys))
    return ordered.limit(bindparam("limit", type_=Integer))


@lru_cache(maxsize=256)
def write_page(shape: Shape) -> Statement:
    """The SQL of a page; shapes are few, so each is written once."""
    return write_statement(compose(shape))


def write_filtered_page(shape: Shape, condition: ColumnElement[bool]) -> Statement:
    return write_statement(compose(shape).where(condition))


# --- the page ----------------------------------------------------------------------------------


async def search_tasks(context: Context, who: Identity, query: TaskQuery) -> Response:
    """One page of the person's tasks."""
    limit, sort = read_limit(query.limit), check_sort(query)
    kind = f"tasks:{sort}"
    values = read_values(query, who)
    place = None if query.cursor is None else _read_place(context, query.cursor, kind)
    nulls = None if place is None else tuple(value is None for value in place.values())
    shape = Shape(tuple(values), sort, nulls)
    condition = _read_filter(query, context.clock(), who.timezone)
    statement = write_page(shape) if condition is None else write_filtered_page(shape, condition)
    rows = await fetch_rows(context, statement, {**values, **(place or {}), "limit": limit + 1})
    items = [as_task(tuple(row)) for row in rows[:limit]]
    if query.highlight:
        await highlight_tasks(context, query, items)
    cursor = _write_place(context, kind, rows[limit - 1]) if len(rows) > limit else None
    return write_json(page(items, cursor))


def _read_place(context: Context, cursor: str, kind: str) -> Mapping[str, Any]:
    """The values of a cursor by their parameters; the last is the id."""
    *values, last = read_cursor(context, cursor, kind)
    return {name_place(n): value for n, value in enumerate([*values, UUID(str(last))])}


def _write_place(context: Context, kind: str, row: Any) -> str:
    *values, last = tuple(row)[len(SHOWN) :]
    return write_cursor(context, kind, *values, str(last))
