"""Who is let in and who is not: forged tokens, foreign pages, the matrix of every endpoint, and
how soon what was taken away stops.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic_core import PydanticCustomError
from sqlalchemy import event

from gateway.identity import (
    AttemptLimit,
    Identity,
    IdentityCache,
    Passwords,
    identify_token,
    is_live,
    read_email,
    require,
)
from taskflow.errors import Refused
from taskflow.keys import derive_key
from taskflow.mail import email_key
from taskflow.settings import Settings
from tests.gateway.account_app import (
    ABROAD,
    CHEAP,
    LOCAL,
    PASSWORD,
    AccountGateway,
    Person,
    open_accounts,
    problem_of,
)

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[AccountGateway]:
    async with open_accounts(settings) as gateway:
        yield gateway


@pytest.fixture
async def ann(gateway: AccountGateway) -> Person:
    return await gateway.sign_up()


async def ask(gateway: AccountGateway, token: str) -> httpx.Response:
    return await (await gateway.client(token)).get("/v1/me")


# --- tokens that nobody gave ---------------------------------------------------------------------

Claims = dict[str, Any]


def claims_of(token: str) -> Claims:
    part = token.split(".")[1]
    claims: Claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def sign(gateway: AccountGateway, claims: Claims, algorithm: str = "HS256") -> str:
    key = OctKey.import_key(derive_key(gateway.context.settings.secret, "jwt"))
    return jwt.encode({"alg": algorithm}, claims, key, algorithms=[algorithm])


def encode(part: Claims) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def without(claims: Claims, name: str) -> Claims:
    return {key: value for key, value in claims.items() if key != name}


CHANGED: dict[str, Callable[[Claims], Claims]] = {
    "another issuer": lambda c: c | {"iss": "somebody"},
    "another audience": lambda c: c | {"aud": "somebody"},
    "the cookie's audience": lambda c: c | {"aud": "taskflow-cookie"},
    "expired": lambda c: c | {"exp": c["iat"] - 10},
    "an end that is no number": lambda c: c | {"exp": "never"},
    "issued tomorrow": lambda c: c | {"iat": c["iat"] + 86400},
    "another person's session": lambda c: c | {"sub": str(uuid4())},
    "an unknown session": lambda c: c | {"sid": str(uuid4())},
    "no issuer": lambda c: without(c, "iss"),
    "no audience": lambda c: without(c, "aud"),
    "no end": lambda c: without(c, "exp"),
    "nobody": lambda c: without(c, "sub"),
    "no session": lambda c: without(c, "sid"),
}


@pytest.mark.parametrize("change", CHANGED)
async def test_a_token_of_ours_with_wrong_claims_is_401(
    gateway: AccountGateway, ann: Person, change: str
) -> None:
    claims = claims_of(ann.answer["access_token"])
    assert (await ask(gateway, sign(gateway, claims))).status_code == 200
    answer = await ask(gateway, sign(gateway, CHANGED[change](claims)))
    problem_of(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="taskflow", error="invalid_token"'


async def test_another_algorithm_or_key_is_401(gateway: AccountGateway, ann: Person) -> None:
    token = ann.answer["access_token"]
    header, body, mac = token.split(".")
    claims = claims_of(token)
    stranger = OctKey.import_key(b"a key of somebody else, long enough")
    forged = [
        f"{encode({'alg': 'none'})}.{body}.",
        f"{encode({'alg': 'none'})}.{body}.{mac}",
        f"{encode({'alg': 'None', 'typ': 'JWT'})}.{body}.",
        f"{header}.{body}.",
        f"{header}.{encode(claims | {'sub': str(uuid4())})}.{mac}",
        sign(gateway, claims, "HS512"),
        jwt.encode({"alg": "HS256"}, claims, stranger, algorithms=["HS256"]),
        f"{encode({'alg': 'RS256', 'kid': 'a'})}.{body}.{mac}",
    ]
    for each in forged:
        problem_of(await ask(gateway, each), 401, "unauthenticated")


@pytest.mark.parametrize("token", ["x", "a.b.c", "....", "e30.e30.e30", "tf_", "tf_x", "x" * 9000])
async def test_nonsense_is_401(gateway: AccountGateway, token: str) -> None:
    problem_of(await ask(gateway, token), 401, "unauthenticated")


# An API token would be looked up, and here is no database.
TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.from_regex(r"\w+\.\w*\.\w*")


@given(TEXT.filter(lambda text: not text.startswith("tf_")))
async def test_any_text_is_refused_by_name(token: str) -> None:
    settings = Settings(secret="a secret for tests, long enough", database="postgresql://")
    async with open_accounts(settings) as nobody:
        with pytest.raises(Refused) as refused:
            await identify_token(nobody.context, token)
    assert refused.value.status == 401


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "token x"])
async def test_another_scheme_is_401(gateway: AccountGateway, header: str) -> None:
    client = await gateway.client()
    problem_of(
        await client.get("/v1/me", headers={"Authorization": header}), 401, "unauthenticated"
    )


async def test_without_a_token_the_challenge_names_no_error(gateway: AccountGateway) -> None:
    answer = await (await gateway.client()).get("/v1/me")
    problem_of(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="taskflow"'


async def test_the_scheme_may_be_written_small(gateway: AccountGateway, ann: Person) -> None:
    header = {"Authorization": f"bearer  {ann.answer['access_token']}"}
    assert (await (await gateway.client()).get("/v1/me", headers=header)).status_code == 200


async def test_a_token_ends_at_its_time_and_a_little_skew(
    gateway: AccountGateway, ann: Person
) -> None:
    token = ann.answer["access_token"]
    gateway.clock.turn(minutes=15, seconds=4)
    assert (await ask(gateway, token)).status_code == 200
    gateway.clock.turn(seconds=1)
    problem_of(await ask(gateway, token), 401, "unauthenticated")


# --- what is remembered --------------------------------------------------------------------------


async def test_a_known_token_needs_no_database(gateway: AccountGateway, ann: Person) -> None:
    await gateway.context.accounts.background.drain()
    asked: list[str] = []
    event.listen(
        gateway.context.engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _x, statement, *_: asked.append(statement),
    )
    token = ann.answer["access_token"]
    first = await identify_token(gateway.context, token)
    assert len(asked) == 1
    for _ in range(100):
        assert await identify_token(gateway.context, token) is first
    assert len(asked) == 1
    gateway.clock.turn(seconds=15)
    assert await identify_token(gateway.context, token) == first
    assert len(asked) == 2


TAKEN = {
    "the session is revoked": "UPDATE sessions SET revoked_at = now()",
    "the session has ended": "UPDATE sessions SET expires_at = created_at",
    "the account is deleted": "UPDATE users SET deleted_at = now()",
}


@pytest.mark.parametrize("what", TAKEN)
async def test_what_another_gateway_took_away_stops_within_the_bound(
    gateway: AccountGateway, ann: Person, owner: "asyncpg.Connection[asyncpg.Record]", what: str
) -> None:
    token = ann.answer["access_token"]
    identity = await identify_token(gateway.context, token)
    assert await is_live(gateway.context, identity)
    await owner.execute(TAKEN[what])
    assert not await is_live(gateway.context, identity)
    gateway.clock.turn(seconds=15)
    problem_of(await ask(gateway, token), 401, "unauthenticated")


async def test_a_changed_role_holds_within_the_bound(
    gateway: AccountGateway, ann: Person, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    problem_of(await ann.client.get("/v1/users"), 403, "forbidden")
    await owner.execute("UPDATE users SET roles = '{user,admin}'")
    gateway.clock.turn(seconds=15)
    assert (await ann.client.get("/v1/users")).status_code == 200


async def test_an_api_token_is_live_until_it_is_not(gateway: AccountGateway, ann: Person) -> None:
    end = (gateway.clock() + timedelta(minutes=1)).isoformat()
    made = {"name": "a script", "scopes": ["read"], "expires_at": end}
    token = (await ann.client.post("/v1/tokens", json=made)).json()["token"]
    identity = await identify_token(gateway.context, token)
    assert await is_live(gateway.context, identity)
    gateway.clock.turn(minutes=1)
    assert not await is_live(gateway.context, identity)
    problem_of(await ask(gateway, token), 401, "unauthenticated")


def make_identity(user_id: str) -> Identity:
    nobody = frozenset[str]()
    return Identity(user_id, "", "", "UTC", nobody, nobody, None, True)


def test_the_cache_is_bounded_and_forgets_by_person() -> None:
    cache = IdentityCache(size=2)
    for name in "abc":
        cache.put(name, make_identity(name), NOW + timedelta(seconds=1))
    assert [cache.get(name, NOW) is not None for name in "abc"] == [False, True, True]
    cache.forget("b")
    assert [cache.get(name, NOW) is not None for name in "bc"] == [False, True]
    assert cache.get("c", NOW + timedelta(seconds=1)) is None


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40)), max_size=60))
def test_attempts_are_counted_in_a_sliding_window(steps: list[tuple[str, int]]) -> None:
    limit, now, allowed = AttemptLimit(3, 60), NOW, list[tuple[str, datetime]]()
    for key, seconds in steps:
        now += timedelta(seconds=seconds)
        recent = [at for k, at in allowed if k == key and at > now - timedelta(seconds=60)]
        try:
            limit.take(key, now)
        except Refused as refused:
            assert len(recent) == 3
            wait = int(refused.headers["Retry-After"])
            assert 0 < wait <= 61
        else:
            assert len(recent) < 3
            allowed.append((key, now))


async def test_a_few_passwords_are_hashed_at_once_and_none_for_nobody_fits() -> None:
    passwords = Passwords(CHEAP)
    hashes = await asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(5)))
    assert len(set(hashes)) == 5
    assert await passwords.check(PASSWORD, hashes[0]) == (True, None)
    assert (await passwords.check("another", hashes[0]))[0] is False
    assert (await passwords.check("nobody has this password", None))[0] is False


async def test_a_cheap_hash_is_made_anew_with_what_is_right_today() -> None:
    cheap = await Passwords(CHEAP).hash(PASSWORD)
    right, better = await Passwords().check(PASSWORD, cheap)
    assert right and better is not None and "m=47104,t=1,p=1" in better


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("ann@example.com", "ann@example.com"),
        ("  Ann.B+c@Example.COM ", "Ann.B+c@Example.COM"),
        ("a@localhost", "a@localhost"),
        ("e\u0301@example.com", "\u00e9@example.com"),
        ("jörg@bücher.example", "jörg@bücher.example"),
    ],
)
def test_a_good_address_is_kept_as_written(given: str, kept: str) -> None:
    assert read_email(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "a b@example.com",
        "Ann <ann@example.com>",
        "<ann@example.com>",
        "a@b@c",
        "ann@example.com\r\nBcc: b@c.d",
        "ann@exa\0mple.com",
        "ann@-.com",
        "x" * 65 + "@example.com",
        "a@" + "b" * 300,
    ],
)
def test_what_no_letter_could_reach_is_refused(given: str) -> None:
    with pytest.raises(PydanticCustomError):
        read_email(given)


@given(st.text())
def test_a_key_is_its_own_key(email: str) -> None:
    assert email_key(email_key(email)) == email_key(email)
    assert email_key("ANN@EXAMPLE.com") == email_key("ann@example.COM")


# --- the cookie and foreign pages ----------------------------------------------------------------

SIGHTED = [
    ({"Origin": "{base}"}, 200),
    ({"Sec-Fetch-Site": "same-origin"}, 200),
    ({"Origin": "{base}", "Sec-Fetch-Site": "same-origin"}, 200),
    ({}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "{base}.evil.example"}, 403),
    ({"Origin": "{base}:1"}, 403),
    ({"Origin": ""}, 403),
    ({"Sec-Fetch-Site": "none"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Referer": "{base}/"}, 403),
]


@pytest.mark.parametrize("base", [LOCAL, ABROAD])
async def test_a_cookie_counts_on_its_own_origin_alone(
    gateway: AccountGateway, ann: Person, base: str
) -> None:
    page = await gateway.client(base=base)
    body = {"email": ann.email, "password": PASSWORD}
    await page.post("/v1/auth/login", json=body, headers={"X-TaskFlow-Session": "cookie"})
    for headers, status in SIGHTED:
        sent = {name: value.format(base=base) for name, value in headers.items()}
        for method in ("GET", "PATCH"):
            answer = await page.request(method, "/v1/me", headers=sent, json={})
            assert answer.status_code == status, (method, sent)


async def test_the_name_that_any_subdomain_could_set_counts_on_localhost_alone(
    gateway: AccountGateway, ann: Person
) -> None:
    page = await gateway.client(base=LOCAL)
    body = {"email": ann.email, "password": PASSWORD}
    await page.post("/v1/auth/login", json=body, headers={"X-TaskFlow-Session": "cookie"})
    cookie = {"Cookie": f"taskflow={page.cookies['taskflow']}", "Origin": ABROAD}
    abroad = await gateway.client(base=ABROAD)
    problem_of(await abroad.get("/v1/me", headers=cookie), 401, "unauthenticated")
    bearer = await gateway.client(page.cookies["taskflow"])
    problem_of(await bearer.get("/v1/me"), 401, "unauthenticated")


async def test_behind_a_proxy_the_origin_is_the_one_that_people_see(settings: Settings) -> None:
    seen = msgspec.structs.replace(settings, url=f"{ABROAD}/")
    async with open_accounts(seen) as gateway:
        page = await gateway.client(base="http://10.0.0.7:8080")
        body = {"email": "ann@example.com", "password": PASSWORD}
        wants = {"X-TaskFlow-Session": "cookie"}
        answer = await page.post("/v1/auth/signup", json=body, headers=wants)
        cookie = answer.headers["set-cookie"].partition(";")[0]
        assert cookie.startswith("__Host-taskflow=")
        for origin, status in ((ABROAD, 200), ("https://evil.example", 403)):
            sent = {"Cookie": cookie, "Origin": origin}
            assert (await page.get("/v1/me", headers=sent)).status_code == status


async def test_a_bearer_token_needs_no_origin_even_beside_a_cookie(
    gateway: AccountGateway, ann: Person
) -> None:
    body = {"email": ann.email, "password": PASSWORD}
    wants = {"X-TaskFlow-Session": "cookie"}
    await ann.client.post("/v1/auth/login", json=body, headers=wants)
    foreign = {"Origin": "https://evil.example"}
    assert (await ann.client.get("/v1/me", headers=foreign)).status_code == 200


# --- every endpoint, every caller ----------------------------------------------------------------

OPEN = {
    "POST /v1/auth/signup",
    "POST /v1/auth/login",
    "POST /v1/auth/refresh",
    "POST /v1/auth/verify",
    "POST /v1/auth/reset",
}
# nobody, API token that reads, API token that writes, a person, an admin
CALLERS = ("nobody", "reader", "writer", "person", "admin")
MATRIX = {
    "GET /v1/me": (401, 200, 403, 200, 200),
    "PATCH /v1/me": (401, 403, 403, 200, 200),
    "POST /v1/auth/password": (401, 403, 403, 422, 422),
    "GET /v1/users": (401, 403, 403, 403, 200),
    "PATCH /v1/users/{user_id}": (401, 403, 403, 403, 404),
    "GET /v1/tokens": (401, 403, 403, 200, 200),
    "POST /v1/tokens": (401, 403, 403, 201, 201),
    "DELETE /v1/tokens/{token_id}": (401, 403, 403, 404, 404),
    "GET /v1/channels": (401, 200, 403, 200, 200),
    "POST /v1/channels": (401, 403, 201, 201, 201),
    "DELETE /v1/channels/{channel_id}": (401, 403, 404, 404, 404),
    "POST /v1/channels/{channel_id}/confirm": (401, 403, 404, 404, 404),
    "POST /v1/channels/{channel_id}/enable": (401, 403, 404, 404, 404),
    "POST /v1/channels/{channel_id}/rotate-secret": (401, 403, 404, 404, 404),
    "GET /v1/channels/web-push-key": (401, 200, 403, 200, 200),
    "POST /v1/auth/logout": (401, 403, 403, 204, 204),
    "DELETE /v1/sessions": (401, 403, 403, 204, 204),
    "DELETE /v1/me": (401, 403, 403, 204, 204),
}
BODIES: dict[str, dict[str, Any]] = {
    "PATCH /v1/me": {"name": "Ann"},
    "POST /v1/auth/password": {"current_password": "wrong", "password": PASSWORD},
    "PATCH /v1/users/{user_id}": {"roles": ["auditor"]},
    "POST /v1/tokens": {"name": "a script", "scopes": ["read"]},
    "POST /v1/channels": {"kind": "email", "address": "other@example.com"},
    "POST /v1/channels/{channel_id}/confirm": {"token": "a.b.c"},
}


def test_the_matrix_names_every_endpoint() -> None:
    from gateway import accounts, api_tokens, channels, sessions, users

    routes = [
        f"{method} {route.path}"
        for module in (accounts, api_tokens, channels, sessions, users)
        for route in module.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    ]
    assert sorted(routes) == sorted(OPEN | MATRIX.keys())


async def make_caller(
    gateway: AccountGateway, kind: str, owner: "asyncpg.Connection[asyncpg.Record]"
) -> httpx.AsyncClient:
    if kind == "nobody":
        return await gateway.client()
    person = await gateway.sign_up()
    if kind == "admin":
        await owner.execute("UPDATE users SET roles = '{user,admin}' WHERE id = $1", person.id)
    if kind in ("reader", "writer"):
        await owner.execute("UPDATE users SET roles = '{user,admin}' WHERE id = $1", person.id)
        made = {"name": kind, "scopes": ["read" if kind == "reader" else "write"]}
        token = (await person.client.post("/v1/tokens", json=made)).json()["token"]
        return await gateway.client(token)
    return person.client


@pytest.mark.parametrize("kind", CALLERS)
async def test_each_caller_may_do_what_the_matrix_says(
    gateway: AccountGateway, owner: "asyncpg.Connection[asyncpg.Record]", kind: str
) -> None:
    client = await make_caller(gateway, kind, owner)
    for endpoint, statuses in MATRIX.items():
        if statuses[CALLERS.index(kind)] == 204:
            client = await make_caller(gateway, kind, owner)
        method, _, path = endpoint.partition(" ")
        for missing in (str(uuid4()), "none") if "{" in path else ("",):
            there = path.format(user_id=missing, token_id=missing, channel_id=missing)
            answer = await client.request(method, there, json=BODIES.get(endpoint))
            assert answer.status_code == statuses[CALLERS.index(kind)], (endpoint, answer.text)


async def test_what_is_another_persons_is_404_even_for_an_admin(
    gateway: AccountGateway, ann: Person, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = {"name": "a script", "scopes": ["read"]}
    token = (await ann.client.post("/v1/tokens", json=made)).json()["id"]
    hook = {"kind": "email", "address": "other@example.com"}
    channel = (await ann.client.post("/v1/channels", json=hook)).json()["id"]
    for kind in ("person", "admin"):
        other = await make_caller(gateway, kind, owner)
        for path in (f"/v1/tokens/{token}", f"/v1/channels/{channel}"):
            problem_of(await other.delete(path), 404, "not_found")
        confirm = await other.post(f"/v1/channels/{channel}/confirm", json={"token": "x"})
        problem_of(confirm, 404, "not_found")
        assert (await other.get("/v1/tokens")).json()["items"] == []
    assert (await ann.client.delete(f"/v1/tokens/{token}")).status_code == 204
    assert (await ann.client.delete(f"/v1/channels/{channel}")).status_code == 204


def test_require_names_what_is_missing() -> None:
    with pytest.raises(Refused, match="the role auditor"):
        require(make_identity("a"), "auditor")
    with pytest.raises(Refused, match="the scope write"):
        require(make_identity("a"), "write")
