"""What a reminder says as a mail; apart from the sending, which all letters share."""

from datetime import UTC, date, datetime
from html import escape
from zoneinfo import ZoneInfo

from functions.send_reminder.calendar import Entry, write_calendar
from functions.send_reminder.notice import Notice
from taskflow.mail import Attachment, Letter, Mail, compose_letter, flatten_line
from taskflow.zone import InvalidZone, find_zone

# Below this a person would not call it late, and the note would only puzzle.
LATE_FROM_SECONDS = 60
LEAVE = "Send no more reminders here"


def compose_mail(notice: Notice, sender: str, recipient: str) -> Mail:
    """The reminder as a mail in plain text and HTML, times in the person's zone.

    Raises ValueError for an address that is none.
    """
    zone = _choose_zone(notice.timezone)
    title = flatten_line(notice.title)
    lines = [line for line in (_tell_due(notice, zone), _tell_late(notice, zone)) if line]
    letter = Letter(
        id=notice.delivery_id,
        subject=f"Reminder: {title}",
        text=_write_text(title, lines, notice),
        html=_write_html(title, lines, notice),
        written_at=notice.sent_at,
        leave=notice.links.unsubscribe if notice.links else None,
        attachments=_attach_calendar(title, notice),
    )
    return compose_letter(letter, sender, recipient)


def _choose_zone(name: str | None) -> ZoneInfo:
    """UTC where no zone is known: a reminder in UTC, which it says, beats none."""
    try:
        return find_zone(name)
    except InvalidZone:
        return find_zone("UTC")


def _tell_due(notice: Notice, zone: ZoneInfo) -> str | None:
    if notice.due_at is not None:
        return f"Due {_write_instant(notice.due_at, zone)}"
    if notice.due_on is not None:
        return f"Due {_write_day(date.fromisoformat(notice.due_on))}"
    return None


def _tell_late(notice: Notice, zone: ZoneInfo) -> str | None:
    if notice.late_by_seconds < LATE_FROM_SECONDS:
        return None
    late = _write_duration(notice.late_by_seconds)
    return f"This reminder is {late} late: it was set for {_write_instant(notice.remind_at, zone)}."


def _write_instant(instant: str, zone: ZoneInfo) -> str:
    local = datetime.fromisoformat(instant).astimezone(zone)
    return f"{_write_day(local)}, {local:%H:%M} ({zone.key})"


def _write_day(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B} {day.year}"


def _write_duration(seconds: int) -> str:
    minutes = seconds // 60
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    named = ((days, "d"), (hours, "h"), (rest, "min"))
    return " ".join(f"{amount} {unit}" for amount, unit in named if amount)


def _list_links(notice: Notice) -> list[tuple[str, str]]:
    """What a person can do from the mail, and where."""
    if notice.links is None:
        return [("Open the task", notice.link)] if notice.link else []
    return [
        ("Open the task", notice.links.open),
        ("Got it", notice.links.got_it),
        ("Remind me in an hour", notice.links.snooze_hour),
        ("Remind me tomorrow", notice.links.snooze_day),
    ]


def _write_text(title: str, lines: list[str], notice: Notice) -> str:
    links = "\n".join(f"{words}: {url}" for words, url in _list_links(notice))
    leave = f"{LEAVE}: {notice.links.unsubscribe}" if notice.links else ""
    paragraphs = (title, "\n".join(lines), notice.notes, links, leave)
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _write_html(title: str, lines: list[str], notice: Notice) -> str:
    told = "".join(f"<p>{escape(line)}</p>\n" for line in lines)
    notes = f'<p style="white-space: pre-wrap">{escape(notice.notes)}</p>\n' if notice.notes else ""
    links = " · ".join(_write_link(words, url) for words, url in _list_links(notice))
    shown = f"<p>{links}</p>\n" if links else ""
    leave = notice.links.unsubscribe if notice.links else ""
    foot = f"<p><small>{_write_link(LEAVE, leave)}</small></p>\n" if leave else ""
    head = '<meta charset="utf-8">'
    body = f"<h2>{escape(title)}</h2>\n{told}{notes}{shown}{foot}"
    return f"<!doctype html>\n<html><head>{head}</head><body>\n{body}</body></html>\n"


def _write_link(words: str, url: str) -> str:
    return f'<a href="{escape(url)}">{escape(words)}</a>'


def _attach_calendar(title: str, notice: Notice) -> list[Attachment]:
    if notice.due_at is None and notice.due_on is None:
        return []
    due: date = (
        datetime.fromisoformat(notice.due_at).astimezone(UTC)
        if notice.due_at is not None
        else date.fromisoformat(notice.due_on or "")
    )
    entry = Entry(
        uid=notice.task_id,
        title=title,
        due=due,
        written_at=notice.sent_at.astimezone(UTC),
        url=notice.link,
    )
    text = write_calendar(entry)
    return [
        Attachment(name="task.ics", kind="calendar", text=text, parameters={"method": "PUBLISH"})
    ]
