"""Prints the path of every event: what wakes which function, and what it emits; read from the
functions themselves, so that it cannot be out of date.
"""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from taskflow.events import TASK_CHANGES, Payload, Record, Tick
from taskflow.serve import Function, lease

ROOT = Path(__file__).parent


def find_functions() -> list[Function]:
    """Every folder with a main.py, in the order of an event's path from the first command."""
    names = sorted(path.parent.name for path in ROOT.glob("*/main.py"))
    functions = [import_module(f"functions.{name}.main").main.function for name in names]
    reached = [FIRST]
    for topic in reached:
        for function in functions:
            if topic in topics(function.wakes_on):
                reached += [one for one in topics(function.emits) if one not in reached]
    places = {topic: place for place, topic in enumerate(reached)}
    return sorted(functions, key=lambda one: places.get(topics(one.wakes_on)[0], len(places)))


FIRST = "task-commands"
PLACES = {Record: "*-dead-letters", Tick: "timers"}


def topics(kinds: Iterable[type[Payload]]) -> list[str]:
    """Where payload classes stand, in order of first mention."""
    return list(dict.fromkeys(PLACES.get(kind, kind.topic) for kind in kinds))


def name_events(kinds: Iterable[type[Payload]]) -> str:
    """The classes by name; all changes of a task together are one word."""
    names = [kind.__name__ for kind in kinds]
    changes = {kind.__name__ for kind in TASK_CHANGES}
    if changes <= set(names):
        names = ["Task*", *(name for name in names if name not in changes)]
    return " ".join(names)


def draw(function: Function) -> list[str]:
    """topic → function → topic: events, a line for each topic that it emits to."""
    woken = " + ".join(topics(function.wakes_on))
    out = [
        f"{topic}: {name_events(kind for kind in function.emits if topics([kind]) == [topic])}"
        for topic in topics(function.emits)
    ]
    if function.within is lease and Tick not in function.wakes_on:
        out.insert(0, "mail, webhook")
    first, *rest = out
    lead = f"{woken:<28} → {function.name:<17} → "
    return [lead + first, *(" " * len(lead) + line for line in rest)]


def main() -> None:
    for function in find_functions():
        print(*draw(function), sep="\n")


if __name__ == "__main__":
    main()
