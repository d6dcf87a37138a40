"""The links of a mail: they work without logging in, once, and looking at one changes nothing."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from msgspec import structs

from taskflow.events import SnoozeTask
from taskflow.reminder_link import Answer, Verb, sign_answer
from taskflow.settings import Settings
from tests.functions.send_reminder.world import Postbox
from tests.gateway.log import LiveLog
from tests.gateway.platform import Platform
from tests.gateway.test_delivery_log import settled
from tests.gateway.test_reminders import create, read

Client = httpx.AsyncClient
URL = "https://tasks.example"


@pytest.fixture
def gateway_settings(settings: Settings) -> Settings:
    """People reach this gateway by an address."""
    return structs.replace(settings, database_role="taskflow_gateway", database_pool=4, url=URL)


@pytest.fixture
async def reminded(
    paris: Client, platform: Platform, postbox: Postbox, settings: Settings
) -> AsyncIterator[dict[str, Any]]:
    """A task whose reminder has been mailed, and the links in that mail."""
    sender = platform.sender
    sender.settings = structs.replace(sender.settings, url=URL)
    at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    task = await create(paris, 1, title="Pay <rent>", reminders=[{"at": at}])
    platform.wake()
    delivery = await settled(paris, "email")
    (message,) = postbox.taken
    body = message.get_body(("plain",))
    assert body is not None
    links = dict(
        re.findall(r"^(.*): https://tasks\.example(/v1/answers/\S+)", body.get_content(), re.M)
    )
    leave = str(message["List-Unsubscribe"]).strip("<>").removeprefix(URL)
    yield {"task": task, "delivery": delivery, "leave": leave, **links}


async def answers(owner: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    rows = await owner.fetch("SELECT verb FROM reminder_answers ORDER BY verb")
    return [row["verb"] for row in rows]


async def test_looking_at_a_link_changes_nothing(
    anyone: Client, reminded: dict[str, Any], owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for words in ("Open the task", "Got it", "Remind me in an hour", "Remind me tomorrow"):
        answer = await anyone.get(reminded[words])
        assert answer.status_code == 200
        assert words in answer.text and "Pay &lt;rent&gt;" in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert (await anyone.get(reminded["leave"])).status_code == 200
    assert await answers(owner) == []
    assert await owner.fetchval("SELECT count(*) FROM channels WHERE disabled_at < now()") == 0


async def test_got_it_works_once(
    anyone: Client, reminded: dict[str, Any], owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    first, second = [await anyone.post(reminded["Got it"]) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["code"] == "invalid_transition"
    assert await answers(owner) == ["got_it"]


async def test_a_snooze_from_the_mail_reminds_again_and_works_once(
    anyone: Client, paris: Client, reminded: dict[str, Any], live_log: LiveLog
) -> None:
    before = datetime.now(UTC)
    first, second = [await anyone.post(reminded["Remind me in an hour"]) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 409)
    await live_log.idle()
    task = await read(paris, f"/v1/tasks/{reminded['task']['id']}")
    snoozed = datetime.fromisoformat(task["reminders"][-1]["at"])
    assert timedelta(0) <= snoozed - before - timedelta(hours=1) < timedelta(seconds=30)
    assert sum(isinstance(event.data, SnoozeTask) for event in live_log.events) == 1


async def test_a_snooze_that_the_log_does_not_take_can_be_pressed_again(
    anyone: Client,
    reminded: dict[str, Any],
    live_log: LiveLog,
    owner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    live_log.down = True
    answer = await anyone.post(reminded["Remind me tomorrow"])
    assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
    assert await answers(owner) == []
    live_log.down = False
    assert (await anyone.post(reminded["Remind me tomorrow"])).status_code == 200


async def test_opening_the_task_is_an_answer_and_leads_there(
    anyone: Client, reminded: dict[str, Any], owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for _ in range(2):
        answer = await anyone.post(reminded["Open the task"])
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{URL}/#/tasks/{reminded['task']['id']}"
    assert await answers(owner) == ["open"]


async def test_a_mail_program_unsubscribes_with_one_click(
    anyone: Client, paris: Client, reminded: dict[str, Any]
) -> None:
    """RFC 8058: a POST of a form, without cookies, without a second question."""
    for _ in range(2):
        answer = await anyone.post(
            reminded["leave"],
            content="List-Unsubscribe=One-Click",
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code == 200
    (channel,) = (await read(paris, "/v1/channels"))["items"]
    assert "no more reminders" in channel["disabled_reason"]
    assert (await paris.post(f"/v1/channels/{channel['id']}/enable")).status_code == 200


@pytest.mark.parametrize("verb", ["got_it", "unsubscribe", "open"])
async def test_a_link_about_nothing_is_404_and_a_forged_one_is_refused(
    anyone: Client, settings: Settings, verb: Verb
) -> None:
    nothing = Answer(verb, "5f0c0000-0000-4000-8000-000000000001")
    for secret, status in ((settings.secret, 404), ("guessed", 422)):
        there = f"/v1/answers/{sign_answer(secret, nothing, datetime.now(UTC))}"
        assert (await anyone.get(there)).status_code == status
        assert (await anyone.post(there)).status_code == status
