"""The platform at home: everything started in order, kept alive, and ended in order."""

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TypeVar

from aiokafka.errors import KafkaError

from local import process
from local.after_restore import check_order
from local.fleet import Fleet
from local.gateway import Gateway
from local.ground import Kept, Running
from local.health import watch_health
from local.kafka import Kafka, choose_ports, start_kafka
from local.postgres import Postgres, start_postgres
from local.read_manifests import read_manifests
from local.replay import replay
from local.secret_files import find_secrets
from local.show import Display, Warnings, choose_display
from local.tend import Folders, care_for_topics, has_topics, tend_for_ever
from taskflow.database import AWAY
from taskflow.door import calm_collector
from taskflow.errors import Unavailable
from taskflow.migrate import migrate
from taskflow.publish import open_publisher
from taskflow.settings import Settings
from taskflow.zone_rules import follow_rules

GATEWAY_POOL = "10"
LOOPBACK = "127.0.0.0/8,::1/128"
REPLAYED = timedelta(hours=1)
S = TypeVar("S", bound=Running)

log = logging.getLogger("taskflow.local")


async def run(settings: Settings) -> None:
    """The whole platform until SIGINT or SIGTERM.

    Raises process.AlreadyRunning, process.StartFailed, ManifestError.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    display = choose_display()
    with process.claim(settings.data):
        log_to(settings.data / "logs" / "platform.log", display)
        platform = Platform(settings, Folders(), display)
        try:
            await first_of(platform.start(), stop.wait())
            await stop.wait()
        finally:
            display.close()
            display.say("TaskFlow finishes what was begun and stops.")
            await platform.stop()


def log_to(file: Path, display: Display) -> None:
    """Everything into the file; our own warnings to the display as well."""
    logging.basicConfig(
        stream=TextIOWrapper(process.open_log(file), write_through=True),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    log.addHandler(Warnings(display))


async def first_of(*work: Coroutine[Any, Any, object]) -> None:
    """Returns when one of them is done, having cancelled the others; raises what it raised."""
    tasks = [asyncio.create_task(one) for one in work]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()


async def all_of(*work: Coroutine[Any, Any, None]) -> None:
    """Runs them at once, waits for all, then raises what the first that failed raised."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


class Platform:
    """What runs now, and how it is ended."""

    def __init__(
        self, settings: Settings, folders: Folders, display: Display, *, gateway: bool = True
    ) -> None:
        manifests = read_manifests(folders.keda, folders.dapr, folders.topics)
        self._settings = settings
        self._folders = folders
        self._display = display
        self._data = settings.data.resolve()
        self._logs = self._data / "logs"
        self._env = child_environment(os.environ)
        self._servers: list[Kept[Any]] = []
        self._background: list[asyncio.Task[None]] = []
        self._gateway = self._make_gateway() if gateway else None
        self.kafka = settings.kafka
        self.fleet = Fleet(manifests, settings, self._env, told=self._show)

    @property
    def database(self) -> str:
        return self._env["TASKFLOW_DATABASE"]

    async def start(self) -> None:
        """Returns when the gateway answers and every function is fed.

        The gateway loads while Kafka starts: each takes about a second.
        """
        self._env["TASKFLOW_DATA"] = str(self._data)
        self._env |= find_secrets(self._settings, self._data)
        if not self.kafka:
            self.kafka = foresee_kafka(self._data / "kafka")
        database = asyncio.create_task(self._start_database())
        await all_of(self._start_functions(database), self._start_gateway(database))
        self._in_background(tend_for_ever(self.kafka, self._folders, self._logs))
        self._in_background(self._follow_rules())
        if self._display.is_watched:
            self._in_background(watch_health(lambda: self.database, self._note))
        calm_collector()
        self._show()

    async def _start_database(self) -> None:
        url = self._settings.database
        if not url:
            postgres = Kept("PostgreSQL", self._start_postgres, self._move_database)
            url = (await self._start_kept(postgres)).url
        self._env["TASKFLOW_DATABASE"] = url
        await migrate(url)

    async def _start_postgres(self) -> Postgres:
        return await start_postgres(self._data)

    async def _move_database(self, postgres: Postgres) -> None:
        if postgres.url != self.database:
            self._env["TASKFLOW_DATABASE"] = postgres.url
            if self._gateway is not None:
                await self._gateway.restart()
            await self.fleet.restart()

    async def _start_functions(self, database: "asyncio.Task[None]") -> None:
        lost = False
        if not self._settings.kafka:
            kafka = Kept("Kafka", self._start_kafka, self._refuse_move)
            lost = (await self._start_kept(kafka)).recovered
        if not await has_topics(self.kafka, self.fleet.manifests):
            await care_for_topics("create", self.kafka, self._folders, self._logs)
        await database
        await self._check_order()
        await self.fleet.start(self.kafka, self._logs)
        if lost:
            self._in_background(self._replay())

    async def _check_order(self) -> None:
        """Raises SetBack. Servers that are given need not belong together; ours do."""
        if self._settings.database or self._settings.kafka:
            return
        try:
            await check_order(self.database, self.kafka)
        except (Unavailable, KafkaError, *AWAY) as error:
            log.warning("whether PostgreSQL is as new as Kafka is not known: %s", error)

    async def _replay(self) -> None:
        """Kafka does not wait for the disk: after a power cut PostgreSQL may know more than it."""
        publisher = open_publisher(f"kafka://{self.kafka}")
        try:
            count = await replay(self.database, publisher, datetime.now(UTC) - REPLAYED)
            log.warning("Kafka was not stopped in order: %d events are published again", count)
        except (Unavailable, *AWAY) as error:
            log.warning("what Kafka may have lost is not published again: %s", error)
        finally:
            await publisher.close()

    async def _follow_rules(self) -> None:
        try:
            count = await follow_rules(self.database, datetime.now(UTC))
        except AWAY as error:
            log.warning("new rules of time zones are looked for at the next start: %s", error)
        else:
            log.info("%d people are in zones that have new rules", count)

    async def _start_kafka(self) -> Kafka:
        return await start_kafka(self._data, self._display.say)

    async def _refuse_move(self, kafka: Kafka) -> None:
        if kafka.bootstrap != self.kafka:
            log.error("Kafka's port was taken while it was down: TaskFlow must be started anew")
            os.kill(os.getpid(), signal.SIGTERM)

    async def _start_kept(self, kept: Kept[S]) -> S:
        self._servers.append(kept)
        server = await kept.start()
        kept.keep()
        return server

    def _make_gateway(self) -> Gateway:
        return Gateway(self._settings.port, self._gateway_environment, self._logs)

    def _gateway_environment(self) -> dict[str, str]:
        return {
            **self._env,
            "TASKFLOW_DATABASE_ROLE": "taskflow_gateway",
            "TASKFLOW_DATABASE_POOL": GATEWAY_POOL,
            "TASKFLOW_PUBLISH": f"kafka://{self.kafka}",
            "TASKFLOW_PLATFORM": f"http://127.0.0.1:{self.fleet.port}",
        }

    async def _start_gateway(self, database: "asyncio.Task[None]") -> None:
        await asyncio.wait((database,))
        if self._gateway is not None and not database.cancelled() and not database.exception():
            await self._gateway.start()
            self._display.say(f"TaskFlow is at http://localhost:{self._settings.port}")

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self._background.append(asyncio.create_task(work))

    def _show(self) -> None:
        self._display.show(self.fleet.read_state().functions)

    def _note(self, line: str) -> None:
        self._display.note(line)
        self._show()

    async def stop(self) -> None:
        """First who asks, then who works, then what they stand on."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._gateway is not None:
            await self._gateway.stop()
        await self.fleet.stop()
        await all_of(*(server.stop() for server in self._servers))


def foresee_kafka(home: Path) -> str:
    """Where Kafka will listen, chosen before it starts so that others can be told."""
    home.mkdir(parents=True, exist_ok=True)
    port, _ = choose_ports(home / "ports")
    return f"127.0.0.1:{port}"


def child_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What all children are given. Without bytecode a cold start takes three times as long; and at
    home webhooks may stay on the machine."""
    kept = {name: value for name, value in ours.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {"TASKFLOW_WEBHOOK_ALLOW": LOOPBACK, **kept}
