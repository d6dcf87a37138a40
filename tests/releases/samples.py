"""One event of each kind with every field filled, and one with no more than it needs; and what is
understood of events that others wrote. Run by either release with its own classes, so it imports
nothing of the project but the contract.

Run as `python samples.py write`, `python samples.py read < LINES`, `python samples.py schemas`.
"""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import inspect

from taskflow.errors import Unreadable
from taskflow.events import TYPES, encode, new_event, read_event
from taskflow.schema import event_schemas

NOW = datetime(2026, 12, 1, 8, 0, 0, 123456, tzinfo=UTC)
# Between live processes only; everything else stands in the log, or in a row of timers.
NEVER_KEPT = {"taskflow.tick.v1", "taskflow.record.v1"}
SIMPLE: dict[type, Any] = {
    inspect.StrType: "text",
    inspect.IntType: 7,
    inspect.FloatType: 7.5,
    inspect.BoolType: True,
    inspect.BytesType: b"bytes",
    inspect.DateTimeType: NOW,
    inspect.DateType: NOW.date(),
    inspect.TimeDeltaType: timedelta(minutes=30),
    inspect.AnyType: {"any": [1, "thing"]},
}


def fill(kind: inspect.Type, *, whole: bool) -> Any:
    """Some value of a type, as JSON would bring it; of a choice the first that is something."""
    match kind:
        case inspect.StructType(fields=fields):
            wanted = [field for field in fields if whole or field.required]
            return {field.encode_name: fill(field.type, whole=whole) for field in wanted}
        case inspect.UnionType(types=types):
            something = [one for one in types if not isinstance(one, inspect.NoneType)]
            return fill(something[0], whole=whole)
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.ListType(item_type=item) | inspect.CollectionType(item_type=item):
            return [fill(item, whole=whole)]
        case inspect.TupleType(item_types=items):
            return [fill(item, whole=whole) for item in items]
        case inspect.DictType(value_type=value):
            return {"key": fill(value, whole=whole)}
    return SIMPLE[type(kind)]


def write() -> Iterator[bytes]:
    for kind in TYPES.values():
        if kind.type not in NEVER_KEPT:
            for whole in (True, False):
                data = msgspec.convert(fill(inspect.type_info(kind), whole=whole), kind)
                yield encode(new_event(data, id=f"{kind.type}-{whole}", source="a test", time=NOW))


def read(line: bytes) -> dict[str, Any]:
    """What is understood, by field."""
    try:
        return {"event": msgspec.to_builtins(read_event(line))}
    except Unreadable as error:
        return {"refused": str(error)}


def main(task: str) -> None:
    if task == "schemas":
        print(json.dumps(event_schemas()))
    lines = write() if task == "write" else ()
    if task == "read":
        lines = (encode(read(line)) for line in sys.stdin.buffer)
    for line in lines:
        sys.stdout.buffer.write(line + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
