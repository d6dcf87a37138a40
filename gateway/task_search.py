"""Lists of tasks: filters, full text, several sort keys, pages that stay stable while people write;
one composed query a page.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    case,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy import cast as sql_cast

from gateway.bodies import write_json
from gateway.context import Context
from gateway.identity import Identity
from gateway.pages import page, read_cursor, read_limit, write_cursor
from gateway.task_rows import ROW, SHOWN, as_task
from taskflow.errors import Refused, invalid
from taskflow.read_task import read_task_id
from taskflow.read_times import read_instant
from taskflow.zone import find_zone, to_instant, to_local

MOST_TAGS = 50
LONGEST_TEXT = 500
MOST_SORTS = 4
WORDS = re.compile(r"\w+")


class TaskQuery(BaseModel):
    """The query parameters of GET /v1/tasks."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["open", "done", "cancelled"] | None = None
    priority: Literal["high", "medium", "low", "none"] | None = None
    tag: list[str] = Field(default=[], max_length=MOST_TAGS)
    any_tag: list[str] = Field(default=[], max_length=MOST_TAGS)
    due_after: str | None = None
    due_before: str | None = None
    series_id: str | None = None
    q: str | None = Field(default=None, max_length=LONGEST_TEXT)
    filter: str | None = None
    sort: str = "-created_at"
    limit: str | None = None
    cursor: str | None = None


# --- what is wanted ----------------------------------------------------------------------------


def wanted(query: TaskQuery, who: Identity) -> list[ColumnElement[bool]]:
    """The conditions of a list. Raises Refused."""
    if query.filter is not None:
        raise Refused("invalid_filter", "Filter expressions are not offered yet; use parameters.")
    conditions: list[ColumnElement[bool]] = [
        ROW.user_id == UUID(who.user_id),
        ROW.deleted_at.is_(None),
    ]
    if query.status:
        conditions.append(ROW.status == query.status)
    if query.priority:
        conditions.append(ROW.priority == query.priority)
    if query.tag:
        conditions.append(ROW.tag_keys.contains(_keys(query.tag)))
    if query.any_tag:
        conditions.append(ROW.tag_keys.overlap(_keys(query.any_tag)))
    if query.series_id:
        series_id = read_task_id(query.series_id, invalid("series_id", "must be a UUID"))
        conditions.append(ROW.series_id == UUID(series_id))
    conditions += _due_between(query, who)
    if query.q is not None and query.q.strip():
        conditions.append(ROW.search.op("@@")(text_query(query.q)))
    return conditions


def _keys(tags: Sequence[str]) -> list[str]:
    return [tag.strip().casefold() for tag in tags]


def _due_between(query: TaskQuery, who: Identity) -> list[ColumnElement[bool]]:
    """`due_after` is inclusive, `due_before` exclusive; a day begins where the person is."""
    bounds: list[ColumnElement[bool]] = []
    if query.due_after:
        instant = read_instant("due_after", query.due_after, who.timezone)
        day, first = _first_day(instant, who.timezone)
        late = or_(and_(ROW.due_on.is_(None), ROW.due_sort >= instant), ROW.due_on >= day)
        bounds += [ROW.due_sort >= min(instant, first), late]
    if query.due_before:
        instant = read_instant("due_before", query.due_before, who.timezone)
        day, first = _first_day(instant, who.timezone)
        early = or_(and_(ROW.due_on.is_(None), ROW.due_sort < instant), ROW.due_on < day)
        bounds += [ROW.due_sort < max(instant, first), early]
    return bounds


def _first_day(instant: datetime, timezone: str) -> tuple[date, datetime]:
    """The first day that begins at `instant` or later in a zone, and where it stands in the order
    of due times."""
    zone = find_zone(timezone)
    day = to_local(instant, zone).date()
    if to_instant(datetime.combine(day, time()), zone)[0] < instant:
        day += timedelta(days=1)
    return day, datetime.combine(day, time(), UTC)


def text_query(text: str) -> ColumnElement[Any]:
    """Every word, the last one also as a beginning; quotes, `or` and `-` as people know them."""
    if '"' in text or " -" in f" {text}" or " or " in text.lower():
        return func.websearch_to_tsquery(literal_column("'taskflow'::regconfig"), text)
    words = WORDS.findall(text)
    prefixed = " & ".join([*words[:-1], f"{words[-1]}:*"]) if words else ""
    return func.to_tsquery(literal_column("'taskflow'::regconfig"), prefixed)


# --- in which order ----------------------------------------------------------------------------

PRIORITY = case(
    (ROW.priority == "high", 3),
    (ROW.priority == "medium", 2),
    (ROW.priority == "low", 1),
    else_=0,
)
SORTS: dict[str, tuple[Any, bool]] = {
    "due_at": (ROW.due_sort, True),
    "priority": (PRIORITY, False),
    "created_at": (ROW.created_at, False),
    "updated_at": (ROW.updated_at, False),
    "title": (func.lower(ROW.title), False),
}


class SortKey(msgspec.Struct):
    """One key of an order; `nullable` ones keep their nulls last in both directions."""

    name: str
    column: ColumnElement[Any]
    descending: bool
    nullable: bool

    @property
    def order(self) -> ColumnElement[Any]:
        ordered = self.column.desc() if self.descending else self.column.asc()
        return ordered.nulls_last() if self.nullable and self.descending else ordered


def read_sort(query: TaskQuery) -> list[SortKey]:
    """The order that is asked for, ended by the id so that it is total. Raises Refused."""
    keys = [_read_key(name.strip(), query) for name in query.sort.split(",")]
    if len(keys) > MOST_SORTS or len({key.name for key in keys}) < len(keys):
        raise invalid("sort", f"at most {MOST_SORTS} different keys")
    return [*keys, SortKey("id", ROW.id, keys[-1].descending, False)]


def _read_key(text: str, query: TaskQuery) -> SortKey:
    name = text.removeprefix("-")
    if name == "relevance" and query.q and query.q.strip():
        millionths = func.floor(func.ts_rank(ROW.search, text_query(query.q)) * 1_000_000)
        rank = sql_cast(millionths, BigInteger)
        return SortKey(name, rank, not text.startswith("-"), False)
    if name not in SORTS:
        offered = ", ".join([*SORTS, "relevance (with q)"])
        raise invalid("sort", f"{name[:64]!r} is no sort key; there are {offered}")
    column, nullable = SORTS[name]
    return SortKey(name, column, text.startswith("-"), nullable)


def after(keys: Sequence[SortKey], values: Sequence[Any]) -> ColumnElement[bool]:
    """What comes behind a row with these values: behind in the first key, or equal there and behind
    in the next."""
    behind: ColumnElement[bool] = ~true()
    for key, value in reversed(list(zip(keys, values, strict=True))):
        behind = or_(_behind(key, value), and_(_equal(key, value), behind))
    if not keys[0].nullable and len(keys) == 2:
        bound = keys[0].column <= values[0] if keys[0].descending else keys[0].column >= values[0]
        return and_(bound, behind)
    return behind


def _behind(key: SortKey, value: Any) -> ColumnElement[bool]:
    if value is None:
        return ~true()
    behind = key.column < value if key.descending else key.column > value
    return or_(behind, key.column.is_(None)) if key.nullable else behind


def _equal(key: SortKey, value: Any) -> ColumnElement[bool]:
    return key.column.is_(None) if value is None else key.column == value


# --- the page ----------------------------------------------------------------------------------


async def search_tasks(context: Context, who: Identity, query: TaskQuery) -> Response:
    """One page of the person's tasks."""
    limit = read_limit(query.limit)
    keys = read_sort(query)
    kind = f"tasks:{query.sort}"
    statement = compose(query, who, keys).limit(limit + 1)
    if query.cursor is not None:
        statement = statement.where(after(keys, _values(context, query.cursor, kind, keys)))
    async with context.engine.connect() as db:
        rows = (await db.execute(statement)).all()
    shown = rows[:limit]
    items = [as_task(row) for row in shown]
    last = tuple(shown[-1])[len(SHOWN) :] if len(rows) > limit else None
    cursor = write_cursor(context, kind, *map(_plain, last)) if last else None
    return write_json(page(items, cursor))


def compose(query: TaskQuery, who: Identity, keys: Sequence[SortKey]) -> Select[Any]:
    """The statement of a list, without its page."""
    extra = [key.column.label(f"sort_{n}") for n, key in enumerate(keys)]
    ordered = select(*SHOWN).add_columns(*extra).where(*wanted(query, who))
    return ordered.order_by(*(key.order for key in keys))


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _values(context: Context, cursor: str, kind: str, keys: Sequence[SortKey]) -> list[Any]:
    values = list(read_cursor(context, cursor, kind))
    return [*values[:-1], UUID(str(values[-1]))]
