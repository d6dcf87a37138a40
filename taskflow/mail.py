"""Writing a letter and handing it to an SMTP server or the outbox folder; apart from what letters
say, because reminders and the gateway's confirmations leave by the same door.
"""

import asyncio
import os
import quopri
import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from email import policy
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from taskflow.errors import TaskFlowError

if TYPE_CHECKING:
    from aiosmtplib import SMTP, SMTPResponseException

STEP_SECONDS = 15
# Below the 60 s lease of a delivery: a letter is never still on its way when another worker starts.
TOTAL_SECONDS = 45
FAREWELL_SECONDS = 2
SUBJECT_CHARACTERS = 200
LINE_CHARACTERS = 990
ANSWER_CHARACTERS = 200
# RFC 4954, section 6: the server wants other credentials, whatever the letter.
AUTHENTICATION_CODES = frozenset({530, 534, 535, 538})

# 7bit: no server needs 8BITMIME to take our letters. What we wrote raw stays as it is: folded anew,
# a long address would become encoded words, which no mail program reads as one.
_ASCII_POLICY = policy.SMTP.clone(cte_type="7bit", refold_source="none")
_UTF8_POLICY = policy.SMTPUTF8.clone(cte_type="7bit", refold_source="none")
_LOCAL_PART = re.compile(r"[^\s\x00-\x20\x7f<>@\",;:\\()\[\]]{1,64}")
_DOMAIN = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)
_LETTER_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LINE_END = re.compile(r"\r\n|\r|\n")
_MESSAGE_ID = re.compile(r"<([A-Za-z0-9_-]{1,128})@[^<>@\s]+>")


class Receipt(Struct, frozen=True):
    """What the other side said when it took a delivery; its own id where it gives one."""

    provider_id: str


class DeliveryFailed(TaskFlowError):
    """A delivery that was not taken; `permanent` when the same attempt can never succeed.

    `retry_after` is the wait in seconds that the other side asked for, if it did; `gone` says that
    the other side will never take anything again, `personal` that it is about this recipient or
    letter alone: others may be taken.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool,
        retry_after: float | None = None,
        gone: bool = False,
        personal: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after = retry_after
        self.gone = gone
        self.personal = personal


class Attachment(Struct, frozen=True, kw_only=True):
    """A file of text in a letter; `kind` is its subtype below text/, with `parameters`."""

    name: str
    kind: str
    text: str
    parameters: dict[str, str] = {}


class Letter(Struct, frozen=True, kw_only=True):
    """What a mail says. `id` names it for good: the same id twice is the same letter, repeated.

    `leave` is the address where one POST ends such letters (RFC 8058).
    """

    id: str
    subject: str
    text: str
    html: str | None = None
    written_at: datetime
    leave: str | None = None
    attachments: list[Attachment] = []


class SmtpServer(Struct, frozen=True, kw_only=True):
    """Where letters are handed in; `tls` is TLS from the first byte, else STARTTLS when offered."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls: bool


def compose_letter(letter: Letter, sender: str, recipient: str) -> EmailMessage:
    """A mail ready to send; `sender` and `recipient` are `user@host` or `Name <user@host>`.

    Raises ValueError for an address or a letter id that cannot stand in a header.
    """
    if not _LETTER_ID.fullmatch(letter.id):
        raise ValueError(f"The letter id {letter.id!r} is no name: use letters, digits, - and _.")
    origin, target = read_mailbox(sender), read_mailbox(recipient)
    ascii_only = (origin.username + target.username).isascii()
    message = EmailMessage(policy=_ASCII_POLICY if ascii_only else _UTF8_POLICY)
    message["From"], message["To"] = origin, target
    message.set_raw("Subject", _encode_subject(letter.subject))
    message["Date"] = format_datetime(letter.written_at)
    message["Message-ID"] = f"<{letter.id}@{origin.domain}>"
    # RFC 3834: keeps out-of-office answers away.
    message["Auto-Submitted"] = "auto-generated"
    if letter.leave is not None:
        message.set_raw("List-Unsubscribe", f"<{letter.leave}>")
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    _fill(message, letter)
    return message


class _Part(Struct, frozen=True):
    """A piece of a letter as it goes over the wire: its headers, and its lines ended by CRLF."""

    headers: dict[str, str]
    content: str


def _fill(message: EmailMessage, letter: Letter) -> None:
    """The body, written by hand: through the library's content manager and generator a letter took
    4 ms, most of it reading again what had just been written."""
    body = _write_part(letter.text, "plain")
    if letter.html is not None:
        body = _join_parts("alternative", [body, _write_part(letter.html, "html")])
    if letter.attachments:
        files = [
            _write_part(one.text, one.kind, one.name, one.parameters) for one in letter.attachments
        ]
        body = _join_parts("mixed", [body, *files])
    for name, value in {"MIME-Version": "1.0", **body.headers}.items():
        message.set_raw(name, value)
    message.set_payload(body.content)


def _join_parts(kind: str, parts: Sequence[_Part]) -> _Part:
    """RFC 2046, section 5.1; 128 random bits are a boundary that no text of a person's contains."""
    boundary = f"=_{secrets.token_hex(16)}"
    pieces = [f"--{boundary}\r\n{_write_headers(part)}\r\n{part.content}\r\n" for part in parts]
    headers = {"Content-Type": f'multipart/{kind}; boundary="{boundary}"'}
    return _Part(headers, "".join([*pieces, f"--{boundary}--\r\n"]))


def _write_headers(part: _Part) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in part.headers.items())


def _write_part(
    text: str, kind: str, name: str = "", parameters: Mapping[str, str] | None = None
) -> _Part:
    """Text in UTF-8 as 7-bit lines that every server takes (RFC 2045)."""
    told = {"charset": "utf-8", **(parameters or {})}
    lines = _LINE_END.split(text)
    plain = text.isascii() and max(map(len, lines)) <= LINE_CHARACTERS
    headers = {
        "Content-Type": f"text/{kind}" + "".join(f'; {key}="{each}"' for key, each in told.items()),
        "Content-Transfer-Encoding": "7bit" if plain else "quoted-printable",
    }
    if name:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    body = "\n".join(lines).removesuffix("\n") + "\n"
    written = body if plain else quopri.encodestring(body.encode()).decode("ascii")
    return _Part(headers, written.replace("\n", "\r\n"))


def flatten_line(text: str) -> str:
    """`text` on one line: control characters and line ends become single spaces."""
    breaking = {"Cc", "Cs", "Zl", "Zp"}
    spaced = "".join(" " if unicodedata.category(c) in breaking else c for c in text)
    return " ".join(spaced.split())


def _encode_subject(subject: str) -> str:
    """RFC 2047, folded.

    Assigning the text to `message["Subject"]` would read `=?utf-8?q?a=0D=0ABcc:_b?=` as an encoded
    word and, before Python 3.11.10, write the line end in it as one: another header.
    """
    line = flatten_line(subject)
    if len(line) > SUBJECT_CHARACTERS:
        line = line[: SUBJECT_CHARACTERS - 1].rstrip() + "…"
    charset = "utf-8" if "=?" in line else None
    return Header(line, charset, header_name="Subject").encode(linesep="\r\n")


def read_mailbox(text: str) -> Address:
    """`user@host` or `Name <user@host>` (RFC 5322 without quoted local parts), host as IDNA.

    Raises ValueError with the reason.
    """
    name, spec = "", text.strip()
    if spec.endswith(">"):
        name, _, spec = spec[:-1].rpartition("<")
        name = name.strip().strip('"')
    local, _, host = spec.rpartition("@")
    domain = _encode_domain(host)
    if not _LOCAL_PART.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise ValueError(f"{text!r} is no mail address: write it like name@example.com.")
    if not name.isprintable() or "=?" in name:
        raise ValueError(f"The name in {text!r} has control characters or =?: leave them out.")
    return Address(name, local, domain)


def _encode_domain(host: str) -> str:
    if host.isascii():
        return host.lower()
    import idna

    return idna.encode(host, uts46=True).decode("ascii")


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


async def send_mail(message: EmailMessage, smtp: str | None, outbox: Path) -> Receipt:
    """Hands the mail to the SMTP server at the URL `smtp`, or without one writes it to `outbox`.

    Raises DeliveryFailed. A 5xx about the recipient or the letter is permanent; one about
    ourselves (greeting, log-in, sender) and a wrong URL are matters of setup, so the letter waits.
    If the server takes the letter but its answer is lost, the repeat has the same Message-ID.
    """
    if not smtp:
        return await asyncio.to_thread(_write_to_outbox, message, outbox)
    try:
        server = read_smtp_url(smtp)
    except ValueError as error:
        raise DeliveryFailed(str(error), permanent=False) from error
    return await _submit(message, server)


def _write_to_outbox(message: EmailMessage, outbox: Path) -> Receipt:
    name = _MESSAGE_ID.fullmatch(str(message["Message-ID"]))
    if name is None:
        raise ValueError("The mail has no Message-ID to be filed by: use compose_letter.")
    path = outbox / f"{name[1]}.eml"
    try:
        outbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace_file(path, message.as_bytes())
    except OSError as error:
        reason = f"The mail cannot be written to {path}: {error.strerror}. Mend that folder"
        raise DeliveryFailed(f"{reason} or set TASKFLOW_SMTP.", permanent=False) from error
    return Receipt(str(message["Message-ID"]))


def _replace_file(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


async def _submit(message: EmailMessage, server: SmtpServer) -> Receipt:
    # Imported here: a fifth of a second that a cold start without mails need not pay.
    from aiosmtplib import SMTP, SMTPException

    client = SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.tls,
        timeout=STEP_SECONDS,
    )
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            await client.connect()
            answer = await _hand_in(client, message)
    except (SMTPException, OSError, ValueError) as error:
        raise _explain_failure(error, f"{server.host}:{server.port}") from error
    finally:
        await _leave(client)
    return Receipt(flatten_line(answer)[:ANSWER_CHARACTERS] or str(message["Message-ID"]))


async def _hand_in(client: "SMTP", message: EmailMessage) -> str:
    sender = message["From"].addresses[0].addr_spec
    recipient = message["To"].addresses[0].addr_spec
    international = not (sender + recipient).isascii()
    options = ["SMTPUTF8"] if international else []
    _, answer = await client.sendmail(sender, [recipient], message.as_bytes(), mail_options=options)
    return answer


async def _leave(client: "SMTP") -> None:
    """Says goodbye; how the server takes it changes nothing about a letter that it has taken."""
    from aiosmtplib import SMTPException

    with suppress(SMTPException, OSError):
        if client.is_connected:
            await client.quit(timeout=FAREWELL_SECONDS)
    client.close()


def _explain_failure(error: Exception, server: str) -> DeliveryFailed:
    from aiosmtplib import (
        SMTPNotSupported,
        SMTPRecipientsRefused,
        SMTPResponseException,
    )

    if isinstance(error, SMTPRecipientsRefused):
        error = error.recipients[0]
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


def email_key(email: str) -> str:
    """What makes two spellings of an address one account: NFC and case folding."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).casefold())
