"""Settings that an operator changes while everything runs: soon known, and in nobody's way."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from taskflow.errors import InvalidSetting
from taskflow.runtime_settings import RuntimeSettings, is_off, runtime_settings
from taskflow.settings import Settings
from tests.sidecar import Loopback, serve_sidecar


@pytest.fixture
def sidecar() -> Iterator[Loopback]:
    with serve_sidecar() as server:
        yield server


class Watch:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def runtime(sidecar: Loopback, watch: Watch) -> AsyncIterator[RuntimeSettings]:
    own = Settings(configuration=sidecar.address("configuration"), rate_limit=7, url="u")
    found = RuntimeSettings(own, watch)
    yield found
    await found.close()


async def test_the_store_says_more_than_the_environment(
    runtime: RuntimeSettings, sidecar: Loopback
) -> None:
    sidecar.memory.configuration |= {"TASKFLOW_CHANNELS_OFF": "webhook", "TASKFLOW_URL": "evil"}
    now = await runtime.read()
    assert (now.channels_off, now.rate_limit, now.url) == ("webhook", 7, "u")
    path = "/v1.0/configuration/configuration?key=TASKFLOW_CHANNELS_OFF&key=TASKFLOW_RATE_LIMIT"
    assert sidecar.memory.asked == [("GET", path)]


async def test_a_store_that_says_nothing_leaves_everything(runtime: RuntimeSettings) -> None:
    assert (await runtime.read()).rate_limit == 7


async def test_it_is_asked_once_in_five_seconds(
    runtime: RuntimeSettings, sidecar: Loopback, watch: Watch
) -> None:
    sidecar.memory.configuration["TASKFLOW_RATE_LIMIT"] = "1"
    for _ in range(3):
        assert [one.rate_limit for one in await asyncio.gather(runtime.read(), runtime.read())] == [
            1,
            1,
        ]
    sidecar.memory.configuration["TASKFLOW_RATE_LIMIT"] = "2"
    watch.now += 4.9
    assert (await runtime.read()).rate_limit == 1
    assert len(sidecar.memory.asked) == 1
    watch.now += 0.2
    assert (await runtime.read()).rate_limit == 2
    assert len(sidecar.memory.asked) == 2


async def test_who_peeks_never_waits(runtime: RuntimeSettings, sidecar: Loopback) -> None:
    sidecar.memory.configuration["TASKFLOW_RATE_LIMIT"] = "1"
    assert runtime.peek().rate_limit == 7
    while runtime.peek().rate_limit == 7:
        await asyncio.sleep(0.005)
    assert runtime.peek().rate_limit == 1


@pytest.mark.parametrize("mode", ["breaks", "dies"])
async def test_while_the_store_is_away_what_was_known_holds(
    runtime: RuntimeSettings,
    sidecar: Loopback,
    watch: Watch,
    mode: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sidecar.memory.configuration["TASKFLOW_RATE_LIMIT"] = "1"
    await runtime.read()
    sidecar.memory.mode = mode
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            watch.now += 6
            assert (await runtime.read()).rate_limit == 1
    assert [record.message[:31] for record in caplog.records] == ["the settings stay as they were:"]
    sidecar.memory.mode = "normal"
    sidecar.memory.configuration["TASKFLOW_RATE_LIMIT"] = "2"
    watch.now += 6
    assert (await runtime.read()).rate_limit == 2


@pytest.mark.parametrize("text", ["many", "-1", "nan"])
async def test_a_value_that_cannot_be_used_changes_nothing(
    runtime: RuntimeSettings, sidecar: Loopback, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar.memory.configuration |= {"TASKFLOW_RATE_LIMIT": text, "TASKFLOW_CHANNELS_OFF": "email"}
    now = await runtime.read()
    assert (now.rate_limit, now.channels_off) == (7, "")
    assert f"TASKFLOW_RATE_LIMIT='{text}' cannot be used" in caplog.text


async def test_without_a_store_the_settings_are_the_settings() -> None:
    settings = Settings(channels_off="email")
    assert await runtime_settings(settings).read() is settings
    assert runtime_settings(settings) is runtime_settings(Settings(channels_off="email"))


def test_an_address_without_a_store_is_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"TASKFLOW_CONFIGURATION='dapr://127.0.0.1:1'"):
        RuntimeSettings(Settings(configuration="dapr://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("channels_off", "off"),
    [("", set()), ("email", {"email"}), ("email, webhook", {"email", "webhook"}), ("mail", set())],
)
def test_channels_are_switched_off_by_name(channels_off: str, off: set[str]) -> None:
    settings = Settings(channels_off=channels_off)
    assert {kind for kind in ("email", "webhook") if is_off(settings, kind)} == off
