"""The JSON Schema of every event, generated from the classes; apart, because only documents and
tests want it and a function's start must not pay for it.
"""

from typing import Any

import msgspec

from taskflow.events import TYPES, Event, Payload

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def event_schemas() -> dict[str, dict[str, Any]]:
    """By event type, the schema of the whole event: its envelope and its data. What never leaves a
    process (no topic) has none."""
    return {name: event_schema(kind) for name, kind in sorted(TYPES.items()) if kind.topic}


def event_schema(kind: type[Payload]) -> dict[str, Any]:
    """The schema of one kind of event, complete in itself."""
    (root,), parts = msgspec.json.schema_components(
        [Event[kind]],  # type: ignore[valid-type]
        ref_template="#/$defs/{name}",
    )
    envelope = parts.pop(root["$ref"].rpartition("/")[2])
    fixed = {"type": {"const": kind.type}, "specversion": {"const": "1.0"}}
    envelope["properties"] |= fixed
    return {"$schema": DIALECT, **envelope, "title": kind.__name__, "$defs": parts}
