"""Webhooks against real servers: signed, sent to the checked address only, and never held up."""

import asyncio
import base64
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from functions.send_reminder import outward
from functions.send_reminder.notice import DeliveryFailed, Notice, Receipt
from functions.send_reminder.webhook import new_secret, send_webhook

LOOPBACK = (IPv4Network("127.0.0.0/8"),)
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
NOTICE = Notice(
    delivery_id="5f0c-1",
    reminder_id="r-1",
    task_id="t-1",
    user_id="u-1",
    title="Pay rent “ü” \u2028 <b>",
    notes="To the new account.",
    due_at="2026-12-31T09:00:00Z",
    due_on=None,
    timezone="Europe/Paris",
    remind_at="2026-12-31T08:30:00Z",
    late_by_seconds=0,
    link=None,
)

Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Endpoint:
    """A stranger's server: keeps each request, then answers as `respond` pleases."""

    respond: Respond
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    conversations: list[asyncio.Task[None]] = field(default_factory=list)

    def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.conversations.append(asyncio.create_task(self.converse(reader, writer)))

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await read_request(reader))
            await self.respond(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            writer.close()

    async def close(self) -> None:
        for conversation in self.conversations:
            conversation.cancel()
        await asyncio.gather(*self.conversations, return_exceptions=True)

    def url(self, path: str = "/hook", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


async def read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    line, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in rest)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(line, headers, body)


def answering(status: str, headers: str = "", body: bytes = b"") -> Respond:
    async def respond(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return respond


def dripping(beginning: bytes) -> Respond:
    """Sends the beginning, then a byte at a time for as long as somebody listens."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    return respond


@asynccontextmanager
async def endpoint(respond: Respond, tls: ssl.SSLContext | None = None) -> AsyncIterator[Endpoint]:
    stranger = Endpoint(respond)
    server = await asyncio.start_server(stranger.welcome, "127.0.0.1", 0, ssl=tls)
    stranger.port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield stranger
        finally:
            await stranger.close()


async def send(address: str, secret: str = SECRET, **changes: Any) -> Receipt:
    notice = msgspec.structs.replace(NOTICE, **changes)
    return await send_webhook(notice, address, secret, datetime.now(UTC), LOOPBACK)


async def send_and_fail(address: str, secret: str = SECRET) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failure:
        await send(address, secret)
    return failure.value


# --- what is sent --------------------------------------------------------------------------------


async def test_the_receiver_can_verify_and_read_it() -> None:
    async with endpoint(answering("204 No Content")) as stranger:
        receipt = await send(stranger.url("/hook?key=1"))

    (request,) = stranger.requests
    assert receipt == Receipt("HTTP 204")
    assert request.line == "POST /hook?key=1 HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{stranger.port}"
    assert request.headers["webhook-id"] == "5f0c-1"
    assert Webhook(SECRET).verify(request.body, request.headers) == {
        "type": "taskflow.reminder.triggered.v1",
        "timestamp": "2026-12-31T08:30:00Z",
        "data": {
            "reminder_id": "r-1",
            "task_id": "t-1",
            "user_id": "u-1",
            "title": "Pay rent “ü” \u2028 <b>",
            "notes": "To the new account.",
            "due_at": "2026-12-31T09:00:00Z",
            "due_on": None,
            "timezone": "Europe/Paris",
            "remind_at": "2026-12-31T08:30:00Z",
            "late_by_seconds": 0,
            "link": None,
        },
    }


async def test_a_changed_body_id_or_key_is_noticed() -> None:
    async with endpoint(answering("200 OK")) as stranger:
        await send(stranger.url())

    (request,) = stranger.requests
    forgeries: list[tuple[str, bytes, dict[str, str]]] = [
        (SECRET, request.body.replace(b"rent", b"bill"), request.headers),
        (SECRET, request.body, request.headers | {"webhook-id": "other"}),
        (new_secret(), request.body, request.headers),
    ]
    for secret, body, headers in forgeries:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)


async def test_a_retry_has_the_same_id_and_a_time_and_signature_of_its_own() -> None:
    first = datetime.now(UTC)
    async with endpoint(answering("200 OK")) as stranger:
        for now in (first, first + timedelta(seconds=90)):
            await send_webhook(NOTICE, stranger.url(), SECRET, now, LOOPBACK)

    once, again = (request.headers for request in stranger.requests)
    assert once["webhook-id"] == again["webhook-id"]
    assert int(again["webhook-timestamp"]) == int(once["webhook-timestamp"]) + 90
    assert once["webhook-signature"] != again["webhook-signature"]
    for request in stranger.requests:
        Webhook(SECRET).verify(request.body, request.headers)


async def test_a_time_in_another_zone_signs_the_same_instant() -> None:
    now = datetime.now(UTC).astimezone(timezone(timedelta(hours=13)))
    async with endpoint(answering("200 OK")) as stranger:
        await send_webhook(NOTICE, stranger.url(), SECRET, now, LOOPBACK)

    (request,) = stranger.requests
    assert int(request.headers["webhook-timestamp"]) == int(now.timestamp())
    Webhook(SECRET).verify(request.body, request.headers)


async def test_while_a_secret_rotates_both_verify() -> None:
    old, new = new_secret(), new_secret()
    async with endpoint(answering("200 OK")) as stranger:
        await send(stranger.url(), f"{new} {old}")

    (request,) = stranger.requests
    for secret in (old, new):
        Webhook(secret).verify(request.body, request.headers)
    assert request.headers["webhook-signature"].count("v1,") == 2


def test_a_new_secret_is_32_random_bytes() -> None:
    made = {new_secret() for _ in range(50)}

    assert len(made) == 50
    assert {len(base64.b64decode(each.removeprefix("whsec_"), validate=True)) for each in made} == {
        32
    }


@pytest.mark.parametrize("secret", ["", " ", "whsec_", "whsec_!!!", "whsec_abc", "whsec_é"])
async def test_a_secret_that_is_none_sends_nothing(secret: str) -> None:
    async with endpoint(answering("200 OK")) as stranger:
        failure = await send_and_fail(stranger.url(), secret)

    assert failure.permanent
    assert stranger.connections == 0


# --- what is answered ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "299 Fine"])
async def test_2xx_is_success(status: str) -> None:
    async with endpoint(answering(status)) as stranger:
        receipt = await send(stranger.url())

    assert receipt.provider_id == f"HTTP {status[:3]}"


@pytest.mark.parametrize(
    "status", [304, 400, 401, 403, 404, 405, 408, 409, 413, 422, 425, 429, 500, 502, 503, 504, 599]
)
async def test_any_other_status_is_worth_another_try(status: int) -> None:
    body = b"because\r\n\x1b[31mof that"
    async with endpoint(answering(f"{status} No", "", body if status != 304 else b"")) as stranger:
        failure = await send_and_fail(stranger.url("/hook/geheim"))

    assert (failure.permanent, failure.retry_after) == (False, None)
    assert f"127.0.0.1 answered {status}" in failure.reason
    assert status == 304 or "because [31mof that" in failure.reason
    assert "geheim" not in failure.reason
    assert stranger.connections == 1


async def test_gone_is_for_good() -> None:
    async with endpoint(answering("410 Gone", "Retry-After: 5\r\n")) as stranger:
        failure = await send_and_fail(stranger.url())

    assert failure.permanent
    assert "gone" in failure.reason


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temp", "308 Perm"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    async with endpoint(answering("200 OK")) as inside:
        location = f"Location: {inside.url('/latest/meta-data')}\r\n"
        async with endpoint(answering(status, location)) as stranger:
            failure = await send_and_fail(stranger.url())

    assert not failure.permanent
    assert "Redirects are not followed" in failure.reason
    assert (stranger.connections, inside.connections) == (1, 0)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_a_wait_that_is_asked_for_is_reported(status: str) -> None:
    async with endpoint(answering(status, "Retry-After: 120\r\n")) as stranger:
        failure = await send_and_fail(stranger.url())

    assert (failure.permanent, failure.retry_after) == (False, 120.0)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("", None),
        ("0", 0.0),
        ("7", 7.0),
        ("999999999", 6 * 3600.0),
        ("9999999999", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("Thu, 31 Dec 2026 08:02:00 GMT", 120.0),
        ("Thu, 31 Dec 2026 09:02:00 +0100", 120.0),
        ("Thu, 31 Dec 2026 08:02:00", 120.0),
        ("Thu, 31 Dec 2026 07:00:00 GMT", 0.0),
        ("Thu, 31 Dec 2099 08:00:00 GMT", 6 * 3600.0),
        ("Thu, 31 Dec 99999999999999999999 08:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(text: str, wait: float | None) -> None:
    assert outward.read_retry_after(text, datetime(2026, 12, 31, 8, tzinfo=UTC)) == wait


@given(text=st.text() | st.text(alphabet="0123456789 :,+-JanFriGMT"))
def test_no_retry_after_leaves_the_bounds(text: str) -> None:
    wait = outward.read_retry_after(text, datetime(2026, 12, 31, 8, tzinfo=UTC))

    assert wait is None or 0 <= wait <= outward.RETRY_AFTER_SECONDS


# --- servers that stall --------------------------------------------------------------------------


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: "])
async def test_an_answer_that_never_comes_is_given_up(
    beginning: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outward, "TOTAL_SECONDS", 0.3)
    stall = dripping(beginning) if beginning else silent
    async with endpoint(stall) as stranger:
        failure = await send_and_fail(stranger.url())
        if beginning:
            await asyncio.wait_for(stranger.left.wait(), 10)

    assert not failure.permanent
    assert "did not answer within" in failure.reason
    assert len(stranger.requests) == 1


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("status", "outcome"), [("200 OK", "taken"), ("500 No", "again"), ("410 Gone", "permanent")]
)
async def test_a_body_that_drips_changes_nothing_about_the_status(
    status: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outward, "ANSWER_SECONDS", 0.1)
    head = f"HTTP/1.1 {status}\r\nContent-Length: 1000000\r\n\r\n".encode()
    async with endpoint(dripping(head)) as stranger:
        try:
            await send(stranger.url())
            seen = "taken"
        except DeliveryFailed as failure:
            seen = "permanent" if failure.permanent else "again"
        await asyncio.wait_for(stranger.left.wait(), 10)

    assert seen == outcome


@pytest.mark.parametrize("status", ["200 OK", "500 No"])
async def test_a_huge_body_is_not_read(status: str) -> None:
    written = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        while written < 1 << 30:
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            written += 65536
            await writer.drain()

    async with endpoint(flood) as stranger:
        try:
            seen = (await send(stranger.url())).provider_id
        except DeliveryFailed as failure:
            seen = failure.reason
        await asyncio.wait_for(stranger.left.wait(), 10)

    assert status[:3] in seen
    assert len(seen) < 500
    assert written < 1 << 26


async def test_a_compressed_bomb_is_not_unpacked() -> None:
    headers = "Content-Encoding: gzip\r\n"
    bomb = gzip.compress(b"bomb" * 100_000)
    async with endpoint(answering("500 No", headers, bomb)) as stranger:
        failure = await send_and_fail(stranger.url())

    assert "500" in failure.reason
    assert "bombbomb" not in failure.reason
    assert stranger.requests[0].headers["accept-encoding"] == "identity"


async def test_endless_headers_end_it() -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: " + b"x" * 8000 + b"\r\n")
            await writer.drain()

    async with endpoint(flood) as stranger:
        failure = await send_and_fail(stranger.url())
        await asyncio.wait_for(stranger.left.wait(), 10)

    assert not failure.permanent
    assert "cannot be reached" in failure.reason


async def test_a_closed_door_is_worth_another_try() -> None:
    async with endpoint(answering("200 OK")) as stranger:
        pass

    failure = await send_and_fail(stranger.url())

    assert not failure.permanent
    assert "127.0.0.1 cannot be reached" in failure.reason


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 2", b"SSH-2.0-OpenSSH_9\r\n"])
async def test_an_answer_that_is_no_answer_is_not_asked_for_elsewhere(
    beginning: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        await writer.drain()

    async with endpoint(hang_up) as stranger:
        resolve_with(Names(["127.0.0.1", "127.0.0.2"]), monkeypatch)
        failure = await send_and_fail(stranger.url(host="two.example"))

    assert not failure.permanent
    assert stranger.connections == 1
    assert "connection attempts failed" not in failure.reason


# --- where it is sent ----------------------------------------------------------------------------


class Names:
    """A resolver whose answer changes each time it is asked, as a rebinding one does."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def getaddrinfo(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        return [(0, 0, 0, "", (each, port)) for each in self.answers[len(self.asked) - 1]]


def resolve_with(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.getaddrinfo)


async def test_a_private_address_is_refused_for_good() -> None:
    async with endpoint(answering("200 OK")) as stranger:
        with pytest.raises(DeliveryFailed, match="not public") as failure:
            await send_webhook(NOTICE, stranger.url("/geheim"), SECRET, datetime.now(UTC), ())

    assert failure.value.permanent
    assert "geheim" not in failure.value.reason
    assert stranger.connections == 0


async def test_a_name_without_an_address_is_worth_another_try() -> None:
    failure = await send_and_fail("https://nowhere.invalid/hook")

    assert not failure.permanent


async def test_the_name_is_resolved_once_and_only_that_address_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with endpoint(answering("200 OK")) as stranger:
        resolve_with(names, monkeypatch)
        await send(stranger.url(host="rebind.example"))

    assert names.asked == ["rebind.example"]
    (request,) = stranger.requests
    assert request.headers["host"] == f"rebind.example:{stranger.port}"


async def test_a_name_that_turned_private_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with endpoint(answering("200 OK")) as stranger:
        resolve_with(names, monkeypatch)
        await send(stranger.url(host="rebind.example"))
        failure = await send_and_fail(stranger.url(host="rebind.example"))

    assert failure.permanent
    assert stranger.connections == 1


async def test_a_dead_address_leads_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async with endpoint(answering("200 OK")) as stranger:
        resolve_with(Names(["127.0.0.2", "127.0.0.1"]), monkeypatch)
        await send(stranger.url(host="two.example"))

    assert len(stranger.requests) == 1


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with endpoint(answering("200 OK")) as proxy, endpoint(answering("200 OK")) as stranger:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url(""))
        await send(stranger.url())

    assert (proxy.connections, stranger.connections) == (0, 1)


# --- TLS -----------------------------------------------------------------------------------------


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for one name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(encoding))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(encoding, *plain))
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def asked_names() -> list[str | None]:
    """The names that TLS clients asked for at the server of `tls_for_hooks`."""
    return []


@pytest.fixture
def tls_for_hooks(
    tmp_path: Path, asked_names: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ssl.SSLContext]:
    """A server context for hooks.example whose certificate TaskFlow trusts during the test."""
    certificate, key = make_certificate(tmp_path, "hooks.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda _socket, name, _context: asked_names.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    outward._trust.cache_clear()
    yield context
    outward._trust.cache_clear()


async def test_tls_asks_for_and_verifies_the_name_at_the_pinned_address(
    tls_for_hooks: ssl.SSLContext,
    asked_names: list[str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with endpoint(answering("204 No"), tls_for_hooks) as stranger:
        resolve_with(Names(["127.0.0.1"]), monkeypatch)
        receipt = await send(stranger.url(host="hooks.example", scheme="https"))

    assert receipt.provider_id == "HTTP 204"
    assert asked_names == ["hooks.example"]
    assert stranger.requests[0].headers["host"] == f"hooks.example:{stranger.port}"


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
async def test_a_certificate_for_another_name_gets_nothing(
    host: str, tls_for_hooks: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with endpoint(answering("204 No"), tls_for_hooks) as stranger:
        resolve_with(Names(["127.0.0.1"]), monkeypatch)
        failure = await send_and_fail(stranger.url(host=host, scheme="https"))

    assert not failure.permanent
    assert "certificate" in failure.reason
    assert stranger.requests == []
