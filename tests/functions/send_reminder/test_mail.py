"""What a reminder mail says: the time in the person's zone, late or not, and nothing forged."""

import email
from datetime import UTC, date, datetime
from email import policy
from email.message import EmailMessage
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from icalendar import Event as CalendarEvent

from functions.send_reminder.calendar import Entry, write_calendar
from functions.send_reminder.mail import LATE_FROM_SECONDS, compose_mail
from functions.send_reminder.notice import Links, Notice

NOTICE = Notice(
    delivery_id="5f0c-1",
    reminder_id="r-1",
    task_id="t-1",
    user_id="u-1",
    title="Pay rent",
    notes="To the new account.",
    due_at="2026-12-31T09:00:00Z",
    due_on=None,
    timezone="Europe/Paris",
    remind_at="2026-12-31T08:30:00Z",
    late_by_seconds=0,
    link="https://tasks.example/#/tasks/t-1",
)


def compose(**changes: Any) -> EmailMessage:
    """The mail of NOTICE with some fields changed, as a mail program reads it."""
    notice = msgspec.structs.replace(NOTICE, **changes)
    message = compose_mail(notice, "TaskFlow <tasks@taskflow.example>", "ann@example.com")
    return email.message_from_bytes(message.content, policy=policy.default)


def read_text(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def read_html(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_a_reminder_says_what_when_and_where() -> None:
    message = compose()

    assert message["Subject"] == "Reminder: Pay rent"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] == "Thu, 31 Dec 2026 08:30:00 +0000"
    assert read_text(message) == (
        "Pay rent\n\n"
        "Due Thursday 31 December 2026, 10:00 (Europe/Paris)\n\n"
        "To the new account.\n\n"
        "Open the task: https://tasks.example/#/tasks/t-1\n"
    )


def test_a_repeat_is_recognised_by_its_message_id() -> None:
    first, repeat = compose(), compose(late_by_seconds=7200)

    assert first["Message-ID"] == repeat["Message-ID"] == "<5f0c-1@taskflow.example>"
    assert compose(delivery_id="5f0c-2")["Message-ID"] != first["Message-ID"]


@pytest.mark.parametrize(
    ("due", "zone", "told"),
    [
        ("2026-03-28T08:00:00Z", "Europe/Paris", "Saturday 28 March 2026, 09:00 (Europe/Paris)"),
        ("2026-03-29T07:00:00Z", "Europe/Paris", "Sunday 29 March 2026, 09:00 (Europe/Paris)"),
        ("2026-12-31T19:00:00Z", "Pacific/Auckland", "Friday 1 January 2027, 08:00 (Pacific/"),
        ("2026-12-01T01:30:00Z", "America/New_York", "Monday 30 November 2026, 20:30 (America/"),
        ("2026-12-31T10:00:00.5+01:00", "UTC", "Thursday 31 December 2026, 09:00 (UTC)"),
        ("2026-12-31T09:00:00Z", None, "Thursday 31 December 2026, 09:00 (UTC)"),
        ("2026-12-31T09:00:00Z", "Mars/Olympus", "Thursday 31 December 2026, 09:00 (UTC)"),
        ("2026-12-31T09:00:00Z", "../../etc/passwd", "Thursday 31 December 2026, 09:00 (UTC)"),
    ],
)
def test_the_due_time_is_told_in_the_persons_zone(due: str, zone: str | None, told: str) -> None:
    message = compose(due_at=due, timezone=zone)

    assert f"Due {told}" in read_text(message)
    assert f"<p>Due {told}" in read_html(message)


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", None])
def test_an_all_day_date_is_the_same_everywhere(zone: str | None) -> None:
    message = compose(due_at=None, due_on="2026-04-24", timezone=zone)

    assert "\nDue Friday 24 April 2026\n" in read_text(message)


def test_without_due_date_notes_or_link_nothing_stands_in_their_place() -> None:
    message = compose(due_at=None, notes="", link=None)

    assert read_text(message) == "Pay rent\n"
    assert "href" not in read_html(message)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (60, "1 min"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (86400 + 59, "1 d"),
        (3 * 86400 + 3600, "3 d 1 h"),
    ],
)
def test_a_late_reminder_says_so(seconds: int, told: str) -> None:
    message = compose(late_by_seconds=seconds)

    note = f"This reminder is {told} late: it was set for Thursday 31 December 2026, 09:30"
    assert note in read_text(message)
    assert note in read_html(message)


def test_a_late_reminder_is_dated_when_it_is_sent() -> None:
    written_at = compose(late_by_seconds=7200)["Date"].datetime

    assert written_at == datetime.fromisoformat("2026-12-31T10:30:00Z")


@pytest.mark.parametrize("seconds", [0, LATE_FROM_SECONDS - 1])
def test_a_punctual_reminder_does_not_speak_of_lateness(seconds: int) -> None:
    assert "late" not in read_text(compose(late_by_seconds=seconds))


def test_html_shows_what_people_wrote_as_text() -> None:
    hostile = '<script>alert("1")</script> & \'"><img src=x>'
    html = read_html(compose(title=hostile, notes=hostile, link='https://x/"><script>'))

    assert "<script" not in html and "<img" not in html
    assert html.count("&lt;script&gt;") == 3
    assert 'href="https://x/&quot;&gt;&lt;script&gt;"' in html


def test_notes_keep_their_lines() -> None:
    message = compose(notes="- milk\n- eggs\n\n.\nFrom here")

    assert "- milk\n- eggs\n\n.\nFrom here" in read_text(message)
    assert "- milk\n- eggs\n\n.\nFrom here" in read_html(message)


@given(title=st.text(max_size=500), notes=st.text(max_size=200))
def test_no_title_or_notes_add_a_header(title: str, notes: str) -> None:
    message = compose(title=title, notes=notes)

    assert message.keys() == [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ]
    assert message["Subject"].startswith("Reminder:")
    assert message["To"] == "ann@example.com"


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no mail address"):
        compose_mail(NOTICE, "tasks@taskflow.example", "ann@example.com\r\nBcc: x@example.com")


# --- what a person can do from it --------------------------------------------------------------

LINKS = Links(
    **{name: f"https://tasks.example/v1/answers/{name}" for name in Links.__struct_fields__}
)


def test_a_mail_can_be_answered_without_logging_in() -> None:
    message = compose(links=LINKS)
    for read in (read_text, read_html):
        for name in Links.__struct_fields__:
            assert f"https://tasks.example/v1/answers/{name}" in read(message)


def test_a_mail_program_can_unsubscribe_with_one_click() -> None:
    """RFC 8058: both headers, and an https address that needs nothing but a POST."""
    message = compose(links=LINKS)
    assert message["List-Unsubscribe"] == "<https://tasks.example/v1/answers/unsubscribe>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "List-Unsubscribe" not in compose()


def test_the_longest_link_is_not_folded() -> None:
    url = "https://" + "long." * 40 + "example/v1/answers/" + "x" * 60
    raw = compose_mail(
        msgspec.structs.replace(NOTICE, links=msgspec.structs.replace(LINKS, unsubscribe=url)),
        "tasks@taskflow.example",
        "ann@example.com",
    ).content
    assert f"List-Unsubscribe: <{url}>\r\n".encode() in raw


def read_calendar(message: EmailMessage) -> tuple[Calendar, CalendarEvent]:
    (part,) = message.iter_attachments()
    assert (part.get_content_type(), part.get_filename()) == ("text/calendar", "task.ics")
    assert part.get_param("method") == "PUBLISH"
    calendar = Calendar.from_ical(part.get_content())
    (event,) = calendar.events
    return calendar, event


def test_the_due_time_is_attached_for_calendars() -> None:
    calendar, event = read_calendar(compose(title="Pay rent; at once, \u5bb6\u8cc3"))
    assert calendar["METHOD"] == "PUBLISH"
    assert event.decoded("dtstart") == datetime(2026, 12, 31, 9, tzinfo=UTC)
    assert str(event["SUMMARY"]) == "Pay rent; at once, \u5bb6\u8cc3"
    assert (str(event["UID"]), str(event["URL"])) == ("t-1", NOTICE.link)


def test_an_all_day_task_is_a_day_in_the_calendar() -> None:
    _, event = read_calendar(compose(due_at=None, due_on="2026-12-31"))
    assert event.decoded("dtstart") == date(2026, 12, 31)


def test_without_a_due_date_there_is_no_calendar() -> None:
    assert list(compose(due_at=None).iter_attachments()) == []


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200))
def test_a_calendar_reads_whatever_a_title_holds(title: str) -> None:
    due = datetime(2026, 12, 31, 9, tzinfo=UTC)
    written = write_calendar(Entry(uid="t-1", title=title, due=due, written_at=due, url="u:x"))
    assert max(len(line) for line in written.encode().split(b"\r\n")) <= 75
    (event,) = Calendar.from_ical(written).events
    assert str(event["SUMMARY"]) == title
