"""A new secret: what the gateway signed before is taken, what it signs now only the new one makes,
and with the earlier one gone all of it ends. On two gateways, as while they are exchanged.
"""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from msgspec import structs

from gateway.app import create_app
from gateway.sessions import SESSION_LIFETIME
from taskflow.reminder_link import LIFETIME, Answer, sign_answer
from taskflow.settings import Settings
from taskflow.web_push import public_key
from tests.gateway.account_app import PASSWORD, AccountGateway, open_accounts
from tests.gateway.log import LiveLog

Client: TypeAlias = httpx.AsyncClient
A, B = "a secret for tests, long enough", "another secret for tests, as long"
# A comma in a secret of a list.
LISTED = A.replace(",", "%2C")
NOBODY = {"Authorization": ""}


@pytest.fixture
async def after(gateway_settings: Settings, live_log: LiveLog) -> AsyncIterator[FastAPI]:
    """A gateway after the change."""
    own = structs.replace(gateway_settings, secret=B, secret_previous=LISTED)
    application = create_app(own, live_log)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def new(after: FastAPI, paris: Client) -> AsyncIterator[Client]:
    """The same person, with the same token, at that gateway."""
    transport = httpx.ASGITransport(app=after)
    async with Client(transport=transport, base_url="http://localhost") as client:
        client.headers["Authorization"] = paris.headers["Authorization"]
        yield client


def status(answer: httpx.Response, *expected: int) -> Any:
    assert answer.status_code in expected, answer.text
    return answer.json() if answer.content else None


async def test_a_session_goes_on_and_gets_a_token_that_only_the_new_secret_makes(
    paris: Client, new: Client
) -> None:
    email = status(await new.get("/v1/me"), 200)["email"]
    log_in = {"email": email, "password": PASSWORD}
    fresh = status(await new.post("/v1/auth/login", json=log_in, headers=NOBODY), 200)
    bearer = {"Authorization": f"Bearer {fresh['access_token']}"}
    assert status(await new.get("/v1/me", headers=bearer), 200)["email"] == email
    assert (await paris.get("/v1/me", headers=bearer)).status_code == 401


async def test_a_refresh_token_of_before_gives_a_session_of_now(paris: Client, new: Client) -> None:
    person = {"email": f"{uuid4()}@example.com", "password": PASSWORD}
    signed_up = status(await paris.post("/v1/auth/signup", json=person, headers=NOBODY), 201)
    given = {"refresh_token": signed_up["refresh_token"]}
    fresh = status(await new.post("/v1/auth/refresh", json=given, headers=NOBODY), 200)
    bearer = {"Authorization": f"Bearer {fresh['access_token']}"}
    assert (await new.get("/v1/me", headers=bearer)).status_code == 200


async def test_cursors_commands_and_kept_answers_of_before(paris: Client, new: Client) -> None:
    for number in range(3):
        status(await paris.post("/v1/tasks", json={"title": f"task {number}"}), 201)
    page = status(await paris.get("/v1/tasks", params={"limit": 1, "sort": "title"}), 200)
    on = {"limit": 1, "sort": "title", "cursor": page["next_cursor"]}
    (second,) = status(await new.get("/v1/tasks", params=on), 200)["items"]
    assert second["title"] == "task 1"
    answer = await paris.post("/v1/tasks", json={"title": "x"}, headers={"Prefer": "respond-async"})
    pending = status(answer, 202)
    where = f"/v1/commands/{pending['command_id']}"
    assert status(await new.get(where), 200)["status"] in ("pending", "done")
    key = {"Idempotency-Key": "once"}
    token = {"name": "a script", "scopes": ["read"]}
    first = await paris.post("/v1/tokens", json=token, headers=key)
    again = await new.post("/v1/tokens", json=token, headers=key)
    assert status(first, 201) == status(again, 201)
    other = await new.post("/v1/tokens", json=token | {"name": "another"}, headers=key)
    assert other.status_code == 422


async def test_links_of_mails_and_the_key_of_pushes(new: Client) -> None:
    nothing = Answer("got_it", "5f0c0000-0000-4000-8000-000000000001")
    for secret, expected in ((A, 404), (B, 404), ("guessed", 422)):
        there = f"/v1/answers/{sign_answer(secret, nothing, datetime.now(UTC))}"
        assert (await new.get(there, headers=NOBODY)).status_code == expected
    assert status(await new.get("/v1/channels/web-push-key"), 200) == {"key": public_key(B)}


async def test_letters_of_before(settings: Settings) -> None:
    verified = structs.replace(settings, verify=True)
    async with open_accounts(verified) as before:
        person = await before.sign_up()
        token = await before.letter_token(person.email, "verify")
    for changes, expected in (
        ({"secret": B}, 422),
        ({"secret": B, "secret_previous": f"x,{LISTED}"}, 204),
    ):
        async with open_accounts(structs.replace(verified, **changes)) as gateway:
            assert await verify(gateway, token) == expected


async def verify(gateway: AccountGateway, token: str) -> int:
    client = await gateway.client()
    return (await client.post("/v1/auth/verify", json={"token": token})).status_code


async def test_without_the_earlier_secret_all_of_it_ends(
    gateway_settings: Settings, live_log: LiveLog, paris: Client
) -> None:
    """A secret that is retired proves the audit, and nothing else."""
    own = structs.replace(gateway_settings, secret=B, secret_retired=LISTED)
    application = create_app(own, live_log)
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(app=application)
        async with Client(transport=transport, base_url="http://localhost") as client:
            authorization = {"Authorization": paris.headers["Authorization"]}
            assert (await client.get("/v1/me", headers=authorization)).status_code == 401
            nothing = Answer("got_it", "5f0c0000-0000-4000-8000-000000000001")
            there = f"/v1/answers/{sign_answer(A, nothing, datetime.now(UTC))}"
            assert (await client.get(there)).status_code == 422


async def test_the_audit_is_proved_over_the_change_by_the_gateway_too(
    paris: Client, new: Client, live_log: LiveLog
) -> None:
    status(await paris.post("/v1/tasks", json={"title": "before"}), 201)
    await live_log.idle()
    verdict = status(await new.get("/v1/audit/verify"), 200)
    assert verdict["ok"] and verdict["entries"] >= 2


async def test_several_earlier_secrets_cost_little(gateway_settings: Settings) -> None:
    """A forged token is tried under each; that must not be a way to keep a gateway busy."""
    many = ",".join(f"secret {number}" for number in range(10))
    async with open_accounts(structs.replace(gateway_settings, secret_previous=many)) as gateway:
        client = await gateway.client("a.b.c")
        began = time.perf_counter()
        for _ in range(20):
            assert (await client.get("/v1/me")).status_code == 401
        assert time.perf_counter() - began < 2


def test_nothing_that_is_signed_lives_longer_than_an_earlier_secret_must_stay() -> None:
    assert LIFETIME.days == 60 and SESSION_LIFETIME < LIFETIME
