"""What has left is told to the log, whatever way it went; what has not is not."""

from datetime import timedelta
from typing import Any

from functions.fire_timer.main import main as fire_timer
from taskflow.events import Event, ReminderSent, ReminderTriggered, Tick, derive_id, new_event
from taskflow.publish import ListPublisher
from taskflow.serve import Worker
from tests.functions.send_reminder.world import REMIND_AT, Endpoint, Postbox, World, deliver

TOLD = "SELECT count(*) FROM timers WHERE topic = 'reminders-sent'"


def told(worker: Worker) -> list[Event[Any]]:
    assert isinstance(worker.publisher, ListPublisher)
    return worker.publisher.events


async def test_each_delivery_that_left_is_told_once_with_all_that_a_restore_needs(
    world: World, postbox: Postbox, endpoint: Endpoint
) -> None:
    task = await world.create(channels=["email", "webhook"])
    sender = world.start_sender()
    await deliver(sender, task.scheduled)
    assert told(sender) == []
    fired = await world.fire(REMIND_AT)
    await deliver(sender, fired)
    await deliver(sender, fired)
    rows = {str(row["id"]): row for row in await world.deliveries()}
    facts: dict[str, ReminderSent] = {event.data.delivery_id: event.data for event in told(sender)}
    assert len(told(sender)) == 2 and facts.keys() == rows.keys()
    for name, fact in facts.items():
        row = rows[name]
        assert (fact.attempts, fact.sent_at) == (row["attempts"], row["sent_at"]) == (1, REMIND_AT)
        assert (fact.channel, fact.remind_at) == (row["channel"], REMIND_AT)
        assert fact.due_at == row["due_at"] and fact.late_by_seconds == row["late_by_seconds"]
        for field in ("reminder_id", "task_id", "user_id", "channel_id"):
            assert getattr(fact, field) == str(row[field])
    event = told(sender)[0]
    assert event.id == derive_id(event.data.delivery_id, ReminderSent.type, 1)


async def test_what_failed_is_not_told_and_the_attempt_that_left_is(
    world: World, postbox: Postbox
) -> None:
    task = await world.create()
    sender = world.start_sender()
    await deliver(sender, task.scheduled)
    postbox.at_data = "451 later"
    await deliver(sender, await world.fire(REMIND_AT))
    assert told(sender) == []
    postbox.at_data = "250 queued"
    await deliver(sender, await world.fire(REMIND_AT + timedelta(minutes=1)))
    (event,) = told(sender)
    assert event.data.attempts == 2 == (await world.delivery())["attempts"]


async def test_what_the_log_does_not_take_waits_in_the_database_and_is_told_by_the_clock(
    world: World, postbox: Postbox
) -> None:
    task = await world.create()
    sender = world.start_sender()
    await deliver(sender, task.scheduled)
    name = str((await world.delivery())["id"])
    assert isinstance(sender.publisher, ListPublisher)
    sender.publisher.refuses.add(name)
    assert await deliver(sender, await world.fire(REMIND_AT)) == ["SUCCESS"]
    assert (await world.delivery())["state"] == "sent" and len(postbox.taken) == 1
    assert await world.owner.fetchval(TOLD) == 1
    clock = next(one for one in world.workers if one.function is fire_timer.function)
    assert isinstance(clock.publisher, ListPublisher)
    clock.publisher.events.clear()
    tick = new_event(Tick(), id="tick", source="clock", time=world.clock.now)
    await deliver(clock, [tick])
    assert [event.data.delivery_id for event in told(clock)] == [name]
    assert await world.owner.fetchval(TOLD) == 0


async def test_what_a_restore_has_settled_is_not_sent_and_what_a_person_wants_again_is(
    world: World, postbox: Postbox
) -> None:
    """The row that `taskflow after-restore` writes, before the task itself is back."""
    task = await world.create()
    sender = world.start_sender()
    await deliver(sender, task.scheduled)
    settled = "UPDATE deliveries SET state = 'sent', attempts = 2, next_at = NULL"
    await world.owner.execute(settled)
    (fired,) = await world.fire(REMIND_AT)
    name = str((await world.delivery())["id"])
    fields = {one: getattr(fired.data, one) for one in fired.data.__struct_fields__}
    again = ReminderTriggered(**{**fields, "delivery_id": name, "again": True})
    for attempts, mails in ((1, 0), (2, 1)):
        wish = new_event(
            again, id=derive_id(name, "attempt", attempts), source="gateway", time=REMIND_AT
        )
        await deliver(sender, [fired, wish])
        assert len(postbox.taken) == mails
