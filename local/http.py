"""The server of HTTP/1.1 between the platform and its functions on one machine, for one ASGI
application; apart and own, because the usual ones cost a function a third of its cold start.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, cast

import httptools

from taskflow.door import Receive, Scope, Send

App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Server:
    """One ASGI application on one listening socket, for loopback callers that wait for each answer
    before they ask again (no pipelining)."""

    def __init__(self, app: App, listener: socket.socket) -> None:
        self._app = app
        self._listener = listener
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._lifespan = _Lifespan(app)

    async def start(self) -> None:
        await self._lifespan.start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self._app, self._connections), sock=self._listener, backlog=128
        )

    async def stop(self) -> None:
        """Accept nothing more, answer what was asked, close, and let the application end."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            await connection.finish()
        await self._lifespan.stop()


class _Lifespan:
    """The ASGI lifespan of an application."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._running: asyncio.Future[None] | None = None

    async def start(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        run = self._app(scope, self._inbox.get, self._tell)
        self._running = asyncio.ensure_future(run)
        await self._exchange("lifespan.startup")

    async def stop(self) -> None:
        await self._exchange("lifespan.shutdown")

    async def _tell(self, message: Any) -> None:
        await self._outbox.put(message)

    async def _exchange(self, kind: str) -> None:
        """Raises what the application raised, and RuntimeError when it says that it failed."""
        assert self._running is not None
        await self._inbox.put({"type": kind})
        answer = asyncio.ensure_future(self._outbox.get())
        await asyncio.wait((answer, self._running), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            self._running.result()
        elif answer.result()["type"] != f"{kind}.complete":
            raise RuntimeError(f"{kind} failed: {answer.result().get('message', '')}")


class _Connection(asyncio.Protocol):
    """One connection to a Server; its methods named on_* are httptools' callbacks."""

    def __init__(self, app: App, connections: set["_Connection"]) -> None:
        self._app = app
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._answering: asyncio.Task[None] | None = None
        self._lost = asyncio.get_running_loop().create_future()
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        if not self._lost.done():
            self._lost.set_result({"type": "http.disconnect"})

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._write(
                b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            self._close()

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body = b"", [], []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._url.partition(b"?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self._parser.get_method().decode(),
            "scheme": "http",
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": self._headers,
        }
        exchange = _Exchange(b"".join(self._body), self._lost, self._write)
        keep = self._parser.should_keep_alive()
        self._answering = asyncio.ensure_future(self._answer(scope, exchange, keep))

    async def _answer(self, scope: Scope, exchange: "_Exchange", keep: bool) -> None:
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            exchange.fail()
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"no answer to {scope['method']} {scope['path']}", "exception": error}
            )
        if not keep:
            self._close()

    async def finish(self) -> None:
        if self._answering is not None:
            await self._answering
        self._close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Exchange:
    """ASGI's receive and send for one request whose body has arrived whole."""

    def __init__(
        self, body: bytes, lost: "asyncio.Future[dict[str, Any]]", write: Callable[[bytes], None]
    ) -> None:
        self._body: bytes | None = body
        self._lost = lost
        self._write = write
        self._head: dict[str, Any] | None = None
        self._parts: list[bytes] = []
        self._answered = False

    async def receive(self) -> dict[str, Any]:
        if self._body is None:
            return await asyncio.shield(self._lost)
        message = {"type": "http.request", "body": self._body, "more_body": False}
        self._body = None
        return message

    async def send(self, message: Any) -> None:
        """Collects the answer and writes it in one piece."""
        if message["type"] == "http.response.start":
            self._head = message
            return
        self._parts.append(message.get("body", b""))
        if not message.get("more_body") and self._head is not None:
            self._finish(self._head["status"], self._head.get("headers", ()))

    def _finish(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        body = b"".join(self._parts)
        kept = [b"%b: %b\r\n" % pair for pair in headers if pair[0] != b"content-length"]
        # RFC 9110, section 8.6: no content-length with a 204.
        length = b"" if status == 204 else b"content-length: %d\r\n" % len(body)
        self._write(b"HTTP/1.1 %d .\r\n%b%b\r\n%b" % (status, b"".join(kept), length, body))
        self._answered = True

    def fail(self) -> None:
        if not self._answered:
            self._parts = []
            self._finish(500, ())
