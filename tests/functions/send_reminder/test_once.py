"""Once, whatever happens: duplicates in any order, several workers, restarts, each from a seed."""

import asyncio
import random
from datetime import timedelta

import pytest

from functions.send_reminder.sending import Desk
from taskflow.events import CompleteTask
from tests.functions.send_reminder.world import (
    REMIND_AT,
    Endpoint,
    Postbox,
    World,
    deliver,
)

REMINDERS, WORKERS, ROUNDS = 12, 3, 6


@pytest.mark.parametrize("seed", range(6))
async def test_each_delivery_leaves_once(
    world: World, postbox: Postbox, endpoint: Endpoint, seed: int
) -> None:
    """Bulks of any events, to any workers, at once and again, one of them restarted each round."""
    chance = random.Random(seed)
    tasks = [await world.create(channels=["email", "webhook"]) for _ in range(REMINDERS)]
    scheduled = [event for task in tasks for event in task.scheduled]
    fired = await world.fire(REMIND_AT)
    assert len(fired) == REMINDERS
    workers = [world.start_sender() for _ in range(WORKERS)]
    for _ in range(ROUNDS):
        bulks = [chance.choices(scheduled + fired, k=10) for _ in range(2 * WORKERS)]
        outcomes = await asyncio.gather(*(deliver(chance.choice(workers), bulk) for bulk in bulks))
        assert {one for outcome in outcomes for one in outcome} == {"SUCCESS"}
        await workers.pop(chance.randrange(WORKERS)).close()
        workers.append(world.start_sender())
    await deliver(workers[0], fired)
    world.clock.now = REMIND_AT + timedelta(seconds=61)
    await deliver(workers[0], await world.fire(world.clock.now))

    rows = await world.deliveries()
    assert len(rows) == 2 * REMINDERS
    assert {(row["state"], row["attempts"]) for row in rows} == {("sent", 1)}
    mails = [str(message["Message-ID"]) for message in postbox.taken]
    hooks = [request["webhook-id"] for request in endpoint.requests]
    assert len(mails) == len(set(mails)) == len(hooks) == len(set(hooks)) == REMINDERS
    assert await world.timers() == []


async def test_what_has_left_is_written_down_before_more_is_taken(
    world: World, postbox: Postbox
) -> None:
    """The window in which a crash sends again must not grow with what waits to be sent."""
    first, second = await world.create(title="First"), await world.create(title="Second")
    sender = world.start_sender()
    await deliver(sender, [*first.scheduled, *second.scheduled])
    fired = {event.data.task_id: event for event in await world.fire(REMIND_AT)}
    postbox.answers.clear()
    leaving = asyncio.create_task(deliver(sender, [fired[first.id]]))
    await postbox.came.wait()
    desk = sender.memory[Desk]
    assert isinstance(desk, Desk)
    async with world.owner.transaction():
        await world.owner.execute("SELECT FROM deliveries WHERE task_id = $1 FOR UPDATE", second.id)
        async with desk.ledger:
            taking = asyncio.create_task(deliver(sender, [fired[second.id]]))
            postbox.answers.set()
            while not desk.waiting:
                await asyncio.sleep(0.01)
        state = "SELECT state FROM deliveries WHERE task_id = $1"
        while await world.owner.fetchval(state, first.id) != "sent":
            await asyncio.sleep(0.01)
    assert await asyncio.gather(leaving, taking) == [["SUCCESS"], ["SUCCESS"]]
    assert len(postbox.taken) == 2


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_done_in_time_is_never_sent(
    world: World, postbox: Postbox, endpoint: Endpoint, seed: int
) -> None:
    """Some tasks are completed while their triggers are already under way."""
    chance = random.Random(seed)
    tasks = [await world.create(channels=["email", "webhook"]) for _ in range(REMINDERS)]
    events = [event for task in tasks for event in task.scheduled]
    events += await world.fire(REMIND_AT)
    done = chance.sample(tasks, REMINDERS // 2)
    for task in done:
        events += await world.write(CompleteTask, task.id)
    workers = [world.start_sender() for _ in range(WORKERS)]
    for _ in range(ROUNDS):
        chance.shuffle(events)
        bulks = [events[start : start + 7] for start in range(0, len(events), 7)]
        await asyncio.gather(*(deliver(chance.choice(workers), bulk) for bulk in bulks))

    rows = await world.deliveries()
    finished = {task.id for task in done}
    assert {row["state"] for row in rows if row["task_id"] in finished} == {"suppressed"}
    assert {row["state"] for row in rows if row["task_id"] not in finished} == {"sent"}
    assert len(postbox.taken) == len(endpoint.requests) == REMINDERS - len(done)
