"""A due time as an event that calendars take over (RFC 5545). Written by hand: icalendar took most
of a mail's time, and a tenth of a second of the first one's; tests read it back with icalendar.
"""

import re
from datetime import date, datetime

from msgspec import Struct

LINE_OCTETS = 75


class Entry(Struct, frozen=True, kw_only=True):
    """One task, one event: a later mail about it moves the event that is there."""

    uid: str
    title: str
    due: date
    written_at: datetime
    url: str | None = None


def write_calendar(entry: Entry) -> str:
    """The event alone in a calendar; instants are in UTC and need no zone of theirs."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//TaskFlow//Reminders//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{entry.uid}",
        f"DTSTAMP:{entry.written_at:%Y%m%dT%H%M%SZ}",
        _write_start(entry.due),
        f"SUMMARY:{_escape(entry.title)}",
        "TRANSP:TRANSPARENT",
        *([f"URL:{entry.url}"] if entry.url else []),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_fold(line)}\r\n" for line in lines)


def _write_start(due: date) -> str:
    if isinstance(due, datetime):
        return f"DTSTART:{due:%Y%m%dT%H%M%SZ}"
    return f"DTSTART;VALUE=DATE:{due:%Y%m%d}"


def _escape(text: str) -> str:
    """Section 3.3.11."""
    return re.sub(r"([\\;,])", r"\\\1", text).replace("\n", r"\n")


def _fold(line: str) -> str:
    """Section 3.1: no line above 75 octets, the next begins with a space; a character is never
    taken apart."""
    if line.isascii() and len(line) <= LINE_OCTETS:
        return line
    folded, room = "", LINE_OCTETS
    for letter in line:
        size = len(letter.encode())
        if size > room:
            folded, room = folded + "\r\n ", LINE_OCTETS - 1
        folded, room = folded + letter, room - size
    return folded
