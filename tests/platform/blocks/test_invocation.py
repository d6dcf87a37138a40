"""The gateway's question to functions through real sidecars: awake, unwell, asleep, and the circuit
that opens for who is not there.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.platform import ask_health, is_reachable, read_functions
from local.http import Server
from taskflow.door import Door
from tests.platform.blocks.sidecars import (
    Place,
    Running,
    find_beside,
    read_resource,
    run_sentry,
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
async def awake(
    place: Place, app_id: str, well: bool = True, **told: Any
) -> AsyncIterator[Running]:
    """A function behind its own door and sidecar."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = Server(Door(lambda: Doctor(well)), listener)  # type: ignore[arg-type, return-value]
    await server.start()
    async with run_sidecar(place, app_id, app_port=port, **told) as sidecar:
        await until_ready(sidecar)
        yield sidecar
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


# --- on a cluster, where a sidecar is known by its certificate -----------------------------------


@pytest.fixture
async def certified(place: Place) -> AsyncIterator[tuple[Place, dict[str, Any]]]:
    """A guarded place, and what its sidecars are told of their certificates' authority."""
    async with run_sentry(place.folder) as (address, root):
        env = {"DAPR_TRUST_ANCHORS": root.read_text(), "NAMESPACE": "taskflow"}
        flags = {"enable_mtls": "true", "sentry_address": address}
        flags |= {"control_plane_trust_domain": "public", "control_plane_namespace": "dapr-system"}
        yield Place(place.daprd, place.folder, guarded=True), {"env": env, **flags}


@pytest.mark.skipif(
    find_beside("sentry") is None, reason="there is no sentry, Dapr's authority, beside daprd"
)
async def test_a_function_answers_the_gateway_and_only_about_its_health(
    certified: tuple[Place, dict[str, Any]],
) -> None:
    place, told = certified
    async with (
        awake(place, "write-task", **told),
        awake(place, "fan-out-update", allows=["invoke"], **told) as another,
        run_sidecar(place, "gateway", **told) as gateway,
    ):
        async with httpx.AsyncClient(base_url=gateway.where.url, trust_env=False) as client:
            assert await ask_health(client, "write-task") == "awake"
            answer = await client.post("/v1.0/invoke/write-task/method/", json={})
            assert (answer.status_code, "access control policy has denied" in answer.text) == (
                403,
                True,
            )
        async with httpx.AsyncClient(base_url=another.where.url, trust_env=False) as client:
            answer = await client.get("/v1.0/invoke/write-task/method/healthz")
            assert answer.status_code == 403, answer.text
            # Nothing is delivered to the gateway, so its sidecar knows no way to it.
            assert not (await client.get("/v1.0/invoke/gateway/method/healthz")).is_success
