"""HTTP/1.1 to a neighbour on the same machine, over kept connections with one request at a time
each; apart and own, because the usual clients cost a function a third of its cold start.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

import httptools

Headers: TypeAlias = Sequence[tuple[str, str]]


class Disconnected(ConnectionError):
    """The other side went away before it had answered."""


class Caller:
    """Requests to one address; each open connection carries one request at a time."""

    def __init__(self, host: str, port: int, headers: Headers = ()) -> None:
        self._address = host, port
        self._head = f"host: {host}:{port}\r\n" + join_headers(headers)
        self._idle: list[_Call] = []
        self._open: set[_Call] = set()

    async def post(
        self, path: str, headers: Headers, body: bytes, timeout: float
    ) -> tuple[int, bytes]:
        """Status and body of the answer. Raises OSError (Disconnected) and TimeoutError."""
        return await self.send("POST", path, body, headers=headers, timeout=timeout)

    async def send(
        self, method: str, path: str, body: bytes, *, headers: Headers = (), timeout: float
    ) -> tuple[int, bytes]:
        """The same for any method."""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{join_headers(headers)}"
        request = f"{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body
        async with asyncio.timeout(timeout):
            call = self._idle.pop() if self._idle else await self._connect()
            try:
                answer = await call.ask(request)
            except BaseException:
                call.close()
                raise
        if call.reusable:
            self._idle.append(call)
        return answer

    async def _connect(self) -> "_Call":
        loop = asyncio.get_running_loop()
        _, call = await loop.create_connection(lambda: _Call(self._forget), *self._address)
        self._open.add(call)
        return call

    def _forget(self, call: "_Call") -> None:
        self._open.discard(call)
        if call in self._idle:
            self._idle.remove(call)

    def close(self) -> None:
        for call in list(self._open):
            call.close()


def join_headers(headers: Headers) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers)


class _Call(asyncio.Protocol):
    """One connection of a Caller; its methods named on_* are httptools' callbacks."""

    def __init__(self, forget: Callable[["_Call"], None]) -> None:
        self._forget = forget
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._body: list[bytes] = []
        self.reusable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        if self._transport is None or self._transport.is_closing():
            raise Disconnected("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(Disconnected(f"the answer is no HTTP: {error}"))

    def on_message_begin(self) -> None:
        self._body = []

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.reusable = self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), b"".join(self._body)))
        if not self.reusable:
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.reusable = False
        self._forget(self)
        self._fail(Disconnected(f"the connection was lost: {error or 'closed'}"))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def close(self) -> None:
        self.reusable = False
        if self._transport is not None:
            self._transport.close()
