"""Handing mails to an SMTP server or the outbox folder; apart from writing them. Connections are
kept for the next mail: with one for each, greetings and farewells were most of a burst's time.
"""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from taskflow.mail import DeliveryFailed, Mail, Receipt, flatten_line

if TYPE_CHECKING:
    from aiosmtplib import SMTP, SMTPResponseException

STEP_SECONDS = 15
# Below the 60 s lease of a delivery: a letter is never still on its way when another worker starts.
TOTAL_SECONDS = 45
FAREWELL_SECONDS = 2
# Servers drop what is idle after minutes, and many what has brought a hundred mails.
IDLE_SECONDS = 5.0
MOST_MAILS = 100
ANSWER_CHARACTERS = 200
# RFC 4954, section 6: the server wants other credentials, whatever the letter.
AUTHENTICATION_CODES = frozenset({530, 534, 535, 538})


class SmtpServer(Struct, frozen=True, kw_only=True):
    """Where letters are handed in; `tls` is TLS from the first byte, else STARTTLS when offered."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls: bool

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


def read_smtp_url(url: str) -> SmtpServer:
    """`smtp://[user:password@]host[:port]` (port 587) or `smtps://` (port 465); %xx is decoded.

    `smtp://` uses TLS only when the server offers it; `smtps://` insists. Raises ValueError
    with the reason, never with the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(_smtp_url_fault("has no readable host and port")) from error
    if parts.scheme not in ("smtp", "smtps"):
        raise ValueError(_smtp_url_fault("begins with neither smtp:// nor smtps://"))
    if not parts.hostname or port == 0:
        raise ValueError(_smtp_url_fault("names no host, or port 0"))
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(
            _smtp_url_fault("goes on after the port (write / # ? in a password as %xx)")
        )
    tls = parts.scheme == "smtps"
    return SmtpServer(
        host=parts.hostname,
        port=port or (465 if tls else 587),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=tls,
    )


def _smtp_url_fault(reason: str) -> str:
    return f"The SMTP URL {reason}: set TASKFLOW_SMTP to smtp://user:password@host:port."


class Line:
    """A connection to a mail server, and how many mails it has taken."""

    def __init__(self, server: SmtpServer, client: "SMTP") -> None:
        self.server = server
        self.client = client
        self.mails = 0

    async def begin(self, mail: Mail) -> None:
        """Names the sender: the last step at which nothing has happened yet."""
        from aiosmtplib import SMTPNotSupported

        client = self.client
        if mail.is_international and not client.supports_extension("smtputf8"):
            raise SMTPNotSupported("SMTPUTF8 is not supported by this server")
        options = ["SMTPUTF8"] if mail.is_international else []
        if client.supports_extension("size"):
            options.append(f"SIZE={len(mail.content)}")
        encoding = "utf-8" if mail.is_international else "ascii"
        await client.mail(mail.sender, options=options, encoding=encoding)

    async def finish(self, mail: Mail) -> str:
        """What the server said when it took the mail."""
        encoding = "utf-8" if mail.is_international else "ascii"
        await self.client.rcpt(mail.recipient, encoding=encoding)
        response = await self.client.data(mail.content)
        self.mails += 1
        return response.message

    async def reset(self) -> None:
        """Forgets a mail that was refused."""
        from aiosmtplib import SMTPException

        try:
            await self.client.rset()
        except (SMTPException, OSError):
            self.client.close()

    async def leave(self) -> None:
        """Says goodbye; how the server takes it changes nothing about what it has taken."""
        from aiosmtplib import SMTPException

        with suppress(SMTPException, OSError):
            if self.client.is_connected:
                await self.client.quit(timeout=FAREWELL_SECONDS)
        self.client.close()


async def open_line(server: SmtpServer) -> Line:
    """Connects, greets and logs in."""
    # Imported here: a fifth of a second that a cold start without mails need not pay.
    from aiosmtplib import SMTP

    client = SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.tls,
        timeout=STEP_SECONDS,
    )
    try:
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
    except BaseException:
        client.close()
        raise
    return Line(server, client)


class Mailer:
    """Hands mails in, and keeps the connections for the next ones: for seconds, not for good."""

    def __init__(self) -> None:
        self._idle: list[tuple[Line, asyncio.TimerHandle]] = []
        self._leaving: set[asyncio.Task[None]] = set()

    async def send(self, mail: Mail, smtp: str, outbox: Path) -> Receipt:
        """Hands the mail to the SMTP server at the URL `smtp`, or without one writes it to
        `outbox`.

        Raises DeliveryFailed. A 5xx about the recipient or the letter is permanent; one about
        ourselves (greeting, log-in, sender) and a wrong URL are matters of setup, so it waits.
        If the server takes it but its answer is lost, the repeat has the same Message-ID.
        """
        if not smtp:
            return await asyncio.to_thread(_write_to_outbox, mail, outbox)
        try:
            server = read_smtp_url(smtp)
        except ValueError as error:
            raise DeliveryFailed(str(error), permanent=False) from error
        return await self._submit(mail, server)

    async def _submit(self, mail: Mail, server: SmtpServer) -> Receipt:
        from aiosmtplib import SMTPException

        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                answer = await self._hand_in(mail, server)
        except (SMTPException, OSError, ValueError) as error:
            raise _explain_failure(error, server.name) from error
        return Receipt(flatten_line(answer)[:ANSWER_CHARACTERS] or mail.message_id)

    async def _hand_in(self, mail: Mail, server: SmtpServer) -> str:
        from aiosmtplib import SMTPResponseException

        line = await self._begin(mail, server)
        try:
            return await line.finish(mail)
        except SMTPResponseException:
            await line.reset()
            raise
        except BaseException:
            # Nobody knows what it would say next.
            line.client.close()
            raise
        finally:
            self._put_back(line)

    async def _begin(self, mail: Mail, server: SmtpServer) -> Line:
        """A connection that has taken the sender; of those that were kept, one may be gone."""
        from aiosmtplib import SMTPException

        while (line := self._take(server)) is not None:
            try:
                await line.begin(mail)
                return line
            except (SMTPException, OSError):
                line.client.close()
        line = await open_line(server)
        try:
            await line.begin(mail)
        except BaseException:
            self._let_go(line)
            raise
        return line

    def _take(self, server: SmtpServer) -> Line | None:
        """The connection that was used last: the others may go."""
        while self._idle:
            line, alarm = self._idle.pop()
            alarm.cancel()
            if line.client.is_connected and line.server == server:
                return line
            self._let_go(line)
        return None

    def _put_back(self, line: Line) -> None:
        if not line.client.is_connected or line.mails >= MOST_MAILS:
            return self._let_go(line)
        alarm = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._retire, line)
        self._idle.append((line, alarm))
        return None

    def _retire(self, line: Line) -> None:
        self._idle = [one for one in self._idle if one[0] is not line]
        self._let_go(line)

    def _let_go(self, line: Line) -> None:
        leaving = asyncio.create_task(line.leave())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Leaves every server."""
        for line, alarm in self._idle:
            alarm.cancel()
            self._let_go(line)
        self._idle = []
        await asyncio.gather(*self._leaving)


async def send_mail(mail: Mail, smtp: str, outbox: Path) -> Receipt:
    """One mail that others do not follow, as `Mailer.send` does it."""
    mailer = Mailer()
    try:
        return await mailer.send(mail, smtp, outbox)
    finally:
        await mailer.close()


def _write_to_outbox(mail: Mail, outbox: Path) -> Receipt:
    path = outbox / f"{mail.id}.eml"
    try:
        outbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace_file(path, mail.content)
    except OSError as error:
        reason = f"The mail cannot be written to {path}: {error.strerror}. Mend that folder"
        raise DeliveryFailed(f"{reason} or set TASKFLOW_SMTP.", permanent=False) from error
    return Receipt(mail.message_id)


def _replace_file(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _explain_failure(error: Exception, server: str) -> DeliveryFailed:
    from aiosmtplib import SMTPNotSupported, SMTPResponseException

    if isinstance(error, SMTPResponseException):
        said = f"{error.code} {flatten_line(error.message)[:ANSWER_CHARACTERS]}"
        personal = _is_about_letter(error)
        permanent = personal and error.code >= 500
    else:
        said = flatten_line(str(error))[:ANSWER_CHARACTERS] or "no answer in time"
        permanent, personal = isinstance(error, SMTPNotSupported), False
    way_out = (
        "Correct the address or the mail."
        if permanent
        else "It is tried again; check TASKFLOW_SMTP."
    )
    reason = f"The mail server {server} did not take the mail: {said}. {way_out}"
    return DeliveryFailed(reason, permanent=permanent, personal=personal)


def _is_about_letter(error: "SMTPResponseException") -> bool:
    from aiosmtplib import SMTPDataError, SMTPRecipientRefused

    about = isinstance(error, SMTPRecipientRefused | SMTPDataError)
    return about and error.code not in AUTHENTICATION_CODES
