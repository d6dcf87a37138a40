"""A due time as an event that calendars take over (RFC 5545). Written by hand: icalendar took most
of a mail's time, and a tenth of a second of the first one's; tests read it back with icalendar.
"""

from datetime import date, datetime

from msgspec import Struct

from taskflow.content_line import escape, write_lines, write_time


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
        write_time("DTSTART", entry.due),
        f"SUMMARY:{escape(entry.title)}",
        "TRANSP:TRANSPARENT",
        *([f"URL:{entry.url}"] if entry.url else []),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return write_lines(lines)
