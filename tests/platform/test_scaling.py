"""Real KEDA wakes a function from zero, gives it replicas and takes them away, on lag and on due
timers; nothing is lost or doubled on the way.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.functions.commands import create, send
from tests.platform.cluster import Cluster
from tests.platform.log import Log
from tests.platform.scaled import read_manifests, scaled, until_replicas
from tests.platform.stage import Stage, surround, until

FUNCTIONS = ("write-task", "fire-timer")
TASKS = "SELECT count(*), count(DISTINCT title) FROM tasks WHERE user_id = $1"
MANY = 300


@pytest.fixture(scope="module")
async def stage(
    cluster: Cluster, log: Log, database: str, daprd: Path, folder: Path
) -> AsyncIterator[Stage]:
    """The functions under KEDA, asleep."""
    around = surround(daprd, folder, log.bootstrap, database, {})
    stage = Stage(log, database, around)
    manifests = read_manifests(log.bootstrap, FUNCTIONS)
    async with scaled(cluster, around, manifests, folder / "image"):
        yield stage
    await stage.stop()


@pytest.mark.timeout(300)
async def test_lag_wakes_a_function_then_many_and_all_sleep_again(
    cluster: Cluster, stage: Stage
) -> None:
    person = await stage.add_person()
    await stage.send([send(create(person, title="first"))])

    async def one_done() -> bool:
        return await stage.fetch(TASKS, person) == [(1, 1)]

    await until(one_done, "a task, from zero")
    blocker = await asyncpg.connect(stage.database)
    async with blocker.transaction():
        # While nobody can write, commands wait.
        await blocker.execute("LOCK TABLE tasks IN EXCLUSIVE MODE")
        await stage.send([send(create(person, title=f"task {n}")) for n in range(MANY)])
        await until_replicas(cluster, "write-task", 3, 6)
    await blocker.close()

    async def all_done() -> bool:
        return await stage.fetch(TASKS, person) == [(MANY + 1, MANY + 1)]

    await until(all_done, "every task once")
    await stage.until_done(("write-task", "task-commands"))
    await until_replicas(cluster, "write-task", 0, 0)
    assert await stage.fetch(TASKS, person) == [(MANY + 1, MANY + 1)]
    assert await stage.dead_letters("write-task") == []


@pytest.mark.timeout(300)
async def test_a_timer_wakes_the_clock_before_it_is_due_and_only_then(
    cluster: Cluster, stage: Stage
) -> None:
    """A reminder a day ahead wakes nobody; one that is near is there at its instant."""
    person = await stage.add_person()
    now = datetime.now(UTC)
    due = now + timedelta(seconds=15)
    for at in (due + timedelta(days=1), due):
        reminders = [{"at": at.isoformat(timespec="seconds")}]
        await stage.send([send(create(person, title=str(at), reminders=reminders), at=now)])

    async def rung() -> bool:
        records = await stage.log.read("reminders")
        return any(b"taskflow.reminder.triggered" in (one.value or b"") for one in records)

    await until(rung, "the reminder")
    assert datetime.now(UTC) >= due.replace(microsecond=0)
    for name in FUNCTIONS:
        await until_replicas(cluster, name, 0, 0)
    ((waiting,),) = await stage.fetch("SELECT count(*) FROM timers WHERE user_id = $1", person)
    assert waiting == 1
