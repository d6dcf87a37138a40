"""What the terminal shows."""

import io
import json
from datetime import UTC, datetime

from rich.console import Console

from local.scale import Report
from local.show import Lines, choose_display, draw, draw_table


def report(name: str, replicas: int) -> Report:
    now = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
    return Report(
        name=name,
        replicas=replicas,
        lag=7 * replicas,
        last_wake=now if replicas else None,
        cold_start_ms=123 if replicas else None,
        delivered=9,
        dead_letters=0,
        wakes=replicas,
    )


def test_a_line_for_each_change_and_none_for_the_rest() -> None:
    output = io.StringIO()
    lines = choose_display(output)
    assert isinstance(lines, Lines)
    lines.say("hello")
    for replicas in (0, 1, 1, 3, 0):
        lines.show([report("write-task", replicas), report("idle", 0)])
    told = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [one["event"] for one in told] == ["progress", "awake", "scaled", "asleep"]
    assert told[1]["function"]["name"] == "write-task"


def test_the_table_tells_who_is_awake() -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(draw_table([report("write-task", 2), report("fire-timer", 0)]))
    assert isinstance(console.file, io.StringIO)
    _, awake, asleep = console.file.getvalue().splitlines()
    assert [*awake.split()][:3] == ["write-task", "2", "14"]
    assert "123 ms" in awake
    assert [*asleep.split()] == ["fire-timer", "asleep"]


def test_the_note_stands_below_the_table() -> None:
    console = Console(file=io.StringIO(), width=120)
    note = "timers on time · " + "feeds without a gap " * 4
    console.print(draw([report("write-task", 2)], note))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[-1].rstrip() == note.rstrip()
