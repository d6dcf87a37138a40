"""The whole path of a task through real sidecars and the real log: from the gateway to every
effect, its reminder, its order, and what becomes of a message that is poison.
"""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from local.process import choose_port
from taskflow.events import encode
from tests.functions.commands import create, send
from tests.platform.log import Log
from tests.platform.pods import read_programs
from tests.platform.stage import GATEWAY, Stage, staged, surround, until

PASSWORD = "a good password"
MEGABYTES = 1 << 20
# Anything may fail inside a handler; here the database refuses one title, as a bug would.
POISON = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'this title is poison'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON tasks FOR EACH ROW WHEN (NEW.title = 'poison')
EXECUTE FUNCTION refuse()
"""
LETTERS = """
SELECT partition, record_offset, attempts, reason FROM dead_letters
WHERE consumer = 'write-task' ORDER BY record_offset
"""
TITLES = "SELECT title FROM tasks WHERE user_id = $1 ORDER BY title"


class Mailbox:
    """What the mail server was given."""

    def __init__(self) -> None:
        self.letters: list[str] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        self.letters.append(content if isinstance(content, str) else content.decode())
        return "250 kept"


@pytest.fixture(scope="module")
async def mailbox() -> AsyncIterator[tuple[Mailbox, str]]:
    box, port = Mailbox(), choose_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp://127.0.0.1:{port}"
    controller.stop()


@pytest.fixture(scope="module")
async def stage(
    log: Log, database: str, daprd: Path, folder: Path, mailbox: tuple[Mailbox, str]
) -> AsyncIterator[Stage]:
    around = surround(daprd, folder, log.bootstrap, database, {"TASKFLOW_SMTP": mailbox[1]})
    async with staged(log, database, around, *read_programs()) as running:
        yield running


@pytest.fixture(scope="module")
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A person's, signed up."""
    address = stage.pods[GATEWAY].url
    async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as client:
        person = {"email": "ada@example.com", "password": PASSWORD, "timezone": "Europe/Paris"}
        answer = await client.post("/v1/auth/signup", json=person)
        assert answer.status_code == 201, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        client.headers["Prefer"] = "wait=30"
        yield client


class Feed:
    """What a person is told from a moment on, in the order in which everybody is."""

    def __init__(self, client: httpx.AsyncClient, cursor: str) -> None:
        self._client, self._cursor = client, cursor

    async def changes(self, task_id: str) -> list[dict[str, Any]]:
        """Those of one task."""
        query = {"since": self._cursor, "limit": "500"}
        items = (await self._client.get("/v1/changes", params=query)).json()["items"]
        return [one for one in items if one["task_id"] == task_id]


@pytest.fixture
async def feed(client: httpx.AsyncClient) -> Feed:
    return Feed(client, (await client.get("/v1/changes")).json()["cursor"])


async def test_a_task_from_the_request_to_every_effect(
    client: httpx.AsyncClient, feed: Feed, mailbox: tuple[Mailbox, str]
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=4)
    rent = {
        "title": "Pay rent",
        "due_at": "2027-01-31T09:00:00",
        "recurrence": {"rule": "FREQ=MONTHLY;BYMONTHDAY=31"},
        "reminders": [{"at": soon.isoformat(timespec="seconds")}],
    }
    answer = await client.post("/v1/tasks", json=rent)
    assert answer.status_code == 201, answer.text
    task = answer.json()

    async def reminded() -> bool:
        return bool(mailbox[0].letters)

    await until(reminded, "a mail")
    done = await client.post(f"/v1/tasks/{task['id']}/complete")
    assert done.json()["status"] == "done"

    async def repeated() -> bool:
        open_ones = (await client.get("/v1/tasks?status=open")).json()["items"]
        return [one["due_at"] for one in open_ones] == ["2027-02-28T08:00:00Z"]

    await until(repeated, "the next occurrence")

    async def recorded() -> bool:
        items = (await client.get(f"/v1/tasks/{task['id']}/history")).json()["items"]
        return [item["action"] for item in items] == ["created", "completed"]

    await until(recorded, "the audit")
    assert [one["type"] for one in await feed.changes(task["id"])] == ["created", "completed"]
    assert len(mailbox[0].letters) == 1 and "Pay rent" in mailbox[0].letters[0]
    deliveries = (await client.get("/v1/deliveries")).json()["items"]
    assert [one["state"] for one in deliveries] == ["sent"]


async def test_the_changes_of_a_task_stay_in_order(client: httpx.AsyncClient, feed: Feed) -> None:
    """Written without waiting, seen by everybody one after the other."""
    created = [(await client.post("/v1/tasks", json={"title": f"{n} 0"})).json() for n in range(3)]
    for step in range(1, 16):
        for number, task in enumerate(created):
            path, body = f"/v1/tasks/{task['id']}", {"title": f"{number} {step}"}
            headers = {"Prefer": "respond-async"}
            answer = await client.patch(path, json=body, headers=headers)
            assert answer.status_code == 202, answer.text
    for number, task in enumerate(created):

        async def seen(task_id: str = task["id"]) -> bool:
            return len(await feed.changes(task_id)) == 16

        await until(seen, "every change in the feed")
        items = await feed.changes(task["id"])
        assert [one["task"]["title"] for one in items] == [f"{number} {step}" for step in range(16)]
        assert [one["task"]["version"] for one in items] == list(range(1, 17))


async def test_poison_becomes_dead_letters_and_the_partition_goes_on(stage: Stage) -> None:
    """No CloudEvent, no type, a wrong shape, noise, 5 MB, and a bug: each a row with its reason,
    the bug after five tries, and all that is good in between is done."""
    await stage.execute(POISON)
    person = await stage.add_person()
    await stage.log.accept(8 * MEGABYTES, ["task-commands"])
    good = [encode(send(create(person, title=f"good {n}"))) for n in range(4)]
    bug = encode(send(create(person, title="poison")))
    plain = json.loads(good[0]) | {"id": "shapeless", "data": {"task": 1}}
    untyped = {name: value for name, value in plain.items() if name != "type"}
    noise = bytes(range(256)) * 20
    wrong = [b'"text"', json.dumps(untyped).encode(), json.dumps(plain).encode(), noise]
    values = [good[0], *wrong[:2], good[1], bug, *wrong[2:], good[2], b"x" * 5 * MEGABYTES, good[3]]
    await stage.log.send("task-commands", *values, key=b"same", partition=1)

    async def all_settled() -> bool:
        return (
            await stage.fetch(TITLES, person) == [(f"good {n}",) for n in range(4)]
            and len(await stage.fetch(LETTERS)) == 6
        )

    await until(all_settled, "four tasks and six dead letters")
    await stage.until_done(("write-task", "task-commands"))
    letters = {offset: (tries, why) for _, offset, tries, why in await stage.fetch(LETTERS)}
    first, bad = min(letters) - 1, (1, 2, 4, 5, 6, 8)
    assert [first + place for place in bad] == list(letters)
    assert letters[first + 4] == (5, "RaiseError: this title is poison")
    assert all(why.startswith("Unreadable: ") for tries, why in letters.values() if tries == 1)
    assert [tries for tries, _ in letters.values()] == [1, 1, 5, 1, 1, 1]
    kept = await stage.dead_letters("write-task")
    assert sorted(one.value for one in kept) == sorted(values[place] for place in bad)
