"""What a function gave up, in the hands of an admin: read, put back for one consumer, discarded."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest
from fastapi import FastAPI

from taskflow.events import (
    CreateTask,
    Event,
    Operation,
    UpdateTask,
    WriteTasks,
    encode,
    new_event,
)
from taskflow.task import TaskInput
from tests.gateway.log import LiveLog

Client = httpx.AsyncClient

KEEP = """
INSERT INTO dead_letters (id, consumer, record_topic, partition, record_offset, value, event_id,
    event_type, reason, attempts, trace, kept_at)
VALUES ($1, $2, 'task-commands', 0, $3, $4, $5, $6, 'ValueError: no', 5, 'Traceback', now())
"""


@pytest.fixture
async def admin(paris: Client, owner: Any, app: FastAPI) -> Client:
    """Paris, made an admin on the host."""
    await owner.execute("UPDATE users SET roles = '{user,admin}'")
    app.state.context.accounts.identities.forget((await paris.get("/v1/me")).json()["id"])
    return paris


async def keep(owner: "asyncpg.Connection[Any]", event: Event[Any], consumer: str) -> str:
    return await keep_record(owner, encode(event), consumer, event.id, event.type)


async def keep_record(
    owner: "asyncpg.Connection[Any]", value: bytes, consumer: str, *named: str | None
) -> str:
    name = str(uuid4())
    place = (consumer, uuid4().int % 1_000_000)
    await owner.execute(KEEP, name, *place, value, *(named or (None, None)))
    return name


def command(user_id: str, **content: Any) -> Event[CreateTask]:
    task_id = str(uuid4())
    payload = CreateTask(
        user_id=user_id,
        actor_id=user_id,
        stream=task_id,
        task_id=task_id,
        task=TaskInput(**content),
    )
    return new_event(payload, id=str(uuid4()), source="gateway", time=datetime.now(UTC))


async def my_id(client: Client) -> str:
    return str((await client.get("/v1/me")).json()["id"])


async def test_only_admins_see_them(paris: Client) -> None:
    name = uuid4()
    for method, path in (("GET", ""), ("GET", f"/{name}"), ("POST", f"/{name}/redrive"),
                         ("DELETE", f"/{name}")):  # fmt: skip
        answer = await paris.request(method, f"/v1/dead-letters{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_they_are_listed_in_pages_and_read_whole(admin: Client, owner: Any) -> None:
    event = command(await my_id(admin), title="dead")
    names = {await keep(owner, event, f"consumer-{n}") for n in range(5)}
    first = (await admin.get("/v1/dead-letters?limit=3")).json()
    second = (await admin.get(f"/v1/dead-letters?limit=3&cursor={first['next_cursor']}")).json()
    assert {row["id"] for row in first["items"] + second["items"]} == names
    assert second["next_cursor"] is None
    whole = (await admin.get(f"/v1/dead-letters/{first['items'][0]['id']}")).json()
    assert (whole["reason"], whole["attempts"], whole["trace"]) == (
        "ValueError: no",
        5,
        "Traceback",
    )
    assert event.id in whole["value"]


async def test_redrive_reaches_its_consumer_once_and_is_audited(
    admin: Client, owner: Any, live_log: LiveLog
) -> None:
    event = command(await my_id(admin), title="mended")
    name = await keep(owner, event, "write-task")
    await owner.execute(
        "INSERT INTO attempts VALUES ('write-task', $1, 5, '', '', now())",
        f"{event.source}#{event.id}",
    )
    answer = await admin.post(f"/v1/dead-letters/{name}/redrive")
    await live_log.idle()
    (sent,) = [e for e in live_log.events if e.data.topic == "task-commands"]
    assert answer.status_code == 200, answer.text
    assert (sent.id, sent.redrivefor) == (event.id, "write-task")
    assert (await admin.get(f"/v1/tasks/{event.data.task_id}")).json()["title"] == "mended"
    assert (await admin.get("/v1/dead-letters")).json()["items"] == []
    assert await owner.fetchval("SELECT count FROM attempts") == 0
    actions = [row["action"] for row in await owner.fetch("SELECT action FROM audit_entries")]
    assert "account.dead_letter_redriven" in actions


async def test_a_command_whose_task_moved_on_needs_force(
    admin: Client, owner: Any, live_log: LiveLog
) -> None:
    task = (await admin.post("/v1/tasks", json={"title": "now"})).json()
    user_id = await my_id(admin)
    old = UpdateTask(
        user_id=user_id,
        actor_id=user_id,
        stream=task["id"],
        task_id=task["id"],
        changes=TaskInput(title="then"),
    )
    then = datetime.now(UTC) - timedelta(hours=1)
    event = new_event(old, id=str(uuid4()), source="gateway", time=then)
    name = await keep(owner, event, "write-task")
    refused = await admin.post(f"/v1/dead-letters/{name}/redrive")
    assert (refused.status_code, refused.json()["code"]) == (409, "superseded")
    assert (await admin.post(f"/v1/dead-letters/{name}/redrive?force=true")).status_code == 200
    await live_log.idle()
    assert (await admin.get(f"/v1/tasks/{task['id']}")).json()["title"] == "then"


def change(event: Event[Any], **fields: Any) -> bytes:
    """The record of a command with other attributes, or, by `data`, with other fields."""
    whole = msgspec.to_builtins(event)
    data = fields.pop("data", {})
    return encode(whole | fields | {"data": whole["data"] | data if data is not None else None})


LONG = "0190" * 50
TOO_DEEP = b'"data":{"more":' + b"[" * 9999 + b"]" * 9999 + b","
# What is wrong with a record, and what its answer names.
HOPELESS: dict[str, tuple[Any, str]] = {
    "a task that is no UUID": (lambda one: change(one, data={"task_id": "groceries"}), "task_id"),
    "a task with NUL": (lambda one: change(one, data={"task_id": "a\0b"}), "task_id"),
    "a task too long": (lambda one: change(one, data={"task_id": LONG}), "task_id"),
    "a task too short": (lambda one: change(one, data={"task_id": "0190"}), "task_id"),
    "a person who is no UUID": (lambda one: change(one, data={"user_id": "nobody"}), "user_id"),
    "a command that is no UUID": (lambda one: change(one, id="abc"), "id 'abc'"),
    "a command with NUL": (lambda one: change(one, id="a\0b"), "id 'a"),
    "a line of a batch": (lambda one: write_batch(one, "groceries"), "operations[1].task_id"),
    "another batch": (lambda one: change(one, data={"batch_id": "b"}), "batch_id"),
    "no offset": (lambda one: change(one, time="2026-12-01T08:00:00"), "timezone"),
    "no data": (lambda one: change(one, data=None), "object"),
    "nested without end": (lambda one: encode(one).replace(b'"data":{', TOO_DEEP), "recursion"),
    "a list": (lambda one: b"[]", "object"),
    "no JSON": (lambda one: b"\0\xff no JSON", "malformed"),
    "nothing": (lambda one: b"", "truncated"),
}


def write_batch(one: Event[CreateTask], task_id: str) -> bytes:
    lines = [
        Operation(position=n, op="delete", task_id=t) for n, t in enumerate((str(uuid4()), task_id))
    ]
    user_id = one.data.user_id
    batch = WriteTasks(user_id=user_id, actor_id=user_id, stream=str(uuid4()), operations=lines)
    return encode(new_event(batch, id=str(uuid4()), source="gateway", time=datetime.now(UTC)))


async def test_what_can_only_be_discarded_says_so(
    admin: Client, owner: Any, live_log: LiveLog
) -> None:
    """Asked twice, with force too: a redrive would only make another dead letter of it."""
    good = command(await my_id(admin), title="x")
    for what, (spoil, named) in HOPELESS.items():
        name = await keep_record(owner, spoil(good), "write-task")
        for wish in ("", "?force=true"):
            answer = await admin.post(f"/v1/dead-letters/{name}/redrive{wish}")
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), what
            assert "can only be discarded" in answer.json()["detail"], what
            assert named in answer.json()["detail"], what
        (row,) = (await admin.get("/v1/dead-letters")).json()["items"]
        assert row["id"] == name, what
        assert (await admin.get(f"/v1/dead-letters/{name}")).status_code == 200, what
        assert (await admin.delete(f"/v1/dead-letters/{name}")).status_code == 204, what
    assert [e for e in live_log.events if e.data.topic == "task-commands"] == []


async def test_discarding_is_final(admin: Client, owner: Any) -> None:
    name = await keep(owner, command(await my_id(admin), title="x"), "write-task")
    assert (await admin.delete(f"/v1/dead-letters/{name}")).status_code == 204
    assert (await admin.get("/v1/dead-letters")).json()["items"] == []
    assert (await admin.get(f"/v1/dead-letters/{uuid4()}")).status_code == 404
    assert (await admin.get("/v1/dead-letters/nonsense")).status_code == 404


async def test_a_waiting_write_is_told_that_it_failed(
    paris: Client, owner: Any, live_log: LiveLog
) -> None:
    live_log.running.clear()
    headers = {"Prefer": "respond-async"}
    pending = await paris.post("/v1/tasks", json={"title": "x"}, headers=headers)
    (event,) = [e for e in live_log.events if e.data.topic == "task-commands"]
    await keep(owner, event, "write-task")
    shown = (await paris.get(pending.headers["location"])).json()
    assert (shown["status"], shown["problem"]["code"]) == ("failed", "failed")
