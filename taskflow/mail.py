"""Writing a letter as it goes over the wire; apart from what letters say, because reminders and the
gateway's confirmations look alike to a mail server, and from handing it in (`smtp.py`).
"""

import quopri
import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime

from msgspec import Struct

from taskflow.errors import TaskFlowError

SUBJECT_CHARACTERS = 200
LINE_CHARACTERS = 990

_LOCAL_PART = re.compile(r"[^\s\x00-\x20\x7f<>@\",;:\\()\[\]]{1,64}")
_DOMAIN = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)
_LETTER_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LINE_END = re.compile(r"\r\n|\r|\n")


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


class Mail(Struct, frozen=True, kw_only=True):
    """A letter as it goes over the wire, and between which addresses. `message_id` is its name in
    angle brackets."""

    id: str
    message_id: str
    sender: str
    recipient: str
    content: bytes

    @property
    def is_international(self) -> bool:
        """Whether an address needs SMTPUTF8 (RFC 6531)."""
        return not (self.sender + self.recipient).isascii()


class _Part(Struct, frozen=True):
    """A piece of a letter as it goes over the wire: its headers, and its lines ended by CRLF."""

    headers: dict[str, str]
    content: str


def compose_letter(letter: Letter, sender: str, recipient: str) -> Mail:
    """A mail ready to send; `sender` and `recipient` are `user@host` or `Name <user@host>`.

    It is written by hand: through the library's headers and generator a letter took 4 ms, most of
    it reading again what had just been written. Raises ValueError for an address or a letter id
    that cannot stand in a header.
    """
    if not _LETTER_ID.fullmatch(letter.id):
        raise ValueError(f"The letter id {letter.id!r} is no name: use letters, digits, - and _.")
    origin, target = read_mailbox(sender), read_mailbox(recipient)
    message_id = f"<{letter.id}@{origin.domain}>"
    body = _write_body(letter)
    headers = {
        "From": _write_mailbox(origin),
        "To": _write_mailbox(target),
        "Subject": _encode_subject(letter.subject),
        "Date": format_datetime(letter.written_at),
        "Message-ID": message_id,
        # RFC 3834: keeps out-of-office answers away.
        "Auto-Submitted": "auto-generated",
        **_offer_leave(letter.leave),
        "MIME-Version": "1.0",
        **body.headers,
    }
    return Mail(
        id=letter.id,
        message_id=message_id,
        sender=origin.addr_spec,
        recipient=target.addr_spec,
        content=f"{_write_headers(_Part(headers, ''))}\r\n{body.content}".encode(),
    )


def _write_mailbox(mailbox: Address) -> str:
    """As it stands in a header; a name with more than ASCII letters as encoded words."""
    if not mailbox.display_name:
        return mailbox.addr_spec
    if mailbox.display_name.isascii():
        return str(mailbox)
    name = Header(mailbox.display_name, "utf-8", header_name="From").encode(linesep="\r\n")
    return f"{name} <{mailbox.addr_spec}>"


def _offer_leave(leave: str | None) -> dict[str, str]:
    if leave is None:
        return {}
    return {
        "List-Unsubscribe": f"<{leave}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _write_body(letter: Letter) -> _Part:
    body = _write_part(letter.text, "plain")
    if letter.html is not None:
        body = _join_parts("alternative", [body, _write_part(letter.html, "html")])
    if letter.attachments:
        files = [
            _write_part(one.text, one.kind, one.name, one.parameters) for one in letter.attachments
        ]
        body = _join_parts("mixed", [body, *files])
    return body


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


def email_key(email: str) -> str:
    """What makes two spellings of an address one account: NFC and case folding."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).casefold())
