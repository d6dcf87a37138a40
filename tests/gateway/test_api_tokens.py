"""Keys for scripts: shown once, limited in what they may do and for how long."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from taskflow.settings import Settings
from tests.gateway.account_app import (
    AccountGateway,
    Person,
    fields_of,
    open_accounts,
    problem_of,
)


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[AccountGateway]:
    async with open_accounts(settings) as gateway:
        yield gateway


@pytest.fixture
async def ann(gateway: AccountGateway) -> Person:
    return await gateway.sign_up()


async def make(person: Person, **given: Any) -> dict[str, Any]:
    body = {"name": "a script", "scopes": ["read"], **given}
    answer = await person.client.post("/v1/tokens", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_token_is_shown_once(
    ann: Person, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await make(ann, name="  my script ", scopes=["write", "read", "read"][:2])
    assert made.keys() == {"id", "name", "scopes", "created_at", "expires_at", "token"}
    assert made["token"].startswith("tf_") and len(made["token"]) == 46
    assert (made["name"], made["scopes"], made["expires_at"]) == (
        "my script",
        ["read", "write"],
        None,
    )
    page = (await ann.client.get("/v1/tokens")).json()
    del made["token"]
    assert page == {"items": [made], "next_cursor": None}
    assert "tf_" not in await owner.fetchval("SELECT t::text FROM api_tokens t")


async def test_instants_are_utc_with_seconds(gateway: AccountGateway, ann: Person) -> None:
    end = gateway.clock() + timedelta(days=90)
    local = end.astimezone(tz=None).isoformat()
    made = await make(ann, expires_at=local)
    assert made["expires_at"] == f"{end:%Y-%m-%dT%H:%M:%S}Z"
    assert made["created_at"] == f"{gateway.clock():%Y-%m-%dT%H:%M:%S}Z"


async def test_the_newest_is_listed_first(gateway: AccountGateway, ann: Person) -> None:
    for name in ("first", "second"):
        await make(ann, name=name)
        gateway.clock.turn(seconds=1)
    page = (await ann.client.get("/v1/tokens")).json()
    assert [item["name"] for item in page["items"]] == ["second", "first"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\u0000"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["account"]}, "scopes"),
        ({"scopes": ["read", "write", "read"]}, "scopes"),
        ({"scopes": "read"}, "scopes"),
        ({"expires_at": "2026-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2126-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at"),
        ({"expires_at": "2027-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": 1893456000}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"token": "tf_mine"}, "token"),
    ],
)
async def test_what_is_wrong_is_named(ann: Person, given: dict[str, Any], field: str) -> None:
    body = {"name": "a script", "scopes": ["read"]} | given
    answer = await ann.client.post("/v1/tokens", json=body)
    assert {name.partition(".")[0] for name in fields_of(answer)} == {field}


async def test_a_revoked_token_stops_at_once(gateway: AccountGateway, ann: Person) -> None:
    made = await make(ann)
    script = await gateway.client(made["token"])
    assert (await script.get("/v1/me")).json() == ann.user
    there = f"/v1/tokens/{made['id']}"
    answer = await ann.client.delete(there)
    assert (answer.status_code, answer.content) == (204, b"")
    problem_of(await script.get("/v1/me"), 401, "unauthenticated")
    problem_of(await ann.client.delete(there), 404, "not_found")
    assert (await ann.client.get("/v1/tokens")).json()["items"] == []
    facts = await gateway.facts(ann.id)
    assert [f.event_type for f in facts[1:]] == ["api_token_created", "api_token_revoked"]
    assert made["token"] not in str(facts)


async def test_logging_out_everywhere_leaves_scripts_alone(
    gateway: AccountGateway, ann: Person
) -> None:
    script = await gateway.client((await make(ann))["token"])
    await ann.client.delete("/v1/sessions")
    assert (await script.get("/v1/me")).status_code == 200


async def test_a_person_has_at_most_a_hundred(ann: Person) -> None:
    for _ in range(100):
        made = await make(ann)
    body = {"name": "one more", "scopes": ["read"]}
    problem_of(await ann.client.post("/v1/tokens", json=body), 422, "invalid")
    await ann.client.delete(f"/v1/tokens/{made['id']}")
    await make(ann)
