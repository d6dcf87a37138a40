"""Dapr's own words for one delivery: the request that a sidecar would send to a function, and what
its answer means (dapr 1.18, pkg/runtime/subscription/postman/http); pure, bytes in and bytes out.
"""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
from msgspec import Raw, Struct

from local.manifests import Subscription
from taskflow.dialects import Outcome

if TYPE_CHECKING:
    from local.backlog import Record

CLOUDEVENT = "application/cloudevents+json"
# Of a dead letter: where the record stood first. Dapr lets these win over the place of the copy.
PLACE = ("__key", "__topic", "__partition", "__offset")


class Request(Struct, frozen=True):
    """One HTTP request to a function, without what every request carries."""

    headers: list[tuple[str, str]]
    body: bytes


class _Entry(Struct, rename="camel"):
    entry_id: str
    event: Raw
    content_type: str
    metadata: dict[str, str]


class _BulkRequest(Struct):
    id: str
    entries: list[_Entry]
    metadata: dict[str, str]
    pubsubname: str
    topic: str
    type: str


class _Status(Struct, rename="camel"):
    entry_id: str
    status: str


class _BulkAnswer(Struct):
    statuses: list[_Status]


class _SingleAnswer(Struct):
    status: str = ""


# Levels of a body, and frames of whoever reads it; fewer brackets than FLAT are no depth.
AROUND = (b"[" * 64, b"]" * 64)
FLAT = 256

_encode = msgspec.json.Encoder().encode
_ANY = msgspec.json.Decoder(Raw)
_BULK_ANSWER = msgspec.json.Decoder(_BulkAnswer)
_SINGLE_ANSWER = msgspec.json.Decoder(_SingleAnswer)


def is_json(value: bytes) -> bool:
    """Whether it can stand in a body: it is JSON, and leaves its reader room for the rest of it,
    for what is nested deeper than that would take all other events of the body with it."""
    try:
        _ANY.decode(value)
        if value.count(b"[") + value.count(b"{") > FLAT:
            _ANY.decode(AROUND[0] + value + AROUND[1])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


# --- requests ----------------------------------------------------------------------------------


def write_bulk(pubsub: str, topic: str, records: Sequence["Record"]) -> Request:
    """Many records in one request; each event's bytes are embedded as they are."""
    body = _BulkRequest(
        id=str(uuid4()),
        entries=[
            _Entry(entry_id(record), embed(record), CLOUDEVENT, place(record)) for record in records
        ],
        metadata={},
        pubsubname=pubsub,
        topic=topic,
        type="com.dapr.event.sent.bulk",
    )
    return Request([("content-type", "application/json")], _encode(body))


def entry_id(record: "Record") -> str:
    return f"{record.partition}-{record.offset}"


def embed(record: "Record") -> Raw:
    """The event itself, or as a JSON string where it is no JSON and would break the body."""
    value = record.value or b""
    return Raw(value if is_json(value) else _encode(value.decode("utf-8", "replace")))


def write_single(pubsub: str, topic: str, record: "Record") -> Request | None:
    """One record as a structured CloudEvent; None where it is no JSON object, which Dapr hands to
    the dead letters without asking the function."""
    value = (record.value or b"").strip()
    if not (value.startswith(b"{") and is_json(value)):
        return None
    origin = _encode({"pubsubname": pubsub, "topic": topic})
    rest = value[1:].lstrip()
    body = origin[:-1] + (rest if rest == b"}" else b"," + rest)
    return Request(single_headers(record), body)


def write_raw(pubsub: str, topic: str, record: "Record") -> Request:
    """One record byte for byte in an envelope made for it, as for a rawPayload subscription."""
    envelope = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "type": "com.dapr.event.sent",
        "source": "taskflow",
        "datacontenttype": "application/octet-stream",
        "pubsubname": pubsub,
        "topic": topic,
        "data_base64": base64.b64encode(record.value or b"").decode(),
    }
    return Request(single_headers(record), _encode(envelope))


def single_headers(record: "Record") -> list[tuple[str, str]]:
    return [("content-type", CLOUDEVENT), *place(record).items()]


def place(record: "Record") -> dict[str, str]:
    """Where the record stands, or for a dead letter where the original stood."""
    found = {
        "__topic": record.topic,
        "__partition": str(record.partition),
        "__offset": str(record.offset),
    }
    if record.key is not None:
        found["__key"] = to_header(record.key)
    return found | {
        name: to_header(value) for name, value in record.headers if name in PLACE and value
    }


def to_header(value: bytes) -> str:
    """Text that a header may hold: as it is, or percent-encoded."""
    text = value.decode("utf-8", "replace")
    return text if text.isascii() and text.isprintable() else quote(value, safe="")


# --- answers -----------------------------------------------------------------------------------


def read_single(status: int, body: bytes) -> Outcome:
    """What one record came to."""
    if status == 404:
        return "DROP"
    if not 200 <= status < 300:
        return "RETRY"
    try:
        told = _SINGLE_ANSWER.decode(body).status if body else ""
    except msgspec.DecodeError:
        return "SUCCESS"
    meanings: dict[str, Outcome] = {"": "SUCCESS", "SUCCESS": "SUCCESS", "DROP": "DROP"}
    return meanings.get(told, "RETRY")


def read_bulk(status: int, body: bytes, records: Sequence["Record"]) -> list[Outcome]:
    """What each record came to: one that is not named, or named strangely, comes again."""
    if status == 404:
        return ["DROP"] * len(records)
    told: dict[str, Any] = {}
    if 200 <= status < 300:
        try:
            told = {one.entry_id: one.status for one in _BULK_ANSWER.decode(body).statuses}
        except msgspec.DecodeError:
            told = {}
    meanings: dict[str, Outcome] = {"SUCCESS": "SUCCESS", "DROP": "DROP"}
    return [meanings.get(told.get(entry_id(record), ""), "RETRY") for record in records]


def read_answer(
    subscription: Subscription, status: int, body: bytes, records: Sequence["Record"]
) -> list[Outcome]:
    """What the records of one request came to."""
    if subscription.bulk:
        return read_bulk(status, body, records)
    return [read_single(status, body)]


def write_request(
    subscription: Subscription, pubsub: str, records: Sequence["Record"]
) -> Request | None:
    """The request for these records of one topic; None where Dapr would not ask the function."""
    if subscription.bulk:
        return write_bulk(pubsub, subscription.topic, records)
    write = write_raw if subscription.raw else write_single
    return write(pubsub, subscription.topic, records[0])
