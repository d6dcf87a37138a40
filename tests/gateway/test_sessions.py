"""Tokens that renew, are reused, end, and the cookie that stands for them."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from taskflow.settings import Settings
from tests.gateway.account_app import (
    ABROAD,
    LOCAL,
    PASSWORD,
    AccountGateway,
    Person,
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


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/v1/auth/refresh", json={"refresh_token": token})


async def works(gateway: AccountGateway, token: str) -> bool:
    client = await gateway.client(token)
    return (await client.get("/v1/me")).status_code == 200


# --- renewing ------------------------------------------------------------------------------------


async def test_the_answer_has_just_what_the_contract_says(ann: Person) -> None:
    assert ann.answer.keys() == {
        "user",
        "access_token",
        "refresh_token",
        "token_type",
        "expires_in",
    }
    assert (ann.answer["token_type"], ann.answer["expires_in"]) == ("bearer", 900)


async def test_a_refresh_token_gives_a_new_pair_once(gateway: AccountGateway, ann: Person) -> None:
    answer = await refresh(ann.client, ann.answer["refresh_token"])
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == ann.answer.keys() and body["user"] == ann.user
    assert body["refresh_token"] != ann.answer["refresh_token"]
    assert await works(gateway, body["access_token"])
    assert (await refresh(ann.client, body["refresh_token"])).status_code == 200


async def test_reuse_ends_the_whole_family_and_is_told(
    gateway: AccountGateway, ann: Person
) -> None:
    stolen = ann.answer["refresh_token"]
    second = (await refresh(ann.client, stolen)).json()
    third = (await refresh(ann.client, second["refresh_token"])).json()
    problem_of(await refresh(ann.client, stolen), 401, "unauthenticated")
    assert not await works(gateway, third["access_token"])
    problem_of(await refresh(ann.client, third["refresh_token"]), 401, "unauthenticated")
    assert await gateway.fact_types(ann.id) == ["signed_up", "token_reused"]
    (fact,) = [f for f in await gateway.facts() if f.event_type == "token_reused"]
    assert stolen not in str(fact)


async def test_reuse_leaves_other_sessions_alone(gateway: AccountGateway, ann: Person) -> None:
    log_in = {"email": ann.email, "password": PASSWORD}
    other = (await (await gateway.client()).post("/v1/auth/login", json=log_in)).json()
    await refresh(ann.client, ann.answer["refresh_token"])
    await refresh(ann.client, ann.answer["refresh_token"])
    assert await works(gateway, other["access_token"])


async def test_of_two_at_once_one_wins_and_the_session_ends(
    gateway: AccountGateway, ann: Person
) -> None:
    token = ann.answer["refresh_token"]
    answers = await asyncio.gather(*(refresh(ann.client, token) for _ in range(4)))
    assert sorted(a.status_code for a in answers) == [200, 401, 401, 401]
    (winner,) = [a.json() for a in answers if a.status_code == 200]
    gateway.clock.turn(seconds=16)
    assert not await works(gateway, winner["access_token"])
    assert (await gateway.fact_types(ann.id)).count("token_reused") == 1


@pytest.mark.parametrize("token", ["", "nobody's", "tf_nothing", "é", "x" * 10_000])
async def test_an_unknown_refresh_token_is_401(gateway: AccountGateway, token: str) -> None:
    problem_of(await refresh(await gateway.client(), token), 401, "unauthenticated")


async def test_each_renewal_gives_thirty_days_more(gateway: AccountGateway, ann: Person) -> None:
    token = ann.answer["refresh_token"]
    for _ in range(3):
        gateway.clock.turn(days=29)
        answer = await refresh(ann.client, token)
        assert answer.status_code == 200
        token = answer.json()["refresh_token"]
    gateway.clock.turn(days=30, seconds=1)
    problem_of(await refresh(ann.client, token), 401, "unauthenticated")


async def test_a_refresh_token_is_no_bearer_token(gateway: AccountGateway, ann: Person) -> None:
    assert not await works(gateway, ann.answer["refresh_token"])


async def test_the_database_has_no_token_in_clear(
    owner: "asyncpg.Connection[asyncpg.Record]", ann: Person
) -> None:
    row = await owner.fetchrow("SELECT t::text AS all FROM refresh_tokens t")
    assert row is not None and ann.answer["refresh_token"] not in row["all"]


# --- ending --------------------------------------------------------------------------------------


async def test_logging_out_ends_this_session_alone(gateway: AccountGateway, ann: Person) -> None:
    log_in = {"email": ann.email, "password": PASSWORD}
    other = (await (await gateway.client()).post("/v1/auth/login", json=log_in)).json()
    answer = await ann.client.post("/v1/auth/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "set-cookie" not in answer.headers
    assert not await works(gateway, ann.answer["access_token"])
    problem_of(await refresh(ann.client, ann.answer["refresh_token"]), 401, "unauthenticated")
    assert await works(gateway, other["access_token"])
    assert (await gateway.fact_types(ann.id))[-1] == "logged_out"


async def test_logging_out_everywhere_ends_all_of_this_person(
    gateway: AccountGateway, ann: Person
) -> None:
    log_in = {"email": ann.email, "password": PASSWORD}
    other = (await (await gateway.client()).post("/v1/auth/login", json=log_in)).json()
    bob = await gateway.sign_up()
    assert (await ann.client.delete("/v1/sessions")).status_code == 204
    assert not await works(gateway, ann.answer["access_token"])
    assert not await works(gateway, other["access_token"])
    assert await works(gateway, bob.answer["access_token"])


async def test_ended_sessions_are_swept_at_the_next_log_in(
    gateway: AccountGateway, ann: Person, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    gateway.clock.turn(days=31)
    log_in = {"email": ann.email, "password": PASSWORD}
    assert (await ann.client.post("/v1/auth/login", json=log_in)).status_code == 200
    assert await owner.fetchval("SELECT count(*) FROM sessions") == 1
    assert await owner.fetchval("SELECT count(*) FROM refresh_tokens") == 1


# --- the cookie ----------------------------------------------------------------------------------

PAGE = {"X-TaskFlow-Session": "cookie"}


async def test_the_page_gets_a_guarded_cookie_and_no_token(gateway: AccountGateway) -> None:
    page = await gateway.client(base=ABROAD)
    body = {"email": "ann@example.com", "password": PASSWORD}
    answer = await page.post("/v1/auth/signup", json=body, headers=PAGE)
    assert answer.json().keys() == {"user", "token_type", "expires_in"}
    name, *rules = answer.headers["set-cookie"].split("; ")
    assert name.startswith("__Host-taskflow=")
    assert {rule.lower() for rule in rules} == {
        "httponly",
        "secure",
        "samesite=strict",
        "path=/",
        "max-age=2592000",
    }
    same = {"Origin": ABROAD}
    assert (await page.get("/v1/me", headers=same)).status_code == 200
    answer = await page.post("/v1/auth/logout", headers=same)
    assert answer.status_code == 204 and "Max-Age=0" in answer.headers["set-cookie"]
    problem_of(await page.get("/v1/me", headers=same), 401, "unauthenticated")


async def test_on_localhost_the_cookie_is_not_secure(gateway: AccountGateway, ann: Person) -> None:
    page = await gateway.client(base=LOCAL)
    body = {"email": ann.email, "password": PASSWORD}
    answer = await page.post("/v1/auth/login", json=body, headers=PAGE)
    assert answer.headers["set-cookie"].startswith("taskflow=")
    assert "secure" not in answer.headers["set-cookie"].lower()
    assert (await page.get("/v1/me", headers={"Origin": LOCAL})).status_code == 200


async def test_a_cookie_session_lasts_as_long_as_its_cookie(gateway: AccountGateway) -> None:
    page = await gateway.client()
    body = {"email": "ann@example.com", "password": PASSWORD}
    await page.post("/v1/auth/signup", json=body, headers=PAGE)
    gateway.clock.turn(days=29)
    assert (await page.get("/v1/me", headers={"Origin": LOCAL})).status_code == 200
    gateway.clock.turn(days=2)
    problem_of(await page.get("/v1/me", headers={"Origin": LOCAL}), 401, "unauthenticated")
