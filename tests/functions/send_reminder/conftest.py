"""The world of a reminder: one person in Paris, reachable by mail and by webhook."""

from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from taskflow.settings import Settings
from tests.functions.send_reminder.world import (
    Endpoint,
    Owner,
    Postbox,
    World,
    serve_endpoint,
    serve_postbox,
)


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serve_endpoint(Endpoint()) as serving:
        yield serving


@pytest.fixture
async def bare_world(
    settings: Settings, owner: Owner, user_id: str, postbox: Postbox
) -> AsyncIterator[World]:
    """A person without any channel."""
    async with serve_postbox(postbox) as smtp:
        own = structs.replace(
            settings, smtp=smtp, webhook_allow="127.0.0.0/8", url="https://tasks.example/"
        )
        world = World(own, owner, user_id)
        yield world
        await world.close()


@pytest.fixture
async def world(bare_world: World, endpoint: Endpoint) -> World:
    """A person with a mail address and a webhook."""
    await bare_world.add_channel("email", "ann@example.com")
    await bare_world.add_channel("webhook", endpoint.url)
    return bare_world
