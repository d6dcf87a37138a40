"""From what the grammar of filter expressions finds to what it means; apart from it, because
these rules are about fields and values.
"""

import re
from collections.abc import Sequence
from typing import Any

from lark import Token, Transformer, v_args
from msgspec import Struct

from gateway.filter_dates import read_date
from gateway.filter_fields import FIELDS, OPERATORS, list_words, name_field
from gateway.filter_syntax import (
    MOST_DEPTH,
    MOST_TERMS,
    And,
    Compare,
    Empty,
    Flag,
    InvalidFilter,
    Node,
    Not,
    Or,
    Words,
)

# Kinds that can be compared to `none`; in a text it is a word.
MAY_BE_NONE = ("tag", "date")


class Part(Struct, frozen=True):
    """What was read so far of an expression, and how deep and wide it is."""

    node: Node
    depth: int = 1
    terms: int = 1


@v_args(inline=True)
class Reader(Transformer[Token, Node]):
    """Makes values of what the grammar finds, from the inside out: nothing here recurses."""

    def start(self, part: Part) -> Node:
        return part.node

    def either(self, *parts: Part | Token) -> Part:
        return _join(Or, parts)

    def both(self, *parts: Part | Token) -> Part:
        return _join(And, parts)

    def negate(self, sign: Token, part: Part) -> Part:
        return _wrap(Not(part.node), [part], sign)

    def compare(self, name: Token, operator: Token, value: Token) -> Part:
        return Part(read_comparison(name, operator, value))

    def empty(self, name: Token, _: Token, __: Token) -> Part:
        return Part(_read_empty(name))

    def not_empty(self, name: Token, _: Token, __: Token, ___: Token) -> Part:
        return Part(Not(_read_empty(name)))

    def has(self, _: Token, name: Token) -> Part:
        return Part(Not(_read_empty(name)))

    def flag(self, _: Token, name: Token) -> Part:
        return Part(Flag(name.lower()))

    def not_flag(self, _: Token, __: Token, name: Token) -> Part:
        return Part(Not(Flag(name.lower())))

    def overdue(self, name: Token) -> Part:
        return Part(Flag(name.lower()))

    def word(self, word: Token) -> Part:
        return Part(Words(str(word)))

    def phrase(self, phrase: Token) -> Part:
        return Part(_read_phrase(phrase))


def _join(kind: type[And] | type[Or], given: Sequence[Part | Token]) -> Part:
    parts = [part for part in given if isinstance(part, Part)]
    if len(parts) == 1:
        return parts[0]
    return _wrap(kind([part.node for part in parts]), parts, None)


def _wrap(node: Node, parts: Sequence[Part], sign: Token | None) -> Part:
    depth = 1 + max(part.depth for part in parts)
    terms = sum(part.terms for part in parts)
    position = find_position(sign) if sign is not None else 0
    if depth > MOST_DEPTH:
        raise InvalidFilter(f"expected at most {MOST_DEPTH} levels of parentheses", position)
    if terms > MOST_TERMS:
        raise InvalidFilter(f"expected at most {MOST_TERMS} conditions", position)
    return Part(node, depth, terms)


# --- one condition -----------------------------------------------------------------------------


def read_comparison(name: Token, operator: Token, value: Token) -> Node:
    """A field against a value, as its kind allows. Raises InvalidFilter."""
    field = name_field(name) or str(name)
    kind = FIELDS[field].kind
    sign = operator.removeprefix(":") or ":"
    if sign not in OPERATORS[kind]:
        raise InvalidFilter(_offer_operators(field), find_position(operator))
    return _read_value(field, sign, value)


def _offer_operators(field: str) -> str:
    offered = OPERATORS[FIELDS[field].kind]
    if not offered:
        return f"{field} has no value; expected {field} is empty, {field} is not empty"
    return f"{field} cannot be compared so; expected {list_words(offered)}"


def _read_value(field: str, sign: str, token: Token) -> Node:
    quoted = token.type == "STRING"
    text = _unquote(token) if quoted else str(token)
    kind = FIELDS[field].kind
    if kind == "words":
        return _read_phrase(token) if quoted else Words(text)
    operator: Any = "=" if sign == ":" and kind != "text" else sign
    if text.lower() == "none" and not quoted and kind in MAY_BE_NONE and operator in ("=", "!="):
        return Not(Empty(field)) if operator == "!=" else Empty(field)
    if kind == "date":
        return Compare(field, operator, read_date(text, find_position(token)))
    return Compare(field, operator, _read_choice(field, text, token))


def _read_choice(field: str, text: str, token: Token) -> str:
    """The value; where there are few, one of them. Raises InvalidFilter."""
    offered = FIELDS[field].values
    if not offered:
        return text
    if text.lower() not in offered:
        reason = f"{text[:64]!r} is no {field}; expected {list_words(offered)}"
        raise InvalidFilter(reason, find_position(token))
    return text.lower()


def _read_empty(name: Token) -> Empty:
    field = name_field(name) or str(name)
    if not FIELDS[field].may_be_empty:
        raise InvalidFilter(f"{field} is never empty; expected a comparison", find_position(name))
    return Empty(field)


def _read_phrase(token: Token) -> Words:
    text = _unquote(token).replace('"', " ")
    return Words(f'"{text}"')


def _unquote(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)


def find_position(token: Token) -> int:
    """Where a token begins, in characters."""
    return token.start_pos or 0
