"""What a function may ask of its sidecar over HTTP: to publish, one event or many, and whether that
is possible now; and what the gateway may ask of the platform: how every function is.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias
from urllib.parse import parse_qs, unquote

import msgspec
from msgspec import Raw, Struct

from taskflow.door import Receive, Scope, Send
from taskflow.outlet import Outlet

Reply: TypeAlias = tuple[int, bytes]

PUBLISH = "/v1.0/publish/"
BULK = "/v1.0/publish/bulk/"
HEADERS = [("content-type", b"application/cloudevents+json")]


class Entry(Struct, rename="camel"):
    """One event of a bulk request."""

    entry_id: str
    event: Raw
    content_type: str = ""
    metadata: dict[str, str] = {}


class FailedEntry(Struct, rename="camel"):
    """One event that the log does not have."""

    entry_id: str
    error: str


class BulkFailure(Struct, rename="camel"):
    """The answer to a bulk request of which something failed."""

    failed_entries: list[FailedEntry]


_ENTRIES = msgspec.json.Decoder(list[Entry])
_encode = msgspec.json.Encoder().encode


class Api:
    """An ASGI application over one outlet; `read_state` is what GET /state answers."""

    def __init__(self, outlet: Outlet, pubsub: str, read_state: Callable[[], object]) -> None:
        self._outlet = outlet
        self._pubsub = pubsub
        self._read_state = read_state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await _reply(send, *await self._route(scope, (await receive()).get("body", b"")))

    async def _route(self, scope: Scope, body: bytes) -> Reply:
        path, method = scope["path"], scope["method"]
        if method == "POST" and path.startswith(BULK):
            return await self._publish_bulk(path.removeprefix(BULK), body)
        if method == "POST" and path.startswith(PUBLISH):
            return await self._publish(path.removeprefix(PUBLISH), scope["query_string"], body)
        if path == "/v1.0/healthz/outbound":
            return (204 if await self._outlet.reachable() else 500), b""
        if path == "/state":
            return 200, _encode(self._read_state())
        return 404, b""

    async def _publish(self, target: str, query: bytes, body: bytes) -> Reply:
        topic = self._topic(target)
        if topic is None:
            return 404, _refuse(target)
        given = parse_qs(query.decode("latin-1")).get("metadata.partitionKey")
        failure = (await self._send(topic, [(given[0] if given else None, body)]))[0]
        return (
            (500, _encode({"errorCode": "ERR_PUBSUB_PUBLISH", "message": failure}))
            if (failure)
            else (204, b"")
        )

    async def _publish_bulk(self, target: str, body: bytes) -> Reply:
        topic = self._topic(target)
        if topic is None:
            return 404, _refuse(target)
        try:
            entries = _ENTRIES.decode(body)
        except msgspec.DecodeError as error:
            return 400, _encode({"errorCode": "ERR_PUBSUB_EVENTS_SER", "message": str(error)})
        pairs = [(entry.metadata.get("partitionKey"), bytes(entry.event)) for entry in entries]
        failures = await self._send(topic, pairs)
        failed = [
            FailedEntry(entry.entry_id, failure)
            for entry, failure in zip(entries, failures, strict=True)
            if failure
        ]
        return (500, _encode(BulkFailure(failed))) if failed else (204, b"")

    def _topic(self, target: str) -> str | None:
        pubsub, _, topic = target.partition("/")
        return unquote(topic) if unquote(pubsub) == self._pubsub else None

    async def _send(self, topic: str, pairs: Sequence[tuple[str | None, bytes]]) -> list[str]:
        """For each (key, event): why it failed, or nothing."""
        records = [(None if key is None else key.encode(), event, HEADERS) for key, event in pairs]
        return [describe(failure) for failure in await self._outlet.publish(topic, records)]


def describe(failure: BaseException | None) -> str:
    return "" if failure is None else f"{type(failure).__name__}: {failure}"


def _refuse(target: str) -> bytes:
    message = f"{target!r} names no pubsub of dapr/"
    return _encode({"errorCode": "ERR_PUBSUB_NOT_FOUND", "message": message})


async def _live(receive: Receive, send: Send) -> None:
    for kind in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{kind}.complete"})


async def _reply(send: Send, status: int, body: bytes) -> None:
    kind = [(b"content-type", b"application/json")] if body else []
    await send({"type": "http.response.start", "status": status, "headers": kind})
    await send({"type": "http.response.body", "body": body})
