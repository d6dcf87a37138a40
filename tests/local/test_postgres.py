"""The server at home, for real: what it keeps, however it ends, and that it starts again."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL

import asyncpg
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from local import process
from local.postgres import Postgres, start_postgres

PARENT = """
import asyncio, sys
from pathlib import Path
from local.postgres import start_postgres

async def main() -> None:
    print((await start_postgres(Path(sys.argv[1]))).pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
ENDLESS = "SELECT count(*) FROM generate_series(1, 1000000000000)"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data directory for all tests: each leaves it stopped in order."""
    return tmp_path_factory.mktemp("home")


@asynccontextmanager
async def connected(postgres: Postgres) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    db = await asyncpg.connect(postgres.url)
    try:
        yield db
    finally:
        await db.close()


async def write(postgres: Postgres, note: str) -> None:
    async with connected(postgres) as db:
        await db.execute("CREATE TABLE IF NOT EXISTS notes (note text)")
        await db.execute("INSERT INTO notes VALUES ($1)", note)


async def is_kept(postgres: Postgres, note: str) -> bool:
    async with connected(postgres) as db:
        return bool(await db.fetchval("SELECT count(*) FROM notes WHERE note = $1", note))


async def test_a_restart_keeps_the_data(data: Path) -> None:
    postgres = await start_postgres(data)
    await write(postgres, "restart")
    await postgres.stop()
    assert postgres.process.returncode == 0
    again = await start_postgres(data)
    assert await is_kept(again, "restart")
    assert (postgres.recovered, again.recovered) == (False, False)
    assert again.url == postgres.url
    await again.stop()


async def test_a_kill_keeps_what_was_acknowledged(data: Path) -> None:
    postgres = await start_postgres(data)
    await write(postgres, "kill")
    os.kill(postgres.pid, SIGKILL)
    await postgres.process.wait()
    again = await start_postgres(data)
    assert again.recovered
    assert await is_kept(again, "kill")
    await again.stop()


async def test_a_kill_amid_a_statement_does_not_bar_the_next_start(data: Path) -> None:
    postgres = await start_postgres(data)
    db = await asyncpg.connect(postgres.url)
    session = psutil.Process(db.get_server_pid())
    statement = asyncio.create_task(db.fetchval(ENDLESS))
    while "SELECT" not in session.cmdline()[0]:
        await asyncio.sleep(0.01)
    os.kill(postgres.pid, SIGKILL)
    await postgres.process.wait()
    again = await start_postgres(data)
    assert again.recovered and not process.is_alive(session)
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.CrashShutdownError)):
        await statement
    db.terminate()
    await again.stop()


async def test_a_stray_is_stopped_before_the_start(data: Path) -> None:
    stray = await start_postgres(data)
    await write(stray, "stray")
    postgres = await start_postgres(data)
    assert await stray.process.wait() == 0
    assert not postgres.recovered and await is_kept(postgres, "stray")
    await postgres.stop()


async def test_the_server_ends_in_order_with_a_killed_parent(data: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", PARENT, str(data)],
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert parent.stdout is not None
    server = psutil.Process(int(await parent.stdout.readline()))
    parent.kill()
    await parent.communicate()
    await process.Stray(server).wait()
    postgres = await start_postgres(data)
    assert not postgres.recovered
    await postgres.stop()


async def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.new" / "base").mkdir(parents=True)
    postgres = await start_postgres(tmp_path)
    await write(postgres, "made")
    await postgres.stop()
    assert not (tmp_path / "postgres.new").exists()


async def test_a_failed_start_tells_why(data: Path) -> None:
    settings = data / "postgres" / "postgresql.auto.conf"
    before = settings.read_text()
    settings.write_text("no_such_setting = 1\n")
    with pytest.raises(process.StartFailed, match="no_such_setting"):
        await start_postgres(data)
    settings.write_text(before)


async def test_a_long_path_is_served_from_a_short_private_folder(data: Path) -> None:
    far = data / ("deep" * 20) / "home"
    postgres = await start_postgres(far)
    await write(postgres, "far")
    folder = Path("/tmp") / postgres.url.split("host=/tmp/")[1].split("&")[0]
    await postgres.stop()
    folder.chmod(0o755)
    with pytest.raises(process.StartFailed, match="not private"):
        await start_postgres(far)
    folder.rmdir()


async def test_no_commit_is_lost_and_times_are_utc(data: Path) -> None:
    postgres = await start_postgres(data)
    wanted = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    wanted |= {"TimeZone": "UTC", "server_encoding": "UTF8", "listen_addresses": "", "jit": "off"}
    async with connected(postgres) as db:
        found = {name: await db.fetchval(f"SHOW {name}") for name in wanted}
    await postgres.stop()
    assert found == wanted


async def test_letters_of_every_script_count_as_letters(data: Path) -> None:
    postgres = await start_postgres(data)
    async with connected(postgres) as db:
        await db.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        await db.execute("CREATE EXTENSION IF NOT EXISTS unaccent")
        assert await db.fetchval("SELECT lower('ŽÄΩ') || unaccent('Crème')") == "žäωCreme"
        assert await db.fetchval("SELECT similarity('Žluťoučký', 'žluťoučký')") == 1
        assert await db.fetchval("SELECT similarity('Ωμέγα', 'Άλφα')") == 0
        assert await db.fetchval("SELECT similarity('会議の準備', '会議の準備')") == 1
    await postgres.stop()


async def test_sqlalchemy_reads_the_url(data: Path) -> None:
    postgres = await start_postgres(data)
    engine = create_async_engine(postgres.url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.connect() as db:
        assert await db.scalar(text("SELECT current_database()")) == "taskflow"
    await engine.dispose()
    await postgres.stop()
