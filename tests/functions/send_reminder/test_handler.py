"""Each reminder once by each channel: under duplicates, crashes, refusals and changes of mind."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from functions.send_reminder import channels, situation
from functions.send_reminder.attempt import SCHEDULE
from functions.send_reminder.channels import Office
from functions.send_reminder.ledger import LEASED
from functions.send_reminder.notice import Notice, Receipt
from functions.send_reminder.sending import MARGIN
from taskflow.events import (
    CancelTask,
    CompleteTask,
    DeleteTask,
    Event,
    ReminderFact,
    ReopenTask,
    TaskCommand,
    UpdateTask,
)
from taskflow.task import TaskInput
from tests.functions.send_reminder.world import (
    DUE,
    NOW,
    REMIND_AT,
    Endpoint,
    Owner,
    Postbox,
    World,
    deliver,
)

HOUR = timedelta(hours=1)
LATER = {"changes": TaskInput(due_at=(DUE + HOUR).isoformat())}
BACK = {"changes": TaskInput(due_at=DUE.isoformat())}


def kinds(events: list[Event[ReminderFact]]) -> list[str]:
    return [event.data.event_type for event in events]


# --- planning ----------------------------------------------------------------------------------


async def test_a_scheduled_reminder_is_planned_once_for_each_channel(world: World) -> None:
    task = await world.create(channels=["email", "webhook"])
    sender = world.start_sender()

    assert kinds(task.scheduled) == ["scheduled"]
    assert await deliver(sender, [*task.scheduled, *task.scheduled]) == ["SUCCESS"] * 2
    assert await deliver(world.start_sender(), task.scheduled) == ["SUCCESS"]

    mail, hook = await world.deliveries()
    assert [mail["channel"], hook["channel"]] == ["email", "webhook"]
    for planned in (mail, hook):
        assert planned["state"] == "planned"
        assert planned["due_at"] == REMIND_AT
        assert planned["task_id"] == task.id
        assert (planned["attempts"], planned["reason"]) == (0, None)


async def test_every_confirmed_channel_of_a_kind_is_used_and_no_other(bare_world: World) -> None:
    first = await bare_world.add_channel("email", "ann@example.com")
    second = await bare_world.add_channel("email", "ann@work.example")
    await bare_world.add_channel("email", "mallory@example.com", confirmed=False)
    task = await bare_world.create()

    await deliver(bare_world.start_sender(), task.scheduled)

    found = await bare_world.deliveries()
    assert {one["channel_id"] for one in found} == {first, second}


async def test_a_reminder_without_kinds_goes_to_the_default(world: World) -> None:
    task = await world.create(channels=[])
    await deliver(world.start_sender(), task.scheduled)

    assert [one["channel"] for one in await world.deliveries()] == ["email"]


async def test_a_person_without_a_channel_is_told_so(bare_world: World, postbox: Postbox) -> None:
    task = await bare_world.create()
    sender = bare_world.start_sender()
    await deliver(sender, task.scheduled)
    fired = await bare_world.fire(REMIND_AT)
    assert await deliver(sender, fired) == ["SUCCESS"]

    told = await bare_world.delivery()
    assert (told["state"], told["reason"]) == ("suppressed", "There is no confirmed email channel.")
    assert postbox.attempts == 0


async def test_a_channel_that_is_added_after_planning_is_used(
    bare_world: World, postbox: Postbox
) -> None:
    task = await bare_world.create()
    sender = bare_world.start_sender()
    await deliver(sender, task.scheduled)
    await bare_world.add_channel("email", "ann@example.com")
    await deliver(sender, await bare_world.fire(REMIND_AT))

    assert len(postbox.taken) == 1
    assert {one["state"] for one in await bare_world.deliveries()} == {"suppressed", "sent"}


async def test_a_reminder_born_late_is_never_sent(world: World, postbox: Postbox) -> None:
    world.clock.now = REMIND_AT + timedelta(seconds=1)
    task = await world.create()
    sender = world.start_sender()
    await deliver(sender, task.scheduled)

    assert await world.timers() == []
    told = await world.delivery()
    assert (told["state"], told["reason"]) == ("suppressed", situation.BORN_LATE)
    assert postbox.attempts == 0


# --- sending -----------------------------------------------------------------------------------


async def test_a_due_reminder_is_sent(world: World, postbox: Postbox, endpoint: Endpoint) -> None:
    task = await world.create(channels=["email", "webhook"])
    sender = world.start_sender()
    await deliver(sender, task.scheduled)
    fired = await world.fire(REMIND_AT)
    assert await deliver(sender, fired) == ["SUCCESS"]

    mail, hook = await world.deliveries()
    (message,) = postbox.taken
    assert message["Subject"] == "Reminder: Pay rent"
    assert message["To"] == "ann@example.com"
    assert message["Message-ID"] == f"<{mail['id']}@localhost>"
    body = message.get_body(("plain",))
    assert body is not None
    assert "11:00 (Europe/Paris)" in body.get_content()
    assert "Open the task: https://tasks.example/v1/answers/" in body.get_content()
    assert [request["webhook-id"] for request in endpoint.requests] == [hook["id"]]
    assert mail["receipt"] == "queued as 4711"
    assert hook["receipt"] == "HTTP 204"
    for sent in (mail, hook):
        assert (sent["state"], sent["attempts"], sent["late_by_seconds"]) == ("sent", 1, 0)
        assert sent["sent_at"] == REMIND_AT
        assert (sent["lease"], sent["leased_until"], sent["reason"]) == (None, None, None)


async def test_a_trigger_that_overtakes_its_plan_is_sent(world: World, postbox: Postbox) -> None:
    task = await world.create()
    sender = world.start_sender()
    fired = await world.fire(REMIND_AT)
    assert await deliver(sender, [*fired, *task.scheduled]) == ["SUCCESS", "SUCCESS"]

    assert len(postbox.taken) == 1
    assert (await world.delivery())["state"] == "sent"


async def test_a_late_reminder_is_sent_once_and_says_so(world: World, postbox: Postbox) -> None:
    await world.create()
    fired = await world.fire(REMIND_AT + 2 * HOUR + timedelta(seconds=0.9))
    await deliver(world.start_sender(), fired)

    assert (await world.delivery())["late_by_seconds"] == 7200
    (message,) = postbox.taken
    body = message.get_body(("plain",))
    assert body is not None
    assert "This reminder is 2 h late" in body.get_content()


async def test_a_reminder_shows_the_task_as_it_is_now(world: World, postbox: Postbox) -> None:
    task = await world.create()
    fired = await world.fire(REMIND_AT)
    await world.write(UpdateTask, task.id, changes=TaskInput(title="Pay the new rent"))
    await deliver(world.start_sender(), fired)

    assert [message["Subject"] for message in postbox.taken] == ["Reminder: Pay the new rent"]


async def test_duplicates_and_two_workers_make_one_mail(world: World, postbox: Postbox) -> None:
    await world.create()
    fired = await world.fire(REMIND_AT)
    one, other = world.start_sender(), world.start_sender()
    postbox.answers.clear()
    first = asyncio.create_task(deliver(one, [*fired, *fired]))
    await postbox.came.wait()

    assert await deliver(other, fired) == ["SUCCESS"]
    assert await world.timers() == [REMIND_AT + LEASED + MARGIN], "it looks again after the lease"
    postbox.answers.set()
    assert await first == ["SUCCESS", "SUCCESS"]
    again = await world.fire(REMIND_AT + LEASED + MARGIN)
    assert await deliver(other, [*fired, *again]) == ["SUCCESS"] * 2
    assert len(postbox.taken) == 1
    assert (await world.delivery())["attempts"] == 1


async def test_many_workers_that_start_together_make_one_mail(
    world: World, postbox: Postbox
) -> None:
    await world.create()
    fired = await world.fire(REMIND_AT)
    crowd = [world.start_sender() for _ in range(4)]
    await asyncio.gather(*(deliver(worker, fired) for worker in crowd))

    for worker in crowd:
        assert await deliver(worker, fired) == ["SUCCESS"]
    assert len(postbox.taken) == 1


async def test_a_crash_before_settling_repeats_the_same_mail(
    world: World, postbox: Postbox
) -> None:
    await world.create()
    fired = await world.fire(REMIND_AT)
    postbox.answers.clear()
    dying = asyncio.create_task(deliver(world.start_sender(), fired))
    await postbox.came.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    postbox.answers.set()
    survivor = world.start_sender()

    assert await deliver(survivor, fired) == ["SUCCESS"]
    assert (await world.delivery())["state"] == "due"
    again = await world.fire(REMIND_AT + LEASED + MARGIN)
    assert await deliver(survivor, [*again, *again]) == ["SUCCESS"] * 2

    first, repeated = postbox.taken
    assert first["Message-ID"] == repeated["Message-ID"]
    settled = await world.delivery()
    assert (settled["state"], settled["attempts"]) == ("sent", 1)


async def test_a_database_that_stumbles_after_the_mail_has_left_does_not_repeat_it(
    world: World, postbox: Postbox, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    await world.create()
    fired = await world.fire(REMIND_AT)
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"ALTER DATABASE {name} SET lock_timeout = '50ms'")
    sender = world.start_sender()
    postbox.answers.clear()
    sending = asyncio.create_task(deliver(sender, fired))
    await postbox.came.wait()
    async with owner.transaction():
        await owner.execute("SELECT 1 FROM deliveries FOR UPDATE")
        postbox.answers.set()
        while "cannot be settled yet" not in caplog.text:
            await asyncio.sleep(0.02)

    assert await sending == ["SUCCESS"]
    assert len(postbox.taken) == 1
    assert (await world.delivery())["state"] == "sent"


async def test_a_row_that_older_code_planned_is_sent_once(
    world: World, postbox: Postbox, owner: Owner
) -> None:
    """It knew only when a delivery is due, which was its reminder's instant."""
    task = await world.create()
    sender = world.start_sender()
    await deliver(sender, task.scheduled)
    await owner.execute("UPDATE deliveries SET remind_at = NULL")
    fired = await world.fire(REMIND_AT)
    assert await deliver(sender, [*task.scheduled, *fired]) == ["SUCCESS"] * 2
    assert (await world.delivery())["state"] == "sent" and len(postbox.taken) == 1


# --- failing -----------------------------------------------------------------------------------


async def test_a_silent_channel_delays_no_other(
    world: World, postbox: Postbox, endpoint: Endpoint
) -> None:
    await world.create(channels=["email", "webhook"])
    fired = await world.fire(REMIND_AT)
    endpoint.answers.clear()
    sending = asyncio.create_task(deliver(world.start_sender(), fired))
    await endpoint.came.wait()
    while (await world.delivery("email"))["state"] != "sent":
        await asyncio.sleep(0.02)

    assert await sending == ["SUCCESS"], "the event is not held: a timer stands behind it"
    assert (await world.delivery("webhook"))["state"] == "due"
    assert await world.timers() == [REMIND_AT + LEASED + MARGIN]
    endpoint.answers.set()
    while (await world.delivery("webhook"))["state"] != "sent":
        await asyncio.sleep(0.02)
    assert (len(endpoint.requests), await world.timers()) == (1, [])


async def test_what_another_worker_holds_delays_no_other_channel(
    world: World, postbox: Postbox, endpoint: Endpoint, owner: Owner
) -> None:
    task = await world.create(channels=["email", "webhook"])
    sender = world.start_sender()
    await deliver(sender, task.scheduled)
    fired = await world.fire(REMIND_AT)
    until = REMIND_AT + timedelta(seconds=30)
    await owner.execute(
        "UPDATE deliveries SET state = 'due', lease = gen_random_uuid(), leased_until = $1"
        " WHERE channel = 'email'",
        until,
    )

    assert await deliver(sender, fired) == ["SUCCESS"]
    assert (len(postbox.taken), len(endpoint.requests)) == (0, 1)
    assert await deliver(sender, await world.fire(until + MARGIN)) == ["SUCCESS"]
    assert (len(postbox.taken), len(endpoint.requests)) == (1, 1)


async def test_a_refused_recipient_fails_for_good_and_alone(
    world: World, postbox: Postbox, endpoint: Endpoint
) -> None:
    postbox.at_recipient = "550 no such person"
    await world.create(channels=["email", "webhook"])
    fired = await world.fire(REMIND_AT)
    assert await deliver(world.start_sender(), [*fired, *fired]) == ["SUCCESS", "SUCCESS"]

    mail, hook = await world.deliveries()
    assert (mail["state"], mail["attempts"], hook["state"]) == ("failed", 1, "sent")
    assert "550 no such person" in mail["reason"]
    assert await world.timers() == []
    assert (postbox.attempts, len(endpoint.requests)) == (1, 1)


async def test_what_was_sent_and_forgotten_is_not_sent_again(
    world: World, postbox: Postbox
) -> None:
    """Whatever brings an event again after its delivery was purged; one that was never sent, though
    its clock stood still for as long, is in the ledger and comes late."""
    forgotten, slept_through = await world.create(), await world.create(title="Slept through")
    fired = await world.fire(REMIND_AT)
    sender = world.start_sender()
    world.clock.now = NOW
    assert set(await deliver(sender, slept_through.scheduled)) == {"SUCCESS"}
    world.clock.now = REMIND_AT + timedelta(days=world.settings.keep_deliveries, seconds=1)
    assert set(await deliver(sender, [*forgotten.scheduled, *fired])) == {"SUCCESS"}

    assert [mail["Subject"] for mail in postbox.taken] == ["Reminder: Slept through"]
    assert [row["task_id"] for row in await world.deliveries()] == [slept_through.id]


async def test_a_poison_reminder_stops_nobody_and_redriven_is_sent_once(
    world: World, postbox: Postbox, owner: Owner
) -> None:
    """The fifth failure of the function itself sets the event aside (`serve`); put back after the
    cause is mended, however often, it is one mail."""
    poison, healthy = await world.create(title="Poison"), await world.create()
    fired = await world.fire(REMIND_AT)
    bad = next(event for event in fired if event.data.task_id == poison.id)
    task = "UPDATE tasks SET reminders = $2 WHERE id = $1 RETURNING id"
    kept = await owner.fetchval("SELECT reminders FROM tasks WHERE id = $1", poison.id)
    await owner.execute(task, poison.id, '"no list"')
    sender = world.start_sender()
    outcomes = dict(zip([one.id for one in fired], await deliver(sender, fired), strict=True))
    assert outcomes.pop(bad.id) == "RETRY" and set(outcomes.values()) == {"SUCCESS"}
    assert len(postbox.taken) == 1
    for _ in range(3):
        assert await deliver(sender, [bad]) == ["RETRY"]
    assert await deliver(sender, [bad]) == ["DROP"]

    await owner.execute(task, poison.id, kept)
    redriven = structs.replace(bad, redrivefor="send-reminder")
    for _ in range(2):
        assert await deliver(sender, [redriven]) == ["SUCCESS"]
    assert [mail["Subject"] for mail in postbox.taken].count("Reminder: Poison") == 1
    states = {one["task_id"]: one["state"] for one in await world.deliveries()}
    assert states == {poison.id: "sent", healthy.id: "sent"}


async def test_a_failure_is_tried_again_by_a_timer_and_sent_once(
    world: World, postbox: Postbox, endpoint: Endpoint
) -> None:
    postbox.at_recipient = "451 later please"
    await world.create(channels=["email", "webhook"])
    sender = world.start_sender()
    fired = await world.fire(REMIND_AT)
    assert await deliver(sender, fired) == ["SUCCESS"]

    waiting = await world.delivery("email")
    assert (waiting["state"], waiting["attempts"]) == ("retry", 1)
    assert "451 later please" in waiting["reason"]
    (due_at,) = await world.timers()
    assert 30 <= (due_at - REMIND_AT).total_seconds() <= 36
    assert await deliver(sender, fired) == ["SUCCESS"]
    assert postbox.attempts == 1, "a repeated event must not come before the timer"

    postbox.at_recipient = "250 OK"
    again = await world.fire(due_at)
    assert [event.data.event_type for event in again] == ["triggered"]
    assert await deliver(sender, [*again, *again, *fired]) == ["SUCCESS"] * 3
    sent = await world.delivery("email")
    assert (sent["state"], sent["attempts"], sent["reason"]) == ("sent", 2, None)
    assert sent["late_by_seconds"] == int((due_at - REMIND_AT).total_seconds())
    assert (len(postbox.taken), len(endpoint.requests)) == (1, 1)
    assert await world.timers() == []


async def test_an_old_attempt_that_is_repeated_does_not_hurry_the_next(
    world: World, postbox: Postbox
) -> None:
    postbox.at_recipient = "451 later please"
    await world.create()
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    second = await world.fire((await world.timers())[0])
    await deliver(sender, second)
    assert (await world.delivery())["attempts"] == 2

    assert await deliver(sender, second) == ["SUCCESS"]
    assert (await world.delivery())["attempts"] == 2


async def test_after_a_day_it_is_given_up_in_the_sight_of_the_person(
    world: World, postbox: Postbox
) -> None:
    postbox.at_recipient = "451 later please"
    await world.create()
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    last = REMIND_AT
    for attempt in range(1, len(SCHEDULE) + 1):
        assert (await world.delivery())["attempts"] == attempt
        (last,) = await world.timers()
        await deliver(sender, await world.fire(last))

    given_up = await world.delivery()
    assert (given_up["state"], given_up["attempts"]) == ("failed", 10)
    assert given_up["reason"].startswith("Given up after 10 attempts")
    assert last - REMIND_AT >= timedelta(hours=24)
    assert (await world.timers(), postbox.attempts) == ([], 10)


async def test_a_webhook_that_asks_for_time_gets_it(world: World, endpoint: Endpoint) -> None:
    endpoint.status, endpoint.headers = "503 Busy", "Retry-After: 7200\r\n"
    await world.create(channels=["webhook"])
    await deliver(world.start_sender(), await world.fire(REMIND_AT))

    assert await world.timers() == [REMIND_AT + 2 * HOUR]


async def test_a_webhook_that_is_gone_fails_for_good(world: World, endpoint: Endpoint) -> None:
    endpoint.status = "410 Gone"
    await world.create(channels=["webhook"])
    await deliver(world.start_sender(), await world.fire(REMIND_AT))

    failed = await world.delivery("webhook")
    assert failed["state"] == "failed"
    assert "gone for good" in failed["reason"]


@pytest.mark.parametrize(
    ("kind", "address", "changes", "state", "said"),
    [
        ("email", "no address", {}, "failed", "is no mail address"),
        ("email", "ann@example.com", {"mail_from": "?"}, "retry", "TASKFLOW_MAIL_FROM"),
        ("webhook", "http://10.0.0.1/x", {}, "failed", "10.0.0.1"),
        ("webhook", "http://127.0.0.1/x", {"webhook_allow": "?"}, "retry", "TASKFLOW_WEBHOOK"),
    ],
)
async def test_what_cannot_be_sent_says_why(
    bare_world: World, kind: str, address: str, changes: dict[str, Any], state: str, said: str
) -> None:
    await bare_world.add_channel(kind, address)
    await bare_world.create(channels=[kind])
    fired = await bare_world.fire(REMIND_AT)
    assert await deliver(bare_world.start_sender(**changes), fired) == ["SUCCESS"]

    told = await bare_world.delivery(kind)
    assert told["state"] == state
    assert said in told["reason"]


async def test_what_nobody_foresaw_is_tried_again_in_the_sight_of_the_person(
    world: World, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stumble(
        channel: situation.Channel, notice: Notice, office: Office, now: datetime
    ) -> Receipt:
        raise RuntimeError("a library's own business")

    monkeypatch.setitem(channels.SENDERS, "webhook", stumble)
    await world.create(channels=["email", "webhook"])
    fired = await world.fire(REMIND_AT)
    assert await deliver(world.start_sender(), fired) == ["SUCCESS"]

    told = await world.delivery("webhook")
    assert (told["state"], len(postbox.taken)) == ("retry", 1)
    assert told["reason"] == "Sending failed unexpectedly (RuntimeError); the log has more."


async def test_without_a_mail_server_the_mail_is_a_file(world: World, postbox: Postbox) -> None:
    await world.create()
    fired = await world.fire(REMIND_AT)
    await deliver(world.start_sender(smtp=""), fired)

    (sent,) = await world.deliveries()
    assert sent["state"] == "sent"
    assert [file.name for file in (world.settings.data / "outbox").iterdir()] == [
        f"{sent['id']}.eml"
    ]
    assert postbox.attempts == 0


# --- changes of mind ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        (CompleteTask, {}, situation.FINISHED["done"]),
        (CancelTask, {}, situation.FINISHED["cancelled"]),
        (DeleteTask, {}, situation.TASK_DELETED),
        (UpdateTask, LATER, situation.MOVED),
        (UpdateTask, {"changes": TaskInput(reminders=[])}, situation.REMOVED),
    ],
)
async def test_a_reminder_on_its_way_is_not_sent_for_what_has_changed(
    world: World, postbox: Postbox, kind: type[TaskCommand], fields: dict[str, Any], reason: str
) -> None:
    task = await world.create()
    sender = world.start_sender()
    fired = await world.fire(REMIND_AT)
    assert kinds(fired) == ["triggered"]
    changed = await world.write(kind, task.id, **fields)
    assert "cancelled" in kinds(changed)
    assert await deliver(sender, [*task.scheduled, *fired]) == ["SUCCESS", "SUCCESS"]
    await deliver(sender, changed)

    now = [one for one in await world.deliveries() if one["due_at"] == REMIND_AT]
    assert [(one["state"], one["reason"]) for one in now] == [("suppressed", reason)]
    assert postbox.attempts == 0


async def test_the_reminder_of_a_deleted_account_is_not_sent(
    world: World, postbox: Postbox, owner: Owner
) -> None:
    await world.create()
    fired = await world.fire(REMIND_AT)
    await owner.execute("UPDATE users SET deleted_at = $1", NOW)
    assert await deliver(world.start_sender(), fired) == ["SUCCESS"]

    told = await world.delivery()
    assert (told["state"], told["reason"]) == ("suppressed", situation.ACCOUNT_DELETED)
    assert postbox.attempts == 0


async def test_a_channel_that_was_removed_gets_nothing(
    world: World, postbox: Postbox, owner: Owner
) -> None:
    task = await world.create()
    sender = world.start_sender()
    await deliver(sender, task.scheduled)
    await owner.execute("DELETE FROM channels WHERE kind = 'email'")
    await world.add_channel("email", "ann@new.example")
    await deliver(sender, await world.fire(REMIND_AT))

    assert [message["To"] for message in postbox.taken] == ["ann@new.example"]
    states = {one["state"]: one["reason"] for one in await world.deliveries()}
    assert states == {"sent": None, "suppressed": situation.CHANNEL_REMOVED}


async def test_cancelling_ends_the_plan_and_the_retries(world: World, postbox: Postbox) -> None:
    postbox.at_recipient = "451 later please"
    task = await world.create(
        reminders=[{"before": "PT1H", "channels": ["email"]}, {"before": "PT30M"}]
    )
    sender = world.start_sender()
    await deliver(sender, task.scheduled)
    await deliver(sender, await world.fire(REMIND_AT))
    assert [one["state"] for one in await world.deliveries()] == ["retry", "planned"]
    assert len(await world.timers()) == 2

    cancelled = await world.write(CompleteTask, task.id)
    assert await deliver(sender, cancelled) == ["SUCCESS", "SUCCESS"]
    assert [one["state"] for one in await world.deliveries()] == ["suppressed", "suppressed"]
    assert await world.timers() == []


async def test_what_was_sent_stays_sent_when_the_task_is_done(world: World) -> None:
    task = await world.create()
    sender = world.start_sender()
    await deliver(sender, await world.fire(REMIND_AT))
    await deliver(sender, await world.write(CompleteTask, task.id))

    assert (await world.delivery())["state"] == "sent"


async def test_a_moved_due_date_moves_relative_reminders_only(
    world: World, postbox: Postbox
) -> None:
    before, at = {"before": "PT1H", "channels": ["email"]}, REMIND_AT + timedelta(minutes=30)
    fixed = {"at": at.isoformat(), "channels": ["email"]}
    task = await world.create(reminders=[before, fixed])
    sender = world.start_sender()
    await deliver(sender, [*task.scheduled, *await world.write(UpdateTask, task.id, **LATER)])
    sent = []
    for instant in (REMIND_AT, at, REMIND_AT + HOUR):
        await deliver(sender, await world.fire(instant))
        sent.append(len(postbox.taken))

    assert sent == [0, 1, 2]
    due = {one["due_at"] for one in await world.deliveries() if one["state"] == "sent"}
    assert due == {at, REMIND_AT + HOUR}


async def test_a_reminder_moved_away_and_back_is_sent_once(world: World, postbox: Postbox) -> None:
    task = await world.create()
    sender = world.start_sender()
    await deliver(sender, task.scheduled)
    await deliver(sender, await world.write(UpdateTask, task.id, **LATER))
    back = await world.write(UpdateTask, task.id, **BACK)
    states = {one["due_at"]: one["state"] for one in await world.deliveries()}
    assert states == {REMIND_AT: "suppressed", REMIND_AT + HOUR: "planned"}
    fired = await world.fire(REMIND_AT)
    assert await deliver(sender, [*fired, *back, *fired]) == ["SUCCESS"] * (len(back) + 2)
    await world.fire(REMIND_AT + HOUR)

    states = {one["due_at"]: one["state"] for one in await world.deliveries()}
    assert states == {REMIND_AT: "sent", REMIND_AT + HOUR: "suppressed"}
    assert len(postbox.taken) == 1


async def test_a_cancellation_that_comes_after_the_return_changes_nothing(
    world: World, postbox: Postbox
) -> None:
    task = await world.create()
    sender = world.start_sender()
    await deliver(sender, task.scheduled)
    away = await world.write(CompleteTask, task.id)
    back = await world.write(ReopenTask, task.id)
    await deliver(sender, [*back, *away])

    assert (await world.delivery())["state"] == "planned"
    await deliver(sender, await world.fire(REMIND_AT))
    assert len(postbox.taken) == 1


async def test_a_task_reopened_after_its_time_is_not_reminded_of(
    world: World, postbox: Postbox
) -> None:
    task = await world.create()
    sender = world.start_sender()
    fired = await world.fire(REMIND_AT)
    done = await world.write(CompleteTask, task.id)
    await deliver(sender, [*fired, *done])
    back = await world.write(ReopenTask, task.id)
    await deliver(sender, [*back, *fired])

    told = await world.delivery()
    assert (told["state"], told["reason"]) == ("suppressed", situation.BORN_LATE)
    assert postbox.attempts == 0


async def test_an_all_day_reminder_survives_a_move_to_another_zone(
    world: World, postbox: Postbox, owner: Owner
) -> None:
    await world.create(due_at=None, due_on=NOW.date() + timedelta(days=1))
    (planned,) = await world.timers()
    await owner.execute("UPDATE users SET timezone = 'Asia/Tokyo'")
    await deliver(world.start_sender(), await world.fire(planned))

    assert (await world.delivery())["state"] == "sent"
    assert len(postbox.taken) == 1


async def test_a_snooze_moved_on_is_not_sent_at_its_old_time(world: World) -> None:
    moved = [{"at": (REMIND_AT + HOUR).isoformat()}]
    task = await world.create(reminders=[{"at": REMIND_AT.isoformat()}])
    fired = await world.fire(REMIND_AT)
    await world.write(UpdateTask, task.id, changes=TaskInput(reminders=moved))
    await deliver(world.start_sender(), fired)

    assert (await world.delivery())["state"] == "suppressed"


# --- a test of a channel -----------------------------------------------------------------------


async def test_a_test_is_about_no_task_and_is_tried_once(
    world: World, endpoint: Endpoint, owner: Owner
) -> None:
    endpoint.status = "500 Oops"
    await world.create(channels=["webhook"])
    (fired,) = await world.fire(REMIND_AT)
    name = "5f0c0000-0000-4000-8000-000000000001"
    channel = await owner.fetchval("SELECT id::text FROM channels WHERE kind = 'webhook'")
    await owner.execute(
        "INSERT INTO deliveries (id, reminder_id, task_id, user_id, channel_id, channel, due_at,"
        " state) VALUES ($1, $2, $2, $3, $4, 'webhook', $5, 'planned')",
        name,
        situation.NO_TASK,
        world.user_id,
        channel,
        REMIND_AT,
    )
    fact = structs.replace(
        fired.data,
        task_id=situation.NO_TASK,
        reminder_id=situation.NO_TASK,
        delivery_id=name,
        title="Test of your channel",
    )
    await deliver(world.start_sender(), [structs.replace(fired, data=fact)])

    (told,) = await world.deliveries()
    assert (told["id"], told["state"], told["attempts"]) == (name, "failed", 1)
    assert "500" in told["reason"]
    assert await world.timers() == []
