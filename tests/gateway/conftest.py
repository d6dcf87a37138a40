"""The gateway over ASGI, with the real functions behind a log in memory, and people to ask it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from gateway.app import create_app
from gateway.identity import Passwords
from taskflow.settings import Settings
from tests.functions.send_reminder.world import Endpoint, Postbox, serve_endpoint, serve_postbox
from tests.gateway.account_app import CHEAP
from tests.gateway.log import LiveLog
from tests.gateway.platform import Platform


@pytest.fixture
def gateway_settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings, database_role="taskflow_gateway", database_pool=4, webhook_allow="127.0.0.0/8"
    )


@pytest.fixture
async def live_log(settings: Settings) -> LiveLog:
    return LiveLog(settings)


@pytest.fixture
async def app(gateway_settings: Settings, live_log: LiveLog) -> AsyncIterator[FastAPI]:
    application = create_app(gateway_settings, live_log)
    async with application.router.lifespan_context(application):
        application.state.context.accounts.passwords = Passwords(CHEAP)
        yield application


@pytest.fixture
async def anyone(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client that nobody is logged in with."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
async def sign_up(
    app: FastAPI,
) -> AsyncIterator[Callable[[], Awaitable[httpx.AsyncClient]]]:
    """Makes a client of a new person in Paris."""
    clients: list[httpx.AsyncClient] = []

    async def make() -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app)
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        clients.append(client)
        body = {
            "email": f"{uuid4()}@example.com",
            "password": "a good password",
            "timezone": "Europe/Paris",
        }
        answer = await client.post("/v1/auth/signup", json=body)
        assert answer.status_code == 201, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return client

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
async def paris(sign_up: Callable[[], Awaitable[httpx.AsyncClient]]) -> httpx.AsyncClient:
    return await sign_up()


@pytest.fixture
async def somebody_else(sign_up: Callable[[], Awaitable[httpx.AsyncClient]]) -> httpx.AsyncClient:
    return await sign_up()


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serve_endpoint(Endpoint()) as serving:
        yield serving


@pytest.fixture
async def platform(settings: Settings, postbox: Postbox) -> AsyncIterator[Platform]:
    async with serve_postbox(postbox) as smtp:
        own = msgspec.structs.replace(settings, smtp=smtp, webhook_allow="127.0.0.0/8")
        running = Platform(own)
        yield running
        await running.close()
