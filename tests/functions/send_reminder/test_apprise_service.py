"""Apprise's services: those with hosts of their own, and what an operator allows beyond."""

import asyncio
from typing import Any

import pytest

from functions.send_reminder.apprise_service import send_service
from taskflow.mail import DeliveryFailed
from tests.functions.send_reminder.test_mail import NOTICE
from tests.functions.send_reminder.world import REMIND_AT, Endpoint, World, deliver

REMINDERS = [{"before": "PT1H", "channels": ["apprise"]}]


# Loading all of Apprise meets modules that Python is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def json_url(endpoint: Endpoint) -> str:
    """The endpoint as Apprise's service `json`, whose host anybody may choose."""
    return endpoint.url.replace("http://", "json://")


async def settled(world: World) -> dict[str, Any]:
    """The delivery, once it is; loading all of Apprise may outlast the patience with it."""
    while (found := await world.delivery("apprise"))["state"] == "due":
        await asyncio.sleep(0.02)
    return found


async def test_a_reminder_goes_by_a_service_that_the_operator_allows(
    world: World, endpoint: Endpoint
) -> None:
    await world.add_channel("apprise", json_url(endpoint))
    await world.create(reminders=REMINDERS)
    await deliver(world.start_sender(apprise_allow="json, ntfys"), await world.fire(REMIND_AT))
    sent = await settled(world)
    assert (sent["state"], sent["receipt"]) == ("sent", "json took it")
    (body,) = endpoint.bodies
    assert b"Pay rent" in body and b"To the new account." in body


async def test_a_service_that_refuses_is_tried_again(world: World, endpoint: Endpoint) -> None:
    endpoint.status = "500 Oops"
    await world.add_channel("apprise", json_url(endpoint))
    await world.create(reminders=REMINDERS)
    await deliver(world.start_sender(apprise_allow="json"), await world.fire(REMIND_AT))
    told = await settled(world)
    assert (told["state"], told["attempts"]) == ("retry", 1)
    assert "did not take the message" in told["reason"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("json://127.0.0.1:9/", "json:// is not offered here"),
        ("file:///etc/passwd", "file:// is not offered here"),
        ("discord://", "It is no Apprise URL"),
        ("discord://only-an-id", "no discord address that Apprise understands"),
        ("nothing", "It is no Apprise URL"),
    ],
)
async def test_what_is_not_offered_is_refused_for_good(address: str, said: str) -> None:
    with pytest.raises(DeliveryFailed, match=said) as failed:
        await send_service(NOTICE, address, "")
    assert failed.value.permanent
