"""People of an outside issuer, a real one on the loopback that changes its keys, lies and dies."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, RSAKey

from gateway.identity import identify_token, is_live
from gateway.openid import OpenIdIssuer, open_issuer
from taskflow.settings import Settings
from tests.gateway.account_app import AccountGateway, open_accounts, problem_of

AUDIENCE = "taskflow-app"
Claims = dict[str, Any]


class Issuer:
    """An OpenID issuer: two documents over HTTP, and a pen."""

    def __init__(self) -> None:
        self.url = ""
        self.keys: dict[str, tuple[str, Key]] = {}
        self.extra_keys: list[dict[str, Any]] = []
        self.calls_itself = ""
        self.asked: list[str] = []
        self.down = False
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.calls_itself = self.url

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        self.asked.append(path)
        status = "503 Away" if self.down else "200 OK"
        body = json.dumps(self._document(path)).encode()
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()

    def _document(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.calls_itself, "jwks_uri": f"{self.url}/keys"}
        shown = [
            key.as_dict(private=False) | {"kid": kid, "use": "sig"}
            for kid, (_, key) in self.keys.items()
        ]
        return {"keys": [*self.extra_keys, *shown]}

    def add_key(self, kid: str, algorithm: str = "ES256") -> None:
        new = RSAKey.generate_key(2048) if algorithm != "ES256" else ECKey.generate_key("P-256")
        self.keys[kid] = (algorithm, new)

    def sign(self, gateway: AccountGateway, kid: str = "first", **changed: Any) -> str:
        """A token of somebody; a claim that is None is left out."""
        algorithm, key = self.keys[kid]
        claims = self.claims(gateway) | changed
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": algorithm, "kid": kid}, claims, key, algorithms=[algorithm])

    def claims(self, gateway: AccountGateway) -> Claims:
        now = int(gateway.clock().timestamp())
        return {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ann",
            "iat": now,
            "exp": now + 600,
            "email": "ann@example.com",
            "email_verified": True,
            "name": "Ann",
        }


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    await issuer.start()
    issuer.add_key("first")
    yield issuer
    await issuer.stop()


@asynccontextmanager
async def open_gateway(
    settings: Settings, issuer: Issuer, *, verify: bool = True
) -> AsyncIterator[AccountGateway]:
    outside = OpenIdIssuer(issuer.url, AUDIENCE)
    async with open_accounts(msgspec.structs.replace(settings, verify=verify), outside) as gateway:
        yield gateway


@pytest.fixture
async def gateway(settings: Settings, issuer: Issuer) -> AsyncIterator[AccountGateway]:
    async with open_gateway(settings, issuer) as gateway:
        yield gateway


async def ask(gateway: AccountGateway, token: str) -> httpx.Response:
    return await (await gateway.client(token)).get("/v1/me")


# --- whose token is believed ---------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "PS256"])
async def test_somebody_new_gets_an_account(
    gateway: AccountGateway, issuer: Issuer, algorithm: str
) -> None:
    issuer.add_key("mine", algorithm)
    answer = await ask(gateway, issuer.sign(gateway, "mine"))
    assert answer.status_code == 200
    assert answer.json() == {
        "id": answer.json()["id"],
        "email": "ann@example.com",
        "name": "Ann",
        "timezone": "UTC",
        "roles": ["user"],
        "email_verified": True,
    }
    assert (await ask(gateway, issuer.sign(gateway, "mine"))).json() == answer.json()
    assert await gateway.fact_types() == ["signed_up"]


async def test_no_issuer_no_outside_tokens(settings: Settings, issuer: Issuer) -> None:
    assert open_issuer(settings) is None
    async with open_accounts(settings) as gateway:
        problem_of(await ask(gateway, issuer.sign(gateway)), 401, "unauthenticated")
    assert issuer.asked == []


WRONG: dict[str, Claims] = {
    "another issuer": {"iss": "http://evil.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another-app"},
    "another audience among several": {"aud": ["another-app", "a-third"]},
    "no audience": {"aud": None},
    "no end": {"exp": None},
    "expired": {"exp": 1},
    "not valid yet": {"nbf": 2**33},
    "issued in the future": {"iat": 2**33},
    "nobody": {"sub": None},
    "somebody of another kind": {"sub": 7},
}


@pytest.mark.parametrize("what", WRONG)
async def test_wrong_claims_are_401(gateway: AccountGateway, issuer: Issuer, what: str) -> None:
    token = issuer.sign(gateway, **WRONG[what])
    problem_of(await ask(gateway, token), 401, "unauthenticated")
    assert await gateway.facts() == []


async def test_one_of_several_audiences_is_enough(gateway: AccountGateway, issuer: Issuer) -> None:
    token = issuer.sign(gateway, aud=["another-app", AUDIENCE])
    assert (await ask(gateway, token)).status_code == 200


async def test_forged_signatures_are_401(gateway: AccountGateway, issuer: Issuer) -> None:
    good = issuer.sign(gateway)
    header, body, _ = good.split(".")
    stranger = ECKey.generate_key("P-256")
    claims = issuer.claims(gateway)
    public = issuer.keys["first"][1].as_dict(private=False)
    confused = OctKey.import_key(json.dumps(public).encode())
    forged = [
        f"{header}.{body}.",
        "eyJhbGciOiJub25lIn0." + body + ".",
        jwt.encode({"alg": "ES256", "kid": "first"}, claims, stranger, algorithms=["ES256"]),
        jwt.encode({"alg": "HS256", "kid": "first"}, claims, confused, algorithms=["HS256"]),
        jwt.encode({"alg": "HS384", "kid": "first"}, claims, confused, algorithms=["HS384"]),
    ]
    assert (await ask(gateway, good)).status_code == 200
    for each in forged:
        problem_of(await ask(gateway, each), 401, "unauthenticated")


async def test_a_key_works_with_its_own_kind_of_signature_alone(
    gateway: AccountGateway, issuer: Issuer
) -> None:
    issuer.extra_keys = [{"kty": "oct", "kid": "shared", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQ"}]
    issuer.add_key("first", "RS256")
    token = issuer.sign(gateway).split(".")
    es256 = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImZpcnN0In0"
    problem_of(await ask(gateway, ".".join([es256, *token[1:]])), 401, "unauthenticated")


async def test_keys_that_are_not_understood_are_passed_over(
    gateway: AccountGateway, issuer: Issuer
) -> None:
    issuer.extra_keys = [
        {"kty": "post-quantum", "kid": "a"},
        {"kty": "EC", "crv": "P-0", "kid": "b", "x": "AA", "y": "AA"},
        {"kty": "RSA", "kid": "c"},
        {"kty": "RSA", "kid": "first", "use": "enc", "n": "AA", "e": "AQAB"},
    ]
    assert (await ask(gateway, issuer.sign(gateway))).status_code == 200


# --- keys that change ----------------------------------------------------------------------------


async def test_keys_are_read_once(gateway: AccountGateway, issuer: Issuer) -> None:
    tokens = [issuer.sign(gateway, iat=int(gateway.clock().timestamp()) - n) for n in range(5)]
    answers = await asyncio.gather(*(ask(gateway, token) for token in tokens))
    assert {answer.status_code for answer in answers} == {200}
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_a_new_key_is_found_and_an_old_one_dies(
    gateway: AccountGateway, issuer: Issuer
) -> None:
    old = issuer.sign(gateway, exp=2**33)
    assert (await ask(gateway, old)).status_code == 200
    issuer.add_key("second")
    del issuer.keys["first"]
    gateway.clock.turn(seconds=15)
    assert (await ask(gateway, issuer.sign(gateway, "second"))).status_code == 200
    problem_of(await ask(gateway, old), 401, "unauthenticated")


async def test_made_up_key_ids_do_not_flood_the_issuer(
    gateway: AccountGateway, issuer: Issuer
) -> None:
    assert (await ask(gateway, issuer.sign(gateway))).status_code == 200
    for _ in range(3):
        gateway.clock.turn(seconds=10)
        for _ in range(5):
            issuer.add_key(made_up := str(uuid4()))
            token = issuer.sign(gateway, made_up)
            del issuer.keys[made_up]
            problem_of(await ask(gateway, token), 401, "unauthenticated")
    assert issuer.asked.count("/keys") == 4


async def test_keys_are_read_again_after_an_hour(gateway: AccountGateway, issuer: Issuer) -> None:
    assert (await ask(gateway, issuer.sign(gateway))).status_code == 200
    gateway.clock.turn(hours=1)
    assert (await ask(gateway, issuer.sign(gateway))).status_code == 200
    assert issuer.asked.count("/keys") == 2


async def test_an_outage_of_the_issuer_is_none_here(
    gateway: AccountGateway, issuer: Issuer
) -> None:
    assert (await ask(gateway, issuer.sign(gateway))).status_code == 200
    issuer.down = True
    gateway.clock.turn(hours=1)
    assert (await ask(gateway, issuer.sign(gateway))).status_code == 200


async def test_an_issuer_that_was_away_is_asked_again(
    gateway: AccountGateway, issuer: Issuer
) -> None:
    issuer.down = True
    problem_of(await ask(gateway, issuer.sign(gateway)), 401, "unauthenticated")
    issuer.down = False
    problem_of(await ask(gateway, issuer.sign(gateway)), 401, "unauthenticated")
    gateway.clock.turn(seconds=10)
    assert (await ask(gateway, issuer.sign(gateway))).status_code == 200


async def test_an_issuer_that_calls_itself_otherwise_is_not_believed(
    gateway: AccountGateway, issuer: Issuer
) -> None:
    issuer.calls_itself = "http://evil.example"
    problem_of(await ask(gateway, issuer.sign(gateway)), 401, "unauthenticated")
    assert "/keys" not in issuer.asked


# --- which account -------------------------------------------------------------------------------


async def test_a_verified_address_links_to_its_account(settings: Settings, issuer: Issuer) -> None:
    async with open_gateway(settings, issuer, verify=False) as gateway:
        person = await gateway.sign_up(email="Ann@example.com")
        assert (await ask(gateway, issuer.sign(gateway))).json() == person.user
        # From now on the subject counts, whatever its address.
        token = issuer.sign(gateway, email="new@example.com", email_verified=False)
        assert (await ask(gateway, token)).json() == person.user
        assert (await person.client.get("/v1/me")).status_code == 200
        assert await gateway.fact_types() == ["signed_up", "account_updated"]


async def test_first_requests_at_once_link_once(gateway: AccountGateway, issuer: Issuer) -> None:
    person = await gateway.sign_up(email="ann@example.com")
    tokens = [issuer.sign(gateway, iat=int(gateway.clock().timestamp()) - n) for n in range(4)]
    answers = await asyncio.gather(*(ask(gateway, token) for token in tokens))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert {answer.json()["id"] for answer in answers} == {person.id}
    assert await gateway.fact_types() == ["signed_up", "account_updated"]


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_address_that_is_not_verified_links_to_nothing(
    gateway: AccountGateway, issuer: Issuer, verified: Any
) -> None:
    await gateway.sign_up(email="ann@example.com")
    token = issuer.sign(gateway, email_verified=verified)
    problem_of(await ask(gateway, token), 403, "forbidden")


async def test_who_took_an_address_before_its_owner_came_loses_it(
    gateway: AccountGateway, issuer: Issuer
) -> None:
    thief = await gateway.sign_up(email="ann@example.com")
    made = {"name": "a back door", "scopes": ["read"]}
    key = (await thief.client.post("/v1/tokens", json=made)).json()["token"]
    answer = await ask(gateway, issuer.sign(gateway))
    assert answer.json() == thief.user | {"email_verified": True}
    for client in (thief.client, await gateway.client(key)):
        problem_of(await client.get("/v1/me"), 401, "unauthenticated")
    log_in = {"email": "ann@example.com", "password": "a good password"}
    answer = await thief.client.post("/v1/auth/login", json=log_in)
    problem_of(answer, 401, "unauthenticated")


async def test_an_account_belongs_to_one_subject(gateway: AccountGateway, issuer: Issuer) -> None:
    assert (await ask(gateway, issuer.sign(gateway))).status_code == 200
    problem_of(await ask(gateway, issuer.sign(gateway, sub="another")), 403, "forbidden")


@pytest.mark.parametrize("email", [None, "", "ann", 7, ["ann@example.com"]])
async def test_without_an_address_there_is_no_account(
    gateway: AccountGateway, issuer: Issuer, email: Any
) -> None:
    problem_of(await ask(gateway, issuer.sign(gateway, email=email)), 403, "forbidden")


async def test_an_unverified_newcomer_is_not_verified_here(
    gateway: AccountGateway, issuer: Issuer
) -> None:
    answer = await ask(gateway, issuer.sign(gateway, email_verified=False))
    assert (answer.status_code, answer.json()["email_verified"]) == (200, False)


async def test_two_first_requests_at_once_make_one_account(
    gateway: AccountGateway, issuer: Issuer
) -> None:
    tokens = [issuer.sign(gateway, iat=int(gateway.clock().timestamp()) - n) for n in range(4)]
    answers = await asyncio.gather(*(ask(gateway, token) for token in tokens))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await gateway.fact_types() == ["signed_up"]


async def test_who_left_does_not_come_back_by_an_old_token(
    gateway: AccountGateway, issuer: Issuer
) -> None:
    token = issuer.sign(gateway)
    first = (await ask(gateway, token)).json()
    client = await gateway.client(token)
    assert (await client.delete("/v1/me")).status_code == 204
    problem_of(await client.get("/v1/me"), 401, "unauthenticated")
    gateway.clock.turn(seconds=16)
    problem_of(await client.get("/v1/me"), 401, "unauthenticated")
    again = (await ask(gateway, issuer.sign(gateway))).json()
    assert (again["email"], again["id"] != first["id"]) == (first["email"], True)


async def test_an_outside_token_is_live_until_its_end(
    gateway: AccountGateway, issuer: Issuer, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    identity = await identify_token(gateway.context, issuer.sign(gateway))
    assert identity.session_id is None and await is_live(gateway.context, identity)
    gateway.clock.turn(seconds=609)
    assert await is_live(gateway.context, identity)
    gateway.clock.turn(seconds=1)
    assert not await is_live(gateway.context, identity)
    other = await identify_token(gateway.context, issuer.sign(gateway))
    await owner.execute("UPDATE users SET deleted_at = now()")
    assert not await is_live(gateway.context, other)


async def test_logging_out_with_an_outside_token_is_no_error(
    gateway: AccountGateway, issuer: Issuer
) -> None:
    client = await gateway.client(issuer.sign(gateway))
    assert (await client.post("/v1/auth/logout")).status_code == 204
