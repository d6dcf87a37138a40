"""Views: lists of tasks that a person keeps under a name."""

import asyncio
import json
from typing import Any

import asyncpg
import httpx
import pytest

from gateway.view_rows import MOST_VIEWS
from tests.gateway.log import LiveLog
from tests.gateway.test_repeats import same

Client = httpx.AsyncClient
HERE = "/v1/views"
URGENT: dict[str, Any] = {
    "name": "Urgent",
    "query": {"filter": "priority:high and due < today+7d", "sort": "due_at,-priority"},
}


async def keep(client: Client, **more: Any) -> dict[str, Any]:
    answer = await client.post(HERE, json={**URGENT, **more})
    assert answer.status_code == 201, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def test_a_view_is_answered_as_it_is_read(paris: Client) -> None:
    answer = await paris.post(HERE, json=URGENT)
    view = answer.json()
    assert set(view) == {"id", "name", "query", "position", "created_at", "updated_at"}
    assert (view["name"], view["query"], view["position"]) == ("Urgent", URGENT["query"], 0)
    assert answer.headers["location"] == f"{HERE}/{view['id']}"
    read = await paris.get(answer.headers["location"])
    assert (read.json(), read.headers["etag"]) == (view, answer.headers["etag"])
    assert (await paris.get(HERE)).json() == {"items": [view], "next_cursor": None}
    tasks = await paris.get("/v1/tasks", params=view["query"])
    assert tasks.status_code == 200


async def test_views_stand_in_their_order(paris: Client) -> None:
    names = [(await keep(paris, name=name))["name"] for name in "abc"]
    first = await keep(paris, name="first", position=0)
    items = (await paris.get(HERE)).json()["items"]
    assert [item["name"] for item in items] == ["a", "first", "b", "c"]
    await paris.patch(f"{HERE}/{first['id']}", json={"position": 9})
    items = (await paris.get(HERE)).json()["items"]
    assert [item["name"] for item in items] == [*names, "first"]


async def test_a_change_changes_what_is_sent(paris: Client) -> None:
    view = await keep(paris)
    there = f"{HERE}/{view['id']}"
    answer = await paris.patch(there, json={"query": {"tag": ["home", "x"]}})
    assert answer.json()["query"] == {"tag": ["home", "x"]}
    assert answer.json()["name"] == "Urgent"
    assert answer.headers["etag"] == '"2"'
    stale = await paris.patch(there, json={"name": "n"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    assert stale.json()["current"] == answer.json()
    assert (await paris.delete(there, headers={"If-Match": '"1"'})).status_code == 412
    assert (await paris.delete(there, headers={"If-Match": '"2"'})).status_code == 204
    assert (await paris.get(there)).status_code == 404


async def test_a_name_is_taken_once_in_any_case(paris: Client, somebody_else: Client) -> None:
    await keep(paris)
    other = await keep(paris, name="Other")
    await keep(somebody_else)
    taken = [
        await paris.post(HERE, json={**URGENT, "name": "URGENT"}),
        await paris.patch(f"{HERE}/{other['id']}", json={"name": " urgent "}),
    ]
    assert [(one.status_code, one.json()["code"]) for one in taken] == [(409, "name_taken")] * 2
    again = await paris.patch(f"{HERE}/{other['id']}", json={"name": "OTHER"})
    assert again.json()["name"] == "OTHER"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": " "}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"name": "a\nb"}, "name"),
    ({"query": {"colour": "red"}}, "query.colour"),
    ({"query": {"sort": "colour"}}, "sort"),
    ({"query": {"sort": "relevance"}}, "sort"),
    ({"query": {"status": "lost"}}, "query.status"),
    ({"query": {"limit": 5}}, "query.limit"),
    ({"query": {"tag": ["a\x00"]}}, "query.tag.0"),
    ({"query": {"filter": "due < banana"}}, "filter"),
    ({"query": {"filter": "\ud800"}}, "filter"),
    ({"position": -1}, "position"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("wrong", "field"), BAD, ids=range(len(BAD)))
async def test_what_cannot_be_kept_is_refused_by_name(
    paris: Client, wrong: dict[str, Any], field: str
) -> None:
    view = await keep(paris, name="right")
    for answer in (
        await paris.post(HERE, content=json.dumps({**URGENT, **wrong})),
        await paris.patch(f"{HERE}/{view['id']}", content=json.dumps(wrong)),
    ):
        assert answer.status_code == 422, answer.text
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        if field == "filter":
            assert answer.json()["code"] == "invalid_filter"
            assert isinstance(answer.json()["position"], int)
    assert len((await paris.get(HERE)).json()["items"]) == 1


async def test_views_are_ones_own(paris: Client, somebody_else: Client, anyone: Client) -> None:
    there = f"{HERE}/{(await keep(paris))['id']}"
    for client, status in ((somebody_else, 404), (anyone, 401)):
        assert (await client.get(there)).status_code == status
        assert (await client.patch(there, json={"name": "x"})).status_code == status
        assert (await client.delete(there)).status_code == status
    assert (await somebody_else.get(HERE)).json()["items"] == []
    assert (await paris.get(f"{HERE}/nothing")).status_code == 404


async def test_a_view_is_made_once_under_a_key(paris: Client) -> None:
    key = {"Idempotency-Key": "once"}
    same(*[await paris.post(HERE, json=URGENT, headers=key) for _ in range(2)], 201)
    assert len((await paris.get(HERE)).json()["items"]) == 1


async def test_there_is_an_end_to_views(paris: Client) -> None:
    for number in range(MOST_VIEWS):
        await keep(paris, name=f"{number}")
    answer = await paris.post(HERE, json=URGENT)
    assert answer.status_code == 422 and "100 views" in answer.json()["detail"]


async def test_of_one_name_at_once_one_is_kept(paris: Client) -> None:
    answers = await asyncio.gather(*(paris.post(HERE, json=URGENT) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_what_happens_to_views_is_told_and_they_leave_with_the_account(
    paris: Client, owner: "asyncpg.Connection[asyncpg.Record]", live_log: LiveLog, app: Any
) -> None:
    view = await keep(paris)
    await paris.patch(f"{HERE}/{view['id']}", json={"name": "n"})
    await keep(paris, name="another")
    await paris.delete(f"{HERE}/{view['id']}")
    await paris.delete("/v1/me")
    await app.state.context.accounts.background.drain()
    told = [e.data.event_type for e in live_log.events if "view" in e.type]
    assert told == ["view_created", "view_updated", "view_created", "view_deleted"]
    assert await owner.fetchval("SELECT count(*) FROM views") == 0
