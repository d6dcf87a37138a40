"""Reminders to come, deliveries, and tests of channels that travel the real way."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from tests.functions.send_reminder.world import Endpoint, Postbox
from tests.gateway.platform import Platform

Client = httpx.AsyncClient
NEXT_YEAR = datetime.now(UTC).year + 1


async def create(client: Client, day: int, **fields: Any) -> dict[str, Any]:
    """A task of December next year with a reminder an hour before it is due."""
    body = {
        "title": f"Day {day}",
        "due_at": f"{NEXT_YEAR}-12-{day:02}T09:00:00Z",
        "reminders": [{"before": "PT1H"}],
        **fields,
    }
    answer = await client.post("/v1/tasks", json=body)
    assert answer.status_code == 201, answer.text
    task: dict[str, Any] = answer.json()
    return task


async def read(client: Client, path: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def read_pages(client: Client, path: str, limit: int) -> list[list[dict[str, Any]]]:
    pages, query = [], {"limit": limit}
    while True:
        body = await read(client, path, **query)
        pages.append(body["items"])
        if body["next_cursor"] is None:
            return pages
        query["cursor"] = body["next_cursor"]


async def mail_channel(client: Client) -> dict[str, Any]:
    """The channel that every account begins with."""
    (channel,) = (await read(client, "/v1/channels"))["items"]
    assert channel["kind"] == "email"
    found: dict[str, Any] = channel
    return found


async def add_webhook(client: Client, url: str) -> dict[str, Any]:
    answer = await client.post("/v1/channels", json={"kind": "webhook", "address": url})
    assert answer.status_code == 201, answer.text
    channel: dict[str, Any] = answer.json()
    return channel


# --- to come -----------------------------------------------------------------------------------


async def test_reminders_to_come_the_next_one_first(paris: Client, somebody_else: Client) -> None:
    second, first = await create(paris, 20), await create(paris, 10)
    await create(paris, 5, reminders=[])
    await create(somebody_else, 1)

    body = await read(paris, "/v1/reminders")
    assert body["next_cursor"] is None
    assert [item["task_id"] for item in body["items"]] == [first["id"], second["id"]]
    assert body["items"][0] == {
        "reminder_id": first["reminders"][0]["id"],
        "task_id": first["id"],
        "title": "Day 10",
        "due_at": f"{NEXT_YEAR}-12-10T09:00:00Z",
        "due_on": None,
        "remind_at": f"{NEXT_YEAR}-12-10T08:00:00Z",
        "channels": ["email"],
    }


async def test_reminders_to_come_in_pages(paris: Client) -> None:
    for day in (3, 1, 2, 2, 1):
        await create(paris, day)

    pages = await read_pages(paris, "/v1/reminders", 2)
    assert [[item["title"] for item in one] for one in pages] == [
        ["Day 1", "Day 1"],
        ["Day 2", "Day 2"],
        ["Day 3"],
    ]


async def test_the_reminder_of_a_finished_task_does_not_come(paris: Client) -> None:
    task = await create(paris, 1)
    assert (await paris.post(f"/v1/tasks/{task['id']}/complete")).status_code == 200

    assert (await read(paris, "/v1/reminders"))["items"] == []


@pytest.mark.parametrize("path", ["/v1/reminders", "/v1/deliveries"])
@pytest.mark.parametrize(
    ("query", "code"),
    [({"limit": "0"}, "invalid"), ({"cursor": "made-up"}, "invalid_cursor")],
)
async def test_wrong_pages_are_refused(
    paris: Client, path: str, query: dict[str, str], code: str
) -> None:
    answer = await paris.get(path, params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize("path", ["/v1/reminders", "/v1/deliveries"])
async def test_nobody_sees_nothing(anyone: Client, path: str) -> None:
    assert (await anyone.get(path)).status_code == 401


# --- deliveries --------------------------------------------------------------------------------


async def test_a_delivery_tells_what_became_of_a_reminder(
    paris: Client,
    somebody_else: Client,
    platform: Platform,
    postbox: Postbox,
    owner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    postbox.at_recipient = "451 later please"
    at = datetime.now(UTC) + timedelta(seconds=1)
    soon = [{"at": at.isoformat()}]
    task = await create(paris, 1, reminders=soon)
    platform.wake()
    while not (items := (await read(paris, "/v1/deliveries"))["items"]):
        await asyncio.sleep(0.05)
    while items[0]["state"] == "due":
        (items,) = await read_pages(paris, "/v1/deliveries", 50)

    (told,) = items
    assert list(told) == [
        "id", "reminder_id", "task_id", "channel", "state", "attempts", "due_at", "sent_at",
        "late_by_seconds", "reason",
    ]  # fmt: skip
    assert (told["task_id"], told["channel"]) == (task["id"], "email")
    assert (told["state"], told["attempts"], told["sent_at"]) == ("retry", 1, None)
    assert told["reminder_id"] == task["reminders"][0]["id"]
    assert told["due_at"] == task["reminders"][0]["at"]
    assert "451 later please" in told["reason"]
    assert (await read(somebody_else, "/v1/deliveries"))["items"] == []
    # The fired timer goes after its event: what stays is the retry's.
    while await owner.fetchval("SELECT count(*) FROM timers WHERE topic = 'reminders'") != 1:
        await asyncio.sleep(0.01)
    assert (await read(paris, "/v1/reminders"))["items"] == [], "a retry is no reminder to come"


async def test_deliveries_of_one_task_in_pages(
    paris: Client, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    person = (await read(paris, "/v1/me"))["id"]
    mine, other = "5f0c0000-0000-4000-8000-000000000001", "5f0c0000-0000-4000-8000-000000000002"
    put = (
        "INSERT INTO deliveries (id, reminder_id, task_id, user_id, channel_id, channel, due_at,"
        " state) SELECT gen_random_uuid(), gen_random_uuid(), $1, $2, gen_random_uuid(), 'email',"
        " timestamptz '2026-12-01T08:00Z' + make_interval(mins => n / 2), 'planned'"
        " FROM generate_series(1, 5) AS n"
    )
    for task in (mine, other):
        await owner.execute(put, task, person)

    pages = await read_pages(paris, "/v1/deliveries", 4)
    everything = [item for one in pages for item in one]
    assert [len(one) for one in pages] == [4, 4, 2]
    assert len({item["id"] for item in everything}) == 10
    assert [item["due_at"] for item in everything] == sorted(
        (item["due_at"] for item in everything), reverse=True
    )
    body = await read(paris, "/v1/deliveries", task_id=mine)
    assert [item["task_id"] for item in body["items"]] == [mine] * 5
    assert (await paris.get("/v1/deliveries", params={"task_id": "x"})).status_code == 422


# --- tests of channels -------------------------------------------------------------------------


async def test_a_test_mail_takes_the_real_way(
    paris: Client, platform: Platform, postbox: Postbox
) -> None:
    channel = await mail_channel(paris)
    platform.wake()
    answer = await paris.post(f"/v1/channels/{channel['id']}/test")

    told = answer.json()
    assert (answer.status_code, told["state"], told["attempts"]) == (200, "sent", 1)
    assert (told["task_id"], told["reminder_id"], told["reason"]) == (None, None, None)
    (message,) = postbox.taken
    assert message["Subject"] == "Reminder: Test of your channel"
    assert message["Message-ID"] == f"<{told['id']}@localhost>"
    assert (await read(paris, "/v1/deliveries"))["items"] == [told]


async def test_a_test_of_a_webhook_goes_to_that_one_alone(
    paris: Client, platform: Platform, postbox: Postbox, endpoint: Endpoint
) -> None:
    await add_webhook(paris, endpoint.url + "/other")
    channel = await add_webhook(paris, endpoint.url)
    platform.wake()
    told = (await paris.post(f"/v1/channels/{channel['id']}/test")).json()

    assert told["state"] == "sent"
    assert [request["webhook-id"] for request in endpoint.requests] == [told["id"]]
    assert postbox.attempts == 0


async def test_a_test_that_fails_says_why(
    paris: Client, platform: Platform, endpoint: Endpoint
) -> None:
    endpoint.status = "500 Oops"
    channel = await add_webhook(paris, endpoint.url)
    platform.wake()
    told = (await paris.post(f"/v1/channels/{channel['id']}/test")).json()

    assert (told["state"], told["attempts"]) == ("failed", 1)
    assert "answered 500" in told["reason"]


async def test_a_repeated_test_is_the_same_test(
    paris: Client, platform: Platform, postbox: Postbox, endpoint: Endpoint
) -> None:
    channel, hook = await mail_channel(paris), await add_webhook(paris, endpoint.url)
    platform.wake()
    key = {"Idempotency-Key": "once"}
    first = await paris.post(f"/v1/channels/{channel['id']}/test", headers=key)
    again = await paris.post(f"/v1/channels/{channel['id']}/test", headers=key)
    other = await paris.post(f"/v1/channels/{hook['id']}/test", headers=key)

    assert first.json() == again.json()
    assert len(postbox.taken) == 1
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert endpoint.requests == []


async def test_a_test_that_nobody_waits_for_is_sent_all_the_same(
    paris: Client, platform: Platform, postbox: Postbox
) -> None:
    channel = await mail_channel(paris)
    asked = await paris.post(
        f"/v1/channels/{channel['id']}/test", headers={"Prefer": "respond-async"}
    )
    assert (asked.status_code, asked.json()["state"]) == (200, "planned")
    assert postbox.attempts == 0

    platform.wake()
    while (await read(paris, "/v1/deliveries"))["items"][0]["state"] != "sent":
        await asyncio.sleep(0.05)
    assert len(postbox.taken) == 1


async def test_a_channel_that_is_not_confirmed_is_sent_nothing(
    paris: Client, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    channel = await mail_channel(paris)
    await owner.execute("UPDATE channels SET confirmed_at = NULL")

    answer = await paris.post(f"/v1/channels/{channel['id']}/test")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert await owner.fetchval("SELECT count(*) FROM timers WHERE topic = 'reminders'") == 0


async def test_the_channels_of_others_are_not_there(paris: Client, somebody_else: Client) -> None:
    channel = await mail_channel(paris)
    for name in (channel["id"], "5f0c0000-0000-4000-8000-000000000009", "none"):
        answer = await somebody_else.post(f"/v1/channels/{name}/test")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
