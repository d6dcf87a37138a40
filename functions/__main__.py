"""Prints the path of every event: what wakes which function, and what it emits; read from the
functions themselves, so that it cannot be out of date.
"""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from taskflow.events import TASK_CHANGES, Payload, concrete
from taskflow.serve import Function

ROOT = Path(__file__).parent


def find_functions() -> list[Function]:
    """Every folder with a main.py, in the order of an event's path."""
    names = sorted(path.parent.name for path in ROOT.glob("*/main.py"))
    functions = [import_module(f"functions.{name}.main").main.function for name in names]
    return sorted(functions, key=lambda one: (topics(one.wakes_on), one.name))


def topics(kinds: Iterable[type[Payload]]) -> list[str]:
    """The topics of payload classes, in order of first mention."""
    return list(dict.fromkeys(kind.topic or kind.__name__.lower() for kind in kinds))


def name_events(kinds: Iterable[type[Payload]]) -> list[str]:
    """The classes by name; all changes of a task together are one word."""
    spread = [one for kind in kinds for one in ([kind] if "type" in vars(kind) else concrete(kind))]
    if set(TASK_CHANGES) <= set(spread):
        spread = [one for one in spread if one not in TASK_CHANGES]
        return ["Task*", *(one.__name__ for one in spread)]
    return [one.__name__ for one in spread]


def shorten(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])}, … ({len(names)})"


def draw(function: Function) -> list[str]:
    """topic  events → function → topic  events, one line per topic that it emits to."""
    woken = f"{' + '.join(topics(function.wakes_on)):<28} {shorten(name_events(function.wakes_on))}"
    out = [
        f"{topic:<15} {shorten(name_events(kind for kind in function.emits if kind.topic == topic))}"
        for topic in topics(function.emits)
    ]
    first, *rest = out or ["the world"]
    lead = f"{woken:<72} → {function.name:<18} → "
    return [lead + first, *(" " * len(lead) + line for line in rest)]


def main() -> None:
    for function in find_functions():
        print(*draw(function), sep="\n")


if __name__ == "__main__":
    main()
