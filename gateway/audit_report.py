"""How a period of the audit is written down as a file: JSON for programs, CSV for spreadsheets.

Each takes entries in order and writes nothing of its own, no time and no name, so that a report can
be made again byte for byte.
"""

import csv
import io
from collections.abc import Sequence
from typing import IO, Any, TypeAlias

import msgspec
from msgspec import Raw

COLUMNS = (
    "seq",
    "at",
    "actor_id",
    "action",
    "task_id",
    "before",
    "after",
    "cause_id",
    "hash",
    "previous_hash",
    "trace_id",
)
CELLS = (*COLUMNS, "erased")
# What a spreadsheet takes for the start of a formula (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

Shown: TypeAlias = dict[str, Any]


class JsonReport:
    """One object with `entries`, an entry per line."""

    media_type = "application/json"

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._file.write(b'{"entries":[')
        self._before = b"\n"

    def add(self, entries: Sequence[Shown]) -> None:
        for entry in entries:
            self._file.write(self._before + msgspec.json.encode(entry))
            self._before = b",\n"

    def end(self) -> None:
        self._file.write(b"\n]}\n")


class CsvReport:
    """RFC 4180 in UTF-8, texts as JSON, nothing for null; what a spreadsheet would compute starts
    with an apostrophe. The last column is True where the texts were erased."""

    media_type = "text/csv; charset=utf-8; header=present"

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._write([CELLS])

    def add(self, entries: Sequence[Shown]) -> None:
        self._write([[show_cell(entry.get(name)) for name in CELLS] for entry in entries])

    def end(self) -> None:
        """Nothing: the last line is the last entry."""

    def _write(self, lines: Sequence[Sequence[str]]) -> None:
        text = io.StringIO()
        csv.writer(text).writerows(lines)
        self._file.write(text.getvalue().encode())


FORMATS: dict[str, type[JsonReport] | type[CsvReport]] = {"json": JsonReport, "csv": CsvReport}


def show_cell(value: Any) -> str:
    """A value as a text that no spreadsheet computes."""
    if value is None:
        return ""
    text = bytes(value).decode() if isinstance(value, Raw) else str(msgspec.to_builtins(value))
    return f"'{text}" if text.startswith(FORMULA) else text
