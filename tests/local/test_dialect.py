"""Requests and answers in Dapr's words."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.dialect import place, read_bulk, read_single, write_bulk, write_raw, write_single
from taskflow.dialects import Outcome, read_delivery, read_record
from tests.local.records import record

EVENT = (
    b'{ "specversion":"1.0", "id":"1", "source":"/t", "type":"x", "time":"2026-01-01T00:00:00Z" }'
)


def test_a_bulk_request_is_read_by_the_door_it_is_for() -> None:
    request = write_bulk("taskflow", "notes", [record(EVENT, offset=7), record(EVENT, offset=8)])
    delivery = read_delivery(dict(request.headers), request.body)
    assert delivery.dialect == "dapr-bulk"
    assert [entry.id for entry in delivery.entries] == ["0-7", "0-8"]
    assert [entry.body for entry in delivery.entries] == [EVENT, EVENT]


@given(st.one_of(st.none(), st.binary(max_size=40)))
def test_what_is_no_json_never_breaks_a_bulk_request(value: bytes | None) -> None:
    request = write_bulk("taskflow", "notes", [record(value), record(EVENT, offset=1)])
    entries = read_delivery(dict(request.headers), request.body).entries
    assert len(entries) == 2
    assert entries[1].envelope is not None and entries[1].body == EVENT


def test_what_is_nested_too_deep_never_breaks_a_bulk_request() -> None:
    """At no depth: not where it is too much for a reader alone, nor where only with the body."""
    for depth in (1, 500, *range(850, 1_000), 99_999):
        deep = b"[" * depth + b"]" * depth
        request = write_bulk("taskflow", "notes", [record(deep), record(EVENT, offset=1)])
        entries = read_delivery(dict(request.headers), request.body).entries
        assert [one.envelope is not None for one in entries] == [False, True], depth
        assert write_single("taskflow", "notes", record(b'{"a":' + deep + b"}")) or depth > 850


def test_a_single_event_says_where_it_came_from() -> None:
    request = write_single("taskflow", "notes", record(EVENT, offset=7, key="ключ".encode()))
    assert request is not None
    told = json.loads(request.body)
    assert (told["pubsubname"], told["topic"], told["id"]) == ("taskflow", "notes", "1")
    assert read_delivery(dict(request.headers), request.body).dialect == "dapr"
    headers = dict(request.headers)
    assert headers["__offset"] == "7"
    assert headers["__key"] == "%D0%BA%D0%BB%D1%8E%D1%87"


def test_an_empty_object_stays_one() -> None:
    request = write_single("taskflow", "notes", record(b" { } "))
    assert request is not None
    assert json.loads(request.body) == {"pubsubname": "taskflow", "topic": "notes"}


@pytest.mark.parametrize("value", [None, b"", b"[1]", b"{", b'"text"', b"\xff", b"{}x"])
def test_what_is_no_object_is_never_asked_singly(value: bytes | None) -> None:
    assert write_single("taskflow", "notes", record(value)) is None


def test_a_dead_letter_arrives_byte_for_byte_with_its_first_place() -> None:
    origin = (("__topic", b"notes"), ("__partition", b"4"), ("__offset", b"12"), ("__key", b"a"))
    dead = record(b"\xff\x00", topic="note-all-dead-letters", headers=(*origin, ("trace", b"t")))
    request = write_raw("taskflow", "note-all-dead-letters", dead)
    kept = read_record(dict(request.headers), request.body)
    assert kept.value == b"\xff\x00"
    assert (kept.record_topic, kept.partition, kept.offset, kept.record_key) == (
        "notes",
        4,
        12,
        "a",
    )
    assert kept.consumer == "note-all"
    assert base64.b64decode(json.loads(request.body)["data_base64"]) == b"\xff\x00"


def test_a_key_cannot_smuggle_a_header() -> None:
    assert place(record(key=b"a\r\nx: y"))["__key"] == "a%0D%0Ax%3A%20y"


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (204, b"", "SUCCESS"),
        (200, b"", "SUCCESS"),
        (200, b"OK", "SUCCESS"),
        (200, b'{"status":"SUCCESS"}', "SUCCESS"),
        (200, b"{}", "SUCCESS"),
        (200, b'{"status":"RETRY"}', "RETRY"),
        (200, b'{"status":"ok"}', "RETRY"),
        (200, b'{"status":"DROP"}', "DROP"),
        (404, b"", "DROP"),
        (400, b"", "RETRY"),
        (401, b"", "RETRY"),
        (503, b'{"status":"DROP"}', "RETRY"),
    ],
)
def test_a_single_answer_means_what_it_means_to_dapr(
    status: int, body: bytes, outcome: Outcome
) -> None:
    assert read_single(status, body) == outcome


@pytest.mark.parametrize(
    ("status", "statuses", "outcomes"),
    [
        (200, {"0-1": "SUCCESS", "0-2": "DROP"}, ["SUCCESS", "DROP"]),
        (200, {"0-2": "SUCCESS"}, ["RETRY", "SUCCESS"]),
        (200, {"0-1": "", "0-2": "ok"}, ["RETRY", "RETRY"]),
        (500, {"0-1": "SUCCESS", "0-2": "SUCCESS"}, ["RETRY", "RETRY"]),
        (404, {}, ["DROP", "DROP"]),
    ],
)
def test_a_bulk_answer_means_what_it_means_to_dapr(
    status: int, statuses: dict[str, str], outcomes: list[Outcome]
) -> None:
    told = [{"entryId": name, "status": one} for name, one in statuses.items()]
    body = json.dumps({"statuses": told}).encode()
    assert read_bulk(status, body, [record(offset=1), record(offset=2)]) == outcomes


def test_a_bulk_answer_that_is_no_json_means_again() -> None:
    assert read_bulk(200, b"fine", [record()]) == ["RETRY"]
