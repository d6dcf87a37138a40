"""What a filter expression means once it is read: its parts as values, apart from the text that
they were written as and from the SQL that they become.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from taskflow.errors import Refused

MOST_BYTES = 4 * 1024
MOST_TERMS = 200
MOST_DEPTH = 32

Operator: TypeAlias = Literal[":", "=", "!=", "<", "<=", ">", ">="]
Unit: TypeAlias = Literal["min", "h", "d", "w", "m", "y"]


class DateValue(Struct, frozen=True):
    """A day or an instant, said absolutely or from today, which depends on who asks and when.

    `base` is `now`, a day in words, a date, or a date-time (naive: on the person's wall).
    """

    base: str | date | datetime
    steps: tuple[tuple[int, Unit], ...]
    position: int


class Compare(Struct, frozen=True):
    """A field against a value; `:` says that a text holds it, and is `=` everywhere else."""

    field: str
    operator: Operator
    value: str | DateValue


class Empty(Struct, frozen=True):
    """A field that holds nothing."""

    field: str


class Flag(Struct, frozen=True):
    """What a task is: `overdue`, `recurring`, ..."""

    name: str


class Words(Struct, frozen=True):
    """Full text, as the parameter `q` takes it."""

    text: str


class Not(Struct, frozen=True):
    part: "Node"


class And(Struct, frozen=True):
    parts: Sequence["Node"]


class Or(Struct, frozen=True):
    parts: Sequence["Node"]


Node: TypeAlias = Compare | Empty | Flag | Words | Not | And | Or


class InvalidFilter(Refused):
    """An expression that cannot be read: where, and what would be read there. `position` counts
    UTF-16 code units, as JavaScript does, from 0."""

    def __init__(self, message: str, position: int) -> None:
        where = f"filter: {message} (at {position})"
        errors, more = {"filter": message}, {"position": position}
        super().__init__("invalid_filter", where, errors=errors, more=more)
        self.position = position


class Item(Struct, frozen=True):
    """One way to go on with an expression."""

    text: str
    kind: Literal["field", "operator", "value", "tag", "keyword"]


class Completion(Struct, frozen=True, rename={"start": "from"}):
    """Ways to go on; each takes the place of what is written from `from` to the cursor."""

    items: list[Item]
    start: int
