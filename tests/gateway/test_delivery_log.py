"""The story of deliveries: every attempt, why, what comes next; and sending one once more."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from gateway.delivery_log import explain_delivery
from tests.functions.send_reminder.world import NOW, Endpoint
from tests.gateway.platform import Platform
from tests.gateway.test_reminders import add_webhook, create, read, read_pages

Client = httpx.AsyncClient
Owner = asyncpg.Connection


async def remind(client: Client, **fields: Any) -> dict[str, Any]:
    """A task whose webhook reminder comes in a moment."""
    at = datetime.now(UTC) + timedelta(seconds=1)
    reminder = {"at": at.isoformat(), "channels": ["webhook"], **fields}
    return await create(client, 1, reminders=[reminder])


async def settled(client: Client, channel: str = "webhook") -> dict[str, Any]:
    """The one delivery by a channel, once it is."""
    while True:
        for item in (await read(client, "/v1/deliveries"))["items"]:
            if item["channel"] == channel and item["state"] not in ("planned", "due"):
                found: dict[str, Any] = item
                return found
        await asyncio.sleep(0.05)


async def test_a_delivery_tells_every_attempt_and_what_comes_next(
    paris: Client, platform: Platform, endpoint: Endpoint
) -> None:
    endpoint.status = "500 Oops"
    channel = await add_webhook(paris, endpoint.url)
    await remind(paris)
    platform.wake()
    row = await settled(paris)
    told = await read(paris, f"/v1/deliveries/{row['id']}")
    assert (told["state"], told["channel_id"]) == ("retry", channel["id"])
    (first,) = told["log"]
    assert (first["number"], first["state"], first["receipt"]) == (1, "retry", None)
    assert "answered 500" in first["reason"] and first["took_ms"] >= 0
    wait = datetime.fromisoformat(told["next_at"]) - datetime.fromisoformat(first["at"])
    assert 30 <= wait.total_seconds() <= 36
    assert told["explanation"].endswith(f"The next attempt comes at {told['next_at']}.")


async def test_a_channel_has_a_log_of_its_own(
    paris: Client, somebody_else: Client, platform: Platform, endpoint: Endpoint
) -> None:
    channel = await add_webhook(paris, endpoint.url)
    other = await add_webhook(paris, endpoint.url + "/other")
    platform.wake()
    tests = [await paris.post(f"/v1/channels/{channel['id']}/test") for _ in range(3)]
    there = f"/v1/channels/{channel['id']}/deliveries"
    pages = await read_pages(paris, there, 2)
    assert [len(page) for page in pages] == [2, 1]
    items = [item for page in pages for item in page]
    assert {item["id"] for item in items} == {answer.json()["id"] for answer in tests}
    assert [item["log"][0]["receipt"] for item in items] == ["HTTP 204"] * 3
    assert (await read(paris, f"/v1/channels/{other['id']}/deliveries"))["items"] == []
    for name in (channel["id"], "5f0c0000-0000-4000-8000-000000000009", "none"):
        answer = await somebody_else.get(f"/v1/channels/{name}/deliveries")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_failed_delivery_is_sent_once_more_under_its_id(
    paris: Client, platform: Platform, endpoint: Endpoint
) -> None:
    endpoint.status = "410 Gone"
    channel = await add_webhook(paris, endpoint.url)
    await remind(paris)
    platform.wake()
    row = await settled(paris)
    assert (await paris.post(f"/v1/channels/{channel['id']}/test")).status_code == 409
    assert (await paris.post(f"/v1/channels/{channel['id']}/enable")).status_code == 200
    endpoint.status = "204 No Content"
    there = f"/v1/deliveries/{row['id']}/redeliver"
    answers = await asyncio.gather(paris.post(there), paris.post(there))
    assert {answer.status_code for answer in answers} <= {200, 409}
    told = await read(paris, f"/v1/deliveries/{row['id']}")
    assert (told["state"], told["attempts"], len(told["log"])) == ("sent", 2, 2)
    assert [one["webhook-id"] for one in endpoint.requests] == [row["id"]] * 2


async def test_what_is_still_to_come_is_not_hurried(
    paris: Client, platform: Platform, endpoint: Endpoint
) -> None:
    endpoint.status = "500 Oops"
    await add_webhook(paris, endpoint.url)
    await remind(paris)
    platform.wake()
    row = await settled(paris)
    answer = await paris.post(f"/v1/deliveries/{row['id']}/redeliver")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


@pytest.mark.parametrize("act", ["", "/redeliver", "/acknowledge"])
async def test_the_deliveries_of_others_are_not_there(
    paris: Client, somebody_else: Client, platform: Platform, endpoint: Endpoint, act: str
) -> None:
    channel = await add_webhook(paris, endpoint.url)
    platform.wake()
    name = (await paris.post(f"/v1/channels/{channel['id']}/test")).json()["id"]
    for one in (name, "5f0c0000-0000-4000-8000-000000000009", "none"):
        there = f"/v1/deliveries/{one}{act}"
        answer = await (somebody_else.post(there) if act else somebody_else.get(there))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_got_it_is_written_down_once(
    paris: Client, platform: Platform, endpoint: Endpoint, owner: "Owner[asyncpg.Record]"
) -> None:
    await add_webhook(paris, endpoint.url)
    await remind(paris)
    platform.wake()
    row = await settled(paris)
    for _ in range(2):
        answer = await paris.post(f"/v1/deliveries/{row['id']}/acknowledge")
        assert answer.status_code == 200
    answers = await owner.fetch("SELECT verb, reminder_id::text, remind_at FROM reminder_answers")
    assert [tuple(one) for one in answers] == [
        ("got_it", row["reminder_id"], datetime.fromisoformat(row["due_at"]))
    ]


# --- why? --------------------------------------------------------------------------------------


async def test_why_a_reminder_came_or_not(
    paris: Client, platform: Platform, endpoint: Endpoint
) -> None:
    await add_webhook(paris, endpoint.url)
    later = {"before": "PT1H", "channels": ["web_push"]}
    soon = {"at": (datetime.now(UTC) + timedelta(seconds=1)).isoformat(), "channels": ["webhook"]}
    task = await create(paris, 1, reminders=[later, soon])
    platform.wake()
    await settled(paris)
    body = await read(paris, "/v1/reminders/explain", task_id=task["id"])
    first, second = body["items"]
    assert (first["channel"], first["state"]) == ("webhook", "sent")
    assert first["explanation"].startswith("It was sent by webhook at ")
    assert (second["state"], second["delivery_id"]) == ("planned", None)
    assert second["explanation"] == f"It is to come at {second['remind_at']}."

    bare = await create(paris, 2, reminders=[])
    body = await read(paris, "/v1/reminders/explain", task_id=bare["id"])
    assert body["items"] == [] and body["explanation"].startswith("This task has no reminder")


async def test_the_reasons_of_others_tasks_are_nobodys(
    paris: Client, somebody_else: Client
) -> None:
    task = await create(paris, 1)
    answer = await somebody_else.get("/v1/reminders/explain", params={"task_id": task["id"]})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answer = await paris.get("/v1/reminders/explain", params={"task_id": "none"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"state": "due"}, "It is being sent by email now."),
        ({"state": "planned"}, "It comes by email at 2026-12-01T08:00:00Z."),
        (
            {"state": "planned", "reason": "Held.", "next_at": NOW},
            "Held. It is looked at again at 2026-12-01T08:00:00Z.",
        ),
        (
            {"state": "retry", "reason": "Busy.", "next_at": NOW},
            "Busy. The next attempt comes at 2026-12-01T08:00:00Z.",
        ),
        (
            {"state": "sent", "sent_at": NOW, "late_by_seconds": 0},
            "It was sent by email at 2026-12-01T08:00:00Z, in time.",
        ),
        (
            {"state": "sent", "sent_at": NOW, "late_by_seconds": 61},
            "It was sent by email at 2026-12-01T08:00:00Z, 61 s after its time.",
        ),
        ({"state": "failed", "reason": "Gone."}, "It was not sent by email: Gone."),
        ({"state": "suppressed", "reason": "Done."}, "It was not sent by email: Done."),
    ],
)
def test_every_state_has_its_sentence(row: dict[str, Any], told: str) -> None:
    blank = {"channel": "email", "reason": None, "due_at": NOW, "next_at": None}
    assert explain_delivery({**blank, **row}) == told
