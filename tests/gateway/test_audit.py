"""The audit over HTTP: who sees what, in which order, and whether a chain is true."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from msgspec import structs

from gateway import audit
from gateway.app import open_context
from gateway.audit_report import COLUMNS, show_cell
from gateway.context import Context
from gateway.identity import accounts_of, sign_token
from gateway.problems import handle_errors
from taskflow.events import AdminRead, Event, TaskCompleted, TaskCreated, TaskDeleted, TaskUpdated
from taskflow.publish import ListPublisher
from taskflow.settings import Settings
from tests.audit_events import NOW, created, logged_in, make_task, record, task_event

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
DAY = timedelta(days=1)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

PUT_TASK = """
INSERT INTO tasks (id, user_id, stream, title, notes, status, priority, tags, tag_keys, reminders,
    version, created_at, updated_at, created_by, deleted_at)
VALUES ($1, $2, $1, 'a', '', 'open', 'none', '{}', '{}', '[]', 1, now(), now(), $2, $3)
"""
PUT_SESSION = "INSERT INTO sessions VALUES ($1, $2, now(), now() + interval '1 day')"


@pytest.fixture
async def context(settings: Settings) -> AsyncIterator[Context]:
    role = structs.replace(settings, database_role="taskflow_gateway")
    async with open_context(role, ListPublisher()) as context:
        yield context
        await accounts_of(context).background.drain()


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.state.context = context
    handle_errors(app)
    app.include_router(audit.router)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
async def mine(context: Context, owner: Owner, user_id: str) -> dict[str, str]:
    """The headers of a person who is signed in."""
    return await sign_in(context, owner, user_id)


async def sign_in(context: Context, owner: Owner, user_id: str, role: str = "") -> dict[str, str]:
    session = uuid4()
    await owner.execute(PUT_SESSION, session, user_id)
    if role:
        await owner.execute("UPDATE users SET roles = roles || $1 WHERE id = $2", [role], user_id)
    token = sign_token(context, UUID(user_id), session, timedelta(hours=1))
    return {"Authorization": f"Bearer {token}"}


async def get(
    client: httpx.AsyncClient, headers: dict[str, str], path: str, **query: str | int
) -> Any:
    answer = await client.get(path, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refused(
    client: httpx.AsyncClient, headers: dict[str, str], path: str, **query: str | int
) -> tuple[int, str, list[str]]:
    """Status, code and fields of a problem."""
    answer = await client.get(path, params=query, headers=headers)
    body = answer.json()
    return answer.status_code, body["code"], [error["field"] for error in body["errors"]]


def event_of(user_id: str, at: datetime = NOW) -> Event[Any]:
    return task_event(TaskCreated, make_task(created_by=user_id), at=at)


def published(context: Context) -> list[Event[Any]]:
    assert isinstance(context.publisher, ListPublisher)
    return context.publisher.events


# --- lists -------------------------------------------------------------------------------------


async def test_an_entry_as_the_contract_shows_it(
    client: httpx.AsyncClient, mine: dict[str, str], settings: Settings, user_id: str
) -> None:
    task = make_task(created_by=user_id)
    (first,) = await record(settings, task_event(TaskCreated, task))
    later = structs.replace(task, title="Pay the rent")
    event = task_event(TaskUpdated, later, before={"title": "Pay rent"}, cause="a cause")
    event = structs.replace(event, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    (second,) = await record(settings, event)
    body = await get(client, mine, "/v1/audit")
    assert body["next_cursor"] is None
    assert body["items"][0] == {
        "seq": 2,
        "at": "2026-12-01T08:00:00.123456Z",
        "actor_id": user_id,
        "action": "task.updated",
        "task_id": task.id,
        "before": {"title": "Pay rent"},
        "after": {"title": "Pay the rent"},
        "cause_id": "a cause",
        "hash": second.hash,
        "previous_hash": first.hash,
        "trace_id": TRACE,
    }
    created_entry = body["items"][1]
    assert (created_entry["before"], created_entry["after"]["title"]) == (None, "Pay rent")
    assert created_entry["trace_id"] is None
    assert tuple(created_entry) == COLUMNS


async def test_erased_texts_are_null_and_say_so(
    client: httpx.AsyncClient, mine: dict[str, str], owner: Owner, settings: Settings, user_id: str
) -> None:
    task = make_task(created_by=user_id)
    await owner.execute(PUT_TASK, task.id, user_id, None)
    await record(settings, task_event(TaskCreated, task), task_event(TaskDeleted, task))
    await owner.execute(
        "UPDATE audit_details SET salt = '', before = NULL, after = NULL WHERE seq = 1"
    )
    kept, erased = (await get(client, mine, "/v1/audit"))["items"]
    assert (erased["before"], erased["after"], erased["erased"]) == (None, None, True)
    assert "erased" not in kept
    first, _ = (await get(client, mine, f"/v1/tasks/{task.id}/history"))["items"]
    assert (first["after"], first["erased"]) == (None, True)
    assert (await report(client, mine, "json")).json()["entries"] == [erased, kept]
    lines = csv.DictReader(io.StringIO((await report(client, mine, "csv")).text))
    assert [line["erased"] for line in lines] == ["True", ""]


async def test_everybody_sees_their_own(
    client: httpx.AsyncClient,
    context: Context,
    mine: dict[str, str],
    settings: Settings,
    user_id: str,
) -> None:
    await record(settings, created(), event_of(user_id), logged_in())
    body = await get(client, mine, "/v1/audit")
    assert [item["seq"] for item in body["items"]] == [2]
    assert published(context) == []


@pytest.mark.parametrize("role", ["auditor", "admin"])
async def test_an_auditor_sees_all_and_leaves_a_trace(
    client: httpx.AsyncClient,
    context: Context,
    owner: Owner,
    settings: Settings,
    user_id: str,
    role: str,
) -> None:
    await record(settings, created(), event_of(user_id), logged_in())
    headers = await sign_in(context, owner, user_id, role)
    body = await get(client, headers, "/v1/audit", action="account.logged_in")
    assert [item["seq"] for item in body["items"]] == [3]
    body = await get(client, headers, "/v1/audit")
    assert [item["seq"] for item in body["items"]] == [3, 2, 1]
    await accounts_of(context).background.drain()
    facts = [event.data for event in published(context)]
    assert [type(fact) for fact in facts] == [AdminRead, AdminRead]
    assert facts[0].actor_id == user_id
    assert facts[0].detail == {"what": "audit", "query": {"action": "account.logged_in"}}
    await record(settings, *published(context))
    body = await get(client, headers, "/v1/audit", action="account.admin_read")
    assert len(body["items"]) == 2 and body["items"][0]["after"] == {"what": "audit", "query": {}}


async def test_pages_stay_stable_while_entries_come(
    client: httpx.AsyncClient, mine: dict[str, str], settings: Settings, user_id: str
) -> None:
    await record(settings, *(event_of(user_id) for _ in range(5)))
    first = await get(client, mine, "/v1/audit", limit=2)
    await record(settings, event_of(user_id))
    second = await get(client, mine, "/v1/audit", limit=2, cursor=first["next_cursor"])
    third = await get(client, mine, "/v1/audit", limit=2, cursor=second["next_cursor"])
    pages = [[item["seq"] for item in body["items"]] for body in (first, second, third)]
    assert pages == [[5, 4], [3, 2], [1]] and third["next_cursor"] is None


async def test_filters(
    client: httpx.AsyncClient, mine: dict[str, str], settings: Settings, user_id: str
) -> None:
    event = task_event(TaskCompleted, make_task(created_by=user_id), before={"status": "open"})
    other = structs.replace(event.data, actor_id=str(uuid4()))
    await record(
        settings,
        event_of(user_id, NOW - DAY),
        event,
        structs.replace(event, id="by another", data=other),
        event_of(user_id, NOW + DAY),
    )

    async def seqs(**query: str) -> list[int]:
        body = await get(client, mine, "/v1/audit", **query)
        return [item["seq"] for item in body["items"]]

    now = NOW.isoformat()
    assert await seqs(**{"from": now}) == [4, 3, 2]
    assert await seqs(to=now) == [1]
    assert await seqs(**{"from": now, "to": (NOW + DAY).isoformat()}) == [3, 2]
    # Midnight in Paris is 23:00 UTC, before the entry of 08:00 and after that of the day before.
    assert await seqs(**{"from": "2026-12-01", "to": "2026-12-02"}) == [3, 2]
    assert await seqs(action="task.completed") == [3, 2]
    assert await seqs(task_id=event.data.task_id, actor_id=user_id) == [2]
    assert await seqs(actor_id=other.actor_id) == [3]
    assert await seqs(action="completed") == []


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ({"from": "yesterday"}, "invalid", "from"),
        ({"to": "2026-13-01"}, "invalid", "to"),
        ({"actor_id": "me"}, "invalid", "actor_id"),
        ({"task_id": ""}, "invalid", "task_id"),
        ({"limit": "0"}, "invalid", "limit"),
        ({"limit": "501"}, "invalid", "limit"),
        ({"cursor": "x"}, "invalid_cursor", "cursor"),
        ({"user_id": "x"}, "invalid", "user_id"),
    ],
)
async def test_wrong_queries(
    client: httpx.AsyncClient, mine: dict[str, str], query: dict[str, str], code: str, field: str
) -> None:
    assert await refused(client, mine, "/v1/audit", **query) == (422, code, [field])


@pytest.mark.parametrize(
    "path",
    [
        "/v1/audit",
        "/v1/audit/verify",
        "/v1/audit/report",
        "/v1/tasks/0197c0de-0000-7000-8000-000000000000/history",
    ],
)
async def test_nobody_reads_without_signing_in(client: httpx.AsyncClient, path: str) -> None:
    assert (await refused(client, {}, path))[:2] == (401, "unauthenticated")


# --- the history of a task ---------------------------------------------------------------------


@pytest.mark.parametrize("deleted_at", [None, NOW])
async def test_a_history(
    client: httpx.AsyncClient,
    mine: dict[str, str],
    owner: Owner,
    settings: Settings,
    user_id: str,
    deleted_at: datetime | None,
) -> None:
    task = make_task(created_by=user_id)
    await owner.execute(PUT_TASK, task.id, user_id, deleted_at)
    done = task_event(TaskCompleted, task, before={"status": "open"}, cause=str(uuid4()))
    await record(
        settings,
        task_event(TaskCreated, task),
        event_of(user_id),
        done,
        task_event(TaskDeleted, task),
    )
    path = f"/v1/tasks/{task.id}/history"
    first = await get(client, mine, path, limit=2)
    rest = await get(client, mine, path, limit=2, cursor=first["next_cursor"])
    items = first["items"] + rest["items"]
    assert [item["action"] for item in items] == ["created", "completed", "deleted"]
    assert rest["next_cursor"] is None
    assert items[1] == {
        "at": "2026-12-01T08:00:00.123456Z",
        "actor_id": user_id,
        "action": "completed",
        "before": {"status": "open"},
        "after": {"status": "open"},
        "command_id": items[1]["command_id"],
    }


async def test_a_history_is_its_owners(
    client: httpx.AsyncClient, mine: dict[str, str], owner: Owner, settings: Settings
) -> None:
    task = make_task()
    await owner.execute(PUT_TASK, task.id, task.created_by, None)
    await record(settings, task_event(TaskCreated, task))
    for name in (task.id, str(uuid4()), "none"):
        status, code, _ = await refused(client, mine, f"/v1/tasks/{name}/history")
        assert (status, code) == (404, "not_found")


async def test_a_cursor_of_another_list(
    client: httpx.AsyncClient, mine: dict[str, str], owner: Owner, settings: Settings, user_id: str
) -> None:
    task = make_task(created_by=user_id)
    await owner.execute(PUT_TASK, task.id, user_id, None)
    await record(settings, task_event(TaskCreated, task), task_event(TaskCompleted, task))
    body = await get(client, mine, "/v1/audit", limit=1)
    path = f"/v1/tasks/{task.id}/history"
    problem = await refused(client, mine, path, cursor=body["next_cursor"])
    assert problem == (422, "invalid_cursor", ["cursor"])


# --- the chain ---------------------------------------------------------------------------------


async def test_verify_names_the_first_bad_entry(
    client: httpx.AsyncClient, mine: dict[str, str], owner: Owner, settings: Settings
) -> None:
    path = "/v1/audit/verify"
    body = await get(client, mine, path)
    fine = {"first_bad": None, "reason": None, "trace_id": None, "unproved": False}
    assert body == {"ok": True, "entries": 0, "erased": 0, **fine}
    await record(settings, *(created() for _ in range(4)))
    assert (await get(client, mine, path))["entries"] == 4
    await owner.execute(
        "UPDATE audit_details SET salt = '', before = NULL, after = NULL WHERE seq = 1"
    )
    body = await get(client, mine, path)
    assert (body["ok"], body["erased"]) == (True, 1)
    await owner.execute("DELETE FROM audit_entries WHERE seq = 4")
    body = await get(client, mine, path)
    assert (body["ok"], body["entries"], body["first_bad"]) == (False, 3, 4)
    await owner.execute("UPDATE audit_entries SET at = 'infinity' WHERE seq = 2")
    body = await get(client, mine, path)
    assert (body["ok"], body["entries"], body["first_bad"]) == (False, 1, 2)
    assert "changed" in body["reason"] and body["trace_id"] is None
    await owner.execute("UPDATE audit_entries SET trace_id = $1 WHERE seq = 1", TRACE)
    body = await get(client, mine, path)
    assert (body["ok"], body["first_bad"], body["trace_id"]) == (False, 1, TRACE)


async def test_a_long_chain_is_verified_in_chunks(
    client: httpx.AsyncClient, context: Context, mine: dict[str, str], settings: Settings
) -> None:
    await record(settings, *(created() for _ in range(3)))
    chunks = [len(rows) async for rows in audit.stream_rows(context, audit.CHAIN, 2)]
    assert chunks == [2, 1]


# --- reports -----------------------------------------------------------------------------------

PERIOD = {"from": "2026-12-01T00:00:00Z", "to": "2026-12-02T00:00:00Z"}


async def report(client: httpx.AsyncClient, headers: dict[str, str], kind: str) -> httpx.Response:
    query = {**PERIOD, "format": kind}
    answer = await client.get("/v1/audit/report", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    return answer


@pytest.mark.parametrize("kind", ["json", "csv", "pdf"])
async def test_a_report_is_the_same_bytes_each_time(
    client: httpx.AsyncClient, mine: dict[str, str], settings: Settings, user_id: str, kind: str
) -> None:
    await record(settings, event_of(user_id), created(), event_of(user_id))
    first = await report(client, mine, kind)
    await record(settings, event_of(user_id, NOW + DAY))
    again = await report(client, mine, kind)
    assert first.content == again.content
    assert first.headers["content-disposition"] == f'attachment; filename="audit.{kind}"'


async def test_a_report_for_programs(
    client: httpx.AsyncClient, mine: dict[str, str], settings: Settings, user_id: str
) -> None:
    assert (await report(client, mine, "json")).json() == {"entries": []}
    await record(settings, event_of(user_id), event_of(user_id, NOW - DAY), event_of(user_id))
    listed = (await get(client, mine, "/v1/audit"))["items"]
    entries = (await report(client, mine, "json")).json()["entries"]
    assert entries == [listed[2], listed[0]]


async def test_a_report_for_spreadsheets(
    client: httpx.AsyncClient, mine: dict[str, str], settings: Settings, user_id: str
) -> None:
    task = make_task(created_by=user_id, title='=HYPERLINK("x"),\n"y"')
    event = task_event(TaskCreated, task, cause="=1+1")
    await record(settings, event)
    answer = await report(client, mine, "csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    header, line = csv.reader(io.StringIO(answer.text, newline=""))
    cells = dict(zip(header, line, strict=True))
    assert tuple(header) == (*COLUMNS, "erased")
    assert (cells["seq"], cells["at"]) == ("1", "2026-12-01T08:00:00.123456Z")
    assert (cells["before"], cells["cause_id"]) == ("", "'=1+1")
    assert json.loads(cells["after"])["title"] == task.title


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20"])
def test_no_cell_is_computed(start: str) -> None:
    assert show_cell(f"{start}1") == f"'{start}1"
    assert show_cell(f"1{start}") == f"1{start}"


async def test_a_report_of_everybody_is_for_auditors(
    client: httpx.AsyncClient, context: Context, owner: Owner, settings: Settings, user_id: str
) -> None:
    await record(settings, created(), event_of(user_id))
    mine = await sign_in(context, owner, user_id)
    assert len((await report(client, mine, "json")).json()["entries"]) == 1
    assert published(context) == []
    accounts_of(context).identities.forget(user_id)
    auditor = await sign_in(context, owner, user_id, "auditor")
    assert len((await report(client, auditor, "json")).json()["entries"]) == 2
    await accounts_of(context).background.drain()
    assert [type(event.data) for event in published(context)] == [AdminRead]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"to": PERIOD["to"]}, "from"),
        ({"from": PERIOD["from"]}, "to"),
        ({**PERIOD, "format": "xml"}, "format"),
        ({**PERIOD, "from": "x", "format": "pdf"}, "from"),
        ({**PERIOD, "format": ""}, "format"),
        ({**PERIOD, "from": "x"}, "from"),
    ],
)
async def test_wrong_reports(
    client: httpx.AsyncClient, mine: dict[str, str], query: dict[str, str], field: str
) -> None:
    answer = await client.get("/v1/audit/report", params=query, headers=mine)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    if query.get("format") == "xml":
        assert "json, csv, pdf" in answer.json()["detail"]


def test_instants_are_utc() -> None:
    assert audit.read_bound("from", "2026-12-01", "Europe/Paris") == datetime(
        2026, 11, 30, 23, tzinfo=UTC
    )
