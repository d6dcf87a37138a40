"""Everything of a person in one document, nothing of anybody else, and no secret."""

import json
from datetime import UTC, datetime
from typing import Any, TypeAlias

import asyncpg
import httpx

from gateway import export
from gateway.export import SECTIONS
from tests.gateway.log import LiveLog

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

OF_PEOPLE = """
SELECT table_name FROM information_schema.columns
WHERE table_schema = 'public' AND column_name = 'user_id'
"""
# What is made from something that is exported, or is nobody's business.
LEFT_OUT = {
    "commands": "what was asked for: what came of it stands in tasks and audit",
    "timers": "what is to come of tasks",
    "feed": "copies of tasks",
    "feed_heads": "how long the feed is",
    "repeats": "answers of the last day",
    "audit_holds": "not told to the person",
}


async def ask(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/v1/me/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="taskflow.json"'
    document: dict[str, Any] = answer.json()
    return document


async def write(client: httpx.AsyncClient, **task: Any) -> dict[str, Any]:
    answer = await client.post("/v1/tasks", json=task)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_what_a_person_wrote_is_there_as_the_api_shows_it(
    paris: httpx.AsyncClient, somebody_else: httpx.AsyncClient, live_log: LiveLog
) -> None:
    await write(somebody_else, title="not mine")
    done = await write(paris, title="Post 信", tags=["Home"])
    gone = await write(paris, title="gone")
    rule = {"frequency": "weekly", "exdates": ["2027-01-11"]}
    series = await write(paris, title="weekly", due_on="2027-01-04", recurrence=rule)
    done = (await paris.post(f"/v1/tasks/{done['id']}/complete")).json()
    await paris.delete(f"/v1/tasks/{gone['id']}")
    await paris.patch("/v1/me/reminders", json={"late": "drop"})

    document = await ask(paris)
    assert (document["format"], document["version"]) == ("taskflow-export", 1)
    tasks = {task["id"]: task for task in document["tasks"]}
    assert tasks[done["id"]] == {**done, "deleted_at": None}
    assert tasks[gone["id"]]["deleted_at"] is not None
    shown = (await paris.get(f"/v1/tasks/{series['id']}")).json()
    assert tasks[series["id"]] == {**shown, "deleted_at": None}
    assert [task["title"] for task in document["tasks"]] == ["Post 信", "gone", "weekly"]
    (kept,) = document["series"]
    assert (kept["id"], kept["anchor"]) == (series["id"], "2027-01-04")
    assert "2027-01-11" in json.dumps(kept["recurrence"])
    assert document["tags"] == [{"name": "Home", "count": 1}]
    account = document["account"]
    me = (await paris.get("/v1/me")).json()
    assert {name: account[name] for name in me} == me
    assert account["reminder_choices"]["late"] == "drop"
    (channel,) = document["channels"]
    assert channel["address"] == me["email"]


async def test_the_record_is_there(
    paris: httpx.AsyncClient, owner: Owner, live_log: LiveLog
) -> None:
    await write(paris, title="one")
    listed = (await paris.get("/v1/audit", params={"limit": "500"})).json()["items"]
    audit = (await ask(paris))["audit"]
    assert audit[: len(listed)] == listed[::-1]


async def test_no_secret_leaves(paris: httpx.AsyncClient, owner: Owner) -> None:
    me = (await paris.get("/v1/me")).json()["id"]
    for kind, address in (
        ("webhook", "https://example.com/hook"),
        ("apprise", "tgram://hidden-token/1"),
        ("web_push", "https://push.example.com/1"),
    ):
        await owner.execute(
            "INSERT INTO channels (id, user_id, kind, address, secret, old_secret, created_at)"
            " VALUES (gen_random_uuid(), $1, $2, $3, 'hidden-key', 'hidden-old', $4)",
            *(me, kind, address, datetime(2026, 1, 1, tzinfo=UTC)),
        )
    token = (await paris.post("/v1/tokens", json={"name": "a", "scopes": ["read"]})).json()
    document = await ask(paris)
    text = json.dumps(document)
    hashed = await owner.fetchval("SELECT password_hash FROM users WHERE id = $1", me)
    for secret in ("hidden-", token["token"], hashed):
        assert secret not in text
    assert {channel["address"] for channel in document["channels"]} > {
        "https://example.com/hook",
        "tgram://",
    }
    (kept,) = document["api_tokens"]
    assert kept["name"] == "a"


async def test_a_token_of_a_script_may_not(paris: httpx.AsyncClient) -> None:
    token = (await paris.post("/v1/tokens", json={"name": "a", "scopes": ["read"]})).json()
    bearer = {"Authorization": f"Bearer {token['token']}"}
    assert (await paris.get("/v1/me/export", headers=bearer)).status_code == 403
    assert (await paris.get("/v1/me/export", headers={"Authorization": ""})).status_code == 401


async def test_every_table_of_people_is_exported_or_left_out_for_a_reason(owner: Owner) -> None:
    tables = {row["table_name"] for row in await owner.fetch(OF_PEOPLE)}
    exported = {section.table for section in SECTIONS.values()}
    assert not tables - exported - set(LEFT_OUT), "export it, or say why not"


async def test_many_rows_come_by_the_chunk(
    paris: httpx.AsyncClient, live_log: LiveLog, monkeypatch: Any
) -> None:
    monkeypatch.setattr(export, "CHUNK", 2)
    for number in range(5):
        await write(paris, title=str(number))
    assert [task["title"] for task in (await ask(paris))["tasks"]] == list("01234")
