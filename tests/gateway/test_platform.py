"""What an admin is told of the functions: by the platform at home, and on a cluster by the
functions that are awake.
"""

import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import TypeAlias

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from msgspec import structs

from functions.__main__ import find_functions
from gateway.app import create_app
from gateway.platform import is_reachable, list_functions, read_functions
from local.api import Api
from local.fleet import State
from local.http import Server
from local.scale import Report
from taskflow.errors import InvalidSetting, Unavailable
from taskflow.outlet import Outlet
from taskflow.settings import Settings
from tests.gateway.log import LiveLog
from tests.sidecar import Loopback, serve_sidecar

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

PUT_DEAD_LETTER = """
INSERT INTO dead_letters (id, consumer, record_topic, partition, record_offset, value, reason,
    attempts, trace, kept_at)
VALUES (gen_random_uuid(), $1, 'task-commands', 0, $2, '', 'r', 1, '', now())
"""
AT_HOME = [
    Report("write-task", 2, 7, datetime(2026, 12, 1, 8, tzinfo=UTC), 140, 12, 1, 3),
    Report("fire-timer", 0, 0, None, None, 0, 0, 0),
]


@pytest.fixture
def sidecar() -> Iterator[Loopback]:
    with serve_sidecar() as server:
        yield server


@pytest.fixture
async def home() -> AsyncIterator[str]:
    """The API of the platform at home, as it is, over two functions; where it is."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    server = Server(Api(Outlet("127.0.0.1:1"), "taskflow", lambda: State(AT_HOME)), listener)
    await server.start()
    yield f"http://127.0.0.1:{port}"
    await server.stop()
    listener.close()


# --- whom to ask ---------------------------------------------------------------------------------


def test_every_function_is_known_by_its_folder() -> None:
    assert list_functions() == sorted(one.app_id for one in find_functions())


async def test_the_platform_at_home_knows_everything(home: str) -> None:
    assert await is_reachable(home)
    assert await read_functions(home) == [
        {
            "name": "write-task",
            "replicas": 2,
            "lag": 7,
            "last_wake": "2026-12-01T08:00:00Z",
            "cold_start_ms": 140,
            "delivered": 12,
            "dead_letters": 1,
            "wakes": 3,
            "state": "awake",
        },
        {
            "name": "fire-timer",
            "replicas": 0,
            "lag": 0,
            "last_wake": None,
            "cold_start_ms": None,
            "delivered": 0,
            "dead_letters": 0,
            "wakes": 0,
            "state": "asleep",
        },
    ]


async def test_on_a_cluster_each_is_asked_and_absence_is_sleep(sidecar: Loopback) -> None:
    sidecar.memory.health |= {
        "write-task": 200,
        "write-audit": 503,
        "fan-out-update": 403,
        "fire-timer": 418,
    }
    found = {one["name"]: one for one in await read_functions(sidecar.address())}
    assert list(found) == list_functions()
    states = {name: (one["state"], one["replicas"]) for name, one in found.items()}
    assert states == {
        "write-task": ("awake", None),
        "write-audit": ("unwell", None),
        "fan-out-update": ("unknown", None),
        "fire-timer": ("unknown", None),
        "expand-recurrence": ("asleep", 0),
        "keep-dead-letter": ("asleep", 0),
        "send-reminder": ("asleep", 0),
    }
    assert {("GET", f"/v1.0/invoke/{name}/method/healthz") for name in found} == set(
        sidecar.memory.asked
    )


@pytest.mark.parametrize("mode", ["breaks", "dies"])
async def test_a_sidecar_that_is_away_knows_of_nobody(sidecar: Loopback, mode: str) -> None:
    sidecar.memory.mode = mode
    assert {one["state"] for one in await read_functions(sidecar.address())} == {"unknown"}
    assert not await is_reachable(sidecar.address())


async def test_a_platform_that_is_away_is_unavailable() -> None:
    assert not await is_reachable("http://127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"The platform at http://.* does not answer"):
        await read_functions("http://127.0.0.1:1")


async def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(InvalidSetting, match="TASKFLOW_PLATFORM='dapr:3500'"):
        await read_functions("dapr:3500")


# --- through the gateway -------------------------------------------------------------------------


@pytest.fixture(params=["home", "cluster", "away"])
def platform(request: pytest.FixtureRequest, home: str, sidecar: Loopback) -> str:
    sidecar.memory.health["write-task"] = 200
    return {"home": home, "cluster": sidecar.address(), "away": "http://127.0.0.1:1"}[request.param]


@pytest.fixture
async def app(
    gateway_settings: Settings, live_log: LiveLog, platform: str
) -> AsyncIterator[FastAPI]:
    application = create_app(structs.replace(gateway_settings, platform=platform), live_log)
    async with application.router.lifespan_context(application):
        yield application


async def test_an_admin_sees_the_functions_and_their_dead_letters(
    paris: httpx.AsyncClient, owner: Owner, platform: str
) -> None:
    await owner.execute("UPDATE users SET roles = '{user,admin}'")
    for offset, consumer in enumerate(("write-task", "write-task", "send-reminder")):
        await owner.execute(PUT_DEAD_LETTER, consumer, offset)

    answer = await paris.get("/v1/system")
    assert answer.status_code == 200
    assert answer.json()["dead_letters"] == 3
    functions = {one["name"]: one for one in answer.json()["functions"]}
    ready = (await paris.get("/readyz")).json()["checks"]["sidecar"]
    if platform == "http://127.0.0.1:1":
        assert (functions, ready) == ({}, "down")
        return
    assert ready == "up"
    assert functions["write-task"]["state"] == "awake"
    assert functions["write-task"]["dead_letters"] == (1 if platform.startswith("http") else 2)
    fields = {"name", "replicas", "lag", "last_wake", "dead_letters", "state"}
    assert all(fields <= one.keys() for one in functions.values())
