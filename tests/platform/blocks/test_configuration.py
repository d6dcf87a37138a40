"""What an operator changes while everything runs, through the real configuration API over the table
of the migrations.
"""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from msgspec import structs

from taskflow.runtime_settings import CHANGEABLE, RuntimeSettings
from taskflow.settings import Settings
from tests.platform.blocks.sidecars import (
    Place,
    Running,
    give_values,
    need_component,
    open_sdk,
    read_resource,
    run_sidecar,
)

SET = """
INSERT INTO runtime_settings (key, value) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value
"""

pytestmark = need_component("configuration/postgres")


class Watch:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def sidecar(
    place: Place, database_url: str, owner: asyncpg.Connection
) -> AsyncIterator[Running]:
    """As the role that may read this table and nothing else, and may log in as on a cluster."""
    await owner.execute("ALTER ROLE taskflow_configuration LOGIN")
    url = database_url.replace("postgres:@", "taskflow_configuration:@")
    component = give_values(read_resource("dapr/change.configuration-store"), connectionString=url)
    async with run_sidecar(place, "gateway", [component], allows=["configuration"]) as running:
        yield running


async def test_a_change_is_seen_while_it_runs_and_by_dapr_s_own_client_alike(
    sidecar: Running, owner: asyncpg.Connection, settings: Settings
) -> None:
    watch = Watch()
    configured = structs.replace(settings, configuration=sidecar.address("configuration"))
    ours = RuntimeSettings(configured, clock=watch)
    assert (await ours.read()).channels_off == settings.channels_off
    await owner.execute(SET, "TASKFLOW_CHANNELS_OFF", "webhook")
    await owner.execute(SET, "TASKFLOW_RATE_LIMIT", "7")
    watch.now += 60
    now = await ours.read()
    assert (now.channels_off, now.rate_limit) == ("webhook", 7)
    async with open_sdk(sidecar) as client:
        theirs = (await client.get_configuration("configuration", list(CHANGEABLE))).items
    assert {name: item.value for name, item in theirs.items()} == {
        "TASKFLOW_CHANNELS_OFF": "webhook",
        "TASKFLOW_RATE_LIMIT": "7",
    }
    await ours.close()


async def test_what_was_known_holds_while_the_store_is_away(
    sidecar: Running, owner: asyncpg.Connection, settings: Settings
) -> None:
    watch = Watch()
    configured = structs.replace(settings, configuration=sidecar.address("configuration"))
    ours = RuntimeSettings(configured, clock=watch)
    await owner.execute(SET, "TASKFLOW_CHANNELS_OFF", "email")
    assert (await ours.read()).channels_off == "email"
    await sidecar.kill()
    watch.now += 60
    assert (await ours.read()).channels_off == "email"
    await ours.close()
