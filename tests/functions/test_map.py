"""The map of events that `python -m functions` prints is complete."""

import subprocess
import sys
from pathlib import Path

from functions.__main__ import draw, find_functions, name_events, topics
from taskflow.events import TASK_CHANGES, RealtimeUpdate, Record, TaskCreated, TaskDeleted, Tick

ROOT = Path(__file__).parents[2]


def test_every_folder_is_a_function() -> None:
    names = [function.name for function in find_functions()]
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}
    assert set(names) == folders and len(names) == len(folders)


def test_the_map_begins_with_a_command() -> None:
    names = [function.name for function in find_functions()]
    assert names[0] == "write_task" and names[-1] == "keep_dead_letter"


def test_every_line_says_what_comes_in_and_what_goes_out() -> None:
    for function in find_functions():
        first, *rest = draw(function)
        woken, name, _ = (part.strip() for part in first.split("→"))
        assert name == function.name and woken.split(" + ") == topics(function.wakes_on)
        lines = [line.split("→")[-1].strip() for line in (first, *rest)]
        drawn = [line.partition(":")[0] for line in lines if ":" in line]
        assert drawn == topics(function.emits)


def test_names() -> None:
    assert name_events(TASK_CHANGES) == "Task*"
    assert name_events((RealtimeUpdate, *TASK_CHANGES)) == "Task* RealtimeUpdate"
    assert name_events((TaskCreated, TaskDeleted)) == "TaskCreated TaskDeleted"
    assert topics((Tick, Record, TaskCreated, TaskDeleted)) == [
        "timers",
        "*-dead-letters",
        "task-events",
    ]


def test_it_prints() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "functions"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [line for one in find_functions() for line in draw(one)]
    assert done.stderr == ""
