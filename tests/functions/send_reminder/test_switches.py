"""A kind of channel that the operator switches off while everything runs: what is due by it waits,
is sent once it is on again, and keeps nobody else.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from functions.send_reminder.switches import LOOK_AGAIN
from taskflow.runtime_settings import runtime_settings
from taskflow.serve import Worker
from tests.functions.send_reminder.world import REMIND_AT, Endpoint, Postbox, World, deliver
from tests.sidecar import Loopback, serve_sidecar

REASON = "Channels of kind email are switched off for now: it is sent once they are on again."


@pytest.fixture
def sidecar() -> Iterator[Loopback]:
    with serve_sidecar() as server:
        yield server


async def forget(sender: Worker) -> None:
    """As five seconds do: what an operator changes is looked at again."""
    await runtime_settings(sender.settings).close()
    runtime_settings.cache_clear()


async def test_what_is_due_by_it_waits_and_is_sent_when_it_is_on_again(
    world: World, postbox: Postbox, endpoint: Endpoint, sidecar: Loopback
) -> None:
    sidecar.memory.configuration["TASKFLOW_CHANNELS_OFF"] = "email"
    sender = world.start_sender(configuration=sidecar.address("configuration"))
    task = await world.create(channels=["email", "webhook"])
    await deliver(sender, task.scheduled)
    triggered = await world.fire(REMIND_AT)

    assert await deliver(sender, [*triggered, *triggered]) == ["SUCCESS"] * 2
    assert (len(postbox.taken), len(endpoint.requests)) == (0, 1)
    held = await world.delivery("email")
    assert (held["state"], held["reason"], held["attempts"]) == ("planned", REASON, 0)
    (again,) = await world.timers()
    assert REMIND_AT + LOOK_AGAIN <= again <= REMIND_AT + LOOK_AGAIN + timedelta(seconds=10)

    still = await world.fire(again)
    await deliver(sender, [*still, *triggered])
    (later,) = await world.timers()
    assert later >= again + LOOK_AGAIN
    sidecar.memory.configuration.clear()
    await forget(sender)
    on = await world.fire(later)
    assert await deliver(sender, [*on, *still, *triggered]) == ["SUCCESS"] * 3

    assert (len(postbox.taken), len(endpoint.requests)) == (1, 1)
    sent = await world.delivery("email")
    assert (sent["state"], sent["reason"], sent["attempts"]) == ("sent", None, 1)
    assert await world.timers() == []
    await forget(sender)


async def test_at_home_the_environment_says_what_is_off(
    world: World, postbox: Postbox, endpoint: Endpoint
) -> None:
    task = await world.create(channels=["email", "webhook"])
    triggered = await world.fire(REMIND_AT)
    await deliver(world.start_sender(channels_off="email, web_push"), triggered)
    assert (len(postbox.taken), len(endpoint.requests)) == (0, 1)

    (again,) = await world.timers()
    assert task.scheduled
    await deliver(world.start_sender(), await world.fire(again))
    assert len(postbox.taken) == 1


async def test_a_switch_that_cannot_be_read_is_where_it_was(
    world: World, postbox: Postbox, sidecar: Loopback
) -> None:
    sidecar.memory.mode = "breaks"
    sender = world.start_sender(configuration=sidecar.address("configuration"))
    await world.create()
    await deliver(sender, await world.fire(REMIND_AT))
    assert len(postbox.taken) == 1
    await forget(sender)
