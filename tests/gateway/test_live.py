"""Changes as they happen, over a real socket: WebSocket and SSE resume from a cursor, show one
person's changes alone, and stop with the session.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway import live

Client = httpx.AsyncClient
Owner = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    """host:port of the same application behind a real server."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_level="error", ws="websockets-sansio")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await serving


def token_of(client: Client) -> str:
    return str(client.headers["Authorization"]).removeprefix("Bearer ")


async def frame(stream: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        message: dict[str, Any] = json.loads(await stream.recv())
    return message


async def titles(stream: ClientConnection, count: int) -> list[str]:
    seen: list[str] = []
    while len(seen) < count:
        seen += [item["task"]["title"] for item in (await frame(stream))["items"]]
    return seen


async def add(client: Client, title: str) -> dict[str, Any]:
    task: dict[str, Any] = (await client.post("/v1/tasks", json={"title": title})).json()
    return task


def open_live(address: str, client: Client, query: str = "") -> connect:
    offered = ["bearer", token_of(client)]
    return connect(f"ws://{address}/v1/live{query}", subprotocols=offered)  # type: ignore[arg-type]


async def test_changes_arrive_in_order_for_their_person_alone(
    address: str, paris: Client, somebody_else: Client
) -> None:
    async with open_live(address, paris) as mine:
        assert mine.subprotocol == "bearer"
        assert (await frame(mine))["items"] == []
        await add(somebody_else, "not for Paris")
        for n in range(5):
            await add(paris, f"task {n}")
        assert await titles(mine, 5) == [f"task {n}" for n in range(5)]


async def test_a_cursor_resumes_with_exactly_what_was_missed(address: str, paris: Client) -> None:
    async with open_live(address, paris) as stream:
        await frame(stream)
        await add(paris, "seen")
        cursor = (await frame(stream))["cursor"]
    for n in range(3):
        await add(paris, f"missed {n}")
    async with open_live(address, paris, f"?since={cursor}") as stream:
        assert await titles(stream, 3) == ["missed 0", "missed 1", "missed 2"]
        await add(paris, "new")
        assert await titles(stream, 1) == ["new"]


async def test_the_first_message_may_carry_the_token(address: str, paris: Client) -> None:
    async with connect(f"ws://{address}/v1/live") as stream:
        await stream.send(json.dumps({"token": token_of(paris)}))
        assert (await frame(stream))["items"] == []


@pytest.mark.parametrize("hello", ['{"token": "forged"}', "{}", "no json"])
async def test_without_a_good_token_the_stream_closes(address: str, hello: str) -> None:
    async with connect(f"ws://{address}/v1/live") as stream:
        await stream.send(hello)
        with pytest.raises(ConnectionClosed) as closed:
            await frame(stream)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def test_a_stream_ends_with_its_session(
    address: str, paris: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CHECK_EVERY", 0.1)
    async with open_live(address, paris) as stream:
        await frame(stream)
        assert (await paris.delete("/v1/sessions")).status_code == 204
        with pytest.raises(ConnectionClosed) as closed:
            async with asyncio.timeout(20):
                await stream.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def read_events(address: str, client: Client, count: int, **headers: str) -> list[Any]:
    """(id, data) of the first `count` changes of an SSE stream."""
    events: list[Any] = []
    headers["Authorization"] = client.headers["Authorization"]
    url = f"http://{address}/v1/events"
    async with httpx.AsyncClient() as real, real.stream("GET", url, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name, kind = "", ""
        async for line in answer.aiter_lines():
            key, _, value = line.partition(": ")
            name, kind = (value, kind) if key == "id" else (name, kind)
            kind = value if key == "event" else kind
            if key == "data" and kind == "change":
                events.append((name, json.loads(value)))
            if len(events) == count:
                return events
    return events


async def test_sse_resumes_from_its_last_event_id(address: str, paris: Client) -> None:
    start = (await paris.get("/v1/changes")).json()["cursor"]
    task = await add(paris, "one")
    await paris.post(f"/v1/tasks/{task['id']}/complete")
    await paris.delete(f"/v1/tasks/{task['id']}")
    events = await read_events(address, paris, 3, **{"Last-Event-ID": start})
    assert [data["type"] for _, data in events] == ["created", "completed", "deleted"]
    assert events[2][1]["task"] is None
    rest = await read_events(address, paris, 2, **{"Last-Event-ID": events[0][0]})
    assert rest == events[1:]


async def test_polling_gives_the_same_items(paris: Client) -> None:
    first = (await paris.get("/v1/changes")).json()
    assert (first["items"], first["resync"]) == ([], False)
    for n in range(3):
        await add(paris, f"task {n}")
    seen: list[str] = []
    cursor = first["cursor"]
    while len(seen) < 3:
        page = (await paris.get(f"/v1/changes?since={cursor}&limit=2")).json()
        seen += [item["task"]["title"] for item in page["items"]]
        cursor = page["cursor"]
    assert seen == ["task 0", "task 1", "task 2"]
    assert (await paris.get(f"/v1/changes?since={cursor}")).json()["items"] == []
    assert (await paris.get("/v1/changes?since=forged")).json()["code"] == "invalid_cursor"


async def test_a_purged_cursor_asks_for_a_resync(paris: Client, owner: Owner) -> None:
    cursor = (await paris.get("/v1/changes")).json()["cursor"]
    await add(paris, "one")
    while not (page := (await paris.get(f"/v1/changes?since={cursor}")).json())["items"]:
        await asyncio.sleep(0.01)
    await owner.execute("UPDATE feed_heads SET purged_to = 1")  # type: ignore[attr-defined]
    stale = (await paris.get(f"/v1/changes?since={cursor}")).json()
    assert stale == {"items": [], "cursor": page["cursor"], "resync": True}
