"""People who sign up, log in, prove an address, lose a password, change, leave; and admins."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from taskflow.settings import Settings
from tests.gateway.account_app import (
    PASSWORD,
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
async def strict(settings: Settings) -> AsyncIterator[AccountGateway]:
    """A gateway where addresses must be proved."""
    async with open_accounts(msgspec.structs.replace(settings, verify=True)) as gateway:
        yield gateway


@pytest.fixture
async def ann(gateway: AccountGateway) -> Person:
    return await gateway.sign_up(email="Ann@Example.com", name="Ann", timezone="Europe/Paris")


async def log_in(client: httpx.AsyncClient, email: str, password: str) -> httpx.Response:
    return await client.post("/v1/auth/login", json={"email": email, "password": password})


# --- signing up ----------------------------------------------------------------------------------


async def test_a_new_person_is_shown_exactly(ann: Person) -> None:
    assert ann.user == {
        "id": str(UUID(ann.id)),
        "email": "Ann@Example.com",
        "name": "Ann",
        "timezone": "Europe/Paris",
        "roles": ["user"],
        "email_verified": True,
    }
    assert (await ann.client.get("/v1/me")).json() == ann.user


async def test_name_and_zone_may_be_left_out(gateway: AccountGateway) -> None:
    person = await gateway.sign_up()
    assert (person.user["name"], person.user["timezone"]) == ("", "UTC")


@pytest.mark.parametrize("email", ["Ann@Example.com", "ann@example.com", " ANN@EXAMPLE.COM "])
async def test_an_address_has_one_account_however_it_is_spelled(ann: Person, email: str) -> None:
    body = {"email": email, "password": PASSWORD}
    problem_of(await ann.client.post("/v1/auth/signup", json=body), 409, "email_taken")


async def test_of_many_sign_ups_at_once_one_gets_the_address(gateway: AccountGateway) -> None:
    client = await gateway.client()
    body = {"email": "ann@example.com", "password": PASSWORD}
    answers = await asyncio.gather(*(client.post("/v1/auth/signup", json=body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert await gateway.fact_types() == ["signed_up"]


GOOD = {"email": "ann@example.com", "password": PASSWORD}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"email": "ann"}, "email"),
        ({"email": "Ann <ann@example.com>"}, "email"),
        ({"email": None}, "email"),
        ({"email": "a\u0000@example.com"}, "email"),
        ({"password": "short12"}, "password"),
        ({"password": "x" * 1025}, "password"),
        ({"password": "long enough\u0000"}, "password"),
        ({"password": 12345678}, "password"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "localtime"}, "timezone"),
        ({"roles": ["admin"]}, "roles"),
        ({"is_admin": True}, "is_admin"),
    ],
)
async def test_what_is_wrong_is_named(
    gateway: AccountGateway, given: dict[str, Any], field: str
) -> None:
    client = await gateway.client()
    assert fields_of(await client.post("/v1/auth/signup", json=GOOD | given)) == {field}


@pytest.mark.parametrize("field", ["email", "password", "name", "timezone"])
async def test_lone_surrogates_are_refused(gateway: AccountGateway, field: str) -> None:
    client = await gateway.client()
    body = {**GOOD, "name": "Ann", "timezone": "UTC", field: "SURROGATE long enough"}
    raw = msgspec.json.encode(body).replace(b"SURROGATE", rb"\ud800")
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/v1/auth/signup", content=raw, headers=headers)
    assert fields_of(answer) == {field}


async def test_a_refusal_never_repeats_the_password(gateway: AccountGateway) -> None:
    client = await gateway.client()
    answer = await client.post("/v1/auth/signup", json=GOOD | {"password": "sesame"})
    assert "sesame" not in answer.text


async def test_the_database_has_an_argon2id_hash(ann: Person, owner: Any) -> None:
    row = await owner.fetchrow("SELECT email_key, password_hash FROM users")
    assert row["email_key"] == "ann@example.com"
    assert row["password_hash"].startswith("$argon2id$") and PASSWORD not in row["password_hash"]


# --- logging in ----------------------------------------------------------------------------------


async def test_an_address_and_its_password_log_in(gateway: AccountGateway, ann: Person) -> None:
    answer = await log_in(await gateway.client(), "ANN@example.com", PASSWORD)
    assert answer.status_code == 200
    assert answer.json()["user"] == ann.user
    assert await gateway.fact_types(ann.id) == ["signed_up", "logged_in"]


async def test_a_composed_password_is_the_same_as_a_decomposed_one(
    gateway: AccountGateway,
) -> None:
    person = await gateway.sign_up(password="caf\u00e9 au lait")
    assert (await log_in(person.client, person.email, "cafe\u0301 au lait")).status_code == 200


async def test_nobody_learns_whether_the_address_or_the_password_was_wrong(
    gateway: AccountGateway, ann: Person
) -> None:
    client = await gateway.client()
    wrong = await log_in(client, ann.email, "another password")
    unknown = await log_in(client, "nobody@example.com", PASSWORD)
    assert problem_of(wrong, 401, "unauthenticated") == problem_of(unknown, 401, "unauthenticated")
    facts = [fact for fact in await gateway.facts() if fact.event_type == "log_in_failed"]
    assert [fact.user_id for fact in facts] == [ann.id, str(UUID(int=0))]
    assert "another password" not in str(facts)


async def test_guessing_is_stopped_for_one_address_and_client(
    gateway: AccountGateway, ann: Person
) -> None:
    guesser = await gateway.client(host="198.51.100.7")
    answers = await asyncio.gather(
        *(log_in(guesser, ann.email, f"guess number {n}") for n in range(30))
    )
    assert sorted(a.status_code for a in answers) == [401] * 10 + [429] * 20
    stopped = await log_in(guesser, ann.email, PASSWORD)
    problem_of(stopped, 429, "rate_limited")
    assert 0 < int(stopped.headers["retry-after"]) <= 301
    assert (await log_in(await gateway.client(), ann.email, PASSWORD)).status_code == 200
    gateway.clock.turn(seconds=301)
    assert (await log_in(guesser, ann.email, PASSWORD)).status_code == 200


async def test_a_success_wipes_the_slate(gateway: AccountGateway, ann: Person) -> None:
    for _ in range(3):
        for _ in range(9):
            assert (await log_in(ann.client, ann.email, "wrong again")).status_code == 401
        assert (await log_in(ann.client, ann.email, PASSWORD)).status_code == 200


# --- proving an address --------------------------------------------------------------------------


async def verify(client: httpx.AsyncClient, **body: str) -> httpx.Response:
    return await client.post("/v1/auth/verify", json=body)


async def test_an_address_is_proved_once_by_its_letter(strict: AccountGateway) -> None:
    person = await strict.sign_up()
    assert person.user["email_verified"] is False
    token = await strict.letter_token(person.email, "verify")
    anyone = await strict.client()
    assert (await verify(anyone, token=token)).status_code == 204
    assert (await person.client.get("/v1/me")).json()["email_verified"] is True
    (channel,) = (await person.client.get("/v1/channels")).json()["items"]
    assert channel["confirmed"] is True
    assert fields_of(await verify(anyone, token=token)) == {"token"}
    assert await strict.fact_types(person.id) == ["signed_up", "account_updated"]


async def test_a_letter_is_good_for_a_day_and_one_account(strict: AccountGateway) -> None:
    person, other = await strict.sign_up(), await strict.sign_up()
    anyone = await strict.client()
    token = await strict.letter_token(person.email, "verify")
    assert (await verify(anyone, token=token)).status_code == 204
    assert (await other.client.get("/v1/me")).json()["email_verified"] is False
    late = await strict.letter_token(other.email, "verify")
    strict.clock.turn(hours=24, seconds=1)
    assert fields_of(await verify(anyone, token=late)) == {"token"}


async def test_another_letter_is_sent_only_to_who_needs_one(strict: AccountGateway) -> None:
    person = await strict.sign_up()
    anyone = await strict.client()
    for email in (person.email, "nobody@example.com"):
        answer = await verify(anyone, email=email)
        assert (answer.status_code, answer.content) == (204, b"")
    letters = await strict.letters()
    assert [(to, why) for to, why, _ in letters] == [(person.email, "verify")] * 2
    await verify(anyone, token=letters[0][2])
    await verify(anyone, email=person.email)
    assert len(await strict.letters()) == 2


async def test_at_home_no_letter_is_sent(gateway: AccountGateway, ann: Person) -> None:
    assert await gateway.letters() == []


@pytest.mark.parametrize("body", [{}, {"token": "x", "email": "a@example.com"}])
async def test_verify_wants_one_of_its_two_forms(
    gateway: AccountGateway, body: dict[str, str]
) -> None:
    assert fields_of(await verify(await gateway.client(), **body)) == {"token"}


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
async def test_a_made_up_link_is_422(gateway: AccountGateway, token: str) -> None:
    client = await gateway.client()
    assert fields_of(await verify(client, token=token)) == {"token"}
    body = {"token": token, "password": "a new password"}
    assert fields_of(await client.post("/v1/auth/reset", json=body)) == {"token"}


# --- a lost password, and a changed one ----------------------------------------------------------

NEW = "another good password"


async def reset(client: httpx.AsyncClient, **body: str) -> httpx.Response:
    return await client.post("/v1/auth/reset", json=body)


async def test_a_lost_password_is_replaced_once_and_all_sessions_end(
    gateway: AccountGateway, ann: Person
) -> None:
    anyone = await gateway.client()
    assert (await reset(anyone, email="ann@EXAMPLE.com")).status_code == 204
    token = await gateway.letter_token(ann.email, "reset")
    assert (await reset(anyone, token=token, password=NEW)).status_code == 204
    problem_of(await log_in(anyone, ann.email, PASSWORD), 401, "unauthenticated")
    assert (await log_in(anyone, ann.email, NEW)).status_code == 200
    problem_of(await ann.client.get("/v1/me"), 401, "unauthenticated")
    assert fields_of(await reset(anyone, token=token, password=PASSWORD)) == {"token"}


async def test_a_reset_is_good_for_an_hour_and_until_the_password_changes(
    gateway: AccountGateway, ann: Person
) -> None:
    anyone = await gateway.client()
    await reset(anyone, email=ann.email)
    token = await gateway.letter_token(ann.email, "reset")
    change = {"current_password": PASSWORD, "password": NEW}
    assert (await ann.client.post("/v1/auth/password", json=change)).status_code == 204
    assert fields_of(await reset(anyone, token=token, password=PASSWORD)) == {"token"}
    await reset(anyone, email=ann.email)
    (late,) = {t for _, _, t in await gateway.letters()} - {token}
    gateway.clock.turn(hours=1, seconds=1)
    assert fields_of(await reset(anyone, token=late, password=PASSWORD)) == {"token"}


async def test_of_two_resets_at_once_one_wins(gateway: AccountGateway, ann: Person) -> None:
    anyone = await gateway.client()
    await reset(anyone, email=ann.email)
    token = await gateway.letter_token(ann.email, "reset")
    answers = await asyncio.gather(
        *(reset(anyone, token=token, password=f"good password {n}") for n in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [204, 422, 422, 422]


async def test_a_verification_link_resets_nothing(strict: AccountGateway) -> None:
    person = await strict.sign_up()
    token = await strict.letter_token(person.email, "verify")
    answer = await reset(await strict.client(), token=token, password=NEW)
    assert fields_of(answer) == {"token"}


async def test_nobody_learns_whose_address_it_is_by_asking_for_letters(
    gateway: AccountGateway, ann: Person
) -> None:
    for email in (ann.email, "nobody@example.com"):
        client = await gateway.client()
        answers = [await reset(client, email=email) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [204] * 5 + [429]
    assert len(await gateway.letters()) == 5


async def test_tokens_never_reach_a_log(
    gateway: AccountGateway, ann: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    anyone = await gateway.client()
    await reset(anyone, email=ann.email)
    token = await gateway.letter_token(ann.email, "reset")
    await reset(anyone, token=token, password=NEW)
    answer = (await log_in(anyone, ann.email, NEW)).json()
    for secret in (token, NEW, answer["access_token"], answer["refresh_token"]):
        assert secret not in caplog.text


async def test_a_new_password_ends_the_other_sessions(gateway: AccountGateway, ann: Person) -> None:
    other = (await log_in(await gateway.client(), ann.email, PASSWORD)).json()
    change = {"current_password": "not this one", "password": NEW}
    answer = await ann.client.post("/v1/auth/password", json=change)
    assert fields_of(answer) == {"current_password"}
    change["current_password"] = PASSWORD
    assert (await ann.client.post("/v1/auth/password", json=change)).status_code == 204
    assert (await ann.client.get("/v1/me")).status_code == 200
    there = await gateway.client(other["access_token"])
    problem_of(await there.get("/v1/me"), 401, "unauthenticated")


# --- oneself -------------------------------------------------------------------------------------


async def test_only_what_is_sent_is_changed(ann: Person) -> None:
    answer = await ann.client.patch("/v1/me", json={"timezone": "Asia/Tokyo"})
    assert answer.json() == ann.user | {"timezone": "Asia/Tokyo"}
    answer = await ann.client.patch("/v1/me", json={"name": None, "timezone": None})
    assert answer.json() == ann.user | {"name": "", "timezone": "UTC"}
    assert (await ann.client.patch("/v1/me", json={})).json() == answer.json()


@pytest.mark.parametrize("field", ["email", "roles", "email_verified", "id", "password"])
async def test_the_rest_cannot_be_changed_here(ann: Person, field: str) -> None:
    assert fields_of(await ann.client.patch("/v1/me", json={field: "x"})) == {field}


async def test_who_leaves_is_gone_at_once(gateway: AccountGateway, ann: Person, owner: Any) -> None:
    made = {"name": "a script", "scopes": ["read"]}
    script = await gateway.client((await ann.client.post("/v1/tokens", json=made)).json()["token"])
    assert (await script.get("/v1/me")).status_code == 200
    assert (await ann.client.delete("/v1/me")).status_code == 204
    for client in (ann.client, script):
        problem_of(await client.get("/v1/me"), 401, "unauthenticated")
    answer = await ann.client.post(
        "/v1/auth/refresh", json={"refresh_token": ann.answer["refresh_token"]}
    )
    problem_of(answer, 401, "unauthenticated")
    problem_of(await log_in(ann.client, ann.email, PASSWORD), 401, "unauthenticated")
    row = await owner.fetchrow("SELECT * FROM users")
    assert row["deleted_at"] is not None
    assert (row["email"], row["name"], row["password_hash"]) == ("", "", None)
    assert await owner.fetchval("SELECT count(*) FROM channels") == 0
    assert (await gateway.fact_types(ann.id))[-1] == "account_deleted"


async def test_one_leaves_once(gateway: AccountGateway, ann: Person) -> None:
    answers = await asyncio.gather(*(ann.client.delete("/v1/me") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [204, 401, 401]
    assert await gateway.fact_types(ann.id) == ["signed_up", "account_deleted"]


async def test_the_address_of_who_left_is_free(gateway: AccountGateway, ann: Person) -> None:
    await ann.client.delete("/v1/me")
    again = await gateway.sign_up(email=ann.email)
    assert again.id != ann.id
    await again.client.delete("/v1/me")
    assert (await gateway.sign_up(email=ann.email)).id not in (ann.id, again.id)


ADD_TIMER = """
INSERT INTO timers (id, due_at, topic, user_id, event) VALUES ($1, now(), $2, $3, '{}')
"""


async def test_who_leaves_takes_their_timers_but_not_their_facts(
    gateway: AccountGateway, ann: Person, owner: Any
) -> None:
    bob = await gateway.sign_up()
    await gateway.facts()
    for topic, user_id in (
        ("reminders", ann.id),
        ("task-events", ann.id),
        ("account-events", ann.id),
        ("reminders", bob.id),
    ):
        await owner.execute(ADD_TIMER, uuid4(), topic, user_id)
    await ann.client.delete("/v1/me")
    await gateway.facts()
    left = await owner.fetch("SELECT topic, user_id::text FROM timers ORDER BY topic")
    assert [tuple(row) for row in left] == [("account-events", ann.id), ("reminders", bob.id)]


async def test_a_letter_to_who_left_is_void(gateway: AccountGateway, ann: Person) -> None:
    anyone = await gateway.client()
    await reset(anyone, email=ann.email)
    token = await gateway.letter_token(ann.email, "reset")
    await ann.client.delete("/v1/me")
    assert fields_of(await reset(anyone, token=token, password=NEW)) == {"token"}


async def test_no_fact_holds_a_secret(gateway: AccountGateway, ann: Person) -> None:
    await log_in(ann.client, ann.email, PASSWORD)
    end = (gateway.clock() + timedelta(days=1)).isoformat()
    made = {"name": "a script", "scopes": ["read"], "expires_at": end}
    token = (await ann.client.post("/v1/tokens", json=made)).json()["token"]
    told = str(await gateway.facts())
    for secret in (PASSWORD, token, ann.answer["access_token"], ann.answer["refresh_token"]):
        assert secret not in told
