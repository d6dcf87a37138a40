"""A period of the audit as a document to print and sign: A4, numbered pages, on the last one what
it holds and what proves it. Apart, for its library is loaded only when somebody asks for one.

The same entries give the same bytes: no time of making, no chance in its ids. The fonts are those
that every reader has; a character that they lack is written as JSON escapes it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, Any

import msgspec
from msgspec import Raw, Struct
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from taskflow.errors import invalid
from taskflow.verification import Verification

WIDTH, HEIGHT = A4
LEFT, TOP, BOTTOM = 50, HEIGHT - 70, 60
# Courier's letters are 0.6 of its size wide.
SMALL, LEADING, GAP = 7.0, 9.5, 7.0
LETTERS = int((WIDTH - 2 * LEFT) / (0.6 * SMALL))
# All of a document is in memory when it is written down, about 10 KB for a page.
MOST_PAGES = 5_000
BLACK, GREY = 0.0, 0.4

_OTHER = re.compile(r"[^\x20-\x7e\xa0-\xff]")


class Heading(Struct, frozen=True):
    """What stands on each page: of whom and of which time the entries are."""

    whose: str
    period: str


class PdfReport:
    """Takes entries in order, then what proves them, and is written down at the end."""

    media_type = "application/pdf"

    def __init__(self, file: IO[bytes], heading: Heading) -> None:
        self._canvas = Canvas(file, pagesize=A4, invariant=1, pageCompression=1)
        self._canvas.setTitle("TaskFlow audit report")
        self._canvas.setSubject(f"{heading.whose}, {heading.period}")
        self._heading = heading
        self._actions: Counter[str] = Counter()
        self._erased = 0
        self.last: dict[str, Any] | None = None
        self._start_page()

    def add(self, entries: Sequence[dict[str, Any]]) -> None:
        """Writes entries down. Raises Refused for more pages than a reader could open."""
        for entry in entries:
            self._actions[entry["action"]] += 1
            self._erased += "erased" in entry
            self.last = entry
            self._write_entry(entry)

    def end(self, chain: Verification) -> None:
        """The last page: how many entries of each kind, and the chain up to the last of them."""
        self._turn_page()
        self._write("Summary", font="Helvetica-Bold", size=13)
        self._gap()
        for line in self._summarize(chain):
            self._write(line, size=9)
        self._end_page()
        self._canvas.save()

    def _summarize(self, chain: Verification) -> Iterator[str]:
        yield f"Pages: {self._canvas.getPageNumber()}, this is the last"
        yield f"Entries: {self._actions.total()}, of {self._erased} the texts were erased"
        yield from (f"    {action}: {n}" for action, n in sorted(self._actions.items()))
        yield ""
        if chain.fault is None:
            yield f"Chain: whole and unedited from entry 1 to entry {chain.entries}"
        elif chain.fault.unproved:
            yield f"Chain: NOT PROVED as a whole: {chain.fault.reason}"
        else:
            yield f"Chain: FAULT at entry {chain.fault.seq}: {chain.fault.reason}"
        if self.last is not None:
            yield f"Seal: entry {self.last['seq']}, hash"
            yield f"    {self.last['hash']}"
            yield "    `taskflow audit verify` compares it with the seals outside the database."

    def _write_entry(self, entry: dict[str, Any]) -> None:
        if self._y < BOTTOM + 5 * LEADING:
            self._turn_page()
        at = msgspec.to_builtins(entry["at"])
        title = f"{entry['seq']}   {at}   {entry['action']}"
        self._write(title, font="Helvetica-Bold", size=9)
        for name in ("actor_id", "task_id", "cause_id", "trace_id"):
            if entry[name] is not None:
                self._write(f"{name.removesuffix('_id'):<7}{entry[name]}")
        for name in ("before", "after"):
            if entry[name] is not None:
                self._write(f"{name:<7}{_read(entry[name])}", shade=BLACK)
        if "erased" in entry:
            self._write("its texts were erased", shade=BLACK)
        self._write(f"hash   {entry['hash']}")
        self._gap()

    def _write(
        self, text: str, *, font: str = "Courier", size: float = SMALL, shade: float = GREY
    ) -> None:
        """A text on as many lines and pages as it needs."""
        shown = _OTHER.sub(lambda found: json.dumps(found[0])[1:-1], text)
        letters = LETTERS if size == SMALL else int(LETTERS * SMALL / size)
        for place in range(0, max(len(shown), 1), letters):
            if self._y < BOTTOM:
                self._turn_page()
            self._canvas.setFont(font, size)
            self._canvas.setFillGray(shade if font == "Courier" and size == SMALL else BLACK)
            self._canvas.drawString(LEFT, self._y, shown[place : place + letters])
            self._y -= LEADING if size == SMALL else size * 1.4

    def _gap(self) -> None:
        self._y -= GAP

    def _turn_page(self) -> None:
        if self._canvas.getPageNumber() >= MOST_PAGES:
            reason = f"gives more than {MOST_PAGES} pages: take a shorter one, or json or csv"
            raise invalid("from", reason)
        self._end_page()
        self._start_page()

    def _start_page(self) -> None:
        self._canvas.setFillGray(BLACK)
        self._canvas.setFont("Helvetica-Bold", 11)
        self._canvas.drawString(LEFT, HEIGHT - 40, "TaskFlow audit report")
        self._canvas.setFont("Helvetica", 8)
        self._canvas.drawRightString(WIDTH - LEFT, HEIGHT - 36, self._heading.period)
        self._canvas.drawRightString(WIDTH - LEFT, HEIGHT - 47, self._heading.whose)
        self._canvas.line(LEFT, HEIGHT - 53, WIDTH - LEFT, HEIGHT - 53)
        self._y = TOP

    def _end_page(self) -> None:
        self._canvas.setFillGray(BLACK)
        self._canvas.setFont("Helvetica", 8)
        self._canvas.drawCentredString(WIDTH / 2, 30, f"Page {self._canvas.getPageNumber()}")
        self._canvas.showPage()


def _read(value: Any) -> str:
    return bytes(value).decode() if isinstance(value, Raw) else str(value)
