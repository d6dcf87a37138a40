"""A small platform for tests: functions of their own on the session's Kafka and PostgreSQL."""

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from local.fleet import Fleet
from local.manifests import (
    Function,
    LagTrigger,
    Manifests,
    Retry,
    Subscription,
    Topic,
)
from taskflow.events import SignedUp, encode, new_event
from taskflow.settings import Settings

NUMBERS = itertools.count()
PATIENCE = 20.0
DOOR = "tests.local.functions.note:"


async def until(true: Callable[[], object], what: str) -> None:
    """Returns when it is so; fails, naming `what`, when that takes too long."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not true():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


def event(number: int | str, **detail: Any) -> bytes:
    """An event that the functions of these tests obey; its id is its number."""
    fact = SignedUp(user_id="u", actor_id="u", timestamp=datetime.now(UTC), detail=detail)
    return encode(new_event(fact, id=str(number), source="test", time=datetime.now(UTC)))


def make_function(name: str, door: str, topic: Topic, **other: Any) -> Function:
    """A function fed singly from one topic, its dead letters beside it."""
    bulk = other.pop("bulk", 0)
    given: dict[str, Any] = {
        "env": {},
        "concurrency": 0,
        "replicas": 1,
        "polling_seconds": 1,
        "lags": (LagTrigger(topic.name, 10, 0),),
        "queries": (),
        "subscriptions": (Subscription(topic.name, "/", f"{name}-dead-letters", bulk, False),),
        "ticks": (),
    }
    return Function(app_id=name, door=DOOR + door, **{**given, **other})


class Home:
    """A fleet of such functions with the ends that a test holds."""

    def __init__(
        self, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer, settings: Settings
    ) -> None:
        host, port, _ = producer.client.hosts[0]
        self.bootstrap = f"{host}:{port}"
        self.admin = admin
        self.producer = producer
        self.settings = settings
        self.data = settings.data
        self.fleet: Fleet | None = None

    async def topics(self, *partitions: int) -> list[Topic]:
        """New topics with so many partitions."""
        made = [Topic(f"notes-{next(NUMBERS)}", count, {}) for count in partitions]
        await self.create(*made)
        return made

    async def create(self, *topics: Topic) -> None:
        await self.admin.create_topics([NewTopic(one.name, one.partitions, 1) for one in topics])
        for topic in topics:
            await self.producer.partitions_for(topic.name)

    @asynccontextmanager
    async def running(
        self, functions: Sequence[Function], topics: Sequence[Topic], ceiling: float = 0.1
    ) -> AsyncIterator[Fleet]:
        manifests = Manifests(
            pubsub="taskflow",
            functions={one.app_id: one for one in functions},
            topics={one.name: one for one in topics},
            retry=Retry(first=0.02, ceiling=ceiling, timeout=10),
        )
        env = {**os.environ, "TASKFLOW_DATA": str(self.data)}
        env["TASKFLOW_DATABASE"] = self.settings.database
        fleet = Fleet(manifests, self.settings, env)
        await fleet.start(self.bootstrap, self.data)
        try:
            yield fleet
        finally:
            await fleet.stop()

    async def send(
        self, topic: Topic, *values: bytes | None, partition: int = 0, key: bytes = b"k"
    ) -> None:
        sent = [
            await self.producer.send(topic.name, value, key=key, partition=partition)
            for value in values
        ]
        await asyncio.gather(*sent)

    def notes(self, kind: str) -> list[Any]:
        """What was noted under `kind`, in order."""
        return [line[kind] for line in self.lines() if kind in line]

    def lines(self) -> list[dict[str, Any]]:
        try:
            text = (self.data / "notes").read_text()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines(keepends=True) if line[-1] == "\n"]

    def flag(self, name: str) -> Path:
        """A file that is there until somebody removes it."""
        file = self.data / name
        file.touch()
        return file
