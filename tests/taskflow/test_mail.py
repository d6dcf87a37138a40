"""Letters that nothing in them can forge."""

import email
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow.mail import (
    Letter,
    Mail,
    compose_letter,
    flatten_line,
    read_mailbox,
)

SENDER = "TaskFlow <tasks@taskflow.example>"
HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
]


def letter(subject: str = "Pay rent", text: str = "Due today\n", html: str | None = None) -> Letter:
    written_at = datetime(2026, 12, 31, 8, tzinfo=UTC)
    return Letter(id="0197-abc", subject=subject, text=text, html=html, written_at=written_at)


def compose(subject: str = "Pay rent", recipient: str = "ann@example.com") -> Mail:
    return compose_letter(letter(subject), SENDER, recipient)


def parse(mail: Mail) -> EmailMessage:
    return email.message_from_bytes(mail.content, policy=policy.default)


# --- composing -----------------------------------------------------------------------------------


def test_a_letter_has_what_a_mail_needs() -> None:
    sent = parse(compose_letter(letter(html="<p>Due <b>today</b></p>"), SENDER, "ann@example.com"))

    assert sent["From"] == SENDER
    assert sent["To"] == "ann@example.com"
    assert sent["Subject"] == "Pay rent"
    assert sent["Date"] == "Thu, 31 Dec 2026 08:00:00 +0000"
    assert sent["Message-ID"] == "<0197-abc@taskflow.example>"
    assert sent["Auto-Submitted"] == "auto-generated"
    plain, html = sent.get_body(("plain",)), sent.get_body(("html",))
    assert plain is not None and plain.get_content() == "Due today\r\n"
    assert html is not None and html.get_content() == "<p>Due <b>today</b></p>\r\n"


@pytest.mark.parametrize(
    ("subject", "read"),
    [
        ("a\r\nBcc: x@example.com", "a Bcc: x@example.com"),
        ("a\n\n<html>", "a <html>"),
        ("a\x00\x0b\x1b[31mb\x85c\u2028d", "a [31mb c d"),
        ("=?utf-8?q?a=0D=0ABcc:_x@example.com?=", "=?utf-8?q?a=0D=0ABcc:_x@example.com?="),
        ("=?utf-8?b?DQpCY2M6IHhAZXhhbXBsZS5jb20=?=", "=?utf-8?b?DQpCY2M6IHhAZXhhbXBsZS5jb20=?="),
        ("é\r\n\tBcc: x", "é Bcc: x"),
        ("x" * 500, "x" * 199 + "…"),
        ("日本" * 250, "日本" * 99 + "日…"),
        ("👩‍👩‍👧 買い物", "👩‍👩‍👧 買い物"),
        ("", ""),
    ],
)
def test_a_subject_is_one_line_that_reads_as_written(subject: str, read: str) -> None:
    sent = parse(compose(subject))

    assert sent["Subject"] == read
    assert sent.keys() == HEADERS


@given(
    subject=st.text(max_size=200)
    | st.text(alphabet='äa =?_\r\n,:;"<>@\\()😀q.b', max_size=200)
    | st.lists(st.sampled_from(["=?utf-8?q?", "?=", "=0D=0A", "Bcc: x", "\r\n", " "])).map("".join)
)
def test_no_subject_adds_a_header_or_is_changed(subject: str) -> None:
    message = compose(subject[:199])
    raw = message.content

    assert parse(message).keys() == HEADERS
    assert parse(message)["Subject"] == flatten_line(subject[:199])
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


@pytest.mark.parametrize(
    ("text", "address", "name"),
    [
        ("ann@example.com", "ann@example.com", ""),
        (" ann+tag@Example.COM ", "ann+tag@example.com", ""),
        ("Ann Lee <ann@example.com>", "ann@example.com", "Ann Lee"),
        ('"Lee, Ann" <ann@example.com>', "ann@example.com", "Lee, Ann"),
        ("Jörg <jörg@faß.example>", "jörg@xn--fa-hia.example", "Jörg"),
        ("root@localhost", "root@localhost", ""),
    ],
)
def test_a_mailbox_is_read(text: str, address: str, name: str) -> None:
    mailbox = read_mailbox(text)

    assert (mailbox.addr_spec, mailbox.display_name) == (address, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@example.com, bob@example.com",
        "ann@example.com\r\nBcc: bob@example.com",
        "ann@exam\nple.com",
        "ann\r\n@example.com",
        "ann@a@example.com",
        '"a b"@example.com',
        "a b@example.com",
        "ann@[127.0.0.1]",
        "ann@example..com",
        "ann@-example.com",
        "Ann\r\nBcc: x <ann@example.com>",
        "=?utf-8?q?a=0D=0ABcc:_x?= <ann@example.com>",
        "a" * 65 + "@example.com",
        "ann@" + "a." * 127 + "com",
        "ann@\u2100\u2028.com",
    ],
)
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        compose(recipient=text)


@pytest.mark.parametrize("name", ["", "../etc/passwd", "a b", "a>b", "a\r\nb", "a" * 129])
def test_a_letter_id_that_is_no_name_is_refused(name: str) -> None:
    nameless = Letter(id=name, subject="", text="", written_at=datetime.now(UTC))

    with pytest.raises(ValueError, match="letter id"):
        compose_letter(nameless, SENDER, "ann@example.com")


def test_a_local_part_beyond_ascii_is_written_in_utf8() -> None:
    message = compose(recipient="jörg@example.com")

    assert "To: jörg@example.com".encode() in message.content
