"""Other people's accounts, for admins."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.identity import CACHE_SECONDS
from taskflow.settings import Settings
from tests.gateway.account_app import (
    AccountGateway,
    Person,
    fields_of,
    open_accounts,
    problem_of,
)

HERE = "/v1/users"


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[AccountGateway]:
    async with open_accounts(settings) as opened:
        yield opened


@pytest.fixture
async def ann(gateway: AccountGateway) -> Person:
    return await gateway.sign_up()


@pytest.fixture
async def admin(gateway: AccountGateway, owner: Any) -> Person:
    person = await gateway.sign_up()
    await owner.execute("UPDATE users SET roles = '{user,admin}' WHERE id = $1", person.id)
    return person


async def test_a_walk_through_the_users_meets_each_once(
    gateway: AccountGateway, admin: Person
) -> None:
    people = [await gateway.sign_up() for _ in range(4)]
    gateway.clock.turn(seconds=1)
    people.append(await gateway.sign_up())
    met, cursor = list[dict[str, Any]](), ""
    while cursor is not None:
        there = "/v1/users?limit=2" + (f"&cursor={cursor}" if cursor else "")
        page = (await admin.client.get(there)).json()
        assert page.keys() == {"items", "next_cursor"}
        met, cursor = met + page["items"], page["next_cursor"]
    assert met[0] == people[-1].user
    assert sorted(one["id"] for one in met) == sorted(p.id for p in [admin, *people])
    assert (await gateway.fact_types(admin.id)).count("admin_read") == 3


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "1.5"])
async def test_a_page_has_a_size(admin: Person, limit: str) -> None:
    assert fields_of(await admin.client.get(f"/v1/users?limit={limit}")) == {"limit"}


async def test_a_made_up_cursor_is_refused(admin: Person) -> None:
    problem_of(await admin.client.get("/v1/users?cursor=abc"), 422, "invalid_cursor")


async def test_an_admin_gives_and_takes_roles(
    gateway: AccountGateway, admin: Person, ann: Person
) -> None:
    there = f"/v1/users/{ann.id}"
    problem_of(await ann.client.get("/v1/users"), 403, "forbidden")
    answer = await admin.client.patch(there, json={"roles": ["auditor", "admin"]})
    assert answer.json() == ann.user | {"roles": ["user", "admin", "auditor"]}
    assert (await ann.client.get("/v1/users")).status_code == 200
    answer = await admin.client.patch(there, json={"roles": []})
    assert answer.json() == ann.user
    problem_of(await ann.client.get("/v1/users"), 403, "forbidden")
    told = [fact for fact in await gateway.facts(ann.id) if fact.event_type == "roles_changed"]
    assert [fact.actor_id for fact in told] == [admin.id] * 2
    assert told[0].detail == {"before": ["user"], "after": ["user", "admin", "auditor"]}


@pytest.mark.parametrize("roles", [["root"], "admin", None, [None]])
async def test_only_known_roles_are_given(admin: Person, ann: Person, roles: Any) -> None:
    answer = await admin.client.patch(f"/v1/users/{ann.id}", json={"roles": roles})
    assert {field.partition(".")[0] for field in fields_of(answer)} == {"roles"}


async def test_who_left_is_no_user(admin: Person, ann: Person) -> None:
    await ann.client.delete("/v1/me")
    answer = await admin.client.patch(f"/v1/users/{ann.id}", json={"roles": ["admin"]})
    problem_of(answer, 404, "not_found")
    assert [u["id"] for u in (await admin.client.get("/v1/users")).json()["items"]] == [admin.id]


async def test_people_are_found_by_address_name_and_role(
    gateway: AccountGateway, admin: Person
) -> None:
    zoe = await gateway.sign_up(name="Zoë STRAẞE")
    odd = await gateway.sign_up(email="100%_odd@example.com")

    async def find(**query: str) -> list[str]:
        answer = await admin.client.get(HERE, params=query)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["items"]]

    assert await find(q="zoë strasse") == [zoe.id]
    assert await find(q=zoe.email.upper()) == [zoe.id]
    assert await find(q="%_") == [odd.id]
    assert await find(role="admin") == [admin.id]
    assert await find(q="odd", role="admin") == []
    assert len(await find(q=" ")) == 3
    for wrong, field in (({"role": "root"}, "role"), ({"q": "\0"}, "q"), ({"x": "y"}, "x")):
        assert fields_of(await admin.client.get(HERE, params=wrong)) == {field}


MATRIX: list[tuple[str, str]] = [("GET", HERE), ("PATCH", HERE + "/{id}")]


@pytest.mark.parametrize(("method", "path"), MATRIX)
async def test_only_admins_administer_and_not_by_an_api_token(
    gateway: AccountGateway, admin: Person, ann: Person, owner: Any, method: str, path: str
) -> None:
    there = path.format(id=ann.id)
    body = {"json": {"roles": []}} if method == "PATCH" else {}
    await owner.execute("UPDATE users SET roles = '{user,auditor}' WHERE id = $1", ann.id)
    gateway.context.accounts.identities.forget(ann.id)
    made = {"name": "a script", "scopes": ["read", "write"]}
    token = (await admin.client.post("/v1/tokens", json=made)).json()["token"]
    script, nobody = await gateway.client(token), await gateway.client()
    problem_of(await ann.client.request(method, there, **body), 403, "forbidden")
    problem_of(await script.request(method, there, **body), 403, "forbidden")
    problem_of(await nobody.request(method, there, **body), 401, "unauthenticated")
    assert (await admin.client.request(method, there, **body)).status_code == 200


@pytest.mark.parametrize("name", ["nothing", "00000000-0000-0000-0000-000000000000"])
async def test_nobody_is_not_found(admin: Person, name: str) -> None:
    problem_of(await admin.client.patch(f"{HERE}/{name}", json={"roles": []}), 404, "not_found")


async def test_the_last_admin_stays_one(
    gateway: AccountGateway, admin: Person, ann: Person
) -> None:
    mine, hers = f"{HERE}/{admin.id}", f"{HERE}/{ann.id}"
    told = problem_of(
        await admin.client.patch(mine, json={"roles": ["auditor"]}), 409, "last_admin"
    )
    assert "first" in told["detail"]
    assert (await admin.client.patch(mine, json={"roles": ["admin", "auditor"]})).status_code == 200
    await admin.client.patch(hers, json={"roles": ["admin"]})
    assert (await admin.client.patch(mine, json={"roles": []})).status_code == 200
    problem_of(await ann.client.patch(hers, json={"roles": []}), 409, "last_admin")


async def test_two_admins_cannot_take_the_role_from_each_other(
    gateway: AccountGateway, admin: Person, ann: Person, owner: Any
) -> None:
    await admin.client.patch(f"{HERE}/{ann.id}", json={"roles": ["admin"]})
    pairs = ((admin, ann), (ann, admin))
    asked = (a.client.patch(f"{HERE}/{b.id}", json={"roles": []}) for a, b in pairs)
    answers = await asyncio.gather(*asked)
    assert sorted(one.status_code for one in answers)[0] == 200
    assert await owner.fetchval("SELECT count(*) FROM users WHERE 'admin' = ANY(roles)") == 1


async def test_a_role_that_was_taken_ends_on_another_gateway_in_time(
    gateway: AccountGateway, admin: Person, ann: Person, settings: Settings
) -> None:
    await admin.client.patch(f"{HERE}/{ann.id}", json={"roles": ["admin"]})
    async with open_accounts(settings) as other:
        token = ann.client.headers["Authorization"].removeprefix("Bearer ")
        there = await other.client(token)
        assert (await there.get(HERE)).status_code == 200
        await admin.client.patch(f"{HERE}/{ann.id}", json={"roles": []})
        assert CACHE_SECONDS < 30
        other.clock.turn(seconds=CACHE_SECONDS)
        problem_of(await there.get(HERE), 403, "forbidden")
