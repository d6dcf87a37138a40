"""The daily digest through the real functions: one mail a day at the person's hour, through the
ledger of deliveries, and by one timer that comes again by itself.
"""

from datetime import date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from functions.fire_timer.main import main as fire_timer
from functions.send_reminder import digest as digest_module
from functions.send_reminder.situation import NO_DIGEST, NOTHING_DUE
from taskflow.digest import digest_event, name_digest_timer
from taskflow.events import CompleteTask, DigestDue, Event, Tick, encode, new_event
from taskflow.publish import ListPublisher
from tests.functions.send_reminder.world import NOW, Postbox, World, deliver

# In Paris, where the person is: NOW is 09:00.
EIGHT = datetime.fromisoformat("2026-12-02T07:00:00Z")
DAY = timedelta(days=1)
TIMERS = "SELECT id::text, due_at FROM timers WHERE topic = 'reminders' ORDER BY due_at"


async def set_timer(world: World, at: datetime) -> None:
    """As the gateway sets it."""
    event = digest_event(world.user_id, at, "gateway")
    await world.owner.execute(
        "INSERT INTO timers (id, due_at, topic, user_id, event)"
        " VALUES ($1, $2, 'reminders', $3, $4)",
        *(name_digest_timer(world.user_id), at, world.user_id, encode(event).decode()),
    )


async def fire(world: World, at: datetime) -> list[Event[Any]]:
    """What the clock publishes at this instant."""
    world.clock.now = at
    worker = next((one for one in world.workers if one.function is fire_timer.function), None)
    worker = worker or world.start(fire_timer)
    assert isinstance(worker.publisher, ListPublisher)
    worker.publisher.events.clear()
    tick = new_event(Tick(), id="tick", source="clock", time=at)
    assert await deliver(worker, [tick]) == ["SUCCESS"]
    return list(worker.publisher.events)


async def run_until(world: World, at: datetime) -> None:
    """Every event of the clock and of the sender, up to this instant."""
    sender = next((one for one in world.workers if one.function.name == "send_reminder"), None)
    sender = sender or world.start_sender()
    while events := await fire(world, at):
        assert set(await deliver(sender, events)) == {"SUCCESS"}


async def next_timer(world: World) -> datetime | None:
    rows = await world.owner.fetch(TIMERS)
    assert [row["id"] for row in rows] in ([], [name_digest_timer(world.user_id)])
    return rows[0]["due_at"] if rows else None


def read_text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


@pytest.fixture
async def day(world: World) -> World:
    """A person in Paris who wants a digest at eight, and has some tasks."""
    await world.choose(digest="08:00")
    for title, due in {
        "Old": "2026-11-30T20:00:00Z",
        "Early": "2026-12-02T06:30:00Z",
        "Noon": "2026-12-02T11:00:00Z",
        "Late": "2026-12-02T22:59:00Z",
        "Next day": "2026-12-02T23:00:00Z",
        "In two days": "2026-12-03T23:00:00Z",
    }.items():
        await world.create(title=title, due_at=due, reminders=[])
    await world.create(title="All day", due_at=None, due_on=date(2026, 12, 2), reminders=[])
    await world.create(title="Some day", due_at=None, reminders=[])
    await set_timer(world, EIGHT)
    return world


async def test_it_tells_of_what_is_overdue_and_due_today_and_tomorrow(
    day: World, postbox: Postbox
) -> None:
    await run_until(day, EIGHT)

    (mail,) = postbox.taken
    assert mail["Subject"] == "Your day: 2 overdue, 3 today, 1 tomorrow"
    assert read_text(mail).startswith(
        "Overdue\n- Mon 30 Nov 21:00 Old\n- Wed 2 Dec 07:30 Early\n\n"
        "Today\n- All day\n- 12:00 Noon\n- 23:59 Late\n\n"
        "Tomorrow\n- 00:00 Next day\n\nhttps://tasks.example/#\n\n"
    )
    delivery = await day.delivery()
    assert (delivery["state"], delivery["due_at"], delivery["attempts"]) == ("sent", EIGHT, 1)


async def test_it_comes_once_a_day_by_a_timer_that_comes_again(
    day: World, postbox: Postbox
) -> None:
    for number in range(3):
        assert await next_timer(day) == EIGHT + number * DAY
        await run_until(day, EIGHT + number * DAY)
    assert len(postbox.taken) == 3
    assert len({mail["Message-ID"] for mail in postbox.taken}) == 3


async def test_days_asleep_are_one_digest_and_late(day: World, postbox: Postbox) -> None:
    await run_until(day, EIGHT + 5 * DAY + timedelta(hours=3))

    assert len(postbox.taken) == 1
    delivery = await day.delivery()
    assert (delivery["due_at"], delivery["late_by_seconds"]) == (EIGHT + 5 * DAY, 3 * 3600)
    assert await next_timer(day) == EIGHT + 6 * DAY


async def test_a_repeated_event_sends_and_sets_nothing_twice(day: World, postbox: Postbox) -> None:
    events = await fire(day, EIGHT)
    workers = [day.start_sender(), day.start_sender()]
    for worker in workers * 2:
        assert await deliver(worker, events) == ["SUCCESS"]

    assert len(postbox.taken) == 1
    assert await next_timer(day) == EIGHT + DAY


async def test_with_nothing_due_there_is_none_and_the_log_says_why(
    world: World, postbox: Postbox
) -> None:
    await world.choose(digest="08:00")
    await world.create(due_at="2026-12-05T09:00:00Z", reminders=[])
    await set_timer(world, EIGHT)
    await run_until(world, EIGHT)

    assert postbox.taken == []
    delivery = await world.delivery()
    assert (delivery["state"], delivery["reason"]) == ("suppressed", NOTHING_DUE)
    assert await next_timer(world) == EIGHT + DAY


async def test_what_is_done_is_not_told(day: World, postbox: Postbox) -> None:
    done = await day.create(title="Done", due_at="2026-12-02T11:30:00Z", reminders=[])
    await day.write(CompleteTask, done.id)
    await run_until(day, EIGHT)

    assert "Done" not in read_text(postbox.taken[0])


async def test_the_zone_is_read_when_it_fires(day: World, postbox: Postbox) -> None:
    """Somebody who flew west hears nothing at the old hour and their digest at the new one."""
    await day.owner.execute("UPDATE users SET timezone = 'America/New_York'")
    await run_until(day, EIGHT)
    assert postbox.taken == []
    assert await next_timer(day) == EIGHT + timedelta(hours=6)

    await run_until(day, EIGHT + timedelta(hours=6))
    (mail,) = postbox.taken
    assert "- Wed 2 Dec 06:00 Noon\n" in read_text(mail) and "- 17:59 Late\n" in read_text(mail)


async def test_a_day_is_told_of_once_though_its_hour_was_moved(
    day: World, postbox: Postbox
) -> None:
    await run_until(day, EIGHT)
    await day.choose(digest="20:00")
    await day.owner.execute("DELETE FROM timers")
    await set_timer(day, EIGHT + timedelta(hours=12))
    await run_until(day, EIGHT + timedelta(hours=12))
    assert len(postbox.taken) == 1

    await run_until(day, EIGHT + timedelta(hours=36))
    assert len(postbox.taken) == 2


@pytest.mark.parametrize("end", ["choice", "account"])
async def test_it_ends_with_the_choice_and_with_the_account(
    day: World, postbox: Postbox, end: str
) -> None:
    events = await fire(day, EIGHT)
    if end == "choice":
        await day.choose(digest=None)
    else:
        await day.owner.execute("UPDATE users SET deleted_at = $1", NOW)
    assert await deliver(day.start_sender(), events) == ["SUCCESS"]

    assert postbox.taken == []
    assert await next_timer(day) is None


async def test_a_retry_follows_the_choice_too(day: World, postbox: Postbox) -> None:
    postbox.at_recipient = "450 mailbox busy"
    sender = day.start_sender()
    assert await deliver(sender, await fire(day, EIGHT)) == ["SUCCESS"]
    assert (await day.delivery())["state"] == "retry"
    await day.choose(digest=None)
    postbox.at_recipient = "250 OK"
    assert set(await deliver(sender, await fire(day, EIGHT + timedelta(minutes=1)))) == {"SUCCESS"}

    assert postbox.taken == []
    assert (await day.delivery())["reason"] == NO_DIGEST


async def test_a_retry_tells_of_the_tasks_as_they_stand_then(day: World, postbox: Postbox) -> None:
    postbox.at_recipient = "450 mailbox busy"
    sender = day.start_sender()
    await deliver(sender, await fire(day, EIGHT))
    await day.create(title="New", due_at="2026-12-02T12:00:00Z", reminders=[])
    postbox.at_recipient = "250 OK"
    await deliver(sender, await fire(day, EIGHT + timedelta(minutes=1)))

    (mail,) = postbox.taken
    assert "- 13:00 New" in read_text(mail)


async def test_a_person_with_too_much_sees_the_newest(
    day: World, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest_module, "MOST_LINES", 5)
    await run_until(day, EIGHT)

    text = read_text(postbox.taken[0])
    assert "- … and older ones\n- Wed 2 Dec 07:30 Early\n" in text
    assert "Old\n" not in text and "Next day" in text
    assert postbox.taken[0]["Subject"] == "Your day: 1+ overdue, 3 today, 1 tomorrow"


async def test_titles_forge_nothing(world: World, postbox: Postbox) -> None:
    await world.choose(digest="08:00")
    title = "<b>x</b>\u2028Bcc: y@example.com"
    await world.create(title=title, due_at="2026-12-02T11:00:00Z", reminders=[])
    await set_timer(world, EIGHT)
    await run_until(world, EIGHT)

    (mail,) = postbox.taken
    html = mail.get_body(("html",))
    assert html is not None and "&lt;b&gt;x&lt;/b&gt; Bcc" in html.get_content()
    assert mail["Bcc"] is None


def test_the_timer_is_about_a_person() -> None:
    event = digest_event("u", EIGHT, "gateway")
    assert isinstance(event.data, DigestDue) and event.partitionkey == "u"
