"""Every story of the page, against the whole system at home: `make test-web`."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.web.conftest import ROOT, Story

PATIENCE = 120.0
ADMIN = "admin@example.com"
PASSWORD = "a good password"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
async def address(story: Story, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A running system with data of its own and an admin."""
    port, data = free_port(), tmp_path_factory.mktemp("taskflow")
    settings = {"PORT": str(port), "TASKFLOW_DATA": str(data), "TASKFLOW_COOLDOWN": "5"}
    env = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    with (data / "start.log").open("wb") as log:
        platform = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "local", "up", cwd=ROOT, env=env, stdout=log, stderr=log
        )
        try:
            await wait_until_ready(f"http://localhost:{port}", platform, data / "start.log")
            await make_admin(f"http://localhost:{port}", env)
            os.environ |= {
                "PAGE_PLATFORM": str(platform.pid),
                "PAGE_DATA": str(data),
                "PAGE_PYTHON": sys.executable,
            }
            yield f"http://localhost:{port}"
        finally:
            if platform.returncode is None:
                platform.terminate()
            await platform.wait()


async def wait_until_ready(address: str, platform: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as client:
        while True:
            assert platform.returncode is None, log.read_text()
            try:
                if (await client.get(f"{address}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


async def make_admin(address: str, env: dict[str, str]) -> None:
    async with httpx.AsyncClient() as client:
        body = {"email": ADMIN, "password": PASSWORD, "timezone": "Europe/Paris"}
        (await client.post(f"{address}/v1/auth/signup", json=body)).raise_for_status()
    grant = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "local", "admin", "grant", ADMIN, "admin", cwd=ROOT, env=env
    )
    assert await grant.wait() == 0


@pytest.mark.timeout(2400)
@pytest.mark.parametrize(
    "file", ["short.test.mjs", "stories.test.mjs", "features.test.mjs", "machine.test.mjs"]
)
async def test_stories(story: Story, address: str, file: str) -> None:
    argv, env = story(file, address)
    told = await asyncio.create_subprocess_exec(*argv, env=env)
    assert await told.wait() == 0, f"a story of {file} failed; its words stand above"
