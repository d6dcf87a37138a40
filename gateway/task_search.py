"""Lists of tasks: parameters, a filter expression and full text together, one statement a page."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from fastapi import Response
from msgspec import Struct
from sqlalchemy import ARRAY, ColumnElement, Integer, Select, Text, and_, bindparam, or_, select

from gateway.bodies import write_json
from gateway.broad_search import BEST, REST, find_edge, is_ranked, sort_rest
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
    # Instead of "terms", where more fit than are ranked.
    "best": BEST,
    "rest": REST,
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


class Asked(Struct, frozen=True):
    """A list: which tasks, in which order, and what an expression adds."""

    values: Mapping[str, Any]
    sort: str
    condition: ColumnElement[bool] | None

    @property
    def kind(self) -> str:
        """What tells its cursors from others'; where things are ranked they hold more."""
        return f"{'found' if is_ranked(self.sort) else 'tasks'}:{self.sort}"


class Walk(Struct, frozen=True):
    """Where a walk through a list stands: behind which place, and in a broad search, where the
    ranked ones end and whether it is there already."""

    place: Mapping[str, Any]
    edge: datetime | None = None
    is_behind: bool = False

    @property
    def behind(self) -> "Walk":
        """From the first that is not ranked."""
        return Walk({}, self.edge, True)


async def search_tasks(context: Context, who: Identity, query: TaskQuery) -> Response:
    """One page of the person's tasks."""
    limit, sort = read_limit(query.limit), check_sort(query)
    condition = _read_filter(query, context.clock(), who.timezone)
    asked = Asked(read_values(query, who), sort, condition)
    walk = await _begin(context, asked, query.cursor)
    rows, ranked = await _fetch_page(context, asked, walk, limit + 1)
    items = [as_task(tuple(row)) for row in rows[:limit]]
    if query.highlight:
        await highlight_tasks(context, query, items)
    cursor = None
    if len(rows) > limit:
        last = walk if limit <= ranked else walk.behind
        cursor = _write_place(context, asked, last, rows[limit - 1])
    return write_json(page(items, cursor))


async def _begin(context: Context, asked: Asked, cursor: str | None) -> Walk:
    if cursor is not None:
        return _read_place(context, asked, cursor)
    edge = None
    if is_ranked(asked.sort):
        edge = await find_edge(context, asked.values["user_id"], asked.values["terms"])
    return Walk({}, edge)


async def _fetch_page(
    context: Context, asked: Asked, walk: Walk, count: int
) -> "tuple[list[Any], int]":
    """Rows of a page, and how many of them are of the part where the walk stands; what misses
    comes from behind it."""
    rows = await _fetch_part(context, asked, walk, count)
    more: list[Any] = []
    if walk.edge is not None and not walk.is_behind and len(rows) < count:
        more = await _fetch_part(context, asked, walk.behind, count - len(rows))
    return rows + more, len(rows)


async def _fetch_part(context: Context, asked: Asked, walk: Walk, count: int) -> list[Any]:
    names, sort = tuple(asked.values), asked.sort
    if walk.edge is not None:
        part = "rest" if walk.is_behind else "best"
        names = tuple(part if name == "terms" else name for name in names)
        sort = sort_rest(sort) if walk.is_behind else sort
    nulls = tuple(value is None for value in walk.place.values()) or None
    shape = Shape(names, sort, nulls)
    condition = asked.condition
    statement = write_page(shape) if condition is None else write_filtered_page(shape, condition)
    values = {**asked.values, **walk.place, "edge": walk.edge, "limit": count}
    return await fetch_rows(context, statement, values)


def _read_place(context: Context, asked: Asked, cursor: str) -> Walk:
    """Where a cursor stands: the values of its row by their parameters; the last is the id."""
    values = read_cursor(context, cursor, asked.kind)
    edge, is_behind = None, False
    if is_ranked(asked.sort):
        edge, is_behind = cast("datetime | None", values[0]), bool(values[1])
        values = values[2:]
    *keys, last = values
    return Walk(
        {name_place(n): value for n, value in enumerate([*keys, UUID(str(last))])}, edge, is_behind
    )


def _write_place(context: Context, asked: Asked, walk: Walk, row: Any) -> str:
    *keys, last = tuple(row)[len(SHOWN) :]
    part = (walk.edge, int(walk.is_behind)) if is_ranked(asked.sort) else ()
    return write_cursor(context, asked.kind, *part, *keys, str(last))
