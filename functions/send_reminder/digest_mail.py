"""What a daily digest says as a mail."""

from html import escape

from functions.send_reminder.digest import Digest, Line
from functions.send_reminder.notice import Notice
from taskflow.mail import Letter, Mail, compose_letter, flatten_line

WHY = "You chose this digest. Its time, and whether it comes, stand among your reminder settings."
OLDER = "… and older ones"


def compose_digest(notice: Notice, digest: Digest, sender: str, recipient: str) -> Mail:
    """The digest in plain text and HTML. Raises ValueError for an address that is none."""
    sections = _write_sections(digest)
    letter = Letter(
        id=notice.delivery_id,
        subject=f"{notice.title}: {_count(digest)}",
        text=_write_text(sections, notice.link),
        html=_write_html(sections, notice.link),
        written_at=notice.sent_at,
    )
    return compose_letter(letter, sender, recipient)


def _count(digest: Digest) -> str:
    counts = [
        (len(digest.overdue), f"{'+' if digest.cut else ''} overdue"),
        (len(digest.today), " today"),
        (len(digest.tomorrow), " tomorrow"),
    ]
    return ", ".join(f"{count}{words}" for count, words in counts if count)


def _write_sections(digest: Digest) -> list[tuple[str, list[str]]]:
    overdue = [
        f"{one.day:%a} {one.day.day} {one.day:%b} {_write_line(one)}" for one in digest.overdue
    ]
    named = [
        ("Overdue", [OLDER, *overdue] if digest.cut else overdue),
        ("Today", [_write_line(one) for one in digest.today]),
        ("Tomorrow", [_write_line(one) for one in digest.tomorrow]),
    ]
    return [(name, lines) for name, lines in named if lines]


def _write_line(line: Line) -> str:
    hour = f"{line.at:%H:%M} " if line.at is not None else ""
    return hour + flatten_line(line.title)


def _write_text(sections: list[tuple[str, list[str]]], link: str | None) -> str:
    parts = ["\n".join([name, *(f"- {line}" for line in lines)]) for name, lines in sections]
    return "\n\n".join([*parts, *([link] if link else []), WHY]) + "\n"


def _write_html(sections: list[tuple[str, list[str]]], link: str | None) -> str:
    shown = "".join(
        f"<h3>{name}</h3>\n<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>\n"
        for name, lines in sections
    )
    opened = f'<p><a href="{escape(link)}">Open TaskFlow</a></p>\n' if link else ""
    head = '<meta charset="utf-8">'
    body = f"{shown}{opened}<p><small>{WHY}</small></p>\n"
    return f"<!doctype html>\n<html><head>{head}</head><body>\n{body}</body></html>\n"
