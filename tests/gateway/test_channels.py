"""Where reminders may go, and that nobody is written to who did not say so."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from taskflow.settings import Settings
from taskflow.web_push import public_key
from tests.functions.send_reminder.browser import FakeBrowser
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
        ("web_push", "https://push.example.com/", "address"),
        ("web_push", FakeBrowser().subscribe("http://10.0.0.1/x"), "address"),
        ("web_push", FakeBrowser().subscribe("ftp://127.0.0.1/x"), "address"),
        ("apprise", "json://localhost", "address"),
        ("apprise", "discord://only-an-id", "address"),
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


# --- browsers and services ---------------------------------------------------------------------


async def test_a_browser_subscribes_with_our_key(gateway: AccountGateway, ann: Person) -> None:
    answer = await ann.client.get("/v1/channels/web-push-key")
    assert answer.json() == {"key": public_key(gateway.context.settings.secret)}
    endpoint = "http://127.0.0.1:9/push/of-a-stranger"
    made = await add(ann, "web_push", FakeBrowser().subscribe(endpoint))
    assert made.status_code == 201
    assert (made.json()["address"], made.json()["confirmed"]) == (endpoint, True)
    assert "secret" not in made.json(), "a browser's keys are nobody's to see"


async def test_a_browser_that_subscribes_anew_replaces_its_keys(
    ann: Person, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    endpoint = "http://127.0.0.1:9/push"
    kept = []
    for status in (201, 200):
        answer = await add(ann, "web_push", FakeBrowser().subscribe(endpoint))
        assert answer.status_code == status
        kept.append(await owner.fetchval("SELECT secret FROM channels WHERE kind = 'web_push'"))
    assert kept[0] != kept[1]
    assert len(await shown(ann)) == 2


async def test_a_service_of_apprise_is_a_channel(ann: Person) -> None:
    address = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
    made = await add(ann, "apprise", address)
    assert (made.status_code, made.json()["address"]) == (201, address)


# --- secrets that change, and channels that are off --------------------------------------------


async def hook_of(person: Person) -> dict[str, Any]:
    """The person's one webhook as it is listed."""
    (found,) = [channel for channel in await shown(person) if channel["kind"] == "webhook"]
    return found


async def test_a_secret_changes_and_the_old_one_signs_for_a_day(
    gateway: AccountGateway, ann: Person, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = (await add(ann, "webhook", "http://127.0.0.1:9/hook")).json()
    there = f"/v1/channels/{made['id']}/rotate-secret"
    answer = await ann.client.post(there)
    assert answer.status_code == 200
    new = answer.json()
    assert new["secret"].startswith("whsec_") and new["secret"] != made["secret"]
    until = gateway.clock() + timedelta(days=1)
    assert new["old_secret_until"] == f"{until:%Y-%m-%dT%H:%M:%S}Z"
    row = await owner.fetchrow("SELECT secret, old_secret FROM channels WHERE kind = 'webhook'")
    assert row is not None and tuple(row) == (new["secret"], made["secret"])
    listed = await hook_of(ann)
    assert listed["old_secret_until"] == new["old_secret_until"] and "secret" not in listed
    last = (await gateway.facts(ann.id))[-1]
    assert (last.event_type, last.detail["what"]) == ("channel_updated", "secret_rotated")
    assert new["secret"] not in str(last)
    gateway.clock.turn(hours=24)
    log_in = {"refresh_token": ann.answer["refresh_token"]}
    fresh = (await ann.client.post("/v1/auth/refresh", json=log_in)).json()["access_token"]
    later = (await (await gateway.client(fresh)).get("/v1/channels")).json()["items"]
    assert all("old_secret_until" not in channel for channel in later)


async def test_only_webhooks_have_a_secret_to_change(gateway: AccountGateway, ann: Person) -> None:
    (own,) = await shown(ann)
    there = f"/v1/channels/{own['id']}/rotate-secret"
    problem_of(await ann.client.post(there), 409, "invalid_transition")
    stranger = await gateway.sign_up()
    problem_of(await stranger.client.post(there), 404, "not_found")


async def test_what_was_switched_off_says_so_and_is_switched_on_again(
    gateway: AccountGateway, ann: Person, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = (await add(ann, "webhook", "http://127.0.0.1:9/hook")).json()
    off = (
        "UPDATE channels SET disabled_at = now(), disabled_reason = 'It is gone.',"
        " failing_since = now() WHERE kind = 'webhook'"
    )
    await owner.execute(off)
    assert (await hook_of(ann))["disabled_reason"] == "It is gone."
    answer = await ann.client.post(f"/v1/channels/{made['id']}/enable")
    assert answer.status_code == 200 and "disabled_at" not in answer.json()
    assert await owner.fetchval("SELECT count(*) FROM channels WHERE failing_since > now()") == 0
    assert (await gateway.fact_types(ann.id))[-1] == "channel_updated"

    await owner.execute(off)
    again = await add(ann, "webhook", "http://127.0.0.1:9/hook")
    assert (again.status_code, "disabled_at" in again.json()) == (200, False)


@pytest.mark.parametrize("verb", ["enable", "rotate-secret"])
async def test_the_channels_of_others_cannot_be_changed(
    gateway: AccountGateway, ann: Person, verb: str
) -> None:
    made = (await add(ann, "webhook", "http://127.0.0.1:9/hook")).json()
    stranger = await gateway.sign_up()
    for name in (made["id"], "5f0c0000-0000-4000-8000-000000000009", "none"):
        answer = await stranger.client.post(f"/v1/channels/{name}/{verb}")
        problem_of(answer, 404, "not_found")
