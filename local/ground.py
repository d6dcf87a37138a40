"""The servers that everything stands on, PostgreSQL and Kafka: given by settings, or started here,
started again when they die, and ended last.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from local.process import StartFailed

RETRY_SECONDS = 1.0

log = logging.getLogger("taskflow.local")


class Running(Protocol):
    """A server that was started here."""

    @property
    def process(self) -> asyncio.subprocess.Process: ...

    async def stop(self) -> None: ...


S = TypeVar("S", bound=Running)


class Kept(Generic[S]):
    """One server that is started again whenever it ends by itself; `moved` is awaited after each
    new start, because its address may be another one."""

    def __init__(
        self, name: str, start: Callable[[], Awaitable[S]], moved: Callable[[S], Awaitable[None]]
    ) -> None:
        self._name = name
        self._start = start
        self._moved = moved
        self._server: S | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> S:
        self._server = await self._start()
        return self._server

    def keep(self) -> None:
        """From now on, start it again when it ends."""
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        assert self._server is not None
        while True:
            code = await self._server.process.wait()
            log.error("%s ended with code %s and is started again", self._name, code)
            self._server = await self._start_again()
            await self._moved(self._server)

    async def _start_again(self) -> S:
        while True:
            try:
                return await self._start()
            except (StartFailed, OSError) as error:
                log.error("%s does not start: %s", self._name, error)
                await asyncio.sleep(RETRY_SECONDS)

    async def stop(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._server is not None:
            await self._server.stop()
