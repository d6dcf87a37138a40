"""One trace from a request to what the audit tells of its effects."""

from typing import Any

import httpx
import pytest
from msgspec import structs

from taskflow.events import read_event
from taskflow.trace import read_trace_id
from tests.gateway.log import LiveLog
from tests.gateway.test_dead_letters import command, keep, my_id

Client = httpx.AsyncClient
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
WEEKLY = {"title": "x", "due_at": "2030-01-07T09:00:00Z", "recurrence": {"frequency": "weekly"}}

WRITES: list[tuple[str, str, Any]] = [
    ("POST", "/v1/tasks", WEEKLY),
    ("POST", "/v1/tasks/batch", {"operations": [{"op": "create", "task": {"title": "x"}}]}),
    ("PATCH", "/v1/me", {"name": "Ann"}),
    ("PATCH", "/v1/me/reminders", {"late": "drop"}),
    ("POST", "/v1/tokens", {"name": "x", "scopes": ["read"]}),
]


async def traces(client: Client, live_log: LiveLog, since: int) -> set[str | None]:
    """What the audit shows of everything that has happened since an entry."""
    await client.get("/v1/me")
    await live_log.idle()
    entries = (await client.get("/v1/audit")).json()["items"]
    return {entry["trace_id"] for entry in entries if entry["seq"] > since}


async def last_entry(client: Client, owner: Any, live_log: LiveLog) -> int:
    while not (seq := await owner.fetchval("SELECT max(seq) FROM audit_entries")):
        await live_log.idle()
    return int(seq)


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_the_trace_of_a_request_reaches_the_audit(
    paris: Client, live_log: LiveLog, owner: Any, method: str, path: str, body: Any, app: Any
) -> None:
    before = await last_entry(paris, owner, live_log)
    answer = await paris.request(method, path, json=body, headers=HEADERS)
    assert answer.status_code in (200, 201), answer.text
    await app.state.context.accounts.background.drain()
    assert await traces(paris, live_log, before) == {TRACE}
    own = [event for event in live_log.events if read_trace_id(event.traceparent) == TRACE]
    assert own and all(event.traceid == event.traceparent for event in own)
    assert all("00f067aa0ba902b7" not in str(event.traceparent) for event in own)


async def test_a_request_of_no_trace_begins_one(
    paris: Client, live_log: LiveLog, owner: Any, app: Any
) -> None:
    before = await last_entry(paris, owner, live_log)
    for header in ({}, {"traceparent": "nonsense"}):
        await paris.post("/v1/tasks", json={"title": "x"}, headers=header)
    found = await traces(paris, live_log, before)
    assert len(found) == 2 and None not in found


async def test_the_event_that_waits_as_a_timer_has_the_trace(
    paris: Client, live_log: LiveLog, owner: Any, app: Any
) -> None:
    await app.state.context.accounts.background.drain()
    live_log.down = True
    await paris.patch("/v1/me", json={"name": "Ann"}, headers=HEADERS)
    (event,) = [read_event(row["event"].encode()) for row in await owner.fetch("TABLE timers")]
    assert read_trace_id(event.traceparent) == TRACE


async def test_a_dead_letter_shows_the_trace_of_its_event(
    paris: Client, owner: Any, app: Any
) -> None:
    me = await my_id(paris)
    await owner.execute("UPDATE users SET roles = '{user,admin}'")
    app.state.context.accounts.identities.forget(me)
    text = f'a "traceparent":"00-{"f" * 32}-00f067aa0ba902b7-01" in words \\ \u00e9'
    plain, traced = command(me, title=text), command(me, title=text)
    traced = structs.replace(traced, **HEADERS)
    names = [await keep(owner, event, "write-task") for event in (plain, traced)]
    await owner.execute("UPDATE dead_letters SET value = value || '\\xff'")
    shown = {row["id"]: row for row in (await paris.get("/v1/dead-letters")).json()["items"]}
    assert [shown[name]["trace_id"] for name in names] == [None, TRACE]
    whole = (await paris.get(f"/v1/dead-letters/{names[1]}")).json()
    assert (whole["trace_id"], whole["trace"]) == (TRACE, "Traceback")
