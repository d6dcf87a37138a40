"""Mails handed in: connections that are kept, and servers that refuse, stall and vanish."""

import asyncio
import email
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from taskflow import smtp
from taskflow.mail import DeliveryFailed, compose_letter
from taskflow.smtp import Mailer, SmtpServer, read_smtp_url, send_mail
from tests.taskflow.test_mail import SENDER, compose, letter

# --- the outbox ----------------------------------------------------------------------------------


async def test_without_a_server_the_mail_is_a_file(tmp_path: Path) -> None:
    outbox = tmp_path / "data" / "outbox"

    receipts = [await send_mail(compose(), "", outbox), await send_mail(compose(), "", outbox)]

    assert [receipt.provider_id for receipt in receipts] == ["<0197-abc@taskflow.example>"] * 2
    assert [path.name for path in outbox.iterdir()] == ["0197-abc.eml"]
    filed = email.message_from_bytes((outbox / "0197-abc.eml").read_bytes(), policy=policy.default)
    assert filed["Subject"] == "Pay rent"


async def test_an_outbox_that_cannot_be_written_fails_for_now(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file, not a folder")

    with pytest.raises(DeliveryFailed, match=r"0197-abc.*TASKFLOW_SMTP") as failure:
        await send_mail(compose(), "", tmp_path / "outbox")

    assert not failure.value.permanent


# --- the address of the server -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password", "tls"),
    [
        ("smtp://mail.example", "mail.example", 587, None, None, False),
        ("smtp://mail.example:25/", "mail.example", 25, None, None, False),
        ("smtps://mail.example", "mail.example", 465, None, None, True),
        ("smtps://u:p@mail.example:465", "mail.example", 465, "u", "p", True),
        ("smtp://a%40b.c:p%3A%2F%3F%23%25%20%C3%A9@h:1", "h", 1, "a@b.c", "p:/?#% é", False),
        ("smtp://[::1]:2525", "::1", 2525, None, None, False),
    ],
)
def test_an_smtp_url_is_read(
    url: str, host: str, port: int, user: str | None, password: str | None, tls: bool
) -> None:
    read = read_smtp_url(url)

    assert read == SmtpServer(host=host, port=port, user=user, password=password, tls=tls)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example:25",
        "http://mail.example",
        "smtp://",
        "smtp://:25",
        "smtp://u:geheim@mail.example:port",
        "smtp://u:geheim@mail.example:70000",
        "smtp://u:geheim@mail.example:0",
        "smtp://u:geheim/x@mail.example:25",
        "smtp://u:geheim#x@mail.example:25",
        "smtp://mail.example/path",
        "smtp://[::1",
    ],
)
async def test_a_wrong_smtp_url_is_told_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(DeliveryFailed, match="TASKFLOW_SMTP") as failure:
        await send_mail(compose(), url, tmp_path)

    assert not failure.value.permanent
    assert "geheim" not in failure.value.reason


# --- a real server -------------------------------------------------------------------------------


@dataclass
class Postbox:
    """An aiosmtpd handler that keeps mails, or answers RCPT or DATA as it is told."""

    at_recipient: str = "250 OK"
    at_data: str = "250 queued as 4711"
    taken: list[Envelope] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.at_recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.at_data.startswith("250"):
            self.taken.append(envelope)
        return self.at_data

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == "p:/ é".encode(), handled=False)


@asynccontextmanager
async def listening(protocol: Callable[[], asyncio.Protocol]) -> AsyncIterator[str]:
    """Serves on a free port of the loopback; gives `host:port`."""
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def serve_postbox(postbox: Postbox, **options: Any) -> Any:
    loop = asyncio.get_running_loop()
    return listening(lambda: SMTP(postbox, loop=loop, enable_SMTPUTF8=True, **options))


async def test_a_server_takes_the_mail(tmp_path: Path) -> None:
    postbox = Postbox()
    async with serve_postbox(postbox) as at:
        receipt = await send_mail(compose("Pay rent ü"), f"smtp://{at}", tmp_path)

    (envelope,) = postbox.taken
    assert receipt.provider_id == "queued as 4711"
    assert (envelope.mail_from, envelope.rcpt_tos) == (
        "tasks@taskflow.example",
        ["ann@example.com"],
    )
    assert isinstance(envelope.content, bytes)
    sent = email.message_from_bytes(envelope.content, policy=policy.default)
    assert (sent["Subject"], sent["Message-ID"]) == ("Pay rent ü", "<0197-abc@taskflow.example>")
    assert list(tmp_path.iterdir()) == []


async def test_a_dot_alone_on_a_line_does_not_end_the_mail(tmp_path: Path) -> None:
    postbox = Postbox()
    smuggled = "a\r\n.\r\nMAIL FROM:<x@example.com>\r\n..b\n"
    async with serve_postbox(postbox) as at:
        message = compose_letter(letter(text=smuggled), SENDER, "ann@example.com")
        await send_mail(message, f"smtp://{at}", tmp_path)

    (envelope,) = postbox.taken
    assert isinstance(envelope.content, bytes)
    sent = email.message_from_bytes(envelope.content, policy=policy.default)
    assert sent.get_content() == "a\r\n.\r\nMAIL FROM:<x@example.com>\r\n..b\r\n"


async def test_an_international_recipient_is_reached(tmp_path: Path) -> None:
    postbox = Postbox()
    async with serve_postbox(postbox) as at:
        await send_mail(compose(recipient="jörg@example.com"), f"smtp://{at}", tmp_path)

    assert [envelope.rcpt_tos for envelope in postbox.taken] == [["jörg@example.com"]]


async def test_user_and_password_are_decoded_and_used(tmp_path: Path) -> None:
    postbox = Postbox()
    options = {"authenticator": postbox.authenticate, "auth_require_tls": False}
    async with serve_postbox(postbox, **options) as at:
        await send_mail(compose(), f"smtp://us%40er:p%3A%2F%20%C3%A9@{at}", tmp_path)

    assert len(postbox.taken) == 1
    assert postbox.logins == [(b"us@er", "p:/ é".encode())]


async def test_a_refused_login_waits_for_a_better_password(tmp_path: Path) -> None:
    postbox = Postbox()
    options = {"authenticator": postbox.authenticate, "auth_require_tls": False}
    async with serve_postbox(postbox, **options) as at:
        with pytest.raises(DeliveryFailed, match="535") as failure:
            await send_mail(compose(), f"smtp://user:geheim@{at}", tmp_path)

    assert not failure.value.permanent
    assert "geheim" not in failure.value.reason
    assert postbox.taken == []


@pytest.mark.parametrize(
    ("postbox", "answer", "permanent"),
    [
        (Postbox(at_recipient="550 5.1.1 no such user"), "550 5.1.1 no such user", True),
        (Postbox(at_recipient="553 not a mailbox"), "553 not a mailbox", True),
        (Postbox(at_recipient="450 mailbox busy"), "450 mailbox busy", False),
        (Postbox(at_recipient="451 4.7.1 greylisted"), "451 4.7.1 greylisted", False),
        (Postbox(at_recipient="530 5.7.0 log in first"), "530 5.7.0 log in first", False),
        (Postbox(at_data="554 looks like spam"), "554 looks like spam", True),
        (Postbox(at_data="552 too big"), "552 too big", True),
        (Postbox(at_data="452 disk full"), "452 disk full", False),
    ],
)
async def test_a_refusal_is_as_lasting_as_its_code(
    postbox: Postbox, answer: str, permanent: bool, tmp_path: Path
) -> None:
    async with serve_postbox(postbox) as at:
        with pytest.raises(DeliveryFailed, match=answer) as failure:
            await send_mail(compose(), f"smtp://{at}", tmp_path)

    assert failure.value.permanent is permanent
    assert at in failure.value.reason
    assert postbox.taken == []


async def test_a_server_without_smtputf8_cannot_take_an_international_recipient(
    tmp_path: Path,
) -> None:
    async with serve_scripted(Scripted()) as at:
        with pytest.raises(DeliveryFailed, match="SMTPUTF8") as failure:
            await send_mail(compose(recipient="jörg@example.com"), f"smtp://{at}", tmp_path)

    assert failure.value.permanent


async def test_a_refused_connection_fails_for_now(tmp_path: Path) -> None:
    async with listening(asyncio.Protocol) as at:
        pass

    with pytest.raises(DeliveryFailed, match=at) as failure:
        await send_mail(compose(), f"smtp://{at}", tmp_path)

    assert not failure.value.permanent


# --- a server that misbehaves --------------------------------------------------------------------


@dataclass
class Scripted:
    """What an SMTP server says to each command; None hangs up, an empty line is silence."""

    says: dict[str, str | None] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)

    def answer(self, command: str) -> str | None:
        self.heard.append(command)
        usual = {"DATA": "354 go on", "HELLO": "220 ready", "QUIT": "221 bye"}
        return self.says.get(command, usual.get(command, "250 OK"))


class ScriptedProtocol(asyncio.Protocol):
    """Reads commands, then after DATA a letter up to its dot, and answers by the script."""

    def __init__(self, script: Scripted) -> None:
        self.script = script
        self.pending = b""
        self.in_letter = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.say("HELLO")

    def data_received(self, data: bytes) -> None:
        self.pending += data
        end = b"\r\n.\r\n" if self.in_letter else b"\r\n"
        while end in self.pending:
            line, _, self.pending = self.pending.partition(end)
            self.say("LETTER" if self.in_letter else line.decode().split()[0].upper())
            end = b"\r\n.\r\n" if self.in_letter else b"\r\n"

    def say(self, command: str) -> None:
        answer = self.script.answer(command)
        self.in_letter = command == "DATA" and (answer or "").startswith("354")
        if answer is None:
            self.transport.close()
        elif answer:
            self.transport.write(answer.encode() + b"\r\n")


def serve_scripted(script: Scripted) -> Any:
    return listening(lambda: ScriptedProtocol(script))


@pytest.mark.parametrize("at_quit", [None, "421 closing", "500 what"])
async def test_a_letter_once_taken_is_not_lost_by_a_rude_goodbye(
    at_quit: str | None, tmp_path: Path
) -> None:
    script = Scripted({"LETTER": "250 taken", "QUIT": at_quit})
    async with serve_scripted(script) as at:
        receipt = await send_mail(compose(), f"smtp://{at}", tmp_path)

    assert receipt.provider_id == "taken"
    assert script.heard.count("LETTER") == 1


async def test_a_silent_goodbye_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "FAREWELL_SECONDS", 0.1)
    async with serve_scripted(Scripted({"QUIT": ""})) as at:
        receipt = await send_mail(compose(), f"smtp://{at}", tmp_path)

    assert receipt.provider_id == "OK"


@pytest.mark.parametrize(
    ("says", "last"),
    [
        ({"HELLO": "554 no service"}, "HELLO"),
        ({"HELLO": None}, "HELLO"),
        ({"HELLO": "not smtp"}, "HELLO"),
        ({"MAIL": "553 this sender is not yours"}, "MAIL"),
        ({"MAIL": "421 shutting down"}, "MAIL"),
        ({"RCPT": None}, "RCPT"),
        ({"DATA": "421 shutting down"}, "DATA"),
        ({"LETTER": None}, "LETTER"),
    ],
)
async def test_trouble_that_is_not_the_recipients_fails_for_now(
    says: dict[str, str | None], last: str, tmp_path: Path
) -> None:
    script = Scripted(says)
    async with serve_scripted(script) as at:
        with pytest.raises(DeliveryFailed, match="did not take") as failure:
            await send_mail(compose(), f"smtp://{at}", tmp_path)

    assert not failure.value.permanent
    assert last in script.heard


@pytest.mark.parametrize("silent_at", ["HELLO", "EHLO", "MAIL", "LETTER"])
@pytest.mark.parametrize("limit", ["STEP_SECONDS", "TOTAL_SECONDS"])
async def test_a_silent_server_is_left(
    silent_at: str, limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("STEP_SECONDS", "TOTAL_SECONDS"):
        monkeypatch.setattr(smtp, each, 0.2 if each == limit else 3600)
    monkeypatch.setattr(smtp, "FAREWELL_SECONDS", 0.1)
    script = Scripted({silent_at: ""})
    async with serve_scripted(script) as at:
        with pytest.raises(DeliveryFailed) as failure:
            await send_mail(compose(), f"smtp://{at}", tmp_path)

    assert not failure.value.permanent
    assert silent_at in script.heard


async def test_tls_is_used_when_offered_and_the_password_waits_for_it(tmp_path: Path) -> None:
    script = Scripted({"EHLO": "250-hi\r\n250-STARTTLS\r\n250 AUTH PLAIN", "STARTTLS": "454 later"})
    async with serve_scripted(script) as at:
        with pytest.raises(DeliveryFailed, match="454") as failure:
            await send_mail(compose(), f"smtp://user:password@{at}", tmp_path)

    assert not failure.value.permanent
    assert "STARTTLS" in script.heard
    assert not {"AUTH", "MAIL"} & set(script.heard)


async def test_smtps_never_speaks_in_the_clear(tmp_path: Path) -> None:
    script = Scripted()
    async with serve_scripted(script) as at:
        with pytest.raises(DeliveryFailed) as failure:
            await send_mail(compose(), f"smtps://user:password@{at}", tmp_path)

    assert not failure.value.permanent
    assert not {"EHLO", "AUTH", "MAIL"} & set(script.heard)


# --- connections that are kept -------------------------------------------------------------------


async def hand_in(mailer: Mailer, at: str, count: int = 1) -> None:
    for _ in range(count):
        await mailer.send(compose(), f"smtp://{at}", Path("unused"))


async def test_a_connection_is_kept_for_the_next_mail() -> None:
    script, mailer = Scripted(), Mailer()
    async with serve_scripted(script) as at:
        await hand_in(mailer, at, 3)
        await mailer.close()

    assert script.heard == ["HELLO", "EHLO", *["MAIL", "RCPT", "DATA", "LETTER"] * 3, "QUIT"]


async def test_a_kept_connection_is_left_when_nothing_more_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp, "IDLE_SECONDS", 0.05)
    script, mailer = Scripted(), Mailer()
    async with serve_scripted(script) as at:
        await hand_in(mailer, at)
        async with asyncio.timeout(10):
            while "QUIT" not in script.heard:
                await asyncio.sleep(0.01)
        await mailer.close()

    assert script.heard.count("QUIT") == 1


async def test_a_connection_takes_so_many_mails_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp, "MOST_MAILS", 2)
    script, mailer = Scripted(), Mailer()
    async with serve_scripted(script) as at:
        await hand_in(mailer, at, 5)
        await mailer.close()

    assert script.heard.count("HELLO") == 3
    assert script.heard.count("LETTER") == 5


@pytest.mark.parametrize("says", [None, "421 4.4.2 you were silent for too long"])
async def test_a_kept_connection_that_is_gone_costs_no_mail(says: str | None) -> None:
    """Nothing has happened before the sender is taken, so another connection may be tried."""
    script, mailer = Scripted(), Mailer()
    async with serve_scripted(script) as at:
        await hand_in(mailer, at)
        script.says = {"MAIL": says}
        mending = asyncio.create_task(hand_in(mailer, at))
        async with asyncio.timeout(10):
            while script.heard.count("MAIL") < 2:
                await asyncio.sleep(0)
            script.says = {}
            await mending
        await mailer.close()

    assert script.heard.count("LETTER") == 2


async def test_a_letter_whose_answer_was_lost_is_not_repeated_here() -> None:
    """It may have been taken: whether it comes again is for the ledger of deliveries to say."""
    script, mailer = Scripted(), Mailer()
    async with serve_scripted(script) as at:
        await hand_in(mailer, at)
        script.says = {"LETTER": None}
        with pytest.raises(DeliveryFailed):
            await hand_in(mailer, at)
        await mailer.close()

    assert script.heard.count("LETTER") == 2


async def test_a_refused_mail_is_forgotten_and_the_connection_kept() -> None:
    script, mailer = Scripted({"RCPT": "550 nobody here"}), Mailer()
    async with serve_scripted(script) as at:
        with pytest.raises(DeliveryFailed, match="nobody here"):
            await hand_in(mailer, at)
        script.says = {}
        await hand_in(mailer, at)
        await mailer.close()

    assert script.heard.count("HELLO") == 1
    assert script.heard[4:6] == ["RSET", "MAIL"]
