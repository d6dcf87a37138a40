"""The contract: every kind of event has a name, a topic, a key and a way back from its JSON."""

import re
from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from taskflow.errors import Unreadable
from taskflow.events import (
    NAMESPACE,
    TASK_CHANGES,
    TYPES,
    AccountFact,
    AuditRestored,
    AuditSealed,
    Command,
    CompleteTask,
    Event,
    Payload,
    Record,
    RetentionDue,
    SignedUp,
    TaskFact,
    Tick,
    concrete,
    derive_events,
    derive_id,
    encode,
    new_event,
    read_envelope,
    read_event,
)

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
INSIDE = (Tick, Record, RetentionDue)


def fill(kind: Any) -> Any:
    """Some value of a type."""
    simple = {str: "s", int: 1, bytes: b"b", datetime: NOW, bool: True}
    if kind in simple:
        return simple[kind]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind)
        return kind(**{f.name: fill(hints[f.name]) for f in structs.fields(kind) if f.required})
    arguments = get_args(kind)
    if getattr(kind, "__origin__", None) in (list, dict):
        return kind.__origin__()
    return fill(arguments[0]) if arguments and not isinstance(arguments[0], str) else arguments[0]


def make(kind: type[Payload]) -> Event[Any]:
    return new_event(fill(kind), id="i", source="test", time=NOW)


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_each_kind(kind: type[Payload]) -> None:
    event = make(kind)
    assert re.fullmatch(r"taskflow(\.[a-z-]+)+\.v[1-9]", kind.type)
    assert bool(kind.topic) != (kind in INSIDE)
    assert bool(event.partitionkey) != (kind in INSIDE)
    assert (event.source, event.type) == ("/taskflow/test", kind.type)
    if kind not in INSIDE:
        assert event.subject or kind in (
            AuditSealed,
            AuditRestored,
            TYPES["taskflow.task.write-batch.v1"],
        )
    assert read_event(encode(event)) == event


def test_no_two_kinds_share_a_name() -> None:
    assert len(TYPES) == len(list(concrete(Payload)))
    assert {kind.topic for kind in concrete(Command)} == {"task-commands"}
    facts = {kind for kind in concrete(TaskFact) if kind.topic == "task-events"}
    assert set(TASK_CHANGES) < facts


def test_a_task_event_has_the_promised_names() -> None:
    data = msgspec.to_builtins(make(TASK_CHANGES[0]))["data"]
    assert {"event_type", "task_id", "task_data", "user_id", "timestamp"} <= data.keys()


def test_a_reminder_event_has_the_promised_names() -> None:
    data = msgspec.to_builtins(make(TYPES["taskflow.reminder.scheduled.v1"]))["data"]
    assert {"task_id", "title", "due_at", "remind_at", "user_id"} <= data.keys()


def test_ids_are_the_same_for_the_same_cause() -> None:
    cause = make(CompleteTask)
    payloads = [cause.data, cause.data, make(TASK_CHANGES[0]).data]
    one, two = (derive_events(cause, payloads, source="f") for _ in range(2))
    assert one == two and len({event.id for event in one}) == 3
    assert derive_id("a", "b") != derive_id("a", "b", 1) != derive_id("b", "b", 1)


@given(st.text(), st.text(), st.integers() | st.text())
def test_a_derived_id_is_a_uuid_of_version_5(cause: str, kind: str, position: int | str) -> None:
    wanted = uuid5(UUID(bytes=NAMESPACE), f"{cause}/{kind}/{position}")
    assert derive_id(cause, kind, position) == str(wanted)


def test_the_chain_of_causes() -> None:
    first = structs.replace(make(CompleteTask), traceparent="00-1-2-01")
    (second,) = derive_events(first, [first.data], source="f")
    (third,) = derive_events(second, [first.data], source="f")
    assert (second.causationid, third.causationid) == ("i", second.id)
    assert second.correlationid == third.correlationid == "i"
    assert third.traceparent == "00-1-2-01" and third.time == first.time


def test_a_newer_event_may_say_more() -> None:
    event = msgspec.to_builtins(make(CompleteTask))
    more = event | {"pubsubname": "x", "data": event["data"] | {"colour": "red"}}
    assert read_event(encode(more)) == make(CompleteTask)


def test_what_a_newer_release_tells_of_an_account_is_a_fact_like_the_others() -> None:
    event = msgspec.to_builtins(make(SignedUp))
    newer = event | {"type": "taskflow.account.moved.v1"}
    newer["data"] |= {"event_type": "moved", "detail": {"to": "elsewhere"}, "colour": "red"}
    read = read_event(encode(newer))
    assert type(read.data) is AccountFact and read.type == newer["type"]
    assert (read.data.event_type, read.data.detail) == ("moved", {"to": "elsewhere"})
    assert read.data.topic == "account-events" and read_event(encode(read)) == read


DEEP = b"[" * 100_000 + b"]" * 100_000
UNREADABLE: list[tuple[Any, str]] = [
    ("text", "no structured CloudEvent"),
    ({}, "no structured CloudEvent"),
    ({"specversion": "0.3"}, "only 1.0"),
    ({"type": "taskflow.task.vanish.v1"}, "vanish"),
    # A newer command, which only who knows it may take; and another shape.
    ({"type": "taskflow.account.vanish.v1"}, "vanish"),
    ({"type": "taskflow.account.signed-up.v2"}, "signed-up.v2"),
    ({"data": {"user_id": 5}}, "complete"),
    ({"data": None}, "complete"),
    ({"time": "yesterday"}, "time"),
    # An instant of which nobody knows where it was so late.
    ({"time": "2026-12-01T08:00:00"}, "timezone"),
]


@pytest.mark.parametrize(("change", "reason"), UNREADABLE)
def test_what_cannot_be_read_says_why(change: Any, reason: str) -> None:
    event = msgspec.to_builtins(make(CompleteTask))
    body = encode(event | change if isinstance(change, dict) and change else change)
    with pytest.raises(Unreadable, match=reason):
        read_event(body)


def test_what_is_nested_without_end_cannot_be_read() -> None:
    body = encode(make(CompleteTask)).replace(b'"data":{', b'"data":{"more":' + DEEP + b",")
    with pytest.raises(Unreadable, match="recursion"):
        read_event(body)
    assert isinstance(read_envelope(body.replace(DEEP, b"[]")).time, datetime)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_envelope(body)
