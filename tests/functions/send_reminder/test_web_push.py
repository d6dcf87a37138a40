"""A push reaches a browser that can read it, by a service that can tell who sent it."""

from uuid import UUID

import pytest

from taskflow.web_push import public_key, write_keys
from tests.functions.send_reminder.browser import FakeBrowser, read_token
from tests.functions.send_reminder.world import REMIND_AT, Endpoint, World, deliver

REMINDERS = [{"before": "PT1H", "channels": ["web_push"]}]


@pytest.fixture
async def browser(world: World, endpoint: Endpoint) -> FakeBrowser:
    """A person's browser, subscribed at the endpoint."""
    endpoint.status = "201 Created"
    found = FakeBrowser()
    await world.add_channel("web_push", endpoint.url, secret=write_keys(found.keys))
    return found


async def push(world: World, title: str = "Pay rent") -> None:
    await world.create(reminders=REMINDERS, title=title)
    await deliver(world.start_sender(), await world.fire(REMIND_AT))


async def test_a_browser_can_read_what_was_pushed_for_it(
    world: World, endpoint: Endpoint, browser: FakeBrowser
) -> None:
    endpoint.headers = "Location: https://push.example/m/4711\r\n"
    await push(world, title="Zahle die Miete: 家賃")
    (body,) = endpoint.bodies
    shown = browser.read(body)
    assert (shown["title"], shown["body"]) == ("Zahle die Miete: 家賃", "To the new account.")
    assert shown["due_at"] == "2026-12-01T10:00:00Z" and shown["late_by_seconds"] == 0
    for name in ("link", "got_it", "snooze_hour"):
        assert shown[name].startswith("https://tasks.example/v1/answers/")
    sent = await world.delivery("web_push")
    assert (sent["state"], sent["receipt"]) == ("sent", "https://push.example/m/4711")


async def test_the_push_service_is_told_who_how_long_and_what_it_replaces(
    world: World, endpoint: Endpoint, browser: FakeBrowser
) -> None:
    await push(world)
    (headers,) = endpoint.requests
    claims, key = read_token(headers["authorization"])
    assert key == public_key(world.settings.secret)
    assert endpoint.url.startswith(str(claims["aud"]) + "/")
    assert claims["sub"] == "https://tasks.example/"
    assert 0 < claims["exp"] - REMIND_AT.timestamp() <= 24 * 3600
    assert (headers["ttl"], headers["urgency"]) == ("86400", "high")
    assert headers["content-encoding"] == "aes128gcm"
    assert UUID(headers["topic"]) == UUID((await world.delivery("web_push"))["id"])


async def test_the_longest_task_fits_into_a_push(
    world: World, endpoint: Endpoint, browser: FakeBrowser
) -> None:
    await world.create(reminders=REMINDERS, title="家" * 500, notes="家" * 20_000)
    await deliver(world.start_sender(), await world.fire(REMIND_AT))
    (body,) = endpoint.bodies
    assert len(body) <= 4096 and browser.read(body)["title"] == "家" * 500


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
async def test_a_browser_that_unsubscribed_is_switched_off(
    world: World, endpoint: Endpoint, browser: FakeBrowser, status: str
) -> None:
    endpoint.status = status
    await push(world)
    assert (await world.delivery("web_push"))["state"] == "failed"
    channel = await world.channel("web_push")
    assert channel["disabled_at"] == REMIND_AT
    assert "allow notifications there again" in channel["disabled_reason"]


@pytest.mark.parametrize(
    ("status", "state"),
    [("403 Forbidden", "failed"), ("413 Too Large", "failed"), ("429 Slow", "retry")],
)
async def test_what_a_push_service_answers(
    world: World, endpoint: Endpoint, browser: FakeBrowser, status: str, state: str
) -> None:
    endpoint.status = status
    await push(world)
    told = await world.delivery("web_push")
    assert told["state"] == state and status.split()[0] in told["reason"]
    assert (await world.channel("web_push"))["disabled_at"] is None


async def test_keys_that_are_none_end_the_channel(world: World, endpoint: Endpoint) -> None:
    await world.add_channel("web_push", endpoint.url, secret='{"p256dh": "BB", "auth": "AA"}')
    await push(world)
    assert (await world.delivery("web_push"))["state"] == "failed"
    assert endpoint.requests == []


async def test_nothing_is_pushed_into_our_own_network(world: World, endpoint: Endpoint) -> None:
    keys = write_keys(FakeBrowser().keys)
    await world.add_channel("web_push", "https://10.0.0.1/push", secret=keys)
    await push(world)
    told = await world.delivery("web_push")
    assert told["state"] == "failed" and "10.0.0.1" in told["reason"]


NEW, OLDER = "a new secret for the tests of pushes", "one that was never used for a push"


@pytest.mark.parametrize(
    "refusal", ["403 Forbidden", "401 Unauthorized", "400 VapidPkHashMismatch"]
)
async def test_a_subscription_of_before_a_new_secret_goes_on(
    world: World, endpoint: Endpoint, browser: FakeBrowser, refusal: str
) -> None:
    """A push service takes the key that the subscription was made with, and no other."""
    subscribed = public_key(world.settings.secret)
    endpoint.decide = lambda headers: (
        "201 Created" if headers["authorization"].endswith(f"k={subscribed}") else refusal
    )
    await world.create(reminders=REMINDERS)
    previous = f"{OLDER},{world.settings.secret.replace(',', '%2C')}"
    sender = world.start_sender(secret=NEW, secret_previous=previous)
    await deliver(sender, await world.fire(REMIND_AT))
    assert (await world.delivery("web_push"))["state"] == "sent"
    keys = [read_token(headers["authorization"])[1] for headers in endpoint.requests]
    assert keys == [public_key(NEW), public_key(OLDER), subscribed]


async def test_without_the_earlier_secret_the_subscription_has_ended(
    world: World, endpoint: Endpoint, browser: FakeBrowser
) -> None:
    endpoint.decide = lambda headers: "403 Forbidden"
    await world.create(reminders=REMINDERS)
    await deliver(world.start_sender(secret=NEW), await world.fire(REMIND_AT))
    told = await world.delivery("web_push")
    assert told["state"] == "failed" and "Allow notifications again" in told["reason"]
    assert len(endpoint.requests) == 1
