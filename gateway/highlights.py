"""Where the words of a search stand in a task. PostgreSQL marks them, for it alone knows stems and
accents; here marks become ranges. These count UTF-16 code units, as JavaScript does.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct

# Code points that are no characters, so that texts hardly hold them (Unicode, 23.7).
BEGIN, END = "\ufdd0", "\ufdd1"
LONGEST_EXCERPT = 160
BEFORE_FIRST = 40

Range: TypeAlias = tuple[int, int]


class Excerpt(Struct, frozen=True):
    """A piece of the notes on one line, and the ranges in it."""

    text: str
    ranges: list[Range]


class Highlight(Struct, frozen=True):
    """Ranges `[start, end)` of the title, and an excerpt of notes that hold something."""

    title: list[Range]
    notes: Excerpt | None


def read_marks(marked: str) -> list[Range]:
    """The ranges, in characters, that marks enclose; none where a text held marks of its own."""
    ranges: list[Range] = []
    plain, *pieces = marked.split(BEGIN)
    at = len(plain)
    for piece in pieces:
        inside, end, outside = piece.partition(END)
        if not end or END in outside:
            return []
        ranges.append((at, at + len(inside)))
        at += len(inside) + len(outside)
    return ranges


def find_runs(text: str, runs: Iterable[str]) -> list[Range]:
    """Where pieces of scripts without spaces stand, which the parser does not part."""
    found: list[Range] = []
    for run in runs:
        at = text.find(run)
        while at >= 0:
            found.append((at, at + len(run)))
            at = text.find(run, at + len(run))
    return found


def merge_ranges(ranges: Iterable[Range]) -> list[Range]:
    """The same characters in ranges that do not touch, in their order."""
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def count_units(text: str, ranges: Sequence[Range]) -> list[Range]:
    """Ranges of characters as ranges of UTF-16 code units."""
    if not ranges or max(text) <= "\uffff":
        return list(ranges)
    return [(_units(text[:start]), _units(text[:end])) for start, end in ranges]


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut_excerpt(notes: str, ranges: Sequence[Range]) -> Excerpt | None:
    """The notes around the first range, between spaces where there are some nearby."""
    if not ranges:
        return None
    line = "".join(" " if character.isspace() else character for character in notes)
    start = max(0, ranges[0][0] - BEFORE_FIRST)
    if start > 0:
        space = line.find(" ", start, ranges[0][0])
        start = start if space < 0 else space + 1
    end = min(len(line), max(start + LONGEST_EXCERPT, ranges[0][1]))
    if end < len(line):
        space = line.rfind(" ", ranges[0][1], end)
        end = end if space < 0 else space
    before, after = "…" if start > 0 else "", "…" if end < len(line) else ""
    text = before + line[start:end] + after
    shift = len(before) - start
    inside = [(a + shift, b + shift) for a, b in ranges if b <= end]
    return Excerpt(text, count_units(text, inside))


def highlight(
    texts: tuple[str, str], marked: tuple[Sequence[str], Sequence[str]], runs: Sequence[str]
) -> Highlight:
    """The highlight of a title and notes, each with what marked it in several ways."""
    title, notes = (
        merge_ranges([*(r for one in ways for r in read_marks(one)), *find_runs(text, runs)])
        for text, ways in zip(texts, marked, strict=True)
    )
    return Highlight(count_units(texts[0], title), cut_excerpt(texts[1], notes))
