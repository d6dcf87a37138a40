"""A sidecar on the loopback that speaks the HTTP API of Dapr's building blocks, by what the real
one answers (tests/platform/blocks asks that one the same), and that a test can look into and break.
"""

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from msgspec import Struct, field


class Kept(Struct):
    """A value of the state store, as its version was saved."""

    value: Any
    etag: str
    seconds: int


class Memory(Struct):
    """What the sidecar knows, and was asked; `mode` is "breaks" for 500s, "dies" to hang up."""

    state: dict[str, Kept] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    configuration: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    health: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    mode: str = "normal"
    versions: Iterator[int] = field(default_factory=itertools.count)


class Loopback(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.memory = Memory()
        # The real one runs each script in the store, one at a time.
        self.turn = threading.Lock()
        self.open: list[socket.socket] = []

    def hang_up(self) -> None:
        """As a sidecar closes what has been idle."""
        while self.open:
            with suppress(OSError):
                self.open.pop().shutdown(socket.SHUT_RDWR)

    def address(self, *names: str) -> str:
        return "/".join((f"dapr://127.0.0.1:{self.server_port}", *names))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Loopback

    def setup(self) -> None:
        super().setup()
        self.server.open.append(self.connection)

    def do_GET(self) -> None:
        self._route()

    def do_POST(self) -> None:
        self._route()

    def _route(self) -> None:
        memory = self.server.memory
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/")[2:]]
        memory.asked.append((self.command, self.path))
        if memory.mode == "dies":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif memory.mode == "breaks":
            self._refuse(500, "ERR_BROKEN")
        else:
            with self.server.turn:
                getattr(self, f"_{self.command.lower()}_{parts[0]}")(parts[1:], body)

    def _get_healthz(self, parts: list[str], body: bytes) -> None:
        self._answer(204)

    def _post_state(self, parts: list[str], body: bytes) -> None:
        given = msgspec.json.decode(body)
        if parts[1:] == ["bulk"]:
            self._answer(200, [self._describe(key) for key in given["keys"]])
        else:
            self._save(given)

    def _describe(self, key: str) -> dict[str, Any]:
        kept = self.server.memory.state.get(key)
        return {"key": key} | ({"data": kept.value, "etag": kept.etag} if kept else {})

    def _save(self, items: list[dict[str, Any]]) -> None:
        memory = self.server.memory
        for item in items:
            kept, etag = memory.state.get(item["key"]), item.get("etag")
            if item["options"]["concurrency"] == "first-write" and etag is None and kept:
                return self._refuse(500, "ERR_STATE_SAVE")
            if etag is not None and (kept is None or kept.etag != etag):
                return self._refuse(409, "ERR_STATE_SAVE")
            seconds = int(item["metadata"]["ttlInSeconds"])
            memory.state[item["key"]] = Kept(item["value"], str(next(memory.versions)), seconds)
        self._answer(204)

    def _get_secrets(self, parts: list[str], body: bytes) -> None:
        secret = self.server.memory.secrets.get("/".join(parts))
        if secret is None:
            self._refuse(500, "ERR_SECRET_GET")
        else:
            self._answer(200, secret)

    def _get_configuration(self, parts: list[str], body: bytes) -> None:
        keys = parse_qs(urlsplit(self.path).query)["key"]
        known = self.server.memory.configuration
        items = {key: {"value": known[key], "version": "1"} for key in keys if key in known}
        self._answer(200, items) if items else self._answer(204)

    def _post_jobs(self, parts: list[str], body: bytes) -> None:
        self.server.memory.jobs[parts[0]] = msgspec.json.decode(body)
        self._answer(204)

    def _get_invoke(self, parts: list[str], body: bytes) -> None:
        assert parts[1:] == ["method", "healthz"]
        status = self.server.memory.health.get(parts[0])
        if status is None:
            self._refuse(500, "ERR_DIRECT_INVOKE")
        elif status == 403:
            self._refuse(403, "ERR_DIRECT_INVOKE")
        else:
            self._answer(status)

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, {"errorCode": code, "message": "as the sidecar says it"})

    def _answer(self, status: int, content: Any = None) -> None:
        body = b"" if content is None else msgspec.json.encode(content)
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        with suppress(ConnectionError):  # who asked has given up
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def serve_sidecar(port: int = 0) -> Iterator[Loopback]:
    """A sidecar that answers until the end of the block."""
    server = Loopback(port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
