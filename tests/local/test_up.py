"""The whole command: it starts, keeps alive, refuses a second one, survives being killed, and
leaves nothing behind."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer

from local.kafka import Kafka
from local.process import choose_port
from local.secret_files import find_secrets
from local.up import child_environment
from taskflow.events import CreateTask, encode, new_event
from taskflow.settings import Settings
from taskflow.task import TaskInput
from tests.local.home import Home, until

ROOT = Path(__file__).parents[2]


class Command:
    """One run of `python -m local up` on the session's servers."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def running(self, word: str) -> set[int]:
        """The pids of the children with this word in their command line."""
        return {one.pid for one in self.children() if word in command_line(one)}

    def functions(self) -> set[int]:
        return self.running("local.host")


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return []


def environment(settings: Settings, kafka: Kafka, port: int) -> dict[str, str]:
    given = {
        "PORT": str(port),
        "TASKFLOW_DATA": str(settings.data),
        "TASKFLOW_DATABASE": settings.database,
        "TASKFLOW_KAFKA": kafka.bootstrap,
        "TASKFLOW_COOLDOWN": "0.5",
        "PYTHONPATH": str(ROOT),
    }
    return {**os.environ, **given}


async def start(settings: Settings, kafka: Kafka, port: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "local", "up"),
        env=environment(settings, kafka, port),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@asynccontextmanager
async def running(settings: Settings, kafka: Kafka) -> AsyncIterator[Command]:
    """The command once it answers; killed at the end if it still runs."""
    port = choose_port()
    process = await start(settings, kafka, port)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            told = b""
            while b"TaskFlow is at" not in told:
                told = await process.stdout.readline()
                assert told, "it ended before it was up"
        yield Command(process, port)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def command(user_id: str, number: int) -> bytes:
    """A command as the gateway would publish it."""
    task_id = f"00000000-0000-7000-8000-{number:012}"
    create = CreateTask(
        user_id=user_id,
        actor_id=user_id,
        stream=task_id,
        task_id=task_id,
        task=TaskInput(title=f"Task {number}"),
    )
    event_id = f"00000000-0000-5000-8000-{number:012}"
    return encode(new_event(create, id=event_id, source="gateway", time=datetime.now(UTC)))


async def count_tasks(owner: "asyncpg.Connection[asyncpg.Record]") -> int:
    return int(await owner.fetchval("SELECT count(*) FROM tasks"))


async def wait_for_tasks(owner: "asyncpg.Connection[asyncpg.Record]", count: int) -> None:
    async with asyncio.timeout(20):
        while await count_tasks(owner) != count:
            await asyncio.sleep(0.02)


async def test_it_works_drains_and_leaves_nothing(
    home: Home,
    kafka: Kafka,
    owner: "asyncpg.Connection[asyncpg.Record]",
    user_id: str,
) -> None:
    async with running(home.settings, kafka) as up:
        async with httpx.AsyncClient(base_url=up.url) as client:
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/readyz")).status_code == 200
        assert not up.functions()
        await home.producer.send_and_wait("task-commands", command(user_id, 1))
        await wait_for_tasks(owner, 1)
        await until(lambda: not up.functions(), "all functions sleep")
        await home.producer.send_and_wait("task-commands", command(user_id, 2))
        await wait_for_tasks(owner, 2)
        refused = await start(home.settings, kafka, choose_port())
        told, _ = await refused.communicate()
        assert refused.returncode == 1
        assert b"another TaskFlow runs on" in told
        (gateway,) = up.running("gateway")
        os.kill(gateway, signal.SIGKILL)
        await until(lambda: up.running("gateway") - {gateway}, "the gateway is started again")
        family = up.children()
        up.process.send_signal(signal.SIGINT)
        assert await up.process.wait() == 0
        assert [one for one in family if one.is_running()] == []
    async with AIOKafkaConsumer(
        "task-events", bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        subjects = {(await consumer.getone()).key for _ in range(2)}
    assert len(subjects) == 2


async def test_killed_outright_it_goes_on_where_it_was(
    home: Home,
    kafka: Kafka,
    owner: "asyncpg.Connection[asyncpg.Record]",
    user_id: str,
) -> None:
    async with running(home.settings, kafka) as up:
        await home.producer.send_and_wait("task-commands", command(user_id, 11))
        await wait_for_tasks(owner, 1)
        for number in range(12, 40):
            await home.producer.send("task-commands", command(user_id, number))
        family = up.children()
        up.process.kill()
        await up.process.wait()
        await until(lambda: not any(map(is_alive, family)), "its children end with it")
        await home.producer.send_and_wait("task-commands", command(user_id, 40))
    async with running(home.settings, kafka):
        await wait_for_tasks(owner, 30)
    events = "SELECT count(*) FROM commands WHERE events IS NOT NULL"
    assert await owner.fetchval(events) == 30


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def test_a_taken_port_is_named(home: Home, kafka: Kafka) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await start(home.settings, kafka, port)
    told, _ = await process.communicate()
    assert process.returncode == 1
    assert f"port {port} is taken".encode() in told
    server.close()
    await server.wait_closed()


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    secrets = find_secrets(Settings(), tmp_path)
    assert len(secrets["TASKFLOW_SECRET"]) > 40
    assert find_secrets(Settings(), tmp_path) == secrets
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["TASKFLOW_COOLDOWN"])
async def test_a_wrong_setting_is_named(home: Home, kafka: Kafka, name: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "local", "up"),
        env={**environment(home.settings, kafka, 1), name: "soon"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode == 1
    assert name.encode() in told


def test_at_home_webhooks_may_stay_on_the_machine() -> None:
    assert child_environment({})["TASKFLOW_WEBHOOK_ALLOW"] == "127.0.0.0/8,::1/128"
    assert child_environment({"TASKFLOW_WEBHOOK_ALLOW": ""})["TASKFLOW_WEBHOOK_ALLOW"] == ""
