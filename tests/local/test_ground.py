"""Servers that are started again when they die, with real processes that stand for them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from local import process
from local.ground import Kept
from tests.local.home import until


@dataclass
class Sleeper:
    """A server that only sleeps."""

    process: asyncio.subprocess.Process

    async def stop(self) -> None:
        await process.end(self.process, SIGTERM)


class World:
    """Starts sleepers, the second time only after some failures."""

    def __init__(self, folder: Path, failures: int = 0) -> None:
        self.log = folder / "log"
        self.failures = failures
        self.started: list[Sleeper] = []
        self.moved: list[Sleeper] = []

    async def start(self) -> Sleeper:
        if self.started and self.failures:
            self.failures -= 1
            raise process.StartFailed("not yet")
        child = await process.spawn(["/bin/sleep", "600"], log=self.log)
        self.started.append(Sleeper(child))
        return self.started[-1]

    async def move(self, server: Sleeper) -> None:
        self.moved.append(server)


@pytest.mark.parametrize("failures", [0, 1])
async def test_a_server_that_dies_is_started_again(tmp_path: Path, failures: int) -> None:
    world = World(tmp_path, failures)
    kept = Kept("Sleep", world.start, world.move)
    first = await kept.start()
    kept.keep()
    first.process.send_signal(SIGKILL)
    await until(lambda: len(world.moved) == 1, "it is started again")
    assert world.moved == world.started[1:]
    await kept.stop()
    assert [one.process.returncode for one in world.started] == [-SIGKILL, -SIGTERM]


async def test_one_that_is_stopped_stays_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    kept = Kept("Sleep", world.start, world.move)
    await kept.start()
    kept.keep()
    await kept.stop()
    assert (len(world.started), world.moved) == (1, [])
