"""Workers under the roles that they have on a cluster, closed when their test ends."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TypeAlias

import asyncpg
import pytest
from msgspec import structs

from taskflow.database import Database
from taskflow.serve import Main, Worker
from taskflow.settings import Settings
from tests.functions.commands import NOW, CheckedPublisher

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
OpenWorker: TypeAlias = Callable[..., Worker]


@pytest.fixture
async def open_worker(settings: Settings) -> AsyncIterator[OpenWorker]:
    """Opens workers of a function's `main`: its own role, one connection, a clock that stands."""
    opened: list[Worker] = []

    def open_one(main: Main, now: datetime = NOW, **more: object) -> Worker:
        own = structs.replace(
            settings,
            **{"database_role": f"taskflow_{main.function.name}", "database_pool": 1, **more},
        )
        worker = Worker(
            main.function,
            database=Database(own),
            publisher=CheckedPublisher(),
            settings=own,
            clock=lambda: now,
        )
        opened.append(worker)
        return worker

    yield open_one
    for worker in opened:
        await worker.close()
