"""An Idempotency-Key on what the gateway itself writes: one effect, one answer, for one person, for
a day; and no answer that anybody can read in the table.
"""

import asyncio
import hashlib
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from msgspec import structs

from gateway import app as composition
from gateway.repeats import Repeatable
from taskflow.settings import Settings
from tests.functions.send_reminder.world import Endpoint
from tests.gateway.account_app import (
    PASSWORD,
    AccountGateway,
    Person,
    fields_of,
    open_accounts,
    problem_of,
)
from tests.gateway.log import LiveLog
from tests.gateway.platform import Platform
from tests.gateway.test_dead_letters import command, keep, my_id
from tests.gateway.test_reminders import add_webhook

Client: TypeAlias = httpx.AsyncClient
Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

KEY = {"Idempotency-Key": "once"}
TOKEN = {"name": "a script", "scopes": ["read"]}

BREAK_KEEPING = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'not today'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON repeats FOR EACH ROW EXECUTE FUNCTION refuse();
"""

# Here nobody is known yet whose key it could be.
BY_NOBODY = {
    "/v1/auth/signup",
    "/v1/auth/login",
    "/v1/auth/refresh",
    "/v1/auth/verify",
    "/v1/auth/reset",
}
# A link in a mail works once by itself; a preview has no effect.
NEED_NONE = {"/v1/answers/{token}", "/v1/recurrence/preview"}
COMMANDS = {"gateway.tasks", "gateway.task_batch", "gateway.tags", "gateway.imports"}


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[AccountGateway]:
    async with open_accounts(settings) as gateway:
        yield gateway


@pytest.fixture
async def ann(gateway: AccountGateway) -> Person:
    return await gateway.sign_up()


def same(first: httpx.Response, again: httpx.Response, status: int) -> None:
    assert first.status_code == status, first.text
    assert (again.status_code, again.content) == (first.status_code, first.content)
    kinds = [one.headers.get("content-type") for one in (first, again)]
    assert kinds[0] == kinds[1]


async def twice(client: Client, method: str, path: str, status: int, body: Any = None) -> Any:
    """The body of an answer that is the same both times."""
    ask = {} if body is None else {"json": body}
    first = await client.request(method, path, headers=KEY, **ask)
    again = await client.request(method, path, headers=KEY, **ask)
    same(first, again, status)
    return first.json() if first.content else None


# --- every write -------------------------------------------------------------------------------


def writes() -> Iterator[APIRoute]:
    for module in (*composition.OPEN, *composition.SIGNED_IN):
        for route in module.router.routes:
            if isinstance(route, APIRoute) and not route.methods <= {"GET", "HEAD"}:
                yield route


def test_every_write_takes_a_key() -> None:
    """The ledger's for commands, and the gateway's for all that it writes itself."""
    own = [route for route in writes() if route.endpoint.__module__ not in COMMANDS]
    without = {route.path for route in own if not isinstance(route, Repeatable)}
    assert without == NEED_NONE
    nobody = {r.path for r in own if "who" not in inspect.signature(r.endpoint).parameters}
    assert nobody - NEED_NONE == BY_NOBODY


async def test_accounts(ann: Person, gateway: AccountGateway, owner: Owner) -> None:
    client = ann.client
    assert (await twice(client, "PATCH", "/v1/me", 200, {"name": "Ann"}))["name"] == "Ann"
    change = {"current_password": PASSWORD, "password": "another good one"}
    key = {"Idempotency-Key": "password"}
    for _ in range(2):
        answer = await client.post("/v1/auth/password", json=change, headers=key)
        assert (answer.status_code, answer.content) == (204, b"")
    assert await gateway.fact_types(ann.id) == ["signed_up", "account_updated", "account_updated"]


async def test_roles(ann: Person, gateway: AccountGateway, owner: Owner) -> None:
    ben = await gateway.sign_up()
    await owner.execute("UPDATE users SET roles = '{user,admin}' WHERE id = $1", ann.id)
    gateway.context.accounts.identities.forget(ann.id)
    shown = await twice(ann.client, "PATCH", f"/v1/users/{ben.id}", 200, {"roles": ["auditor"]})
    assert shown["roles"] == ["user", "auditor"]
    assert (await gateway.fact_types(ben.id)).count("roles_changed") == 1


async def test_tokens(ann: Person, gateway: AccountGateway, owner: Owner) -> None:
    made = await twice(ann.client, "POST", "/v1/tokens", 201, TOKEN)
    assert made["token"].startswith("tf_")
    assert await owner.fetchval("SELECT count(*) FROM api_tokens") == 1
    reader = await gateway.client(made["token"])
    assert (await reader.get("/v1/me")).status_code == 200
    key = {"Idempotency-Key": "revoke"}
    for _ in range(2):
        answer = await ann.client.delete(f"/v1/tokens/{made['id']}", headers=key)
        assert answer.status_code == 204
    assert (await ann.client.delete(f"/v1/tokens/{made['id']}")).status_code == 404
    facts = await gateway.fact_types(ann.id)
    assert facts == ["signed_up", "api_token_created", "api_token_revoked"]


async def test_a_letter_confirms_once_and_its_request_may_come_twice(settings: Settings) -> None:
    async with open_accounts(structs.replace(settings, verify=True)) as gateway:
        ann = await gateway.sign_up()
        address = {"kind": "email", "address": "other@example.com"}
        made = await twice(ann.client, "POST", "/v1/channels", 201, address)
        _, _, token = (await gateway.letter_token("other@example.com", "confirm")).partition(".")
        key = {"Idempotency-Key": "confirm"}
        place = f"/v1/channels/{made['id']}/confirm"
        asked = [await ann.client.post(place, json={"token": token}, headers=key) for _ in "12"]
        same(*asked, 204)


async def test_channels(paris: Client, endpoint: Endpoint, owner: Owner) -> None:
    hook = {"kind": "webhook", "address": endpoint.url}
    made = await twice(paris, "POST", "/v1/channels", 201, hook)
    assert made["secret"].startswith("whsec_")
    place = f"/v1/channels/{made['id']}"
    secrets = set()
    for name in ("first", "second"):
        key = {"Idempotency-Key": name}
        answers = [await paris.post(f"{place}/rotate-secret", headers=key) for _ in range(2)]
        same(*answers, 200)
        secrets |= {answer.json()["secret"] for answer in answers}
    assert len(secrets) == 2
    now = await owner.fetchval("SELECT secret FROM channels WHERE kind = 'webhook'")
    assert now == answers[0].json()["secret"]
    for method, path, status in (("POST", f"{place}/enable", 200), ("DELETE", place, 204)):
        key = {"Idempotency-Key": path}
        first = await paris.request(method, path, headers=key)
        same(first, await paris.request(method, path, headers=key), status)


async def test_reminders_and_deliveries(
    paris: Client, platform: Platform, endpoint: Endpoint, owner: Owner
) -> None:
    choices = await twice(paris, "PATCH", "/v1/me/reminders", 200, {"late": "drop"})
    assert choices["late"] == "drop"
    hook = await add_webhook(paris, endpoint.url)
    platform.wake()
    sent = []
    for name in ("a test", "another test"):
        key = {"Idempotency-Key": name}
        place = f"/v1/channels/{hook['id']}/test"
        answers = [await paris.post(place, headers=key) for _ in range(2)]
        same(*answers, 200)
        sent.append(answers[0].json()["id"])
    assert len(set(sent)) == 2 and len(endpoint.requests) == 2
    for verb, count in (("redeliver", 3), ("acknowledge", 3)):
        key = {"Idempotency-Key": verb}
        place = f"/v1/deliveries/{sent[0]}/{verb}"
        answers = [await paris.post(place, headers=key) for _ in range(2)]
        same(*answers, 200)
        assert len(endpoint.requests) == count


async def test_dead_letters(paris: Client, owner: Owner, live_log: LiveLog, app: FastAPI) -> None:
    me = await my_id(paris)
    await owner.execute("UPDATE users SET roles = '{user,admin}'")
    app.state.context.accounts.identities.forget(me)
    names = [await keep(owner, command(me, title=title), "write-task") for title in "ab"]
    await twice(paris, "POST", f"/v1/dead-letters/{names[0]}/redrive", 200)
    assert len([e for e in live_log.events if e.data.topic == "task-commands"]) == 1
    key = {"Idempotency-Key": "discard"}
    place = f"/v1/dead-letters/{names[1]}"
    same(*[await paris.delete(place, headers=key) for _ in range(2)], 204)
    await app.state.context.accounts.background.drain()
    told = [e.type for e in live_log.events if "dead-letter" in e.type]
    assert len(told) == len(set(told)) == 2


async def test_a_redrive_that_the_log_does_not_take_changes_nothing(
    paris: Client, owner: Owner, live_log: LiveLog, app: FastAPI
) -> None:
    me = await my_id(paris)
    await owner.execute("UPDATE users SET roles = '{user,admin}'")
    app.state.context.accounts.identities.forget(me)
    event = command(me, title="x")
    place = f"/v1/dead-letters/{await keep(owner, event, 'write-task')}/redrive"
    attempts = "INSERT INTO attempts VALUES ('write-task', $1, 5, '', '', now())"
    await owner.execute(attempts, f"{event.source}#{event.id}")
    live_log.down = True
    problem_of(await paris.post(place, headers=KEY), 503, "log_unavailable")
    assert await owner.fetchval("SELECT state FROM dead_letters") == "kept"
    assert await owner.fetchval("SELECT count FROM attempts") == 5
    live_log.down = False
    assert (await paris.post(place, headers=KEY)).status_code == 200


async def test_what_ends_the_session_cannot_be_asked_for_again(
    ann: Person, gateway: AccountGateway
) -> None:
    assert (await ann.client.delete("/v1/sessions", headers=KEY)).status_code == 204
    problem_of(await ann.client.delete("/v1/sessions", headers=KEY), 401, "unauthenticated")


async def test_an_account_takes_its_answers_along(
    ann: Person, gateway: AccountGateway, owner: Owner
) -> None:
    await twice(ann.client, "POST", "/v1/tokens", 201, TOKEN)
    answer = await ann.client.delete("/v1/me", headers={"Idempotency-Key": "leave"})
    assert answer.status_code == 204
    assert await owner.fetchval("SELECT count(*) FROM repeats") == 0


# --- which request a key stands for ------------------------------------------------------------


async def test_another_request_is_refused(ann: Person, gateway: AccountGateway) -> None:
    await twice(ann.client, "POST", "/v1/tokens", 201, TOKEN)
    others: list[tuple[str, str, Any]] = [
        ("POST", "/v1/tokens", {**TOKEN, "name": "another"}),
        ("POST", "/v1/tokens?x=1", TOKEN),
        ("PATCH", "/v1/me", {"name": "Ann"}),
        ("DELETE", "/v1/sessions", None),
    ]
    for method, path, body in others:
        ask = {} if body is None else {"json": body}
        answer = await ann.client.request(method, path, headers=KEY, **ask)
        problem_of(answer, 422, "idempotency_key_reused")
    assert await gateway.fact_types(ann.id) == ["signed_up", "api_token_created"]


async def test_how_json_is_written_does_not_matter(ann: Person) -> None:
    kind = {**KEY, "content-type": "application/json"}
    bodies = [b'{"name": "x", "scopes": ["read"]}', b' {"scopes":["read"],"name":"\\u0078"}']
    answers = [await ann.client.post("/v1/tokens", content=b, headers=kind) for b in bodies]
    same(*answers, 201)


async def test_people_have_keys_of_their_own(ann: Person, gateway: AccountGateway) -> None:
    ben = await gateway.sign_up()
    tokens = {
        (await person.client.post("/v1/tokens", json=TOKEN, headers=KEY)).json()["token"]
        for person in (ann, ben)
    }
    assert len(tokens) == 2


@pytest.mark.parametrize("length", [0, 256])
async def test_a_key_has_a_length(ann: Person, length: int) -> None:
    key = {"Idempotency-Key": "k" * length}
    fields_of(await ann.client.patch("/v1/me", json={"name": "x"}, headers=key))


async def test_one_key_is_one_key_for_commands_too(paris: Client, live_log: LiveLog) -> None:
    task, many = {"title": "x"}, {"operations": [{"op": "create", "task": {"title": "x"}}]}
    requests: list[tuple[str, str, Any]] = [
        ("POST", "/v1/tokens", TOKEN),
        ("POST", "/v1/tasks", task),
        ("POST", "/v1/tasks/batch", many),
    ]
    for mine in requests:
        key = {"Idempotency-Key": mine[1]}
        for method, path, body in (mine, *requests):
            answer = await paris.request(method, path, json=body, headers=key)
            wanted = (200, 201) if path == mine[1] else (422,)
            assert answer.status_code in wanted, (mine, path, answer.text)
    await live_log.idle()
    assert len((await paris.get("/v1/tasks")).json()["items"]) == 2


# --- two at once, crashes, refusals ------------------------------------------------------------


async def test_of_many_at_once_one_has_an_effect_and_all_have_its_answer(
    ann: Person, gateway: AccountGateway, owner: Owner
) -> None:
    asked = [ann.client.post("/v1/tokens", json=TOKEN, headers=KEY) for _ in range(6)]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["token"] for answer in answers}) == 1
    assert await owner.fetchval("SELECT count(*) FROM api_tokens") == 1
    assert await gateway.fact_types(ann.id) == ["signed_up", "api_token_created"]


async def test_a_second_one_waits_for_the_answer_of_the_first(ann: Person, owner: Owner) -> None:
    first = await ann.client.post("/v1/tokens", json=TOKEN, headers=KEY)
    kept = await owner.fetchval("SELECT answer FROM repeats")
    await owner.execute("UPDATE repeats SET answer = NULL")
    again = asyncio.create_task(ann.client.post("/v1/tokens", json=TOKEN, headers=KEY))
    await asyncio.sleep(0)
    await owner.execute("UPDATE repeats SET answer = $1", kept)
    same(first, await again, 201)


async def test_an_answer_that_died_with_its_gateway_is_not_worked_out_anew(
    ann: Person, owner: Owner
) -> None:
    """The effect committed, and the process ended before it kept the answer."""
    await twice(ann.client, "POST", "/v1/tokens", 201, TOKEN)
    await owner.execute("UPDATE repeats SET answer = NULL")
    told = problem_of(
        await ann.client.post("/v1/tokens", json=TOKEN, headers=KEY), 409, "answer_unknown"
    )
    assert "carried out" in told["detail"]
    assert await owner.fetchval("SELECT count(*) FROM api_tokens") == 1


async def test_an_effect_that_did_not_commit_leaves_its_key_free(
    ann: Person, gateway: AccountGateway, owner: Owner
) -> None:
    """The claim is part of the transaction that fails last of all."""
    await owner.execute("REVOKE INSERT ON timers FROM taskflow_gateway")
    with pytest.raises(Exception, match="permission denied"):
        await ann.client.post("/v1/tokens", json=TOKEN, headers=KEY)
    assert await owner.fetchval("SELECT count(*) FROM repeats") == 0
    await owner.execute("GRANT INSERT ON timers TO taskflow_gateway")
    await twice(ann.client, "POST", "/v1/tokens", 201, TOKEN)


async def test_a_refusal_wrote_nothing_and_is_not_kept(
    ann: Person, gateway: AccountGateway, owner: Owner
) -> None:
    past = {**TOKEN, "expires_at": f"{gateway.clock():%Y-%m-%dT%H:%M:%SZ}"}
    assert fields_of(await ann.client.post("/v1/tokens", json=past, headers=KEY)) == {"expires_at"}
    assert await owner.fetchval("SELECT count(*) FROM repeats") == 0
    await twice(ann.client, "POST", "/v1/tokens", 201, TOKEN)


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    ann: Person, owner: Owner
) -> None:
    await owner.execute(BREAK_KEEPING)
    first = await ann.client.post("/v1/tokens", json=TOKEN, headers=KEY)
    assert (first.status_code, first.json()["name"]) == (201, "a script")
    answer = await ann.client.post("/v1/tokens", json=TOKEN, headers=KEY)
    problem_of(answer, 409, "answer_unknown")


async def test_without_a_key_nothing_is_kept(ann: Person, owner: Owner) -> None:
    for _ in range(2):
        assert (await ann.client.post("/v1/tokens", json=TOKEN)).status_code == 201
    assert await owner.fetchval("SELECT count(*) FROM repeats") == 0
    assert await owner.fetchval("SELECT count(*) FROM api_tokens") == 2


# --- what the table tells, and how long --------------------------------------------------------


async def test_nobody_reads_a_secret_or_tries_out_a_password_in_the_table(
    ann: Person, owner: Owner, settings: Settings
) -> None:
    made = await twice(ann.client, "POST", "/v1/tokens", 201, TOKEN)
    change = {"current_password": PASSWORD, "password": "another good one"}
    key = {"Idempotency-Key": "password"}
    await ann.client.post("/v1/auth/password", json=change, headers=key)
    rows = await owner.fetchval("SELECT string_agg(r::text, ' ') FROM repeats r")
    assert made["token"] not in rows and "a script" not in rows
    written = '{"current_password":"a good password","password":"another good one"}'
    parts = repr(("POST", "/v1/auth/password", "", None)).encode()
    assert hashlib.sha256(parts + written.encode()).hexdigest() not in rows


async def test_an_answer_opens_in_its_own_row_alone(ann: Person, owner: Owner) -> None:
    await twice(ann.client, "POST", "/v1/tokens", 201, TOKEN)
    mine = {"Idempotency-Key": "mine"}
    await ann.client.patch("/v1/me", json={"name": "Ann"}, headers=mine)
    await owner.execute(
        "UPDATE repeats SET answer = (SELECT r.answer FROM repeats r ORDER BY created_at LIMIT 1)"
    )
    answer = await ann.client.patch("/v1/me", json={"name": "Ann"}, headers=mine)
    problem_of(answer, 409, "answer_unknown")


async def test_a_token_with_fewer_rights_is_not_told_the_answer(
    ann: Person, gateway: AccountGateway
) -> None:
    made = await twice(ann.client, "POST", "/v1/tokens", 201, TOKEN)
    script = await gateway.client(made["token"])
    problem_of(await script.post("/v1/tokens", json=TOKEN, headers=KEY), 403, "forbidden")
    problem_of(await script.post("/v1/tokens", json=TOKEN, headers={}), 403, "forbidden")


async def test_after_a_day_a_key_is_new(ann: Person, gateway: AccountGateway) -> None:
    first = await twice(ann.client, "POST", "/v1/tokens", 201, TOKEN)
    gateway.clock.turn(hours=23, minutes=59)
    fresh = await gateway.client(await log_in(gateway, ann))
    again = await fresh.post("/v1/tokens", json=TOKEN, headers=KEY)
    assert again.json() == first
    gateway.clock.turn(minutes=1)
    later = await fresh.post("/v1/tokens", json={**TOKEN, "name": "later"}, headers=KEY)
    assert (later.status_code, later.json()["name"]) == (201, "later")


async def log_in(gateway: AccountGateway, person: Person) -> str:
    client = await gateway.client()
    body = {"email": person.email, "password": PASSWORD}
    return str((await client.post("/v1/auth/login", json=body)).json()["access_token"])
