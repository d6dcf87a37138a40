"""The account half of the gateway alone, on the real database in the gateway's own role, with a
clock that tests turn, cheap password hashes and letters in a folder.
"""

import asyncio
import email
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import policy
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from msgspec import Struct
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.ext.asyncio import create_async_engine

from gateway import accounts, api_tokens, channels, holds, sessions, users
from gateway.context import Context
from gateway.feeds import Feeds
from gateway.identity import AccountState, OutsideIssuer, Passwords
from gateway.outcomes import Outcomes
from gateway.problems import handle_errors
from taskflow.publish import ListPublisher
from taskflow.settings import Settings

CHEAP = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
PASSWORD = "a good password"
LOCAL, ABROAD = "http://localhost:8080", "https://taskflow.example"
TOKEN = re.compile(r"#(verify|reset|confirm)=(\S+)")


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


class Person(Struct):
    """Somebody who signed up, and their client."""

    client: httpx.AsyncClient
    user: dict[str, Any]
    answer: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.user["id"])

    @property
    def email(self) -> str:
        return str(self.user["email"])


class AccountGateway:
    """A gateway that knows nothing but accounts."""

    def __init__(self, context: Context, clock: Clock, log: ListPublisher, closing: AsyncExitStack):
        self.context = context
        self.clock = clock
        self.log = log
        self._closing = closing
        self.app = FastAPI()
        self.app.state.context = context
        handle_errors(self.app)
        for module in (accounts, sessions, users, api_tokens, channels, holds):
            self.app.include_router(module.router)

    async def client(
        self, token: str | None = None, base: str = LOCAL, host: str = "192.0.2.1"
    ) -> httpx.AsyncClient:
        """A client at `host` that came by the address `base`."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app, client=(host, 4711)),
            base_url=base,
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )
        return await self._closing.enter_async_context(client)

    async def sign_up(self, **given: Any) -> Person:
        """A new person."""
        client = await self.client()
        body = {"email": f"{uuid4()}@example.com", "password": PASSWORD, **given}
        answer = await client.post("/v1/auth/signup", json=body)
        assert answer.status_code == 201, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return Person(client, answer.json()["user"], answer.json())

    async def facts(self, user_id: str | None = None) -> list[Any]:
        """What was announced so far (about one person)."""
        await self.context.accounts.background.drain()
        facts = [event.data for event in self.log.events]
        return [fact for fact in facts if user_id in (None, fact.user_id)]

    async def fact_types(self, user_id: str | None = None) -> list[str]:
        return [fact.event_type for fact in await self.facts(user_id)]

    async def letters(self) -> list[tuple[str, str, str]]:
        """(recipient, purpose, token) of every letter, in no order."""
        await self.context.accounts.background.drain()
        return await asyncio.to_thread(self._read_letters)

    def _read_letters(self) -> list[tuple[str, str, str]]:
        found = []
        for path in (self.context.settings.data / "outbox").glob("*.eml"):
            message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
            link = TOKEN.search(message.get_content())
            assert link is not None
            found.append((str(message["To"]), link[1], link[2]))
        return found

    async def letter_token(self, recipient: str, purpose: str) -> str:
        """The token of the one letter to somebody."""
        sought = recipient.lower(), purpose
        (token,) = [t for to, why, t in await self.letters() if (to.lower(), why) == sought]
        return token


@asynccontextmanager
async def open_accounts(
    settings: Settings, outside: OutsideIssuer | None = None
) -> AsyncIterator[AccountGateway]:
    """The gateway, closed at the end."""
    engine = create_async_engine(
        settings.database.replace("postgresql://", "postgresql+asyncpg://"),
        pool_size=4,
        max_overflow=0,
        connect_args={"server_settings": {"role": "taskflow_gateway"}},
    )
    clock, log, feeds = Clock(), ListPublisher(), Feeds()
    context = Context(
        settings=settings,
        engine=engine,
        publisher=log,
        outcomes=Outcomes(settings, feeds.wake),
        feeds=feeds,
        accounts=AccountState(outside=outside, passwords=Passwords(CHEAP)),
        clock=clock,
    )
    async with AsyncExitStack() as closing:
        yield AccountGateway(context, clock, log, closing)
        await context.accounts.background.drain()
    await engine.dispose()


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem of an answer, which must be this one."""
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    ), answer.text
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    return body


def fields_of(answer: httpx.Response) -> set[str]:
    """The fields that a 422 names."""
    return {error["field"] for error in problem_of(answer, 422, "invalid")["errors"]}
