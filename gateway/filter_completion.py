"""What may be written next in a filter expression: asked of the parser itself, so that nothing is
offered that would be refused.
"""

import re
from collections.abc import Sequence

from lark import Token
from lark.exceptions import UnexpectedInput
from msgspec import Struct

from gateway.filter_fields import DAYS, FIELDS, FLAGS, OPERATORS, WEEKDAYS, name_field
from gateway.filter_language import accepted_by, open_parser
from gateway.filter_syntax import InvalidFilter, Item

# What is being written just before the cursor: letters up to a separator, or an open quote.
UNFINISHED = re.compile(r'[^\s()":=<>!]*$')
QUOTES = re.compile(r'"(?:\\.|[^"\\])*"?', re.DOTALL)
NEEDS_QUOTES = re.compile(r'[\s()"\\]|^(?:none)?$', re.IGNORECASE)
DATES = (*DAYS, "now", *WEEKDAYS, "today+7d", "today-7d")
KEYWORDS = {
    "NOT": "not",
    "IS": "is",
    "EMPTY": "empty",
    "AND": "and",
    "OR": "or",
    "OVERDUE": "overdue",
}


class Place(Struct, frozen=True):
    """Where the cursor is: what was begun and from where, and what the parser takes there."""

    start: int
    begun: str
    accepted: frozenset[str]
    field: str | None

    @property
    def wants_tag(self) -> bool:
        return self.field == "tag" and "VALUE" in self.accepted


def find_place(text: str) -> Place:
    """The place at the end of `text`; where the text before is wrong, nothing is accepted."""
    start = _find_start(text)
    parser = open_parser().parse_interactive(text[:start])
    try:
        tokens = list(parser.iter_parse())
        accepted = frozenset(accepted_by(parser))
    except (UnexpectedInput, InvalidFilter):
        tokens, accepted = [], frozenset[str]()
    return Place(start, text[start:], accepted, _find_field(tokens))


def _find_start(text: str) -> int:
    for quote in QUOTES.finditer(text):
        if quote.end() == len(text) and not (len(quote[0]) > 1 and quote[0].endswith('"')):
            return quote.start()
    found = UNFINISHED.search(text)
    start = found.start() if found else len(text)
    return start + text[start : start + 1].count("-")


def _find_field(tokens: Sequence[Token]) -> str | None:
    """The field that an operator was just written for."""
    if len(tokens) < 2 or tokens[-1].type != "OPERATOR":
        return None
    return name_field(tokens[-2])


def complete(place: Place, tags: Sequence[str]) -> list[Item]:
    """What fits at a place, of `tags` the person's own."""
    begun = place.begun.removeprefix('"').casefold()
    items = [*_offer_values(place, tags), *_offer_fields(place), *_offer_keywords(place)]
    found = [item for item in items if item.text.removeprefix('"').casefold().startswith(begun)]
    return [*found, *_offer_operators(place)]


def _offer_values(place: Place, tags: Sequence[str]) -> list[Item]:
    if "DATE" in place.accepted:
        none = ("none",) if place.field and FIELDS[place.field].may_be_empty else ()
        return [Item(text, "value") for text in (*DATES, *none)]
    if "VALUE" not in place.accepted or place.field is None:
        return []
    if place.field == "tag":
        return [*(Item(quote_value(tag), "tag") for tag in tags), Item("none", "value")]
    return [Item(text, "value") for text in FIELDS[place.field].values]


def _offer_fields(place: Place) -> list[Item]:
    if "FIELD" in place.accepted:
        signs = {name: ":" if OPERATORS[field.kind] else " is " for name, field in FIELDS.items()}
        return [Item(name + sign, "field") for name, sign in signs.items()]
    if "NAME" in place.accepted:
        return [Item(name, "field") for name, field in FIELDS.items() if field.may_be_empty]
    return []


def _offer_keywords(place: Place) -> list[Item]:
    words = [word for name, word in KEYWORDS.items() if name in place.accepted]
    flags = FLAGS if "FLAG" in place.accepted else ()
    return [Item(word, "keyword") for word in (*words, *flags)]


def _offer_operators(place: Place) -> list[Item]:
    """After the whole name of a field, its operators."""
    field = name_field(place.begun) if "FIELD" in place.accepted else None
    if field is None:
        return []
    signs = (sign for sign in OPERATORS[FIELDS[field].kind] if sign != ":")
    return [Item(place.begun + sign, "operator") for sign in signs]


def quote_value(text: str) -> str:
    """A value as it is written: in quotes where it needs them."""
    if not NEEDS_QUOTES.search(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
