"""Where reminders may go, and that nobody is written to who did not say so."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
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
    home = msgspec.structs.replace(settings, webhook_allow="127.0.0.0/8, ::1")
    async with open_accounts(home) as gateway:
        yield gateway


@pytest.fixture
async def ann(gateway: AccountGateway) -> Person:
    return await gateway.sign_up()


@pytest.fixture
async def strict(settings: Settings) -> AsyncIterator[AccountGateway]:
    """A gateway where addresses must be proved."""
    async with open_accounts(msgspec.structs.replace(settings, verify=True)) as gateway:
        yield gateway


async def add(person: Person, kind: str, address: str) -> httpx.Response:
    return await person.client.post("/v1/channels", json={"kind": kind, "address": address})


async def shown(person: Person) -> list[dict[str, Any]]:
    page = (await person.client.get("/v1/channels")).json()
    assert page.keys() == {"items", "next_cursor"} and page["next_cursor"] is None
    items: list[dict[str, Any]] = page["items"]
    return items


async def test_an_account_begins_with_its_own_address(gateway: AccountGateway, ann: Person) -> None:
    (own,) = await shown(ann)
    assert own.keys() == {"id", "kind", "address", "confirmed", "created_at"}
    assert (own["kind"], own["address"], own["confirmed"]) == ("email", ann.email, True)
    assert own["created_at"] == f"{gateway.clock():%Y-%m-%dT%H:%M:%S}Z"


async def test_at_home_every_address_counts_as_confirmed(
    gateway: AccountGateway, ann: Person
) -> None:
    answer = await add(ann, "email", " Other@Example.com ")
    assert answer.status_code == 201
    assert answer.json().keys() == {"id", "kind", "address", "confirmed", "created_at"}
    assert (answer.json()["address"], answer.json()["confirmed"]) == ("Other@Example.com", True)
    assert await gateway.letters() == []


async def test_a_webhooks_secret_is_shown_once(gateway: AccountGateway, ann: Person) -> None:
    address = "http://127.0.0.1:9/hook?key=of-a-stranger"
    made = (await add(ann, "webhook", address)).json()
    assert made["secret"].startswith("whsec_") and made["confirmed"] is True
    secret = made.pop("secret")
    assert made in await shown(ann)
    again = await add(ann, "webhook", address)
    assert (again.status_code, again.json()) == (200, made)
    facts = await gateway.facts(ann.id)
    assert [fact.event_type for fact in facts] == ["signed_up", "channel_added"]
    assert secret not in str(facts) and "of-a-stranger" not in str(facts)


@pytest.mark.parametrize(
    ("kind", "address", "field"),
    [
        ("email", "nobody", "address"),
        ("email", "a@example.com\u0000", "address"),
        ("email", "Ann <ann@example.com>", "address"),
        ("webhook", "ftp://example.com/", "address"),
        ("webhook", "http://10.0.0.1/", "address"),
        ("webhook", "http://169.254.169.254/latest/meta-data", "address"),
        ("webhook", "http://user:password@127.0.0.1/", "address"),
        ("webhook", "http://[::ffff:10.0.0.1]/", "address"),
        ("webhook", "", "address"),
        ("webhook", "http://127.0.0.1/" + "x" * 2048, "address"),
        ("web_push", "https://push.example.com/", "kind"),
        ("apprise", "json://localhost", "kind"),
        ("pigeon", "home", "kind"),
    ],
)
async def test_what_cannot_be_reached_is_refused(
    ann: Person, kind: str, address: str, field: str
) -> None:
    assert fields_of(await add(ann, kind, address)) == {field}
    assert len(await shown(ann)) == 1


async def test_off_a_home_the_loopback_is_refused(strict: AccountGateway) -> None:
    person = await strict.sign_up()
    assert fields_of(await add(person, "webhook", "http://127.0.0.1/")) == {"address"}


async def test_a_channel_is_removed_once(gateway: AccountGateway, ann: Person) -> None:
    made = (await add(ann, "email", "other@example.com")).json()
    there = f"/v1/channels/{made['id']}"
    answer = await ann.client.delete(there)
    assert (answer.status_code, answer.content) == (204, b"")
    problem_of(await ann.client.delete(there), 404, "not_found")
    assert len(await shown(ann)) == 1
    assert (await gateway.fact_types(ann.id))[-1] == "channel_removed"


async def test_an_address_counts_once_its_letter_was_answered(strict: AccountGateway) -> None:
    person = await strict.sign_up()
    made = (await add(person, "email", "other@example.com")).json()
    assert made["confirmed"] is False
    channel_id, _, token = (await strict.letter_token("other@example.com", "confirm")).partition(
        "."
    )
    assert channel_id == made["id"]
    there = f"/v1/channels/{channel_id}/confirm"
    assert fields_of(await person.client.post(there, json={"token": "x"})) == {"token"}
    answer = await person.client.post(there, json={"token": token})
    assert (answer.status_code, answer.content) == (204, b"")
    assert {c["address"]: c["confirmed"] for c in await shown(person)} == {
        person.email: False,
        "other@example.com": True,
    }


async def test_a_letter_confirms_its_own_channel_within_a_day(strict: AccountGateway) -> None:
    person = await strict.sign_up()
    made = [(await add(person, "email", f"{name}@example.com")).json() for name in "ab"]
    token = (await strict.letter_token("a@example.com", "confirm")).partition(".")[2]
    other = await person.client.post(f"/v1/channels/{made[1]['id']}/confirm", json={"token": token})
    assert fields_of(other) == {"token"}
    strict.clock.turn(hours=24, seconds=1)
    log_in = {"refresh_token": person.answer["refresh_token"]}
    fresh = (await person.client.post("/v1/auth/refresh", json=log_in)).json()["access_token"]
    client = await strict.client(fresh)
    late = await client.post(f"/v1/channels/{made[0]['id']}/confirm", json={"token": token})
    assert fields_of(late) == {"token"}


async def test_a_stranger_is_not_flooded_with_letters(strict: AccountGateway) -> None:
    person = await strict.sign_up()
    answers = [await add(person, "email", "other@example.com") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201] + [200] * 4 + [429]
    confirming = [to for to, why, _ in await strict.letters() if why == "confirm"]
    assert confirming == ["other@example.com"] * 5


async def test_the_verified_address_needs_no_second_letter(strict: AccountGateway) -> None:
    person = await strict.sign_up()
    token = await strict.letter_token(person.email, "verify")
    await person.client.post("/v1/auth/verify", json={"token": token})
    (own,) = await shown(person)
    await person.client.delete(f"/v1/channels/{own['id']}")
    assert (await add(person, "email", person.email)).json()["confirmed"] is True


async def test_a_person_has_at_most_fifty(ann: Person) -> None:
    for number in range(49):
        assert (await add(ann, "email", f"a{number}@example.com")).status_code == 201
    problem_of(await add(ann, "email", "more@example.com"), 422, "invalid")
