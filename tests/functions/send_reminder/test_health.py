"""Dead endpoints are switched off with a notice, slow ones hold nobody; a rotated secret signs
beside the new one; a person may ask for a delivery once more.
"""

import asyncio
from datetime import timedelta
from typing import Any

from standardwebhooks import Webhook

from functions.send_reminder.attempt import SOURCE
from functions.send_reminder.delivery import name_attempt
from taskflow.events import (
    ChannelDisabled,
    CompleteTask,
    Event,
    ReminderTriggered,
    new_event,
    read_event,
)
from tests.functions.send_reminder.world import (
    NOW,
    REMIND_AT,
    SECRET,
    Endpoint,
    Owner,
    Postbox,
    World,
    deliver,
)

DAY = timedelta(days=1)
NEW_SECRET = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="


async def announced(owner: Owner) -> list[Any]:
    rows = await owner.fetch("SELECT event FROM timers WHERE topic = 'account-events'")
    return [read_event(row["event"].encode()).data for row in rows]


async def exhaust(world: World) -> None:
    """Fires everything that comes of a webhook's reminder, until nothing more does."""
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    while await world.timers():
        await deliver(sender, await world.fire_next())


async def test_an_endpoint_that_failed_for_a_day_is_switched_off_with_a_notice(
    world: World, endpoint: Endpoint, postbox: Postbox, owner: Owner
) -> None:
    endpoint.status = "500 Oops"
    await world.create(channels=["webhook"])
    await exhaust(world)

    channel = await world.channel("webhook")
    assert channel["failing_since"] == REMIND_AT
    assert channel["disabled_at"] >= REMIND_AT + DAY
    assert "answered 500" in channel["disabled_reason"]
    (message,) = postbox.taken
    assert "Your webhook 127.0.0.1 was switched off" in message["Subject"]
    assert "/hook" not in str(message), "the path of a webhook is a secret"
    log = await owner.fetch("SELECT * FROM delivery_attempts ORDER BY delivery_id, number")
    hook = [one for one in log if one["state"] != "sent"]
    assert [one["number"] for one in hook] == list(range(1, 11))
    assert {one["state"] for one in hook} == {"retry", "failed"}


async def test_it_is_told_to_the_audit_and_nothing_more_is_sent(
    world: World, endpoint: Endpoint, owner: Owner
) -> None:
    endpoint.status = "410 Gone"
    await world.create(channels=["webhook"])
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    (fact,) = await announced(owner)
    assert isinstance(fact, ChannelDisabled)
    assert fact.detail.keys() == {"channel_id", "kind"}

    later = [{"at": (REMIND_AT + DAY).isoformat(), "channels": ["webhook"]}]
    await world.create(due_at=None, reminders=later)
    await deliver(sender, await world.fire(REMIND_AT + DAY))
    told = (await world.deliveries())[-1]
    assert told["state"] == "suppressed"
    assert told["reason"].startswith(
        "The channel is switched off: The webhook at 127.0.0.1 is gone"
    )
    assert len(endpoint.requests) == 1


async def test_two_attempts_that_end_a_channel_make_one_notice(
    world: World, endpoint: Endpoint, postbox: Postbox
) -> None:
    endpoint.status = "410 Gone"
    for _ in range(3):
        await world.create(channels=["webhook"])
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    await deliver(sender, await world.fire(REMIND_AT))
    assert len(postbox.taken) == 1


async def test_a_success_in_between_begins_the_count_anew(world: World, endpoint: Endpoint) -> None:
    endpoint.status = "500 Oops"
    await world.create(channels=["webhook"])
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    assert (await world.channel("webhook"))["failing_since"] == REMIND_AT
    endpoint.status = "204 No Content"
    await deliver(sender, await world.fire((await world.timers())[0]))
    channel = await world.channel("webhook")
    assert (channel["failing_since"], channel["disabled_at"]) == (None, None)


async def test_both_secrets_sign_while_they_rotate(
    world: World, endpoint: Endpoint, owner: Owner
) -> None:
    await owner.execute(
        "UPDATE channels SET secret = $1, old_secret = $2, old_secret_until = $3"
        " WHERE kind = 'webhook'",
        *(NEW_SECRET, SECRET, REMIND_AT + timedelta(minutes=1)),
    )
    for minutes in (60, 57):
        await world.create(reminders=[{"before": f"PT{minutes}M", "channels": ["webhook"]}])
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    await deliver(sender, await world.fire(REMIND_AT + timedelta(minutes=3)))

    during, after = (request["webhook-signature"].split() for request in endpoint.requests)
    assert (len(during), len(after)) == (2, 1)
    for place, secret in enumerate((NEW_SECRET, SECRET)):
        name, body = endpoint.requests[0]["webhook-id"], endpoint.bodies[0].decode()
        assert during[place] == Webhook(secret).sign(name, REMIND_AT, body)


async def test_a_slow_webhook_holds_no_later_reminder(
    world: World, endpoint: Endpoint, postbox: Postbox
) -> None:
    """However many bulks come while the endpoint is silent, none of them waits for it."""
    endpoint.answers.clear()
    sender = world.start_sender()
    moments = [REMIND_AT + timedelta(seconds=10 * number) for number in range(4)]
    for at in moments:
        channels = ["webhook", "email"]
        await world.create(reminders=[{"at": at.isoformat(), "channels": channels}])
    for number, at in enumerate(moments, 1):
        assert await deliver(sender, await world.fire(at)) == ["SUCCESS"]
        assert len(postbox.taken) == number
    assert {one["state"] for one in await world.deliveries() if one["channel"] == "webhook"} == {
        "due"
    }
    endpoint.answers.set()
    while any(one["state"] != "sent" for one in await world.deliveries()):
        await asyncio.sleep(0.02)
    assert (len(endpoint.requests), await world.timers()) == (4, [])


async def test_what_only_stands_behind_slow_ones_comes_back_by_a_timer(
    world: World, endpoint: Endpoint
) -> None:
    """A lane lets four go at once; nobody keeps a lease while it stands in the queue."""
    endpoint.answers.clear()
    for _ in range(10):
        await world.create(channels=["webhook"])
    sender = world.start_sender()
    assert await deliver(sender, await world.fire(REMIND_AT)) == ["SUCCESS"] * 10
    states = sorted(one["state"] for one in await world.deliveries())
    assert states == ["due"] * 4 + ["planned"] * 6
    assert len(await world.timers()) == 10
    endpoint.answers.set()
    while any(one["state"] == "due" for one in await world.deliveries()):
        await asyncio.sleep(0.02)
    while await world.timers():
        await deliver(sender, await world.fire_next())
    assert {(one["state"], one["attempts"]) for one in await world.deliveries()} == {("sent", 1)}
    assert len(endpoint.requests) == 10


async def test_a_process_that_ends_finishes_what_is_slow(world: World, endpoint: Endpoint) -> None:
    endpoint.answers.clear()
    sender = world.start_sender()
    await world.create(channels=["webhook"])
    assert await deliver(sender, await world.fire(REMIND_AT)) == ["SUCCESS"]
    closing = asyncio.create_task(sender.close())
    endpoint.answers.set()
    await closing
    assert (await world.delivery("webhook"))["state"] == "sent"


async def test_a_way_out_that_fails_pauses_and_nothing_is_lost(
    world: World, endpoint: Endpoint, postbox: Postbox
) -> None:
    """Of many reminders that come together, a few find out and the rest wait for the pause."""
    endpoint.status = "500 Oops"
    for _ in range(20):
        await world.create(channels=["webhook", "email"])
    sender = world.start_sender()
    fired = await world.fire(REMIND_AT)
    assert await deliver(sender, fired) == ["SUCCESS"] * 20
    hooks = [one for one in await world.deliveries() if one["channel"] == "webhook"]
    tried = [one for one in hooks if one["state"] == "retry"]
    waiting = [one for one in hooks if one["state"] == "planned"]
    assert (len(tried) + len(waiting), len(endpoint.requests)) == (20, len(tried))
    assert 5 <= len(tried) < 10 and all("pauses" in one["reason"] for one in waiting)
    assert {one["attempts"] for one in waiting} == {0}
    assert len(postbox.taken) == 20

    endpoint.status = "204 No Content"
    while await world.timers():
        await deliver(sender, await world.fire_next())
    assert {one["state"] for one in await world.deliveries()} == {"sent"}
    assert len(endpoint.requests) == 20 + len(tried)


async def test_a_mailbox_that_refuses_does_not_stop_the_mails_of_others(
    world: World, postbox: Postbox
) -> None:
    """A server that says "later" about one recipient works for all others."""
    postbox.at_recipient = "451 this mailbox is busy"
    for _ in range(8):
        await world.create()
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    assert {(one["state"], one["attempts"]) for one in await world.deliveries()} == {("retry", 1)}
    assert postbox.attempts == 8


# --- once more ---------------------------------------------------------------------------------


def ask_again(world: World, row: dict[str, Any]) -> Event[Any]:
    fact = ReminderTriggered(
        task_id=row["task_id"],
        title="",
        remind_at=row["due_at"],
        user_id=world.user_id,
        reminder_id=row["reminder_id"],
        stream=row["task_id"],
        delivery_id=row["id"],
        again=True,
    )
    name = name_attempt(row["id"], row["attempts"])
    return new_event(fact, id=name, source=SOURCE, time=NOW)


async def test_a_delivery_that_is_wanted_again_leaves_once_more_under_its_id(
    world: World, endpoint: Endpoint
) -> None:
    endpoint.status = "410 Gone"
    task = await world.create(channels=["webhook"])
    sender = world.start_sender()
    fired = await world.fire(REMIND_AT)
    await deliver(sender, fired)
    await world.owner.execute("UPDATE channels SET disabled_at = NULL")
    await world.write(CompleteTask, task.id)
    endpoint.status = "204 No Content"

    again = ask_again(world, await world.delivery("webhook"))
    assert await deliver(sender, [again, again, *fired]) == ["SUCCESS"] * 3
    assert await deliver(world.start_sender(), [again]) == ["SUCCESS"]
    sent = await world.delivery("webhook")
    assert (sent["state"], sent["attempts"]) == ("sent", 2)
    first, second = endpoint.requests
    assert first["webhook-id"] == second["webhook-id"] == sent["id"]


async def test_what_is_asked_for_again_is_tried_once(world: World, endpoint: Endpoint) -> None:
    endpoint.status = "410 Gone"
    await world.create(channels=["webhook"])
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    await world.owner.execute("UPDATE channels SET disabled_at = NULL")
    endpoint.status = "500 Oops"
    await deliver(sender, [ask_again(world, await world.delivery("webhook"))])
    told = await world.delivery("webhook")
    assert (told["state"], told["attempts"]) == ("failed", 2)
    assert "500" in told["reason"]
