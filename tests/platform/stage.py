"""A platform of real programs for the length of a test or a measurement: the log, a database and
the pods of some functions, with the ways to put something in and to see what came of it.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from taskflow.events import Event
from taskflow.publish import KafkaPublisher, publish_events
from tests.platform.log import Log
from tests.platform.pods import (
    Pod,
    Program,
    Surroundings,
    read_programs,
    render_resources,
)

PATIENCE = 100.0
SECRET = "a secret for tests, long enough"
GATEWAY = "gateway"
ADD_PERSON = """
INSERT INTO users (id, email, email_key, timezone, created_at, email_verified)
VALUES ($1, $2, $2, 'Europe/Paris', now(), true)
"""


class Stage:
    """What a test holds."""

    def __init__(self, log: Log, database: str, around: Surroundings) -> None:
        self.log = log
        self.database = database
        self.around = around
        self.pods: dict[str, Pod] = {}
        self.publisher = KafkaPublisher(log.bootstrap)

    async def start(self, programs: Iterable[Program]) -> None:
        """Starts pods, all at once."""
        added = {program.app_id: Pod(program, self.around) for program in programs}
        self.pods |= added
        await asyncio.gather(*(pod.start() for pod in added.values()))

    async def add_person(self) -> str:
        """A person in Paris; the id."""
        person = str(uuid4())
        await self.execute(ADD_PERSON, person, f"{person}@example.com")
        return person

    async def send(self, events: Iterable[Event[Any]]) -> None:
        """Publishes as the gateway does, again and again until the log has taken everything."""
        waiting = list(events)
        while waiting:
            failed = await publish_events(self.publisher, waiting)
            waiting = [event for event in waiting if event.id in failed]

    async def fetch(self, sql: str, *values: object) -> list[Any]:
        """The rows as tuples."""
        db = await asyncpg.connect(self.database)
        try:
            return [tuple(row) for row in await db.fetch(sql, *values)]
        finally:
            await db.close()

    async def execute(self, sql: str, *values: object) -> None:
        db = await asyncpg.connect(self.database)
        try:
            await db.execute(sql, *values)
        finally:
            await db.close()

    async def until_done(self, *subscriptions: tuple[str, str]) -> None:
        """Returns when each (group, topic) has committed everything."""
        for group, topic in subscriptions:

            async def is_done(group: str = group, topic: str = topic) -> bool:
                return not await self.log.lag(group, topic)

            await until(is_done, f"all of {topic} done by {group}")

    async def dead_letters(self, *app_ids: str) -> list[Any]:
        """The records in their dead-letter topics."""
        names = [f"{app_id}-dead-letters" for app_id in app_ids]
        return [record for name in names for record in await self.log.read(name)]

    async def stop(self) -> None:
        await asyncio.gather(*(pod.stop() for pod in self.pods.values()))
        await self.publisher.close()


async def until(
    true: Callable[[], Awaitable[object]], what: str, patience: float = PATIENCE
) -> None:
    """Returns when it is so; fails, naming `what`, when that takes too long."""
    try:
        async with asyncio.timeout(patience):
            while not await true():
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


def surround(
    daprd: Path, folder: Path, bootstrap: str, database: str, more: Mapping[str, str]
) -> Surroundings:
    """What pods need beside their manifests, with everything they write below `folder`."""
    resources = folder / "resources"
    configuration = render_resources(resources, bootstrap)
    env = {"TASKFLOW_DATABASE": database, "TASKFLOW_SECRET": SECRET, "TASKFLOW_DATA": str(folder)}
    # Nobody here opens a letter to confirm an address, and a test asks faster than a person.
    env |= {"TASKFLOW_VERIFY": "off", "TASKFLOW_RATE_LIMIT": "0"}
    return Surroundings(
        daprd=daprd,
        resources=resources,
        configuration=configuration,
        env={**env, **more},
        token=secrets.token_hex(),
        logs=folder / "logs",
    )


@asynccontextmanager
async def staged(
    log: Log, database: str, around: Surroundings, *app_ids: str
) -> AsyncIterator[Stage]:
    """A stage with the pods of these functions."""
    stage = Stage(log, database, around)
    programs = read_programs()
    try:
        await stage.start([programs[app_id] for app_id in app_ids])
        yield stage
    finally:
        await stage.stop()
