"""Filter expressions as conditions of SQL. Every value is a bind parameter.

A field that is empty compares to nothing: such a condition is NULL, which counts as false. `not` is
written IS NOT TRUE, so that what was NULL or false is true then.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time
from operator import eq, ge, gt, le, lt, ne
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import ARRAY, Text, and_, any_, cast, func, literal, or_, true

from gateway.filter_dates import Span, place_date
from gateway.filter_fields import FIELDS
from gateway.filter_language import parse_filter
from gateway.filter_syntax import (
    And,
    Compare,
    DateValue,
    Empty,
    Flag,
    InvalidFilter,
    Node,
    Not,
    Or,
    Words,
)
from gateway.task_rows import ROW
from gateway.text_query import find_text
from taskflow.zone import find_zone

# The columns of the table have no types that a checker sees.
Condition: TypeAlias = Any
UNICODE = "pg_unicode_fast"
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip
INSTANTS = {"created": ROW.created_at, "updated": ROW.updated_at, "completed": ROW.completed_at}
START = (ROW.start_at, ROW.start_on)
TEXTS = {"title": ROW.title, "notes": ROW.notes}


class Asker(Struct, frozen=True):
    """Whose day it is, and when."""

    now: datetime
    zone: ZoneInfo


def filter_tasks(text: str, now: datetime, timezone: str) -> Condition:
    """The condition of an expression. Raises InvalidFilter, its position in UTF-16 code units."""
    try:
        return _compile(parse_filter(text), Asker(now, find_zone(timezone)))
    except InvalidFilter as error:
        before = text[: error.position].encode("utf-16-le", "surrogatepass")
        raise InvalidFilter(error.errors["filter"], len(before) // 2) from error


def _compile(node: Node, asker: Asker) -> Condition:
    match node:
        case And(parts):
            return and_(*(_compile(part, asker) for part in parts))
        case Or(parts):
            return or_(*(_compile(part, asker) for part in parts))
        case Not(part):
            return _compile(part, asker).is_not(true())
        case Empty(field):
            return _is_empty(field)
        case Flag(name):
            return _has_flag(name, asker)
        case Words(text):
            return find_text(text)
        case Compare():
            return _compare(node, asker)


def _is_empty(field: str) -> Condition:
    found = {
        "tag": func.cardinality(ROW.tag_keys) == 0,
        "due": ROW.due_sort.is_(None),
        "start": and_(ROW.start_at.is_(None), ROW.start_on.is_(None)),
        "completed": ROW.completed_at.is_(None),
        "notes": ROW.notes == "",
        "reminders": cast(ROW.reminders, Text) == "[]",
        "series": ROW.series_id.is_(None),
    }
    return found[field]


def _has_flag(name: str, asker: Asker) -> Condition:
    if name == "recurring":
        return ROW.series_id.is_not(None)
    if name == "floating":
        return ROW.floating
    if name == "overdue":
        now = place_date(DateValue("now", (), 0), asker.now, asker.zone)
        return and_(ROW.status == "open", _compare_due("<", now))
    return ROW.status == name


def _compare(node: Compare, asker: Asker) -> Condition:
    if isinstance(node.value, DateValue):
        span = place_date(node.value, asker.now, asker.zone)
        if node.field == "due":
            return _negatable(node.operator, lambda sign: _compare_due(sign, span))
        if node.field == "start":
            return _negatable(node.operator, lambda sign: _compare_times(sign, START, span))
        column = INSTANTS[node.field]
        return _negatable(node.operator, lambda sign: _compare_instant(sign, column, span))
    return _compare_text(node, node.value)


def _negatable(operator: str, compare: Callable[[str], Condition]) -> Condition:
    """`!=` is whatever `=` is not, an empty field included."""
    return compare("=").is_not(true()) if operator == "!=" else compare(operator)


def _compare_instant(operator: str, column: Any, span: Span) -> Condition:
    if operator == "=":
        return and_(column >= span.begin, column < span.end)
    edge = span.begin if operator in ("<", ">=") else span.end
    return column < edge if operator in ("<", "<=") else column >= edge


def _compare_times(operator: str, columns: tuple[Any, Any], span: Span) -> Condition:
    """Timed tasks by their instant, all-day ones by their date."""
    at, on = columns
    return or_(_compare_instant(operator, at, span), COMPARISONS[operator](on, span.day))


def _compare_due(operator: str, span: Span) -> Condition:
    """The bounds on `due_sort`, where instants and dates both have a place, follow from the rest;
    they are there for its index."""
    exact = _compare_times(operator, (ROW.due_at, ROW.due_on), span)
    midnight = datetime.combine(span.day, time(), UTC)
    bounds: list[Condition] = []
    if operator in ("<", "<=", "="):
        bounds.append(ROW.due_sort <= max(span.end, midnight))
    if operator in (">", ">=", "="):
        bounds.append(ROW.due_sort >= min(span.begin, midnight))
    return and_(exact, *bounds)


def _compare_text(node: Compare, value: str) -> Condition:
    kind = FIELDS[node.field].kind
    if kind == "tag":
        return _negatable(node.operator, lambda _: ROW.tag_keys.contains([fold_tag(value)]))
    if kind == "choice":
        return COMPARISONS[node.operator](ROW.status, value)
    if kind == "rank":
        ranked = literal(_priorities(node.operator, value), ARRAY(Text))
        return ROW.priority == any_(ranked)
    folded = func.casefold(TEXTS[node.field].collate(UNICODE))
    given = func.casefold(literal(value).collate(UNICODE))
    if node.operator == ":":
        return func.strpos(folded, given) > 0
    return COMPARISONS[node.operator](folded, given)


def _priorities(operator: str, value: str) -> list[str]:
    ranked = FIELDS["priority"].values
    holds = COMPARISONS[operator]
    return [one for n, one in enumerate(ranked) if holds(n, ranked.index(value))]


def fold_tag(tag: str) -> str:
    """A tag as tags are compared."""
    return tag.strip().casefold()
