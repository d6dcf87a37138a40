"""One promise, three ways out: a list, a sidecar's HTTP API, and a real Kafka."""

import asyncio
import socket
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from cloudevents.http import CloudEvent, from_json
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from local.kafka import Kafka
from taskflow.errors import Unavailable
from taskflow.events import CompleteTask, Event, Payload, RealtimeUpdate, encode, new_event
from taskflow.publish import (
    DaprPublisher,
    KafkaPublisher,
    ListPublisher,
    Publisher,
    open_publisher,
    publish_events,
    split_waves,
)

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
REFUSED = "refused"


def make_event(stream: str, note: str = "ü\u2028") -> Event[CompleteTask]:
    command = CompleteTask(user_id="u", actor_id="u", stream=stream, task_id="t", fingerprint=note)
    return new_event(command, id=str(uuid4()), source="gateway", time=NOW)


# --- waves -------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from("abcd")))
def test_waves_hold_each_key_once_and_keep_its_order(streams: list[str]) -> None:
    events = [make_event(stream) for stream in streams]
    waves = split_waves(events)
    assert all(len({e.partitionkey for e in wave}) == len(wave) for wave in waves)
    assert all(waves)
    for stream in set(streams):
        flat = [e for wave in waves for e in wave if e.partitionkey == stream]
        assert flat == [e for e in events if e.partitionkey == stream]


def make_update(cursor: int) -> Event[RealtimeUpdate]:
    update = RealtimeUpdate(
        user_id="u", cursor=cursor, event_type="created", task_id="t", task=None, timestamp=NOW
    )
    return new_event(update, id=str(uuid4()), source="fan_out_update", time=NOW)


async def test_numbered_events_leave_in_one_call_and_stand_alone() -> None:
    updates = [make_update(cursor) for cursor in range(5)]
    publisher = Recorder({updates[1].id})
    assert await publish_events(publisher, updates) == {updates[1].id}
    assert publisher.calls == [("task-updates", [event.id for event in updates])]


class Recorder(ListPublisher):
    """Notes each call; refuses the ids in `loses`, once the event is asked to leave."""

    def __init__(self, loses: set[str]) -> None:
        super().__init__()
        self.loses = loses
        self.calls: list[tuple[str, list[str]]] = []

    async def publish(self, topic: str, events: Sequence[Event[Any]]) -> set[str]:
        self.calls.append((topic, [event.id for event in events]))
        await super().publish(topic, [e for e in events if e.id not in self.loses])
        return {event.id for event in events} & self.loses


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=12))
async def test_after_a_failure_nothing_more_of_its_key_leaves(
    given: list[tuple[str, bool]],
) -> None:
    events = [make_event(stream) for stream, _ in given]
    lost = {event.id for event, (_, fails) in zip(events, given, strict=True) if fails}
    publisher = Recorder(lost)
    failed = await publish_events(publisher, events)
    left = defaultdict(list)
    for event in publisher.events:
        left[event.partitionkey].append(event.id)
    for stream in "abc":
        own = [event.id for event in events if event.partitionkey == stream]
        first = next((n for n, one in enumerate(own) if one in lost), len(own))
        assert left[stream] == own[:first]
        assert failed & set(own) == set(own[first:])
    asked = [one for _, ids in publisher.calls for one in ids]
    assert len(asked) == len(set(asked)) and all(ids for _, ids in publisher.calls)


async def test_each_topic_goes_its_own_way() -> None:
    publisher = Recorder(set())
    one, other = make_event("a"), structs.replace(make_event("a"), data=Elsewhere())
    assert await publish_events(publisher, [one, other, one]) == set()
    assert sorted(publisher.calls) == [
        ("elsewhere", [other.id]),
        ("task-commands", [one.id]),
        ("task-commands", [one.id]),
    ]


class Elsewhere(Payload, frozen=True):
    topic = "elsewhere"


# --- a sidecar that speaks Dapr's bulk API -------------------------------------------------------


class Sidecar(ThreadingHTTPServer):
    """Takes entries as Dapr does; `mode` says how it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SidecarHandler)
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.mode = "normal"
        self.connections = 0


class SidecarHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sidecar

    def setup(self) -> None:
        self.server.connections += 1
        super().setup()

    def do_GET(self) -> None:
        self._answer(204 if self.server.mode == "normal" else 500, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        answers: dict[str, Callable[[list[dict[str, Any]]], None]] = {
            "normal": self._take,
            "hangs up": self._take_and_hang_up,
            "breaks": lambda entries: self._answer(500, b"not json"),
            "names nobody": lambda entries: self._answer(500, b'{"failedEntries":[]}'),
            "forbids": lambda entries: self._answer(403, b'{"errorCode":"ERR"}'),
            "dies": lambda entries: self._hang_up(),
        }
        answers[self.server.mode](msgspec.json.decode(body))

    def _take(self, entries: list[dict[str, Any]]) -> None:
        good = [e for e in entries if e["metadata"]["partitionKey"] != REFUSED]
        self.server.taken += [(self.path, entry) for entry in good]
        bad = [{"entryId": e["entryId"], "error": "no"} for e in entries if e not in good]
        if bad:
            self._answer(500, encode({"failedEntries": bad, "errorCode": "ERR_PUBSUB"}))
        else:
            self._answer(204, b"")

    def _take_and_hang_up(self, entries: list[dict[str, Any]]) -> None:
        """As a sidecar does that closes what was idle: the next request finds a closed door."""
        self._take(entries)
        self._hang_up()

    def _hang_up(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if body or status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def sidecar() -> Iterator[Sidecar]:
    server = Sidecar()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def through_dapr(sidecar: Sidecar) -> AsyncIterator[DaprPublisher]:
    publisher = open_publisher(f"dapr://127.0.0.1:{sidecar.server_port}/task flow")
    assert isinstance(publisher, DaprPublisher)
    yield publisher
    await publisher.close()


# --- the three ways ----------------------------------------------------------------------------


class Way(Protocol):
    """A publisher, and what arrived at its other end: topic, key and the event's JSON."""

    publisher: Publisher

    async def arrived(self, topic: str, count: int) -> list[tuple[bytes, bytes]]: ...


class ListWay:
    def __init__(self) -> None:
        self.publisher = ListPublisher()

    async def arrived(self, topic: str, count: int) -> list[tuple[bytes, bytes]]:
        return [(e.partitionkey.encode(), encode(e)) for e in self.publisher.events]


class DaprWay:
    def __init__(self, publisher: DaprPublisher, sidecar: Sidecar) -> None:
        self.publisher, self.sidecar = publisher, sidecar

    async def arrived(self, topic: str, count: int) -> list[tuple[bytes, bytes]]:
        for path, entry in self.sidecar.taken:
            way, _, query = path.partition("?")
            assert way == f"/v1.0/publish/bulk/task%20flow/{topic}"
            assert parse_qs(query)["metadata.rawPayload"] == ["true"]
            assert entry["contentType"] == "application/cloudevents+json"
            assert entry["entryId"] == entry["event"]["id"]
        taken = [entry for _, entry in self.sidecar.taken]
        return [(e["metadata"]["partitionKey"].encode(), encode(e["event"])) for e in taken]


class KafkaWay:
    def __init__(self, publisher: KafkaPublisher, bootstrap: str) -> None:
        self.publisher, self.bootstrap = publisher, bootstrap

    async def arrived(self, topic: str, count: int) -> list[tuple[bytes, bytes]]:
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest"
        )
        async with consumer:
            records = [await consumer.getone() for _ in range(count)]
        kind = ("content-type", b"application/cloudevents+json")
        assert all(tuple(record.headers) == (kind,) for record in records)
        return [(record.key, record.value) for record in records]


@pytest.fixture
def list_way() -> ListWay:
    return ListWay()


@pytest.fixture
def dapr_way(through_dapr: DaprPublisher, sidecar: Sidecar) -> DaprWay:
    return DaprWay(through_dapr, sidecar)


@pytest.fixture
async def kafka_way(kafka: Kafka, topic: str) -> AsyncIterator[KafkaWay]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    publisher = open_publisher(f"kafka://{kafka.bootstrap}")
    assert isinstance(publisher, KafkaPublisher)
    yield KafkaWay(publisher, kafka.bootstrap)
    await publisher.close()


@pytest.fixture(params=["list", "dapr", "kafka"])
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.getfixturevalue(f"{request.param}_way")
    return found


@pytest.fixture
def topic() -> str:
    return f"notes-{uuid4().hex}"


async def test_events_arrive_whole_and_in_order(way: Way, topic: str) -> None:
    events = [make_event(f"stream {n % 3}", note="\u0000\U0001f600" * n) for n in range(20)]
    assert await way.publisher.reachable()
    for event in events[:3]:
        assert await way.publisher.publish(topic, [event]) == set()
    assert await way.publisher.publish(topic, events[3:]) == set()
    arrived = await way.arrived(topic, len(events))
    assert [key for key, _ in arrived] == [event.partitionkey.encode() for event in events]
    assert [msgspec.json.decode(value) for _, value in arrived] == [
        msgspec.to_builtins(event) for event in events
    ]


async def test_any_reader_of_cloudevents_understands_them(way: Way, topic: str) -> None:
    event = structs.replace(make_event("a"), traceparent="00-1-2-01", causationid="c")
    assert await way.publisher.publish(topic, [event]) == set()
    ((_, value),) = await way.arrived(topic, 1)
    plain = msgspec.to_builtins(event)
    attributes = {k: v for k, v in plain.items() if k != "data" and v is not None}
    assert from_json(value) == CloudEvent.create(attributes, plain["data"])


async def test_an_event_of_the_greatest_size(way: Way, topic: str) -> None:
    event = make_event("a", note="x" * (4 * 1024 * 1024 - 2048))
    assert await way.publisher.publish(topic, [event]) == set()
    ((_, value),) = await way.arrived(topic, 1)
    assert len(value) > 4_000_000


# --- what fails --------------------------------------------------------------------------------


async def test_a_sidecar_names_what_failed(through_dapr: DaprPublisher, sidecar: Sidecar) -> None:
    good, bad = make_event("a"), make_event(REFUSED)
    assert await through_dapr.publish("t", [good, bad]) == {bad.id}
    assert [entry["entryId"] for _, entry in sidecar.taken] == [good.id]


@pytest.mark.parametrize("mode", ["breaks", "names nobody", "forbids", "dies"])
async def test_without_an_answer_all_have_failed(
    through_dapr: DaprPublisher, sidecar: Sidecar, mode: str
) -> None:
    events = [make_event("a"), make_event("b")]
    assert await through_dapr.publish("t", events[:1]) == set()
    sidecar.mode = mode
    assert await through_dapr.publish("t", events) == {event.id for event in events}
    assert not await through_dapr.reachable()
    sidecar.mode = "normal"
    assert await through_dapr.publish("t", events) == set()
    assert await through_dapr.reachable()


async def test_a_connection_that_was_closed_while_idle_is_no_failure(
    through_dapr: DaprPublisher, sidecar: Sidecar
) -> None:
    sidecar.mode = "hangs up"
    for _ in range(3):
        assert await through_dapr.publish("t", [make_event("a")]) == set()
    assert len(sidecar.taken) == sidecar.connections == 3


async def test_a_request_names_no_entry_twice(
    through_dapr: DaprPublisher, sidecar: Sidecar
) -> None:
    """Dapr refuses the whole request otherwise, and what came twice would come for ever."""
    one, two = make_event("a"), make_event("b")
    assert await through_dapr.publish("t", [one, two, one]) == set()
    assert [entry["entryId"] for _, entry in sidecar.taken] == [one.id, two.id]


async def test_connections_are_kept_for_the_next_calls(
    through_dapr: DaprPublisher, sidecar: Sidecar
) -> None:
    for _ in range(2):
        calls = [through_dapr.publish("t", [make_event("a")]) for _ in range(8)]
        assert await asyncio.gather(*calls) == [set()] * 8
    assert (len(sidecar.taken), sidecar.connections) == (16, 8)


@pytest.mark.parametrize("address", ["dapr://127.0.0.1:1/taskflow", "kafka://127.0.0.1:1"])
async def test_nobody_at_home(address: str) -> None:
    publisher, event = open_publisher(address), make_event("a")
    assert await publisher.publish("t", [event]) == {event.id}
    assert not await publisher.reachable()
    await publisher.close()


async def test_a_sidecar_is_where_it_announces_itself(sidecar: Sidecar) -> None:
    announced = {"DAPR_HTTP_PORT": str(sidecar.server_port)}
    publisher, event = open_publisher("dapr://127.0.0.1/x", announced), make_event("a")
    assert await publisher.publish("t", [event]) == set()
    await publisher.wait(1)
    await publisher.close()


async def test_a_sidecar_that_does_not_come_is_named() -> None:
    publisher = open_publisher("dapr://127.0.0.1:1/taskflow")
    with pytest.raises(Unavailable, match=r"no Dapr sidecar has answered at 127\.0\.0\.1:1 for"):
        await publisher.wait(0.1)
    await publisher.close()


@pytest.mark.parametrize("address", ["", "http://x:1", "dapr://host", "dapr:1/x"])
def test_no_way_out(address: str) -> None:
    with pytest.raises(Unavailable, match="TASKFLOW_PUBLISH"):
        open_publisher(address)


async def test_a_list_refuses_as_a_broker_might() -> None:
    publisher = ListPublisher()
    publisher.refuses = {"a"}
    one, two = make_event("a"), make_event("b")
    assert await publisher.publish("t", [one, two]) == {one.id}
    assert publisher.events == [two] and await publisher.reachable()
