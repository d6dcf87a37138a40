"""How each caller hands events over and wants its answer: plain CloudEvents over HTTP (structured,
binary, batched), Dapr (single, bulk, bindings); apart from `serve`, which decides what happens.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from taskflow.errors import Unreadable
from taskflow.events import Envelope, Event, Record, encode, read_envelope

Outcome = Literal["SUCCESS", "RETRY", "DROP"]
Dialect = Literal["http", "http-batch", "dapr", "dapr-bulk", "binding"]
Headers = Mapping[str, str]
DEAD_LETTERS = "-dead-letters"
# How Dapr names the content of a record that it hands on as it is, and a record's place in the log.
RAW = "application/octet-stream"
PLACE = ("__topic", "__partition", "__offset", "__key")


class Entry(Struct):
    """One message of a delivery: its envelope, the event that stands for it, or why nobody can
    read it; `place` is the record's in the log, where we must set it aside ourselves."""

    id: str
    body: bytes
    envelope: Envelope | None = None
    event: Event[Any] | None = None
    problem: str = ""
    place: dict[str, str] | None = None


class Delivery(Struct):
    """What one request brought, and in whose dialect to answer."""

    dialect: Dialect
    entries: list[Entry]


class Answer(Struct):
    """An HTTP answer; no body unless the dialect wants one."""

    status: int
    body: bytes = b""


class _BulkEntry(Struct, rename="camel"):
    entry_id: str
    event: Raw
    content_type: str = ""
    metadata: dict[str, str] = {}


class _Bulk(Struct):
    entries: list[_BulkEntry]


class _Origin(Struct):
    pubsubname: str | None = None


class _RawPayload(Struct):
    topic: str
    data_base64: str


_BULK = msgspec.json.Decoder(_Bulk)
_BATCH = msgspec.json.Decoder(list[Raw])
_ORIGIN = msgspec.json.Decoder(_Origin)
_BASE64 = msgspec.json.Decoder(bytes)


def read_delivery(headers: Headers, body: bytes) -> Delivery:
    """The messages of a request. Raises Unreadable when there is not even an entry to name."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/cloudevents-batch+json":
        return _read_batch(body)
    if kind == "application/cloudevents+json":
        return Delivery(_single_dialect(headers, body), [_read_entry("", body)])
    if "ce-id" in headers:
        return Delivery("http", [_read_binary(headers, body)])
    if kind == "application/json" and body:
        return _read_bulk(body)
    return Delivery("binding", [])


def _single_dialect(headers: Headers, body: bytes) -> Dialect:
    """Dapr tells a record's place in headers, or at least its own name in the event."""
    if "__topic" in headers:
        return "dapr"
    try:
        return "dapr" if _ORIGIN.decode(body).pubsubname else "http"
    except (msgspec.DecodeError, RecursionError):
        return "http"


def _read_entry(entry_id: str, body: Raw | bytes) -> Entry:
    try:
        return Entry(entry_id, bytes(body), read_envelope(body))
    except Unreadable as error:
        return Entry(entry_id, bytes(body), problem=str(error))


def _read_batch(body: bytes) -> Delivery:
    try:
        parts = _BATCH.decode(body)
    except msgspec.DecodeError as error:
        raise Unreadable(f"This is no batch of CloudEvents: {error}") from error
    return Delivery("http-batch", [_read_entry(str(i), part) for i, part in enumerate(parts)])


def _read_bulk(body: bytes) -> Delivery:
    try:
        entries = _BULK.decode(body).entries
    except msgspec.DecodeError:
        return Delivery("binding", [])
    return Delivery("dapr-bulk", [_read_bulk_entry(entry) for entry in entries])


def _read_bulk_entry(entry: _BulkEntry) -> Entry:
    if entry.content_type != RAW:
        return _read_entry(entry.entry_id, entry.event)
    try:
        found = _read_entry(entry.entry_id, _BASE64.decode(entry.event))
    except msgspec.DecodeError as error:
        return Entry(entry.entry_id, bytes(entry.event), problem=f"This is no base64: {error}")
    found.place = {name: entry.metadata[name] for name in PLACE if name in entry.metadata}
    return found


def _read_binary(headers: Headers, body: bytes) -> Entry:
    """Binary mode by the CloudEvents library, loaded only where somebody speaks it."""
    from cloudevents.conversion import to_structured
    from cloudevents.exceptions import GenericException
    from cloudevents.http import from_http

    try:
        return _read_entry("", to_structured(from_http(dict(headers), body))[1])
    except (GenericException, ValueError) as error:
        return Entry("", body, problem=f"This is no binary CloudEvent: {error}")


def read_record(headers: Headers, body: bytes) -> Record:
    """The dead letter that Dapr wraps for a rawPayload subscription: the bytes as they were, their
    place in the headers. Raises Unreadable."""
    try:
        wrapped = msgspec.json.decode(body, type=_RawPayload)
        return Record(
            value=base64.b64decode(wrapped.data_base64, validate=True),
            record_topic=headers["__topic"],
            partition=int(headers["__partition"]),
            offset=int(headers["__offset"]),
            record_key=headers.get("__key"),
            consumer=wrapped.topic.removesuffix(DEAD_LETTERS),
        )
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        raise Unreadable(f"This is no raw record with its place: {error!r}") from error


def write_answer(dialect: Dialect, entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> Answer:
    """The answer to a delivery whose entries came to `outcomes`."""
    if dialect == "dapr-bulk":
        statuses = [
            {"entryId": entry.id, "status": outcome}
            for entry, outcome in zip(entries, outcomes, strict=True)
        ]
        return Answer(200, encode({"statuses": statuses}))
    if "RETRY" in outcomes:
        return Answer(503)
    if "DROP" not in outcomes:
        return Answer(204)
    return Answer(200, b'{"status":"DROP"}') if dialect == "dapr" else Answer(422)
