"""The platform at home: everything started in order, kept alive, and ended in order."""

import asyncio
import logging
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec import Struct

from local import process
from local.fleet import Fleet
from local.gateway import Gateway
from local.ground import Kept
from local.kafka import Kafka, start_kafka
from local.manifests import Manifests, read_manifests
from local.postgres import Postgres, start_postgres
from local.replica import ROOT
from local.show import Display, choose_display
from taskflow.migrate import migrate
from taskflow.settings import Settings

TEND_SECONDS = 3600.0

log = logging.getLogger("taskflow.local")


class Folders(Struct, frozen=True):
    """Where the manifests are."""

    keda: Path = ROOT / "keda"
    dapr: Path = ROOT / "dapr"
    topics: Path = ROOT / "infra/kubernetes/base/topics"


async def run(settings: Settings) -> None:
    """The whole platform until SIGINT or SIGTERM.

    Raises process.AlreadyRunning, process.StartFailed, ManifestError.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with process.claim(settings.data):
        platform = Platform(settings, Folders(), choose_display())
        starting = asyncio.create_task(platform.start())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
        finally:
            starting.cancel()
            stopping.cancel()
            await asyncio.gather(starting, stopping, return_exceptions=True)
            await platform.stop()


class Platform:
    """What runs now; parts are ended in the reverse order of their start."""

    def __init__(
        self, settings: Settings, folders: Folders, display: Display, *, gateway: bool = True
    ) -> None:
        self.settings = settings
        self.manifests: Manifests = read_manifests(folders.keda, folders.dapr, folders.topics)
        self._folders = folders
        self._display = display
        self._with_gateway = gateway
        self._env = dict(os.environ)
        self._parts = AsyncExitStack()
        self._logs = settings.data.resolve() / "logs"
        self._gateway: Gateway | None = None
        self.fleet = Fleet(self.manifests, settings, self._env, told=self._show)
        self.kafka = settings.kafka

    @property
    def database(self) -> str:
        return self._env["TASKFLOW_DATABASE"]

    async def start(self) -> None:
        """Returns when the gateway answers and every function is fed."""
        data = self.settings.data.resolve()
        self._env["TASKFLOW_DATA"] = str(data)
        self._env["TASKFLOW_SECRET"] = self.settings.secret or keep_secret(data / "secret")
        await asyncio.gather(self._start_database(), self._start_log())
        await self.fleet.start(self.kafka, self._logs)
        self._parts.push_async_callback(self.fleet.stop)
        if self._with_gateway:
            await self._start_gateway()
        self._in_background(self._tend())
        self._show()

    async def _start_database(self) -> None:
        url = self.settings.database
        if not url:
            kept = Kept("PostgreSQL", self._start_postgres, self._move_database)
            url = (await self._start_kept(kept)).url
        self._env["TASKFLOW_DATABASE"] = url
        await migrate(url)

    async def _start_postgres(self) -> Postgres:
        return await start_postgres(self.settings.data)

    async def _move_database(self, postgres: Postgres) -> None:
        if postgres.url != self.database:
            self._env["TASKFLOW_DATABASE"] = postgres.url
            if self._gateway is not None:
                await self._gateway.restart()
            await self.fleet.restart()

    async def _start_log(self) -> None:
        if not self.kafka:
            kept = Kept("Kafka", self._start_kafka, self._check_kafka)
            self.kafka = (await self._start_kept(kept)).bootstrap
        if not await self._has_topics():
            await self._tend_topics()

    async def _start_kafka(self) -> Kafka:
        return await start_kafka(self.settings.data, self._display.say)

    async def _check_kafka(self, kafka: Kafka) -> None:
        if kafka.bootstrap != self.kafka:
            log.error("Kafka came back at %s instead of %s", kafka.bootstrap, self.kafka)
            os.kill(os.getpid(), signal.SIGTERM)
