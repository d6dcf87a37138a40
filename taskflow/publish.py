"""The one way out: events to a topic through the Dapr sidecar, to Kafka, or to a list for tests,
and the order in which many of them leave.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from taskflow.caller import Caller, Disconnected
from taskflow.errors import Unavailable
from taskflow.events import Event, encode

TIMEOUT = 10.0
SIDECAR_PORT = 3500
ALIVE, HEALTH = "/v1.0/healthz", "/v1.0/healthz/outbound"
LOOK_AGAIN = 0.5
KEY = "__key"
CLOUDEVENT = "application/cloudevents+json"
LARGEST_REQUEST = 3 * 1024 * 1024
STRUCTURED = [("content-type", CLOUDEVENT.encode())]


class Publisher(Protocol):
    """Publishes events of one topic, in no promised order."""

    async def publish(self, topic: str, events: Sequence[Event[Any]]) -> set[str]:
        """The ids of the events that the log did not acknowledge. Raises nothing."""

    async def set_aside(self, topic: str, value: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the log has acknowledged these bytes as they are; the header `__key` is the
        record's key too. Raises nothing."""

    async def reachable(self) -> bool:
        """Whether the log can be written to now."""

    async def wait(self, patience: float) -> None:
        """Returns when whoever publishes for us is there, so many seconds at most. Raises
        Unavailable."""

    async def close(self) -> None: ...


async def publish_events(publisher: Publisher, events: Iterable[Event[Any]]) -> set[str]:
    """The ids that failed, after publishing in waves: at most one event of a key at a time, and
    nothing more of a key once one of its events has failed. Numbered ones go all at once."""
    topics: dict[str, list[Event[Any]]] = defaultdict(list)
    for event in events:
        topics[event.data.topic].append(event)
    failed = await asyncio.gather(*(_publish_topic(publisher, *item) for item in topics.items()))
    return set().union(*failed)


async def _publish_topic(publisher: Publisher, topic: str, events: list[Event[Any]]) -> set[str]:
    failed: set[str] = set()
    stopped: set[str] = set()
    for wave in split_waves(events):
        go = [event for event in wave if event.partitionkey not in stopped]
        failed |= {event.id for event in wave if event.partitionkey in stopped}
        lost = await publisher.publish(topic, go) if go else set()
        stopped |= {event.partitionkey for event in go if event.id in lost}
        failed |= lost
    return failed


def split_waves(events: Iterable[Event[Any]]) -> list[list[Event[Any]]]:
    """Wave n holds the nth event of each key, the first all that are numbered."""
    waves: list[list[Event[Any]]] = []
    seen: dict[str, int] = defaultdict(int)
    for event in events:
        turn = 0 if event.data.numbered else seen[event.partitionkey]
        seen[event.partitionkey] += 1
        if turn == len(waves):
            waves.append([])
        waves[turn].append(event)
    return waves


class ListPublisher:
    """Keeps what it is given; refuses the keys in `refuses`, as a broker might."""

    def __init__(self) -> None:
        self.events: list[Event[Any]] = []
        self.aside: list[tuple[str, bytes, dict[str, str]]] = []
        self.refuses: set[str] = set()

    async def publish(self, topic: str, events: Sequence[Event[Any]]) -> set[str]:
        self.events += [event for event in events if event.partitionkey not in self.refuses]
        return {event.id for event in events if event.partitionkey in self.refuses}

    async def set_aside(self, topic: str, value: bytes, headers: Mapping[str, str]) -> bool:
        if headers.get(KEY) in self.refuses:
            return False
        self.aside.append((topic, value, dict(headers)))
        return True

    async def reachable(self) -> bool:
        return True

    async def wait(self, patience: float) -> None: ...

    async def close(self) -> None: ...


class KafkaPublisher:
    """Straight to Kafka, acks=all, idempotent: order within a partition holds under retries."""

    def __init__(self, bootstrap: str) -> None:
        from taskflow.outlet import Outlet

        self._outlet = Outlet(bootstrap)

    async def publish(self, topic: str, events: Sequence[Event[Any]]) -> set[str]:
        records = [(event.partitionkey.encode(), encode(event), STRUCTURED) for event in events]
        failures = await self._outlet.publish(topic, records)
        return {e.id for e, failure in zip(events, failures, strict=True) if failure is not None}

    async def set_aside(self, topic: str, value: bytes, headers: Mapping[str, str]) -> bool:
        key = headers[KEY].encode() if KEY in headers else None
        told = [(name, text.encode()) for name, text in headers.items()]
        return await self._outlet.publish(topic, [(key, value, told)]) == [None]

    async def reachable(self) -> bool:
        return await self._outlet.reachable()

    async def wait(self, patience: float) -> None:
        """Nobody stands between us and the log."""

    async def close(self) -> None:
        await self._outlet.close()


class BulkEntry(msgspec.Struct, rename="camel"):
    entry_id: str
    event: Event[Any]
    content_type: str
    metadata: dict[str, str]


Sized: TypeAlias = tuple[Event[Any], bytes]


def split_sizes(entries: "Sequence[Sized]") -> "list[list[Sized]]":
    """Parts that every door takes, in order; an event that is larger stands alone."""
    parts: list[list[Sized]] = []
    room = 0
    for entry in entries:
        room -= len(entry[1])
        if room < 0:
            parts.append([])
            room = LARGEST_REQUEST - len(entry[1])
        parts[-1].append(entry)
    return parts


class FailedEntry(msgspec.Struct, rename="camel"):
    entry_id: str


class BulkFailure(msgspec.Struct, rename="camel"):
    failed_entries: list[FailedEntry]


class DaprPublisher:
    """The sidecar's HTTP API; the Dapr SDK would cost half a second of each cold start."""

    def __init__(self, host: str, port: int, pubsub: str) -> None:
        self._where = f"{host}:{port}"
        self._caller = Caller(host, port)
        self._pubsub = pubsub

    async def publish(self, topic: str, events: Sequence[Event[Any]]) -> set[str]:
        path = self._write_path("bulk/", topic, {})
        # A batch may hold what came twice; Dapr refuses all of a request that names an entry twice.
        once = {event.id: event for event in events}.values()
        failed: set[str] = set()
        for part in split_sizes([(event, encode(_bulk_entry(event))) for event in once]):
            failed |= await self._publish_part(path, part)
        return failed

    async def _publish_part(self, path: str, part: "Sequence[Sized]") -> set[str]:
        body = b"[" + b",".join(content for _, content in part) + b"]"
        events = [event for event, _ in part]
        try:
            status, answer = await self._call("POST", path, body)
        except OSError:
            return {event.id for event in events}
        return _failed_ids(status, answer, events)

    async def set_aside(self, topic: str, value: bytes, headers: Mapping[str, str]) -> bool:
        path = self._write_path("", topic, headers)
        try:
            status, _ = await self._call("POST", path, value, "application/octet-stream")
        except OSError:
            return False
        return status == 204

    def _write_path(self, way: str, topic: str, headers: Mapping[str, str]) -> str:
        """Where records go that are events already: a sidecar that knew them for events would take
        each apart and put it together again, with a traceparent of its own."""
        told = {"rawPayload": "true", **headers}
        query = urlencode({f"metadata.{name}": text for name, text in told.items()})
        return f"/v1.0/publish/{way}{quote(self._pubsub)}/{quote(topic)}?{query}"

    async def _call(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> tuple[int, bytes]:
        headers = [("content-type", kind)]
        try:
            return await self._caller.send(method, path, body, headers=headers, timeout=TIMEOUT)
        except Disconnected:
            # The sidecar closed what had been idle; to publish twice changes nothing.
            return await self._caller.send(method, path, body, headers=headers, timeout=TIMEOUT)

    async def reachable(self) -> bool:
        try:
            status, _ = await self._call("GET", HEALTH)
        except OSError:
            return False
        return status == 204

    async def wait(self, patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                while not await self._is_there():
                    await asyncio.sleep(LOOK_AGAIN)
        except TimeoutError:
            raise Unavailable(
                f"no Dapr sidecar has answered at {self._where} for {patience:g} s; start one"
                " beside this process, or name another way out in TASKFLOW_PUBLISH."
            ) from None

    async def _is_there(self) -> bool:
        try:
            await self._call("GET", ALIVE)
        except OSError:
            return False
        return True

    async def close(self) -> None:
        self._caller.close()


def _bulk_entry(event: Event[Any]) -> BulkEntry:
    return BulkEntry(
        entry_id=event.id,
        event=event,
        content_type=CLOUDEVENT,
        # Dapr makes no header of contentType, by which Knative's Kafka source tells an event.
        metadata={"partitionKey": event.partitionkey, "content-type": CLOUDEVENT},
    )


def _failed_ids(status: int, answer: bytes, events: Sequence[Event[Any]]) -> set[str]:
    """Those that the sidecar names; all of them if it names none and yet is not content."""
    if status == 204:
        return set()
    sent = {event.id for event in events}
    try:
        failure = msgspec.json.decode(answer, type=BulkFailure)
    except msgspec.DecodeError:
        return sent
    return sent & {entry.entry_id for entry in failure.failed_entries} or sent


def open_publisher(address: str, environment: Mapping[str, str] = os.environ) -> Publisher:
    """A publisher for `dapr://host[:port]/pubsub` or `kafka://host:port[,host:port]`; a sidecar
    without a port is where it announces itself (DAPR_HTTP_PORT), at Dapr's 3500 otherwise."""
    parts = urlsplit(address)
    pubsub = parts.path.strip("/")
    if parts.scheme == "dapr" and parts.hostname and pubsub:
        port = parts.port or int(environment.get("DAPR_HTTP_PORT", SIDECAR_PORT))
        return DaprPublisher(parts.hostname, port, pubsub)
    if parts.scheme == "kafka":
        return KafkaPublisher(parts.netloc)
    raise Unavailable(
        f"TASKFLOW_PUBLISH={address!r} names no way out: dapr://host[:port]/pubsub or"
        " kafka://host:port."
    )
