"""People on hold: who may place and lift it, that it is on record, and what leaving then leaves."""

from collections.abc import AsyncIterator
from typing import TypeAlias
from uuid import uuid4

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

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
HOLDS = "/v1/audit/holds"


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[AccountGateway]:
    async with open_accounts(settings) as gateway:
        yield gateway


@pytest.fixture
async def ann(gateway: AccountGateway) -> Person:
    return await gateway.sign_up()


@pytest.fixture
async def admin(gateway: AccountGateway, owner: Owner) -> Person:
    person = await gateway.sign_up()
    await owner.execute("UPDATE users SET roles = '{user,admin}' WHERE id = $1", person.id)
    return person


async def test_a_hold_is_placed_seen_and_lifted_and_all_of_it_is_on_record(
    gateway: AccountGateway, admin: Person, ann: Person
) -> None:
    answer = await admin.client.post(HOLDS, json={"email": ann.email.upper(), "reason": "case 7"})
    assert answer.status_code == 201
    hold = answer.json()
    assert hold == {
        "user_id": ann.id,
        "email": ann.email,
        "reason": "case 7",
        "placed_at": hold["placed_at"],
        "placed_by": admin.id,
    }
    listed = await admin.client.get(HOLDS)
    assert listed.json() == {"items": [hold], "next_cursor": None}
    assert (await admin.client.delete(f"{HOLDS}/{ann.id}")).status_code == 204
    assert (await admin.client.get(HOLDS)).json()["items"] == []
    told = await gateway.facts(admin.id)
    assert [(fact.event_type, fact.detail) for fact in told[-4:]] == [
        ("hold_placed", {"user_id": ann.id, "reason": "case 7"}),
        ("admin_read", {"what": "holds"}),
        ("hold_lifted", {"user_id": ann.id}),
        ("admin_read", {"what": "holds"}),
    ]
    # The person does not read of it in their own record.
    assert "hold_placed" not in await gateway.fact_types(ann.id)


async def test_there_is_one_hold_and_it_may_come_again(admin: Person, ann: Person) -> None:
    body = {"user_id": ann.id, "reason": "a case"}
    assert (await admin.client.post(HOLDS, json=body)).status_code == 201
    problem_of(await admin.client.post(HOLDS, json=body), 409, "invalid_transition")
    assert (await admin.client.delete(f"{HOLDS}/{ann.id}")).status_code == 204
    problem_of(await admin.client.delete(f"{HOLDS}/{ann.id}"), 404, "not_found")
    again = await admin.client.post(HOLDS, json={**body, "reason": "another"})
    assert (again.status_code, again.json()["reason"]) == (201, "another")


async def test_holds_come_in_pages(gateway: AccountGateway, admin: Person) -> None:
    people = [await gateway.sign_up() for _ in range(3)]
    for person in people:
        gateway.clock.turn(seconds=1)
        await admin.client.post(HOLDS, json={"user_id": person.id, "reason": "a case"})
    first = (await admin.client.get(HOLDS, params={"limit": "2"})).json()
    query = {"limit": "2", "cursor": first["next_cursor"]}
    second = (await admin.client.get(HOLDS, params=query)).json()
    found = [hold["user_id"] for hold in first["items"] + second["items"]]
    assert found == [person.id for person in reversed(people)]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "a case"}, "email"),
        ({"user_id": str(uuid4()), "email": "a@example.com", "reason": "a case"}, "email"),
        ({"email": "a@example.com"}, "reason"),
        ({"email": "a@example.com", "reason": " "}, "reason"),
        ({"user_id": "me", "reason": "a case"}, "user_id"),
    ],
)
async def test_wrong_holds(admin: Person, body: dict[str, str], field: str) -> None:
    assert fields_of(await admin.client.post(HOLDS, json=body)) == {field}


async def test_nobody_is_nobody_and_only_admins_may(admin: Person, ann: Person) -> None:
    nobody = {"email": "nobody@example.com", "reason": "a case"}
    problem_of(await admin.client.post(HOLDS, json=nobody), 404, "not_found")
    for call in (
        ann.client.get(HOLDS),
        ann.client.post(HOLDS, json={"user_id": ann.id, "reason": "a case"}),
        ann.client.delete(f"{HOLDS}/{ann.id}"),
    ):
        problem_of(await call, 403, "forbidden")


async def test_who_leaves_on_hold_leaves_the_addresses_behind(
    admin: Person, ann: Person, owner: Owner
) -> None:
    count = "SELECT count(*) FROM channels WHERE user_id = $1"
    await admin.client.post(HOLDS, json={"user_id": ann.id, "reason": "a case"})
    assert (await ann.client.delete("/v1/me")).status_code == 204
    assert await owner.fetchval(count, ann.id) == 1
    (hold,) = (await admin.client.get(HOLDS)).json()["items"]
    assert hold["email"] == ann.email
