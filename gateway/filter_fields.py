"""The fields of the filter language: one table for the grammar, the SQL and the completion."""

from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from taskflow.task import Priority, Status

Kind: TypeAlias = Literal["choice", "rank", "tag", "date", "text", "words", "presence"]

EQUALITY = (":", "=", "!=")
ORDER = ("<", "<=", ">", ">=")
OPERATORS: dict[Kind, tuple[str, ...]] = {
    "choice": EQUALITY,
    "rank": EQUALITY + ORDER,
    "tag": EQUALITY,
    "date": EQUALITY + ORDER,
    "text": EQUALITY,
    "words": (":",),
    "presence": (),
}


class Field(Struct, frozen=True):
    """A field: what may be asked of it; `values` are those of a choice, the lowest first."""

    kind: Kind
    values: tuple[str, ...] = ()
    may_be_empty: bool = True


FIELDS: dict[str, Field] = {
    "status": Field("choice", get_args(Status), may_be_empty=False),
    "priority": Field("rank", tuple(reversed(get_args(Priority))), may_be_empty=False),
    "tag": Field("tag"),
    "due": Field("date"),
    "start": Field("date"),
    "created": Field("date", may_be_empty=False),
    "updated": Field("date", may_be_empty=False),
    "completed": Field("date"),
    "title": Field("text", may_be_empty=False),
    "notes": Field("text"),
    "text": Field("words", may_be_empty=False),
    "reminders": Field("presence"),
    "series": Field("presence"),
}
ALIASES = {"tags": "tag", "reminder": "reminders", "recurrence": "series"}
FLAGS = ("overdue", "recurring", "floating", *get_args(Status))
DAYS = ("today", "tomorrow", "yesterday")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def name_field(text: str) -> str | None:
    """The field that a name or an alias stands for, in any case."""
    name = text.lower()
    name = ALIASES.get(name, name)
    return name if name in FIELDS else None


def list_words(words: tuple[str, ...]) -> str:
    """`a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
