"""The counters of the rate limit in the real state API, over the Redis of the manifests and over
PostgreSQL in its place.
"""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest
import yaml
from msgspec import Struct

from gateway.limits import Count, Limiter, Sharing
from local import process
from local.process import choose_port
from taskflow.errors import Unavailable
from taskflow.state_store import StateStore, open_state_store
from tests.platform.blocks.sidecars import (
    Place,
    Running,
    give_values,
    open_sdk,
    read_resource,
    run_sidecar,
    swap_component,
)
from tests.platform.pods import ROOT, base_env
from tests.platform.stage import until

RATE = 20.0
PASSWORD = "a password"


class Tally(Struct):
    count: int


def add(value: Tally | None) -> Tally:
    return Tally((value.count if value else 0) + 1)


@pytest.fixture(params=["redis", "postgresql"])
def counters(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The component of dapr/, over one kind of store."""
    component = read_resource("dapr/requests.state")
    if request.param == "postgresql":
        url = request.getfixturevalue("database_url")
        return swap_component(component, "state.postgresql", connectionString=url)
    port = request.getfixturevalue("redis")
    return give_values(component, redisHost=f"127.0.0.1:{port}", redisPassword=PASSWORD)


@pytest.fixture
async def redis(place: Place) -> AsyncIterator[int]:
    """Redis as infra/ starts it; its port."""
    program, port = shutil.which("redis-server"), choose_port()
    if program is None:
        pytest.skip("there is no redis-server on PATH")
    manifest = next(yaml.safe_load_all((ROOT / "infra/kubernetes/base/redis.yaml").read_text()))
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    told = [word.replace("$(REDIS_PASSWORD)", PASSWORD) for word in container["args"]]
    here = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(place.folder)]
    log = place.folder / "redis.log"
    child = await process.spawn([program, *told, *here], log=log, env=base_env())
    await process.wait_for_port(port, child)
    yield port
    await process.end(child)


@pytest.fixture
async def sidecar(place: Place, counters: dict[str, Any]) -> AsyncIterator[Running]:
    policy = read_resource("dapr/silence.breaker")
    async with run_sidecar(place, "gateway", [counters, policy], allows=["state"]) as running:
        yield running


@pytest.fixture
async def stores(sidecar: Running) -> AsyncIterator[list[StateStore[Tally]]]:
    """Three processes' views of one store."""
    found = [open_state_store("X", sidecar.address("counters"), Tally) for _ in range(3)]
    yield found
    for store in found:
        store.close()


async def test_no_change_is_lost_between_several(stores: list[StateStore[Tally]]) -> None:
    async def add_many(store: StateStore[Tally]) -> int:
        """How often it was added: not when five times somebody else was faster."""
        added = 0
        for _ in range(20):
            with suppress(Unavailable):
                await store.change("a", add, 60)
                added += 1
        return added

    added = sum(await asyncio.gather(*map(add_many, stores)))
    assert added >= 20
    assert await stores[0].change("a", add, 60) == Tally(added + 1)
    assert await stores[0].change("b", add, 60) == Tally(1)


async def test_dapr_s_own_client_sees_the_same_values(
    sidecar: Running, stores: list[StateStore[Tally]]
) -> None:
    async with open_sdk(sidecar) as client:
        assert await stores[0].change("a", add, 60) == Tally(1)
        found = await client.get_state("counters", "a")
        assert msgspec.json.decode(found.data, type=Tally) == Tally(1)
        await client.save_state("counters", "a", msgspec.json.encode(Tally(7)), etag=found.etag)
        assert await stores[1].change("a", add, 60) == Tally(8)


async def test_a_value_is_forgotten(stores: list[StateStore[Tally]]) -> None:
    assert await stores[0].change("a", add, 1) == Tally(1)

    async def is_forgotten() -> bool:
        await asyncio.sleep(1)
        return await stores[1].change("a", add, 1) == Tally(1)

    await until(is_forgotten, "a value older than its second is gone")


class Watch:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_three_gateways_count_as_one_and_alone_without_the_sidecar(
    sidecar: Running, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch()
    limiters = [Limiter(RATE) for _ in range(3)]
    sharing = [
        Sharing(
            limiter,
            open_state_store("X", sidecar.address("counters"), Count),
            clock=watch,
            monotonic=watch,
        )
        for limiter in limiters
    ]

    async def ask_in_turn(times: int) -> int:
        granted = 0
        for number in range(times):
            granted += limiters[number % 3].take("ann", watch()) >= 0
            sharing[number % 3].note("ann")
            while sharing[number % 3].busy:
                await asyncio.sleep(0.002)
        return granted

    assert RATE <= await ask_in_turn(90) <= RATE + 3 * (0.1 * RATE + 1)
    await sidecar.kill()
    watch.now += 10
    with caplog.at_level(logging.WARNING):
        assert await ask_in_turn(90) == 3 * RATE
    assert sum("counts requests alone" in line for line in caplog.messages) == 3
    for one in sharing:
        await one.close()
