"""What dies and what is away, under load: each command has its one effect, everywhere and in order,
whatever was killed meanwhile, and nothing becomes a dead letter for it.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from typing import Any

import httpx
import pytest

from local import process
from local.kafka import Kafka, start_kafka
from local.postgres import Postgres, start_postgres
from taskflow.events import Event
from taskflow.migrate import migrate
from tests.functions.commands import create, send, update
from tests.platform.log import Log
from tests.platform.pods import Pod
from tests.platform.stage import Stage, staged, surround, until

# Seconds for which a server is away; 600 for a real ten minutes.
OUTAGE = float(os.environ.get("TASKFLOW_TEST_OUTAGE", "6"))
# A group waits for the sessions of its dead, a broker recovers its log, the machine may be busy.
pytestmark = pytest.mark.timeout(300 + OUTAGE)

WRITERS = ("write-task", "write-audit", "fan-out-update")
READ = (
    ("write-task", "task-commands"),
    ("write-audit", "task-events"),
    ("fan-out-update", "task-events"),
)
TASKS, STEPS = 30, 12
VERSIONS = "SELECT version, title FROM tasks WHERE user_id = $1"
AUDIT = "SELECT count(*), count(DISTINCT event_id) FROM audit_entries WHERE user_id = $1"
FEED = "SELECT seq, task_id, version FROM feed WHERE user_id = $1 ORDER BY seq"
COMMANDS = "SELECT count(*) FROM commands WHERE user_id = $1 AND outcome IS NOT NULL"


class Ground:
    """The servers, which die and come back at the same place."""

    def __init__(self, folder: Path, kafka: Kafka, postgres: Postgres) -> None:
        self.folder = folder
        self.kafka = kafka
        self.postgres = postgres

    async def kill_kafka(self) -> None:
        await process.end(self.kafka.process, SIGKILL)

    async def revive_kafka(self) -> None:
        self.kafka = await start_kafka(self.folder, print)

    async def kill_postgres(self) -> None:
        await process.end(self.postgres.process, SIGKILL)

    async def revive_postgres(self) -> None:
        self.postgres = await start_postgres(self.folder)


@pytest.fixture(scope="module")
async def ground(folder: Path) -> AsyncIterator[Ground]:
    kafka, postgres = await start_kafka(folder, print), await start_postgres(folder)
    await migrate(postgres.url)
    ground = Ground(folder, kafka, postgres)
    yield ground
    await ground.kafka.stop()
    await ground.postgres.stop()


@pytest.fixture(scope="module")
async def stage(ground: Ground, daprd: Path, folder: Path) -> AsyncIterator[Stage]:
    log = Log(ground.kafka.bootstrap)
    await log.create_topics()
    # An outage here is short, and so is the longest pause between two tries.
    around = surround(daprd, folder, log.bootstrap, ground.postgres.url, {})
    async with staged(log, ground.postgres.url, around, *WRITERS, "gateway") as running:
        yield running
    await log.close()


# --- a load and its one right result -------------------------------------------------------------


def make_commands(person: str) -> list[Event[Any]]:
    """Many tasks, each created and then changed, step by step, the tasks side by side."""
    created = [create(person, title="step 1") for _ in range(TASKS)]
    changes = [
        send(update(person, one.task_id, title=f"step {step}"))
        for step in range(2, STEPS + 1)
        for one in created
    ]
    return [*map(send, created), *changes]


async def write_under(stage: Stage, fault: Callable[[], Awaitable[None]]) -> str:
    """Writes everything while `fault` happens, some of it before and some after; the person."""
    person = await stage.add_person()
    commands = make_commands(person)
    third = len(commands) // 3
    await stage.send(commands[:third])
    writing = asyncio.create_task(stage.send(commands[third : 2 * third]))
    await asyncio.sleep(random.uniform(0, 0.3))
    await fault()
    await writing
    await stage.send(commands[2 * third :])
    return person


async def check_exactly_once(stage: Stage, person: str) -> None:
    """Every step once: in the task, the ledger, the audit and the feed, which is in order."""
    await stage.until_done(*READ)
    total = TASKS * STEPS
    assert await stage.fetch(VERSIONS, person) == [(STEPS, f"step {STEPS}")] * TASKS
    assert await stage.fetch(COMMANDS, person) == [(total,)]
    assert await stage.fetch(AUDIT, person) == [(total, total)]
    feed = await stage.fetch(FEED, person)
    assert [seq for seq, _, _ in feed] == list(range(1, total + 1))
    for task in {task for _, task, _ in feed}:
        assert [v for _, one, v in feed if one == task] == list(range(1, STEPS + 1))
    assert await stage.dead_letters(*WRITERS) == []


# --- who dies ------------------------------------------------------------------------------------


async def revive(pod: Pod) -> None:
    """What a kubelet does: whatever has ended is started again."""
    if pod.function is not None and pod.function.returncode is not None:
        await pod.start_function()
    if pod.sidecar is not None and pod.sidecar.returncode is not None:
        await pod.start_sidecar()
    await pod.until_ready()


async def revive_all(pods: Sequence[Pod]) -> None:
    await asyncio.gather(*map(revive, pods))


@pytest.mark.parametrize("victim", WRITERS)
async def test_a_killed_function_loses_and_doubles_nothing(stage: Stage, victim: str) -> None:
    async def fault() -> None:
        await stage.pods[victim].kill_function()
        await revive(stage.pods[victim])

    await check_exactly_once(stage, await write_under(stage, fault))


async def test_killed_sidecars_lose_and_double_nothing(stage: Stage) -> None:
    """All at once; their groups wait for the dead members' sessions, then go on."""
    pods = [stage.pods[name] for name in WRITERS]

    async def fault() -> None:
        await asyncio.gather(*(pod.kill_sidecar() for pod in pods))
        await revive_all(pods)

    await check_exactly_once(stage, await write_under(stage, fault))


async def test_pods_that_are_ended_lose_and_double_nothing(stage: Stage) -> None:
    """SIGTERM for function and sidecar at the same moment, in the middle of their work."""
    pods = [stage.pods[name] for name in WRITERS]

    async def fault() -> None:
        await asyncio.gather(*(pod.terminate() for pod in pods))
        await revive_all(pods)

    await check_exactly_once(stage, await write_under(stage, fault))


async def test_a_killed_broker_loses_and_doubles_nothing(stage: Stage, ground: Ground) -> None:
    async def fault() -> None:
        await ground.kill_kafka()
        await ground.revive_kafka()

    await check_exactly_once(stage, await write_under(stage, fault))


# --- who is away ---------------------------------------------------------------------------------


async def test_an_absent_database_makes_no_dead_letter(stage: Stage, ground: Ground) -> None:
    """Nothing is counted against a message that only has to wait."""

    async def fault() -> None:
        await ground.kill_postgres()
        await asyncio.sleep(OUTAGE)
        await ground.revive_postgres()

    person = await write_under(stage, fault)
    await check_exactly_once(stage, person)
    assert await stage.fetch("SELECT * FROM attempts") == []


async def test_without_the_log_reads_go_on_and_writes_wait_or_answer_503(
    stage: Stage, ground: Ground
) -> None:
    """Each write is taken once, at the latest when it is sent again with its Idempotency-Key; what
    waits is done in order when the log is back."""
    async with httpx.AsyncClient(
        base_url=stage.pods["gateway"].url, timeout=60, trust_env=False
    ) as client:
        person = {"email": "eve@example.com", "password": "a good password"}
        token = (await client.post("/v1/auth/signup", json=person)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        task = (await client.post("/v1/tasks", json={"title": "before"})).json()
        await ground.kill_kafka()
        statuses: list[int] = []
        writing = [asyncio.create_task(write(client, number, statuses)) for number in range(8)]
        ending = asyncio.get_running_loop().time() + OUTAGE
        while asyncio.get_running_loop().time() < ending or 503 not in statuses:
            answer = await client.get(f"/v1/tasks/{task['id']}")
            assert (answer.status_code, answer.json()["title"]) == (200, "before")
            await asyncio.sleep(0.2)
        assert 503 in statuses and 201 not in statuses
        await ground.revive_kafka()
        await asyncio.gather(*writing)
        await stage.until_done(*READ)
        listed = (await client.get("/v1/tasks?limit=500")).json()["items"]
    assert sorted(one["title"] for one in listed) == ["before", *(f"write {n}" for n in range(8))]
    assert set(statuses) <= {201, 202, 503}
    assert await stage.dead_letters(*WRITERS) == []


async def write(client: httpx.AsyncClient, number: int, statuses: list[int]) -> None:
    """One write, sent again until it is known to be done."""
    headers = {"Idempotency-Key": f"write {number}"}
    while True:
        with suppress(httpx.TransportError):
            answer = await client.post(
                "/v1/tasks", json={"title": f"write {number}"}, headers=headers
            )
            statuses.append(answer.status_code)
            if answer.status_code == 503:
                assert answer.json()["code"] == "log_unavailable"
                assert answer.json()["command_id"] and answer.headers["Retry-After"]
            if answer.status_code == 201:
                return
        await asyncio.sleep(0.5)


async def test_the_audit_is_whole_after_all_of_this(stage: Stage) -> None:
    async def is_numbered() -> bool:
        ((count, last),) = await stage.fetch("SELECT count(*), max(seq) FROM audit_entries")
        return bool(count == last)

    await until(is_numbered, "entries without a gap")
