"""Requests that are counted: by one gateway, by several together, and by each alone when the
counters are away; no request ever waits for a count.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gateway.app import create_app
from gateway.limits import (
    AWAY_SECONDS,
    KEPT_SECONDS,
    Count,
    Limiter,
    Limits,
    Sharing,
    open_limits,
    spend,
)
from taskflow.settings import Settings
from taskflow.state_store import open_state_store
from tests.gateway.log import LiveLog
from tests.sidecar import Kept, Loopback, serve_sidecar

RATE = 20.0


@pytest.fixture
def sidecar() -> Iterator[Loopback]:
    with serve_sidecar() as server:
        yield server


class Watch:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Replica:
    """One gateway's limits, on a clock that all share."""

    def __init__(self, sidecar: Loopback, watch: Watch) -> None:
        self.watch = watch
        self.limiter = Limiter(RATE)
        store = open_state_store("TASKFLOW_COUNTERS", sidecar.address("counters"), Count)
        self.sharing = Sharing(self.limiter, store, clock=watch, monotonic=watch)

    def ask(self) -> bool:
        """Whether a request is let through; answers at once."""
        left = self.limiter.take("ann", self.watch())
        self.sharing.note("ann")
        return left >= 0

    async def settle(self) -> None:
        """Returns when the others have been told."""
        while self.sharing.busy:
            await asyncio.sleep(0.002)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def replicas(sidecar: Loopback, watch: Watch) -> AsyncIterator[list[Replica]]:
    found = [Replica(sidecar, watch) for _ in range(3)]
    yield found
    for replica in found:
        await replica.sharing.close()


async def ask_in_turn(replicas: list[Replica], times: int) -> int:
    """How many of so many requests are let through, each by the next gateway."""
    granted = 0
    for number in range(times):
        replica = replicas[number % len(replicas)]
        granted += replica.ask()
        await replica.settle()
    return granted


# --- alone ---------------------------------------------------------------------------------------


def test_a_bucket_refills() -> None:
    limiter = Limiter(2.0)
    left = [limiter.take("a", now) for now in (0.0, 0.0, 0.0, 0.5, 10.0, 10.0, 10.0)]
    assert [value >= 0 for value in left] == [True, True, False, True, True, True, False]
    assert limiter.take("b", 0.0) >= 0


async def test_who_sends_too_much_waits(app: FastAPI, paris: httpx.AsyncClient) -> None:
    async with open_limits(Settings(rate_limit=5)) as app.state.limits:
        answers = [await paris.get("/v1/tags") for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].headers["ratelimit-limit"] == "5"
    assert refused
    assert refused[0].json()["code"] == "rate_limited"
    assert refused[0].headers["retry-after"]


async def test_at_home_nothing_is_limited_and_nobody_asked() -> None:
    async with open_limits(Settings()) as limits:
        assert {limits.take("ann") for _ in range(1000)} == {None}
        assert limits.sharing is None


# --- together ------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, RATE), st.floats(-1, 1)), max_size=20),
)
def test_over_any_time_no_more_is_spent_than_was_refilled(
    spendings: list[tuple[float, float, float]],
) -> None:
    """For any clocks that are up to a second wrong, and a person who spends only what is left."""
    count, true, spent = None, 1000.0, 0.0
    for pause, wish, skew in spendings:
        true += pause
        left = RATE if count is None else spend(count, 0, RATE, true + skew).tokens
        wish = min(wish, max(left, 0.0))
        count = spend(count, wish, RATE, true + skew)
        spent += wish
    assert spent <= RATE + (true - 1000.0 + 2) * RATE + 1e-6
    assert count is None or -RATE <= count.tokens <= RATE


def test_nobody_owes_more_than_a_second() -> None:
    count = spend(Count(0.0, 10.0), 10 * RATE, RATE, 10.0)
    assert count.tokens == -RATE
    assert spend(count, 0, RATE, 12.0).tokens == RATE


async def test_three_gateways_count_as_one(replicas: list[Replica], watch: Watch) -> None:
    """Only what they have not told each other yet can be too much: a tenth of a second's worth
    each, and with it the request that reaches it."""
    granted = await ask_in_turn(replicas, 90)
    assert RATE <= granted <= RATE + 3 * (0.1 * RATE + 1)
    watch.now += 1
    assert await ask_in_turn(replicas, 90) <= RATE + 3 * (0.1 * RATE + 1)


async def test_over_nine_seconds_the_rate_holds(replicas: list[Replica], watch: Watch) -> None:
    granted = 0
    for _ in range(30):
        watch.now += 0.3
        granted += await ask_in_turn(replicas, 9)
    assert 9 * RATE <= granted <= 10 * RATE + 3 * (0.1 * RATE + 1)


async def test_a_count_is_forgotten_soon(replicas: list[Replica], sidecar: Loopback) -> None:
    await ask_in_turn(replicas[:1], 5)
    (kept,) = sidecar.memory.state.values()
    assert kept.seconds == KEPT_SECONDS
    assert list(sidecar.memory.state) == ["requests-ann"]


async def test_who_asks_little_is_not_worth_a_message(
    replicas: list[Replica], sidecar: Loopback
) -> None:
    await ask_in_turn(replicas[:1], 1)
    assert sidecar.memory.asked == []
    await ask_in_turn(replicas[:1], 1)
    store = "/v1.0/state/counters"
    assert sidecar.memory.asked == [("POST", f"{store}/bulk"), ("POST", store)]


async def test_a_hundred_requests_at_once_send_no_hundred_messages(
    replicas: list[Replica], sidecar: Loopback
) -> None:
    assert sum(replicas[0].ask() for _ in range(100)) == RATE
    await replicas[0].settle()
    assert len(sidecar.memory.asked) == 2


# --- when the counters are away ------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["breaks", "dies"])
async def test_without_counters_each_counts_alone_and_says_so_once(
    replicas: list[Replica],
    sidecar: Loopback,
    watch: Watch,
    mode: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sidecar.memory.mode = mode
    with caplog.at_level(logging.WARNING):
        granted = await ask_in_turn(replicas, 90)
    assert granted == 3 * RATE
    alone = [one for one in caplog.messages if one.startswith("each gateway counts requests alone")]
    assert len(alone) == 3
    asked = len(sidecar.memory.asked)
    watch.now += AWAY_SECONDS - 0.1
    await ask_in_turn(replicas, 30)
    assert len(sidecar.memory.asked) == asked, "nobody asks again before it is time"

    sidecar.memory.mode = "normal"
    watch.now += 0.2
    await ask_in_turn(replicas, 90)
    assert "the gateways count requests together again" in caplog.text
    watch.now += 1
    assert await ask_in_turn(replicas, 90) <= RATE + 3 * (0.1 * RATE + 1)


async def test_a_count_that_is_none_is_as_good_as_away(
    replicas: list[Replica], sidecar: Loopback
) -> None:
    sidecar.memory.state["requests-ann"] = Kept("nonsense", "1", 1)
    assert await ask_in_turn(replicas[:1], 30) == RATE


# --- through the gateway -------------------------------------------------------------------------


@pytest.fixture
async def two_gateways(
    gateway_settings: Settings, live_log: LiveLog, sidecar: Loopback
) -> AsyncIterator[list[FastAPI]]:
    shared = structs.replace(
        gateway_settings,
        rate_limit=10,
        counters=sidecar.address("counters"),
        configuration=sidecar.address("configuration"),
    )
    async with AsyncExitStack() as stack:
        apps = [create_app(shared, live_log) for _ in range(2)]
        for app in apps:
            await stack.enter_async_context(app.router.lifespan_context(app))
        yield apps


def client_of(app: FastAPI, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://localhost",
        headers={"Authorization": token},
    )


async def test_two_gateways_refuse_together(
    two_gateways: list[FastAPI], sign_up: Callable[[], Awaitable[httpx.AsyncClient]]
) -> None:
    token = (await sign_up()).headers["Authorization"]
    statuses = []
    for number in range(60):
        async with client_of(two_gateways[number % 2], token) as client:
            statuses.append((await client.get("/v1/tags")).status_code)
        limits: Limits = two_gateways[number % 2].state.limits
        assert limits.sharing is not None
        while limits.sharing.busy:
            await asyncio.sleep(0.002)
    assert set(statuses) == {200, 429}


async def test_an_operator_changes_the_rate_while_it_runs(
    two_gateways: list[FastAPI],
    sidecar: Loopback,
    sign_up: Callable[[], Awaitable[httpx.AsyncClient]],
) -> None:
    sidecar.memory.configuration["TASKFLOW_RATE_LIMIT"] = "3"
    token = (await sign_up()).headers["Authorization"]
    async with client_of(two_gateways[0], token) as client:
        while (await client.get("/v1/tags")).headers["ratelimit-limit"] != "3":
            await asyncio.sleep(0.01)
        statuses = [(await client.get("/v1/tags")).status_code for _ in range(12)]
    assert 429 in statuses
