"""The gateway's question to functions through real sidecars: awake, unwell, asleep, and the circuit
that opens for who is not there.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.platform import ask_health, is_reachable, read_functions
from local.http import Server
from taskflow.door import Door
from tests.platform.blocks.sidecars import (
    Place,
    Running,
    read_resource,
    run_sidecar,
    until_ready,
)
from tests.platform.stage import until


class Doctor:
    """A function's worker that has only its health to tell of."""

    def __init__(self, well: bool) -> None:
        self.well = well

    async def wake(self) -> None: ...

    async def healthy(self) -> bool:
        return self.well

    async def close(self) -> None: ...


@asynccontextmanager
async def awake(place: Place, app_id: str, well: bool = True) -> AsyncIterator[None]:
    """A function behind its own door and sidecar."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = Server(Door(lambda: Doctor(well)), listener)  # type: ignore[arg-type, return-value]
    await server.start()
    async with run_sidecar(place, app_id, app_port=port) as sidecar:
        await until_ready(sidecar)
        yield
    await server.stop()
    listener.close()


@pytest.fixture
async def gateway(place: Place) -> AsyncIterator[Running]:
    async with run_sidecar(place, "gateway", [read_resource("dapr/silence.breaker")]) as sidecar:
        await until_ready(sidecar)
        yield sidecar


async def test_each_function_tells_its_own_health(place: Place, gateway: Running) -> None:
    async with awake(place, "write-task"), awake(place, "write-audit", well=False):
        found = {one["name"]: one["state"] for one in await read_functions(gateway.address())}
    assert found.pop("write-task") == "awake"
    assert found.pop("write-audit") == "unwell"
    assert found and set(found.values()) == {"asleep"}
    assert await is_reachable(gateway.address())


async def test_who_is_not_there_is_not_asked_again_and_again_but_found_when_it_wakes(
    place: Place, gateway: Running
) -> None:
    """By the policy of dapr/: after five failures the sidecar asks nobody, until five seconds later
    it tries one."""
    async with httpx.AsyncClient(base_url=gateway.where.url, trust_env=False) as client:
        assert [await ask_health(client, "fire-timer") for _ in range(6)] == ["asleep"] * 6
        answer = await client.get("/v1.0/invoke/fire-timer/method/healthz")
        assert "circuit breaker is open" in answer.text
        async with awake(place, "fire-timer"):

            async def is_awake() -> bool:
                await asyncio.sleep(0.2)
                return await ask_health(client, "fire-timer") == "awake"

            await until(is_awake, "the function that woke is found")
