"""Spans and how OTLP writes them in JSON (opentelemetry-proto 1.x, the OTLP/HTTP section of its
specification): pure, and our own, because the SDK's import costs a function half a cold start.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from random import getrandbits
from time import time_ns
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct, field

from taskflow.trace import read_recorded

Value: TypeAlias = str | int | bool
Attributes: TypeAlias = Mapping[str, Value]

LAST_64_BITS = (1 << 64) - 1
ERROR = 2


class Kind(IntEnum):
    """What a span is to the ones beside it (SpanKind)."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Parent(Struct, frozen=True):
    """A place in a trace to go on from, as a `traceparent` names it."""

    trace: str
    span: str


class Span(Struct, kw_only=True):
    """One piece of work with its beginning and its end; times in nanoseconds since 1970."""

    name: str
    kind: Kind
    trace: str
    parent: str = ""
    id: str = field(default_factory=lambda: f"{getrandbits(64) or 1:016x}")
    begun: int = field(default_factory=time_ns)
    ended: int = 0
    attributes: dict[str, Value] = field(default_factory=dict)
    links: list[Parent] = field(default_factory=list)
    error: str = ""

    def end(self, error: str = "") -> "Span":
        """The same span, over now; `error` says in a word how it failed."""
        self.ended, self.error = time_ns(), error or self.error
        return self


def read_parent(traceparent: str | None) -> Parent | None:
    """Where to go on from; None for what belongs to no trace, or to one that nobody records."""
    found = read_recorded(traceparent)
    return Parent(*found) if found else None


def name_span(event_id: str) -> str:
    """The id of the span that put an event into the log: who takes it out knows it by the event
    alone, whose own `traceparent` stays that of the first request (CloudEvents' extension)."""
    try:
        number = UUID(event_id).int & LAST_64_BITS
    except ValueError:
        return ""
    return f"{number:016x}"


# --- OTLP in JSON ------------------------------------------------------------------------------


class _Pair(Struct):
    key: str
    value: dict[str, Any]


class _Link(Struct, rename="camel"):
    trace_id: str
    span_id: str


class _Status(Struct, omit_defaults=True, frozen=True):
    code: int = 0


class _Span(Struct, rename="camel", omit_defaults=True):
    trace_id: str
    span_id: str
    name: str
    kind: int
    start_time_unix_nano: str
    end_time_unix_nano: str
    attributes: list[_Pair]
    parent_span_id: str = ""
    links: list[_Link] = []
    status: _Status = _Status()


def write_spans(resource: Attributes, spans: Iterable[Span]) -> bytes:
    """The body of a request to /v1/traces."""
    scope = {"scope": {"name": "taskflow"}, "spans": [_write_span(span) for span in spans]}
    whole = {"resource": {"attributes": _write_pairs(resource)}, "scopeSpans": [scope]}
    return msgspec.json.encode({"resourceSpans": [whole]})


def _write_span(span: Span) -> _Span:
    named = {"error.type": span.error} if span.error else {}
    return _Span(
        trace_id=span.trace,
        span_id=span.id,
        parent_span_id=span.parent,
        name=span.name,
        kind=span.kind,
        start_time_unix_nano=str(span.begun),
        end_time_unix_nano=str(span.ended),
        attributes=_write_pairs({**span.attributes, **named}),
        links=[_Link(link.trace, link.span) for link in span.links],
        status=_Status(ERROR) if span.error else _Status(),
    )


def _write_pairs(attributes: Attributes) -> list[_Pair]:
    return [_Pair(key, _write_value(value)) for key, value in attributes.items()]


def _write_value(value: Value) -> dict[str, Any]:
    # Whole numbers are text, as protobuf's JSON writes 64 bits.
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
