"""Lines of a calendar file (RFC 5545, 3.1), written by hand: icalendar takes milliseconds for what
mails and exports write by the thousand. Tests read them back with icalendar.
"""

import re
from datetime import date, datetime

LINE_OCTETS = 75
# Controls, and what some readers take for the end of a line.
UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")


def write_lines(lines: list[str]) -> str:
    return "".join(f"{fold(line)}\r\n" for line in lines)


def write_time(name: str, moment: date, timezone: str | None = None) -> str:
    """A property that is a day, an instant (aware, in UTC), or what a clock shows, in a zone or
    floating."""
    if not isinstance(moment, datetime):
        return f"{name};VALUE=DATE:{moment:%Y%m%d}"
    if moment.tzinfo is not None:
        return f"{name}:{moment:%Y%m%dT%H%M%SZ}"
    zone = f";TZID={timezone}" if timezone else ""
    return f"{name}{zone}:{moment:%Y%m%dT%H%M%S}"


def escape(text: str) -> str:
    """Section 3.3.11; what no line can hold is left out."""
    plain = UNWRITABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return re.sub(r"([\\;,])", r"\\\1", plain).replace("\n", r"\n")


def fold(line: str) -> str:
    """No line above 75 octets, the next begins with a space; a character is never taken apart."""
    if line.isascii() and len(line) <= LINE_OCTETS:
        return line
    folded, room = "", LINE_OCTETS
    for letter in line:
        size = len(letter.encode())
        if size > room:
            folded, room = folded + "\r\n ", LINE_OCTETS - 1
        folded, room = folded + letter, room - size
    return folded
