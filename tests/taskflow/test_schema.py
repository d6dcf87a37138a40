"""Each kind of event has a schema that its own events fit, and others do not."""

from typing import Any

import jsonschema_rs
import msgspec
import pytest

from taskflow.events import TYPES, encode
from taskflow.schema import DIALECT, event_schemas
from tests.taskflow.test_events import INSIDE, make

SCHEMAS = event_schemas()


def fits(name: str, event: Any) -> bool:
    return jsonschema_rs.validator_for(SCHEMAS[name]).is_valid(event)


def test_every_event_that_leaves_has_one() -> None:
    assert SCHEMAS.keys() == TYPES.keys() - {kind.type for kind in INSIDE}
    assert {schema["$schema"] for schema in SCHEMAS.values()} == {DIALECT}
    assert list(SCHEMAS) == sorted(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_takes_its_own_events_alone(name: str) -> None:
    jsonschema_rs.meta.validate(SCHEMAS[name])
    event = msgspec.json.decode(encode(make(TYPES[name])))
    assert fits(name, event)
    assert not fits(name, event | {"type": "other"})
    assert not fits(name, event | {"specversion": "0.3"})
    assert not fits(name, event | {"data": None})
    assert not fits(name, {k: v for k, v in event.items() if k != "id"})
