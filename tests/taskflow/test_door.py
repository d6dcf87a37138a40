"""The ASGI door, called as a server calls it."""

from collections.abc import Mapping
from typing import Any

import pytest

from taskflow.dialects import Answer
from taskflow.door import Door


class Guest:
    """A worker that notes what it is given."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.well = True
        self.closed = 0

    async def wake(self) -> None: ...

    async def answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        self.seen.append((dict(headers), body))
        return Answer(200, body) if body else Answer(204)

    async def healthy(self) -> bool:
        return self.well

    async def close(self) -> None:
        self.closed += 1


class House:
    """A door with a guest behind it, who comes when first called."""

    def __init__(self, locked: bool = False) -> None:
        self.locked = locked
        self.guests: list[Guest] = []
        self.door = Door(self.open)

    def open(self) -> Guest:
        if self.locked:
            raise ValueError("no key")
        self.guests.append(Guest())
        return self.guests[-1]

    async def call(
        self, method: str, path: str, *messages: dict[str, Any], kind: str = "http"
    ) -> list[dict[str, Any]]:
        waiting = list(messages)[::-1]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return waiting.pop()

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"text/plain"), (b"x-name", "ü".encode("latin-1"))]
        scope = {"type": kind, "method": method, "path": path, "headers": headers}
        await self.door(scope, receive, send)
        return sent


def part(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_request_and_its_answer() -> None:
    house = House()
    start, end = await house.call("POST", "/any", part(b"a", True), part(b"b", True), part(b"c"))
    assert end["body"] == b"abc"
    assert start["headers"] == [(b"content-type", b"application/json"), (b"content-length", b"3")]
    (guest,) = house.guests
    assert guest.seen == [({"content-type": "text/plain", "x-name": "ü"}, b"abc")]


async def test_no_body_has_no_type() -> None:
    start, end = await House().call("POST", "/", part(b""))
    assert (start["status"], end["body"]) == (204, b"")
    assert start["headers"] == [(b"content-length", b"0")]


async def test_one_guest_for_all_requests() -> None:
    house = House()
    for _ in range(3):
        await house.call("POST", "/", part(b"x"))
    assert len(house.guests) == 1 and len(house.guests[0].seen) == 3


async def test_half_a_request_is_none() -> None:
    house = House()
    gone = {"type": "http.disconnect"}
    assert (await house.call("POST", "/", part(b"half", True), gone))[0]["status"] == 400
    assert house.guests == []


@pytest.mark.parametrize("path", ["/healthz", "/health/readiness"])
async def test_health(path: str) -> None:
    house = House()
    assert (await house.call("GET", path))[0]["status"] == 200
    house.guests[0].well = False
    assert (await house.call("GET", path))[0]["status"] == 503


async def test_whoever_answers_is_alive_and_needs_nobody_for_it() -> None:
    """Started anew for an outage, a function would only be colder when it ends."""
    house = House(locked=True)
    start, _ = await house.call("GET", "/health/liveness")
    assert start["status"] == 200


async def test_what_is_neither_post_nor_health() -> None:
    assert (await House().call("GET", "/"))[0]["status"] == 405
    assert (await House().call("DELETE", "/x"))[0]["status"] == 405
    assert (await House().call("OPTIONS", "/tick"))[0]["status"] == 200


async def test_a_life() -> None:
    house = House()
    events = ({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    sent = await house.call("", "", *events, kind="lifespan")
    assert [one["type"] for one in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert [guest.closed for guest in house.guests] == [1]


async def test_a_worker_that_cannot_be_opened_ends_the_start() -> None:
    sent = await House(locked=True).call("", "", {"type": "lifespan.startup"}, kind="lifespan")
    assert sent == [{"type": "lifespan.startup.failed", "message": "no key"}]
