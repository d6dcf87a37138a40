"""Both ends of the platform's own HTTP, against each other and against the usual ones."""

import asyncio
import http.client
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from local.http import Server
from taskflow.caller import Caller
from taskflow.door import Receive, Scope, Send


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the method, a header and the body; /none with 204, /fail not at all."""
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    body = (await receive())["body"]
    if scope["path"] == "/fail":
        raise ValueError("as asked")
    status = 204 if scope["path"] == "/none" else 200
    told = dict(scope["headers"]).get(b"x-told", b"")
    answer = b"" if status == 204 else b"%s %s %s" % (scope["method"].encode(), told, body)
    await send({"type": "http.response.start", "status": status, "headers": [(b"x-a", b"b")]})
    await send({"type": "http.response.body", "body": answer})


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(echo, listener)
    await server.start()
    yield listener.getsockname()[1]
    await server.stop()


async def test_one_connection_serves_many_requests() -> None:
    async with serving() as port:
        caller = Caller("127.0.0.1", port, [("x-told", "yes")])
        for number in range(3):
            assert await caller.post("/", (), b"%d" % number, 5) == (200, b"POST yes %d" % number)
        assert await caller.post("/none", (), b"", 5) == (204, b"")
        assert len(caller._open) == 1
        caller.close()


async def test_requests_at_a_time_have_a_connection_each() -> None:
    async with serving() as port:
        caller = Caller("127.0.0.1", port)
        bodies = [b"x" * size for size in (0, 1, 70_000, 3 << 20)]
        answers = await asyncio.gather(*(caller.post("/", (), body, 5) for body in bodies))
        assert [body for _, body in answers] == [b"POST  " + body for body in bodies]
        assert len(caller._open) == 4
        caller.close()


async def test_an_application_that_fails_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as port:
        caller = Caller("127.0.0.1", port)
        assert await caller.post("/fail", (), b"", 5) == (500, b"")
        assert await caller.post("/", (), b"", 5) == (200, b"POST  ")
        caller.close()
    assert "no answer to POST /fail" in caplog.text


async def test_a_server_that_ends_answers_first_and_then_is_gone() -> None:
    async with serving() as port:
        caller = Caller("127.0.0.1", port)
        assert await caller.post("/", (), b"a", 5) == (200, b"POST  a")
    with pytest.raises(OSError):
        await caller.post("/", (), b"b", 5)


async def test_the_server_speaks_with_other_clients() -> None:
    async with serving() as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            answer = await client.put("/path?a=b", content=b"z", headers={"x-told": "t"})
            assert (answer.status_code, answer.content) == (200, b"PUT t z")
            assert answer.headers["x-a"] == "b"
            assert (await client.post("/none")).status_code == 204
        assert await asyncio.to_thread(ask_by_standard_library, port) == (200, b"GET  ")


def ask_by_standard_library(port: int) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/", headers={"connection": "close"})
    with connection.getresponse() as answer:
        told = answer.status, answer.read()
    connection.close()
    return told


async def test_what_is_no_http_is_refused() -> None:
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"nonsense\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()
