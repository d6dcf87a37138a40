"""What a person types to search for, read into terms; the database makes a text query of them
(`search_query`), because it alone knows stems and accents as the tasks were indexed.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, bindparam, func, literal, select

from gateway.task_rows import ROW

# Scripts that put no spaces between words, and signs: found by pairs of neighbours. The same as
# `search_scripts()` in the database.
SCRIPTS = (
    "\u0e00-\u109f\u1780-\u17ff\u2600-\u27bf\u2b00-\u2bff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U0001f000-\U0001faff"
    "\U00020000-\U0003ffff"
)
SPACELESS = re.compile(f"[{SCRIPTS}]+")
JOINERS = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufe0e\ufe0f"))
TERM = re.compile(r'(?P<without>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
# What English stems lose, the longest of each family (Porter 2, steps 1 to 4).
SUFFIXES = (
    *("ationally", "izations", "izingly", "izedly", "izers", "ators", "ating", "ated", "alities"),
    *("ally", "alisms", "allies", "ances", "ences", "antly", "ently", "ements", "ibilities"),
    *("abilities", "ably", "ibly", "icalness", "icities", "ically", "fulness", "fully", "lessness"),
    *("lessly", "nesses", "ousness", "ously", "ivities", "ively", "iveness", "isms", "ingly"),
    *("ings", "edly", "ers", "ies", "ions"),
)
# One letter alone says little: only an `i` is on its way to a suffix.
HALF_SUFFIXES = {"i"} | {suffix[:n] for suffix in SUFFIXES for n in range(2, len(suffix) + 1)}
SHORTEST_STEM = 3
# Letters, marks and numbers.
WORD_KINDS = frozenset("LMN")


def _query(terms: ColumnElement[Any]) -> ColumnElement[Any]:
    """The text query; a subquery, so that it is worked out once and not for every row."""
    return select(func.search_query(terms)).scalar_subquery()


def _find(terms: ColumnElement[Any], search: ColumnElement[Any] = ROW.search) -> Any:
    return search.op("@@")(_query(terms))


def find_text(text: str) -> Any:
    """The condition that a task holds what is sought."""
    return _find(literal(list(read_terms(text)), ARRAY(Text)))


# The same for terms that come as a parameter, and how well a task fits: its title before its notes,
# a whole word (again by itself: PostgreSQL takes a word and its beginning for one) before a part.
TERMS, WHOLE = (bindparam(name, type_=ARRAY(Text)) for name in ("terms", "whole_terms"))
FOUND = _find(TERMS)
RANK = func.ts_rank(ROW.search, _query(TERMS)) + func.ts_rank(ROW.search, _query(WHOLE))


def find_terms(search: ColumnElement[Any]) -> Any:
    """FOUND, in another place that holds what tasks are found by."""
    return _find(TERMS, search)


def name_whole_words(terms: Sequence[str]) -> list[str]:
    """Any of the words among terms, each as a whole."""
    words = (term[1:].partition("\n")[0] for term in terms if term[0] == "b")
    return [part for word in words for part in ("|", f"w{word}")]


@lru_cache(maxsize=1024)
def read_terms(text: str) -> tuple[str, ...]:
    """The terms, each with its kind in front: `b` a word, or the beginning of one; `w` words next
    to each other; `p` letters of scripts without spaces; in capitals: without it; `|`: what is
    before, or after."""
    terms: list[str] = []
    for found in TERM.finditer(unicodedata.normalize("NFKC", text).translate(JOINERS)):
        given, without = found["phrase"] or found["word"] or "", bool(found["without"])
        if given.lower() == "or" and found["word"] and not without:
            terms.append("|")
            continue
        words = list(split_words(SPACELESS.sub(" ", given)))
        as_said = found["word"] is None or without
        parts = [_read_phrase(words)] if words and as_said else map(_read_beginning, words)
        pairs = ("p" + pair_letters(run) for run in SPACELESS.findall(given))
        terms += (part[0].upper() + part[1:] if without else part for part in (*parts, *pairs))
    return tuple(terms)


def _read_phrase(words: Sequence[str]) -> str:
    return "w" + " <-> ".join(map(quote, words))


def _read_beginning(word: str) -> str:
    stems = "".join(f" | {quote(stem)}" for stem in cut_suffix(word.lower()))
    return f"b{quote(word)}\n{quote(word)}:*{stems}"


def cut_suffix(word: str) -> Iterator[str]:
    """The stems that a word may have outgrown, half written: `organiza` is on its way to a word
    whose stem is `organ`, which no longer begins with it."""
    for length in range(SHORTEST_STEM, len(word)):
        stem, rest = word[:length], word[length:]
        if rest in HALF_SUFFIXES:
            yield stem.removesuffix("y") + "i" if stem.endswith("y") else stem
        elif rest == stem[-1] or (rest[0] == stem[-1] and rest[1:] in HALF_SUFFIXES):
            yield stem


def split_words(text: str) -> Iterator[str]:
    """The words of a text, which everything else than letters, marks and numbers separates."""
    kept = (c if unicodedata.category(c)[0] in WORD_KINDS else " " for c in text)
    yield from "".join(kept).split()


def pair_letters(run: str) -> str:
    """Neighbours in their order; a single letter may begin any pair."""
    if len(run) == 1:
        return f"{quote(run)}:*"
    return " <-> ".join(quote(run[n : n + 2]) for n in range(len(run) - 1))


def quote(word: str) -> str:
    """A word as a lexeme of a text query (PostgreSQL, 8.11.2)."""
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
