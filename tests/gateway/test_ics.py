"""Tasks as a calendar file, both ways: ours is read by icalendar and by us, others' as far as tasks
have words for it, and what is hostile is refused in bounded time.
"""

import time
from typing import Any, TypeAlias

import httpx
from icalendar import Calendar, Todo

from tests.gateway.log import LiveLog
from tests.gateway.test_imports import Document, counts, export, fill, open_of, write

Client: TypeAlias = httpx.AsyncClient
KIND = {"content-type": "text/calendar; charset=utf-8", "Prefer": "wait=20"}


async def export_ics(client: Client) -> str:
    answer = await client.get("/v1/me/export", params={"format": "ics"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="taskflow.ics"'
    return answer.text


async def take_in(client: Client, text: str) -> Document:
    answer = await client.post("/v1/me/import", content=text.encode(), headers=KIND)
    assert answer.status_code == 200, answer.text
    told: Document = answer.json()
    return told


def todos(text: str) -> dict[str, list[Todo]]:
    """By title, what icalendar reads."""
    found: dict[str, list[Todo]] = {}
    for todo in Calendar.from_ical(text).walk("VTODO"):
        assert not todo.errors
        found.setdefault(str(todo["SUMMARY"]), []).append(todo)
    return found


async def test_a_calendar_program_reads_what_we_write(paris: Client, live_log: LiveLog) -> None:
    await fill(paris, live_log)
    text = await export_ics(paris)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    found = todos(text)
    zones = {str(zone["TZID"]) for zone in Calendar.from_ical(text).walk("VTIMEZONE")}
    assert {"Asia/Tokyo", "Europe/Paris"} <= zones
    assert "Gone" not in found
    (fixed,) = found["Fixed"]
    assert (fixed["DUE"].dt.isoformat(), fixed["DUE"].params["TZID"]) == (
        "2027-02-01T09:30:00+09:00",
        "Asia/Tokyo",
    )
    assert str(fixed["DESCRIPTION"]) == "two\nlines, a comma; 信" and fixed["PRIORITY"] == 1
    (floats,) = found["Floats"]
    assert floats["DUE"].dt.tzinfo is None and floats["DUE"].dt.hour == 9
    assert floats["CATEGORIES"].cats == ["Home"]
    triggers = [alarm["TRIGGER"].dt for alarm in floats.walk("VALARM")]
    assert [str(one) for one in triggers] == ["-1 day, 23:00:00", "2027-03-01 08:00:00+00:00"]
    (day,) = found["All day"]
    assert (str(day["DTSTART"].dt), str(day["DUE"].dt)) == ("2027-02-01", "2027-02-02")
    assert found["Finished"][0]["STATUS"] == "COMPLETED" and "COMPLETED" in found["Finished"][0]
    assert found["Given up"][0]["STATUS"] == "CANCELLED"
    master, *exceptions = found["Water"]
    assert master["RRULE"].to_ical() == b"FREQ=WEEKLY;BYDAY=MO"
    assert str(master["EXDATE"].dts[0].dt) == "2027-01-25 09:00:00"
    assert str(master["RDATE"].dts[0].dt) == "2027-01-27 09:00:00"
    assert [one["STATUS"] for one in exceptions] == [
        "COMPLETED", "CANCELLED", "COMPLETED", "NEEDS-ACTION",
    ]  # fmt: skip
    moved = exceptions[-1]
    assert str(moved["RECURRENCE-ID"].dt) == "2027-01-27 09:00:00"
    assert str(moved["DUE"].dt) == "2027-02-03 18:00:00"


def said(document: Document) -> list[tuple[Any, ...]]:
    """What a calendar can say of each task, sorted."""
    series = {one["id"]: one["recurrence"]["rule"] for one in document["series"]}
    names = (
        "title", "notes", "status", "priority", "tags", "due_at", "due_on", "start_at", "start_on",
        "timezone", "floating", "recurrence_id",
    )  # fmt: skip
    rows = [
        (
            *(str(task.get(name)) for name in names),
            str(task["completed_at"])[:19],
            series.get(task["series_id"]),
            str([{k: v for k, v in one.items() if k != "id"} for one in task["reminders"]]),
        )
        for task in document["tasks"]
        if task["deleted_at"] is None
    ]
    return sorted(rows, key=str)


async def test_what_we_wrote_comes_back_the_same(
    paris: Client, somebody_else: Client, live_log: LiveLog
) -> None:
    await fill(paris, live_log)
    text = await export_ics(paris)
    told = await take_in(somebody_else, text)
    assert told["refused"] == 0, told
    await live_log.idle()
    first, second = await export(paris), await export(somebody_else)
    for one, other in zip(said(first), said(second), strict=True):
        assert one == other
    kept = {
        one["template"]["title"]: {
            name: one["recurrence"][name] for name in ("repeat_from", "short_months", "missed")
        }
        | {name: one[name] for name in ("anchor", "timezone", "floating", "lead", "used")}
        for one in first["series"]
    }
    for one in second["series"]:
        before = kept[one["template"]["title"]]
        assert before.items() <= (one["recurrence"] | one).items()
    assert counts(await take_in(somebody_else, text)) == (0, told["taken"], 0)
    # In its own account it is there already, and what was deleted since comes back.
    gone = await open_of(paris, "Filter")
    await paris.delete(f"/v1/tasks/{gone['id']}")
    await live_log.idle()
    told = await take_in(paris, text)
    assert (told["taken"], told["refused"]) == (1, 0)
    assert (await paris.get(f"/v1/tasks/{gone['id']}")).status_code == 200


def calendar(*entries: str) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//other//EN"]
    return "\r\n".join(
        [*lines, *(one.strip().replace("\n", "\r\n") for one in entries), "END:VCALENDAR", ""]
    )


FOREIGN = calendar(
    """
BEGIN:VTODO
UID:buy-milk@example.org
SUMMARY:Buy milk
DUE;TZID=America/New_York:20270301T170000
CATEGORIES:shop,home
CATEGORIES:food
PRIORITY:7
LOCATION:the shop
X-OTHER:1
BEGIN:VALARM
ACTION:AUDIO
TRIGGER:-PT15M
END:VALARM
END:VTODO""",
    """
BEGIN:VEVENT
UID:meeting@example.org
SUMMARY:Meeting
DTSTART:20270302T100000Z
DTEND:20270302T110000Z
RRULE:FREQ=WEEKLY;COUNT=3
EXDATE:20270302T100000Z
ATTENDEE:mailto:ann@example.org
END:VEVENT""",
    """
BEGIN:VTODO
UID:plants@example.org
SUMMARY:Plants
DTSTART;VALUE=DATE:20270101
RRULE:FREQ=MONTHLY
END:VTODO""",
    """
BEGIN:VTODO
UID:plants@example.org
SUMMARY:Plants, done
RECURRENCE-ID;VALUE=DATE:20270101
DTSTART;VALUE=DATE:20270101
STATUS:COMPLETED
COMPLETED:20261120T120000Z
END:VTODO""",
)


async def test_what_other_programs_wrote(paris: Client, live_log: LiveLog) -> None:
    told = await take_in(paris, FOREIGN)
    assert counts(told) == (4, 0, 0), told
    lost = {tuple(one.get("not_taken", ())) for one in told["results"]}
    assert lost == {("LOCATION", "X-OTHER"), ("ATTENDEE", "DTEND"), ()}
    await live_log.idle()
    milk = await open_of(paris, "milk")
    assert (milk["due_at"], milk["timezone"]) == ("2027-03-01T22:00:00Z", "America/New_York")
    assert (milk["tags"], milk["priority"]) == (["shop", "home", "food"], "low")
    assert [one["before"] for one in milk["reminders"]] == ["PT15M"]
    meeting = await open_of(paris, "Meeting")
    assert meeting["due_at"] == "2027-03-09T10:00:00Z"
    plants = await open_of(paris, "Plants")
    assert (plants["title"], plants["due_on"]) == ("Plants", "2027-02-01")
    await write(paris, f"/v1/tasks/{plants['id']}/complete")
    await live_log.idle()
    assert (await open_of(paris, "Plants"))["due_on"] == "2027-03-01"
    done = (await paris.get("/v1/tasks", params={"status": "done", "q": "done"})).json()["items"]
    assert [one["completed_at"] for one in done] == ["2026-11-20T12:00:00Z"]
    assert counts(await take_in(paris, FOREIGN)) == (0, 4, 0)


def todo(*lines: str) -> str:
    return "\n".join(["BEGIN:VTODO", "UID:x", "SUMMARY:x", *lines, "END:VTODO"])


BAD = {
    "no date": todo("DUE:soon"),
    "a rule that is none": todo("DUE:20270101T000000Z", "RRULE:FREQ=NEVER"),
    "a rule without a date": todo("RRULE:FREQ=DAILY"),
    "a rule that never comes": todo(
        "DUE:20270101T000000Z", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"
    ),
    "seconds": todo("DUE:20270101T000000Z", "RRULE:FREQ=SECONDLY"),
    "two rules": todo("DUE:20270101T000000Z", "RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY"),
    "a duration for a date": todo("DUE;VALUE=DURATION:PT1H"),
    "two due dates": todo("DUE:20270101T000000Z", "DUE:20270102T000000Z"),
    "an alarm without a time": todo("BEGIN:VALARM", "ACTION:DISPLAY", "END:VALARM"),
    "an exception alone": todo("RECURRENCE-ID:20270101T000000Z", "DUE:20270101T000000Z"),
    "a zone that is none": todo("DUE;TZID=Mars/Olympus:20270101T000000"),
    "periods": todo("DUE:20270101T000000Z", "RDATE;VALUE=PERIOD:20270102T000000Z/PT1H"),
    "a year far away": todo("DUE:00010101T000000Z"),
    "too many dates": todo(
        "DUE:20270101T000000Z",
        "RRULE:FREQ=DAILY",
        *(
            f"EXDATE:2028{month:02}{day:02}T000000Z"
            for month in range(1, 13)
            for day in range(1, 29)
        ),
    ),
}


async def test_a_bad_entry_fails_alone(paris: Client, live_log: LiveLog) -> None:
    bad = [one.replace("UID:x", f"UID:{number}") for number, one in enumerate(BAD.values())]
    told = await take_in(paris, calendar(*bad, todo("DUE:20270101T000000Z")))
    assert counts(told) == (1, 0, len(BAD)), told
    for name, one in zip(BAD, told["results"], strict=False):
        assert one["problem"]["status"] == 422, name


NOT_CALENDARS = {
    "nothing": ("", 400),
    "noise": ("hello", 400),
    "no end": ("BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\n", 400),
    "an end of nothing": ("BEGIN:VCALENDAR\r\nEND:VTODO\r\nEND:VCALENDAR\r\n", 400),
    "nested": (calendar("BEGIN:VTODO\n" * 5000 + "END:VTODO\n" * 5000), 400),
    "too many": (calendar(*[todo()] * 1001), 413),
    "too large": (calendar(todo("DESCRIPTION:" + "x" * 1024 * 1024)), 413),
}


async def test_no_calendar_at_all(paris: Client) -> None:
    began = time.perf_counter()
    for name, (text, status) in NOT_CALENDARS.items():
        answer = await paris.post("/v1/me/import", content=text.encode(), headers=KIND)
        assert answer.status_code == status, (name, answer.text)
    assert time.perf_counter() - began < 60


async def test_another_kind_of_body(paris: Client) -> None:
    answer = await paris.post("/v1/me/import", content=b"x", headers={"content-type": "text/csv"})
    assert answer.status_code == 415
    assert (await paris.get("/v1/me/export", params={"format": "xml"})).status_code == 422
