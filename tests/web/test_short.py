"""The page's first minute in a real browser, against the gateway with the real functions behind a
log in memory; the whole of its stories is `make test-web`.
"""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from fastapi import FastAPI

from tests.gateway.conftest import app, gateway_settings, live_log
from tests.web.conftest import Story

__all__ = ["app", "gateway_settings", "live_log"]


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_level="error", ws="websockets-sansio")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://localhost:{listening.getsockname()[1]}"
    server.should_exit = True
    await serving


async def test_the_first_minute(story: Story, address: str) -> None:
    argv, env = story("short.test.mjs", address)
    told = await asyncio.create_subprocess_exec(
        *argv, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await told.communicate()
    assert told.returncode == 0, output.decode()
