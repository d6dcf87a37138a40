"""In which order a list of tasks comes, and what comes behind a place in it, so that pages stay
stable while people write.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, ColumnElement, and_, bindparam, case, func, or_, true
from sqlalchemy import cast as sql_cast

from gateway.task_query import TaskChoice
from gateway.task_rows import ROW
from gateway.text_query import RANK
from taskflow.errors import invalid

MOST_SORTS = 4

PRIORITY = case(
    (ROW.priority == "high", 3),
    (ROW.priority == "medium", 2),
    (ROW.priority == "low", 1),
    else_=0,
)
# A whole number, for a cursor to hold exactly.
RELEVANCE = sql_cast(func.floor(RANK * 1_000_000), BigInteger)
SORTS: dict[str, tuple[Any, bool]] = {
    "due_at": (ROW.due_sort, True),
    "priority": (PRIORITY, False),
    "created_at": (ROW.created_at, False),
    "updated_at": (ROW.updated_at, False),
    "title": (func.lower(ROW.title), False),
}


class SortKey(Struct):
    """One key of an order; `nullable` ones keep their nulls last in both directions."""

    name: str
    column: ColumnElement[Any]
    descending: bool
    nullable: bool

    @property
    def order(self) -> ColumnElement[Any]:
        ordered = self.column.desc() if self.descending else self.column.asc()
        return ordered.nulls_last() if self.nullable and self.descending else ordered


def name_sort(query: TaskChoice) -> str:
    """The sort keys as they are written; where nobody says, the best first that were searched for,
    and the newest first."""
    return query.sort or ("relevance,-created_at" if query.searches else "-created_at")


def check_sort(query: TaskChoice) -> str:
    """The sort keys of a query. Raises Refused."""
    sort = name_sort(query)
    names = [name.strip().removeprefix("-") for name in sort.split(",")]
    if len(names) > MOST_SORTS or len(set(names)) < len(names):
        raise invalid("sort", f"at most {MOST_SORTS} different keys")
    offered = [*SORTS, *(["relevance"] if query.searches else [])]
    for name in names:
        if name not in offered:
            there = ", ".join([*SORTS, "relevance (with q)"])
            raise invalid("sort", f"{name[:64]!r} is no sort key; there are {there}")
    return sort


def read_sort(sort: str) -> list[SortKey]:
    """The keys of a sort that was checked, ended by the id so that the order is total."""
    keys = [_read_key(name.strip()) for name in sort.split(",")]
    return [*keys, SortKey("id", ROW.id, keys[-1].descending, False)]


def _read_key(text: str) -> SortKey:
    name, descending = text.removeprefix("-"), text.startswith("-")
    if name == "relevance":
        return SortKey(name, RELEVANCE, not descending, False)
    column, nullable = SORTS[name]
    return SortKey(name, column, descending, nullable)


def name_place(number: int) -> str:
    """The parameter that holds a key's value in a cursor."""
    return f"place_{number}"


def after(keys: Sequence[SortKey], nulls: Sequence[bool]) -> ColumnElement[bool]:
    """What comes behind the place in the cursor, some of whose values are null: behind in the first
    key, or equal there and behind in the next."""
    values: list[Any] = [None if null else bindparam(name_place(n)) for n, null in enumerate(nulls)]
    behind: ColumnElement[bool] = ~true()
    for key, value in reversed(list(zip(keys, values, strict=True))):
        behind = or_(_behind(key, value), and_(_equal(key, value), behind))
    if not keys[0].nullable and len(keys) == 2:
        first = keys[0].column
        bound = first <= values[0] if keys[0].descending else first >= values[0]
        return and_(bound, behind)
    return behind


def _behind(key: SortKey, value: Any) -> ColumnElement[bool]:
    if value is None:
        return ~true()
    behind = key.column < value if key.descending else key.column > value
    return or_(behind, key.column.is_(None)) if key.nullable else behind


def _equal(key: SortKey, value: Any) -> ColumnElement[bool]:
    return key.column.is_(None) if value is None else key.column == value
