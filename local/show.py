"""What the terminal shows while the platform runs: which functions are awake, live; or one line of
JSON for each change where nobody looks.
"""

import logging
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Protocol

import msgspec

from local.scale import Report

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table


class Display(Protocol):
    """Where progress and changes are shown."""

    def say(self, text: str) -> None: ...

    def show(self, reports: Sequence[Report]) -> None: ...

    def note(self, line: str) -> None: ...

    def close(self) -> None: ...

    @property
    def is_watched(self) -> bool: ...


class Lines:
    """JSON lines: one for each thing said, one for each function that woke, grew or fell asleep."""

    is_watched = False

    def __init__(self, output: IO[str]) -> None:
        self._output = output
        self._replicas: dict[str, int] = {}

    def say(self, text: str) -> None:
        self._write({"event": "progress", "message": text})

    def show(self, reports: Sequence[Report]) -> None:
        for report in reports:
            before = self._replicas.get(report.name, 0)
            self._replicas[report.name] = report.replicas
            if report.replicas != before:
                self._write({"event": describe(before, report.replicas), "function": report})

    def _write(self, line: dict[str, object]) -> None:
        stamped = {"time": datetime.now(UTC), "logger": "taskflow.local", **line}
        self._output.write(msgspec.json.encode(stamped).decode() + "\n")
        self._output.flush()

    def note(self, line: str) -> None: ...

    def close(self) -> None: ...


def describe(before: int, after: int) -> str:
    """The step from one number of processes to another, in a word."""
    if after == 0:
        return "asleep"
    return "awake" if before == 0 else "scaled"


class Screen:
    """A table that is drawn again when something has changed, at most four times a second."""

    is_watched = True

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._drawn = 0.0
        self._started = False
        self._note = ""

    def say(self, text: str) -> None:
        self._console.print(text)

    def show(self, reports: Sequence[Report]) -> None:
        if not self._started:
            self._live.start()
            self._started = True
        now = time.monotonic()
        if now - self._drawn > 0.25:
            self._live.update(draw(reports, self._note), refresh=True)
            self._drawn = now

    def note(self, line: str) -> None:
        self._note = line

    def close(self) -> None:
        if self._started:
            self._live.stop()


def draw(reports: Sequence[Report], note: str) -> "Group":
    """The table, and the note below it, which may be wider."""
    from rich.console import Group
    from rich.text import Text

    return Group(draw_table(reports), Text(note, style="dim"))


def draw_table(reports: Sequence[Report]) -> "Table":
    """One line for each function, awake ones bright."""
    from rich.table import Table

    table = Table(box=None, header_style="dim")
    for title in ("function", "processes", "waiting", "last wake", "cold start", "dead letters"):
        table.add_column(title, justify="left" if title == "function" else "right")
    for report in reports:
        table.add_row(*describe_report(report), style="bold" if report.replicas else "dim")
    return table


def describe_report(report: Report) -> list[str]:
    """A function's line, as texts."""
    return [
        report.name,
        str(report.replicas) if report.replicas else "asleep",
        str(report.lag or ""),
        f"{report.last_wake.astimezone():%H:%M:%S}" if report.last_wake else "",
        f"{report.cold_start_ms} ms" if report.cold_start_ms is not None else "",
        str(report.dead_letters or ""),
    ]


def choose_display(output: IO[str] = sys.stdout) -> Display:
    return Screen() if output.isatty() else Lines(output)


class Warnings(logging.Handler):
    """Says what the platform itself warns of; what libraries say is in the log file alone."""

    def __init__(self, display: Display) -> None:
        super().__init__(logging.WARNING)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        self._display.say(record.getMessage())
