"""What a person chose: an order of channels with waits, quiet hours, late ones; reminders that
insist until the task is done, and answers that stop them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.send_reminder.situation import SNOOZED
from functions.send_reminder.step import COMES_NEXT
from taskflow.events import CompleteTask, DeleteTask, SnoozeTask, UpdateTask
from taskflow.reminder import MOST_REPEATS
from taskflow.task import TaskInput
from tests.functions.send_reminder.world import (
    NOW,
    REMIND_AT,
    Endpoint,
    Postbox,
    World,
    deliver,
)

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WAIT = 10 * MINUTE
ORDER = {"channels": ["webhook", "email"], "escalate_after": "PT10M"}


async def states(world: World) -> dict[str, tuple[str, str | None]]:
    return {one["channel"]: (one["state"], one["reason"]) for one in await world.deliveries()}


# --- the order of channels ---------------------------------------------------------------------


async def test_channels_are_tried_in_order_until_one_is_answered(
    world: World, postbox: Postbox, endpoint: Endpoint
) -> None:
    await world.choose(**ORDER)
    task = await world.create(channels=None)
    sender = world.start_sender()
    await deliver(sender, task.scheduled)
    assert {one["channel"]: one["due_at"] for one in await world.deliveries()} == {
        "webhook": REMIND_AT,
        "email": REMIND_AT + WAIT,
    }
    fired = await world.fire(REMIND_AT)
    assert await deliver(sender, [*fired, *fired]) == ["SUCCESS"] * 2

    assert (len(endpoint.requests), postbox.attempts) == (1, 0)
    assert await states(world) == {"webhook": ("sent", None), "email": ("planned", COMES_NEXT)}
    assert await world.timers() == [REMIND_AT + WAIT]

    again = await world.fire(REMIND_AT + WAIT)
    assert await deliver(sender, [*again, *again, *fired]) == ["SUCCESS"] * 3
    assert (len(endpoint.requests), len(postbox.taken)) == (1, 1)
    assert (await world.delivery("email"))["late_by_seconds"] == 0


@pytest.mark.parametrize("verb", ["got_it", "open", "snooze_hour"])
async def test_an_answer_stops_the_chain(world: World, postbox: Postbox, verb: str) -> None:
    await world.choose(**ORDER)
    await world.create(channels=None)
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    await world.answer(verb, await world.delivery("webhook"))
    await deliver(sender, await world.fire(REMIND_AT + WAIT))

    state, reason = (await states(world))["email"]
    assert state == "suppressed" and "An earlier channel was answered" in (reason or "")
    assert postbox.attempts == 0


async def test_a_finished_task_stops_the_chain(world: World, postbox: Postbox) -> None:
    await world.choose(**ORDER)
    task = await world.create(channels=None)
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    await deliver(sender, await world.write(CompleteTask, task.id))
    await deliver(sender, await world.fire(REMIND_AT + WAIT))

    assert (await states(world))["email"] == ("suppressed", "The task is done.")
    assert (postbox.attempts, await world.timers()) == (0, [])


async def test_a_reminder_may_have_an_order_of_its_own(
    world: World, postbox: Postbox, endpoint: Endpoint
) -> None:
    first = {"before": "PT1H", "channels": ["webhook", "email"], "escalate": "PT30M"}
    await world.create(reminders=[first])
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    assert (len(endpoint.requests), postbox.attempts) == (1, 0)
    await deliver(sender, await world.fire(REMIND_AT + 30 * MINUTE))
    assert len(postbox.taken) == 1


async def test_what_a_reminder_names_is_not_what_was_chosen_for_all(
    world: World, postbox: Postbox, endpoint: Endpoint
) -> None:
    await world.choose(channels=["webhook"])
    await world.create(channels=["email"])
    await deliver(world.start_sender(), await world.fire(REMIND_AT))
    assert (len(endpoint.requests), len(postbox.taken)) == (0, 1)


async def test_nobody_waits_for_a_channel_that_is_not_there(world: World, postbox: Postbox) -> None:
    await world.choose(channels=["web_push", "email"], escalate_after="PT10M")
    await world.create(channels=None)
    await deliver(world.start_sender(), await world.fire(REMIND_AT))
    assert len(postbox.taken) == 1
    reason = "There is no confirmed web_push channel."
    assert (await states(world))["web_push"] == ("suppressed", reason)


# --- quiet hours -------------------------------------------------------------------------------

# The person lives in Paris: an hour ahead of UTC in December.
QUIET = {"quiet_hours": {"from": "22:00", "until": "07:00"}}
NIGHT = datetime(2026, 12, 1, 23, 30, tzinfo=UTC)
MORNING = datetime(2026, 12, 2, 6, tzinfo=UTC)


async def test_what_falls_into_quiet_hours_is_held_and_not_dropped(
    world: World, postbox: Postbox
) -> None:
    await world.choose(**QUIET, late="drop")
    await world.create(due_at=None, reminders=[{"at": NIGHT.isoformat()}])
    sender = world.start_sender()
    fired = await world.fire(NIGHT)
    assert await deliver(sender, [*fired, *fired]) == ["SUCCESS"] * 2

    assert await states(world) == {
        "email": ("planned", "Held until 07:00 (Europe/Paris): quiet hours.")
    }
    assert await world.timers() == [MORNING]
    assert (await world.delivery())["next_at"] == MORNING
    await deliver(sender, await world.fire(MORNING))
    sent = await world.delivery()
    assert (sent["state"], sent["late_by_seconds"], sent["next_at"]) == ("sent", 6.5 * 3600, None)
    assert len(postbox.taken) == 1


async def test_a_task_that_is_done_at_night_is_silent_in_the_morning(
    world: World, postbox: Postbox
) -> None:
    await world.choose(**QUIET)
    task = await world.create(due_at=None, reminders=[{"at": NIGHT.isoformat()}])
    sender = world.start_sender()
    held = await world.fire(NIGHT)
    await deliver(sender, held)
    events = await world.write(DeleteTask, task.id)
    await deliver(sender, [*events, *held])
    assert await world.timers() == [], "nothing waits for what is not to be sent"
    await deliver(sender, await world.fire(MORNING))
    assert ((await states(world))["email"][0], postbox.attempts) == ("suppressed", 0)


# --- after an outage ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "late", "state"),
    [
        ({}, 2 * HOUR, "sent"),
        ({"late": "drop"}, 14 * MINUTE, "sent"),
        ({"late": "drop"}, 2 * HOUR, "suppressed"),
        ({"late": "drop", "late_after": "PT3H"}, 2 * HOUR, "sent"),
        ({"late": "drop", "late_after": "PT3H"}, 4 * HOUR, "suppressed"),
    ],
)
async def test_missed_reminders_come_once_and_late_or_are_dropped_as_chosen(
    world: World, postbox: Postbox, choices: dict[str, Any], late: timedelta, state: str
) -> None:
    await world.choose(**choices)
    for _ in range(3):
        await world.create()
    sender = world.start_sender()
    fired = await world.fire(REMIND_AT + late)
    assert await deliver(sender, [*fired, *fired]) == ["SUCCESS"] * 6

    found = await world.deliveries()
    assert [one["state"] for one in found] == [state] * 3, "none vanishes"
    assert len(postbox.taken) == (3 if state == "sent" else 0)
    seconds = int(late.total_seconds())
    for one in found:
        if state == "sent":
            assert one["late_by_seconds"] == seconds
        else:
            assert one["reason"].startswith(f"It came {seconds} s late")


async def test_what_lay_in_the_log_for_two_hours_comes_once_and_late(
    world: World, postbox: Postbox
) -> None:
    """The clock went on and the function was down: its events wait for it, each in its order."""
    for number in range(3):
        await world.create(reminders=[{"before": f"PT{60 - 10 * number}M", "channels": ["email"]}])
    fired = [await world.fire(REMIND_AT + number * 10 * MINUTE) for number in range(3)]
    world.clock.now = REMIND_AT + 2 * HOUR
    events = [event for some in fired for event in some]
    for sender in (world.start_sender(), world.start_sender()):
        assert await deliver(sender, events) == ["SUCCESS"] * 3

    late = [one["late_by_seconds"] for one in await world.deliveries()]
    assert late == [7200, 6600, 6000] and len(postbox.taken) == 3
    # They leave together, so in any order.
    told = [mail.get_body(("plain",)) for mail in postbox.taken]
    assert sum(one is not None and "2 h late" in one.get_content() for one in told) == 1


async def test_a_failing_mail_server_is_no_lateness_of_ours(world: World, postbox: Postbox) -> None:
    await world.choose(late="drop")
    postbox.at_recipient = "451 later please"
    await world.create()
    sender = world.start_sender()
    fired = await world.fire(REMIND_AT)
    for _ in range(4):
        await deliver(sender, fired)
        fired = await world.fire((await world.timers())[0])
    postbox.at_recipient = "250 OK"
    await deliver(sender, fired)
    sent = await world.delivery()
    assert (sent["state"], sent["attempts"]) == ("sent", 5) and sent["late_by_seconds"] > 900


# --- until it is done --------------------------------------------------------------------------

HOURLY = [{"before": "PT1H", "repeat": "PT1H"}]


async def test_a_repeating_reminder_comes_until_the_task_is_done(
    world: World, postbox: Postbox
) -> None:
    task = await world.create(reminders=HOURLY)
    sender = world.start_sender()
    for number in range(3):
        assert await world.timers() == [REMIND_AT + number * HOUR]
        fired = await world.fire(REMIND_AT + number * HOUR)
        assert await deliver(sender, [*fired, *fired]) == ["SUCCESS"] * 2
        assert len(postbox.taken) == number + 1
    events = await world.write(CompleteTask, task.id)
    await deliver(sender, events)
    assert await world.timers() == []
    assert [one["state"] for one in await world.deliveries()] == ["sent"] * 3


async def test_after_an_outage_a_repeating_one_comes_once(world: World, postbox: Postbox) -> None:
    await world.create(reminders=HOURLY)
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT + 5.5 * HOUR))
    assert len(postbox.taken) == 1
    assert await world.timers() == [REMIND_AT + 6 * HOUR]


async def test_a_repeating_one_ends_some_day(world: World) -> None:
    await world.create(reminders=HOURLY)
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT + (MOST_REPEATS - 1) * HOUR))
    assert await world.timers() == [REMIND_AT + MOST_REPEATS * HOUR]
    await deliver(sender, await world.fire(REMIND_AT + MOST_REPEATS * HOUR))
    assert await world.timers() == []


async def test_a_night_of_repetitions_is_one_in_the_morning(world: World, postbox: Postbox) -> None:
    await world.choose(**QUIET)
    await world.create(due_at=None, reminders=[{"at": NIGHT.isoformat(), "repeat": "PT1H"}])
    sender = world.start_sender()
    await deliver(sender, await world.fire(NIGHT))
    assert await world.timers() == [MORNING, MORNING + 30 * MINUTE]
    await deliver(sender, await world.fire(MORNING))
    assert len(postbox.taken) == 1


async def test_a_snooze_silences_repetitions_until_its_time(world: World, postbox: Postbox) -> None:
    task = await world.create(reminders=HOURLY)
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    until = REMIND_AT + 2.5 * HOUR
    await deliver(sender, await world.write(SnoozeTask, task.id, until=until))
    await deliver(sender, await world.fire(REMIND_AT + HOUR))
    assert len(postbox.taken) == 1
    assert (await world.deliveries())[1]["reason"] == SNOOZED
    for at in (REMIND_AT + 2 * HOUR, until, REMIND_AT + 3 * HOUR):
        await deliver(sender, await world.fire(at))
    assert len(postbox.taken) == 3, "the snooze itself, and what repeats after it"


async def test_a_moved_due_date_moves_what_repeats(world: World, postbox: Postbox) -> None:
    task = await world.create(reminders=HOURLY)
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    later = (NOW + 5 * HOUR).isoformat()
    events = await world.write(UpdateTask, task.id, changes=TaskInput(due_at=later))
    await deliver(sender, events)
    assert await world.timers() == [NOW + 4 * HOUR]
