"""`taskflow after-restore` at home: on the data folder of a TaskFlow that is stopped, with
PostgreSQL, Kafka and write_task alone; apart, because a cluster has none of them here.
"""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

from msgspec import structs

from local import process
from local.after_restore import WRITER
from local.catch_up import Ground, Say, read_lag, recover_on, wait_for_writer
from local.fleet import Fleet
from local.kafka import start_kafka
from local.manifests import Manifests
from local.place import find_audit_secrets
from local.postgres import start_postgres
from local.read_manifests import read_manifests
from local.replay import replay
from local.tend import Folders, care_for_topics, has_topics
from local.up import REPLAYED, child_environment
from taskflow.migrate import migrate
from taskflow.publish import open_publisher
from taskflow.settings import Settings


async def recover_here(settings: Settings, margin: timedelta, say: Say) -> None:
    """The whole way, with TaskFlow stopped. Raises process.AlreadyRunning, process.StartFailed,
    Unavailable."""
    folders, logs = Folders(), settings.data.resolve() / "logs"
    manifests = read_manifests(folders.keda, folders.dapr, folders.topics)
    with process.claim(settings.data):
        async with stand(settings, say) as ground:
            if not await has_topics(ground.kafka, manifests):
                await care_for_topics("create", ground.kafka, folders, logs)
            await migrate(ground.database)
            await recover_on(ground, manifests, margin, say)
            await write_alone(settings, manifests, ground, say)
            if ground.crashed:
                await _replay(ground)


@asynccontextmanager
async def stand(settings: Settings, say: Say) -> AsyncIterator[Ground]:
    """What settings name, or servers of the data folder, started for this and ended after it."""
    async with AsyncExitStack() as stack:
        database, kafka, crashed = settings.database, settings.kafka, False
        if not database:
            postgres = await start_postgres(settings.data)
            stack.push_async_callback(postgres.stop)
            database = postgres.url
        if not kafka:
            broker = await start_kafka(settings.data, say)
            stack.push_async_callback(broker.stop)
            kafka, crashed = broker.bootstrap, broker.recovered
        yield Ground(database, kafka, find_audit_secrets(settings), crashed)


async def write_alone(settings: Settings, manifests: Manifests, ground: Ground, say: Say) -> None:
    """Has write_task carry out what it was given, before anybody else acts on what is not yet true
    again: a reminder of a task that was completed since, say."""
    if not await read_lag(ground):
        return
    one = structs.replace(manifests, functions={WRITER: manifests.functions[WRITER]})
    fleet = Fleet(one, settings, _environment(settings, ground))
    logs = settings.data.resolve() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    try:
        await fleet.start(ground.kafka, logs)
        await wait_for_writer(ground, say)
    finally:
        await fleet.stop()


def _environment(settings: Settings, ground: Ground) -> dict[str, str]:
    return {
        **child_environment(os.environ),
        "TASKFLOW_DATA": str(settings.data.resolve()),
        "TASKFLOW_DATABASE": ground.database,
        "TASKFLOW_SECRET": ground.secrets[0],
    }


async def _replay(ground: Ground) -> None:
    """What the platform does after an unclean stop, of which the next start will see nothing."""
    publisher = open_publisher(f"kafka://{ground.kafka}")
    try:
        await replay(ground.database, publisher, datetime.now(UTC) - REPLAYED)
    finally:
        await publisher.close()
