"""The filter language: its grammar, and the way from a text to what it means. Imported by who has
an expression to read, for the parser is slow to import and most lists have none.
"""

import functools

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser

from gateway.filter_fields import ALIASES, FIELDS, FLAGS, list_words
from gateway.filter_reader import Reader, find_position
from gateway.filter_syntax import MOST_BYTES, InvalidFilter, Node
from taskflow.read_task import UNPRINTABLE

# A name is a field where an operator follows, and a word to search for elsewhere.
OPERATOR_FOLLOWS = r"(?=\s*[:=<>]|\s*!=|\s+is(?![^\s()\"]))"
ENDS = r'(?![^\s()"])'
DATES = [name for name, field in FIELDS.items() if field.kind == "date"]
OTHERS = [*(name for name in FIELDS if name not in DATES), *ALIASES]

GRAMMAR = rf"""
start: either
either: both (OR both)*
both: one (AND? one)*
?one: (NOT | MINUS) one -> negate | "(" either ")" | term
?term: FIELD OPERATOR (VALUE | STRING) -> compare
    | DATE_FIELD OPERATOR (DATE | STRING) -> compare
    | (FIELD | DATE_FIELD) IS EMPTY -> empty
    | (FIELD | DATE_FIELD) IS NOT EMPTY -> not_empty
    | HAS NAME -> has
    | IS FLAG -> flag
    | IS NOT FLAG -> not_flag
    | OVERDUE -> overdue
    | WORD -> word
    | STRING -> phrase
    | UNKNOWN OPERATOR

AND.9: /and{ENDS}/i
OR.9: /or{ENDS}/i
NOT.9: /not{ENDS}/i
IS.9: /is(:|{ENDS})/i
HAS.9: /has:/i
MINUS.9: /-(?=[^\s)])/
EMPTY: /empty{ENDS}/i
FLAG: /({"|".join(FLAGS)}){ENDS}/i
OVERDUE.8: /overdue{ENDS}/i
NAME: /({"|".join([*DATES, *OTHERS])}){ENDS}/i
DATE_FIELD.8: /({"|".join(DATES)}){OPERATOR_FOLLOWS}/i
FIELD.8: /({"|".join(OTHERS)}){OPERATOR_FOLLOWS}/i
OPERATOR.9: /:?(<=|>=|!=|<|>|=)|:/
STRING.9: /"(\\.|[^"\\])*"/s
DATE: /[^\s()"]+(\s*[+-]\s*\d+\s*(min|[hdwmy]){ENDS})*/i
VALUE: /[^\s()"]+/
WORD: /(?!(and|or|not|is){ENDS})[^\s()":=<>]+/i
UNKNOWN.7: /[^\s()":=<>!]+(?=\s*([:=<>]|!=))/
%ignore /\s+/
"""
EXPECTED = {
    "FIELD": "a field (due, tag, priority ...)",
    "WORD": "a word to search for",
    "NOT": "not",
    "LPAR": "(",
    "RPAR": ")",
    "AND": "and",
    "OR": "or",
    "OPERATOR": "an operator (:, =, !=, <, <=, >, >=)",
    "IS": "is",
    "EMPTY": "empty",
    "FLAG": f"one of {', '.join(FLAGS)}",
    "NAME": f"a field: {', '.join([*DATES, *OTHERS])}",
    "VALUE": "a value",
    "DATE": "a date (today, today+7d, 2026-12-31)",
    "$END": "the end",
}


@functools.cache
def open_parser() -> Lark:
    """The parser; made once, when the first expression comes."""
    return Lark(
        GRAMMAR,
        parser="lalr",
        transformer=Reader(),
        lexer_callbacks={"UNKNOWN": _refuse_unknown},
    )


def _refuse_unknown(name: Token) -> Token:
    offered = ", ".join(FIELDS)
    reason = f"{name[:64]!r} is no field; expected one of {offered}, or quotes around the text"
    raise InvalidFilter(reason, find_position(name))


@functools.lru_cache(maxsize=256)
def parse_filter(text: str) -> Node:
    """What an expression means; bounded in length, depth and terms. Raises InvalidFilter, its
    position in characters."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise InvalidFilter(f"expected at most {MOST_BYTES} bytes", 0)
    if found := UNPRINTABLE.search(text):
        raise InvalidFilter("expected no NUL and no lone surrogate", found.start())
    try:
        node: Node = open_parser().parse(text)  # type: ignore[assignment]
    except UnexpectedToken as error:
        at = len(text) if error.token.type == "$END" else find_position(error.token)
        raise explain(text, at, error.interactive_parser) from error
    except UnexpectedCharacters as error:
        raise explain(text, error.pos_in_stream or 0, error.interactive_parser) from error
    return node


def accepted_by(parser: InteractiveParser) -> set[str]:
    """The names of what a parser would take next."""
    names: set[str] = parser.accepts()  # type: ignore[no-untyped-call]
    return names


def explain(text: str, position: int, parser: InteractiveParser | None) -> InvalidFilter:
    """What was found at a position, and what would be accepted there."""
    accepted = accepted_by(parser) if parser is not None else set()
    offered = tuple(words for name, words in EXPECTED.items() if name in accepted)
    if text.startswith('"', position):
        return InvalidFilter("this quote has no end; expected a closing quote", position)
    found = repr(text[position : position + 20]) if position < len(text) else "the end"
    return InvalidFilter(f"found {found}; expected {list_words(offered or ('the end',))}", position)
