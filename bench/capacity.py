"""`python -m bench.capacity [EVENTS]`: what one process of each function does in a second, what an
event costs in CPU and memory, and how many people a machine carries by that; on servers of its own.

Each function is measured alone, on what waits for it in the log; the gateway beside a whole stack.
What the table of people assumes stands in `Habits`, and is printed with it.
"""

import asyncio
import math
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import psutil
import uvloop
from msgspec import Struct, field, json, structs
from rich.console import Console
from rich.table import Table

from bench.load import Client, run_load
from bench.reminders import serve_sink
from bench.stack import Stack, running
from local.fleet import Fleet
from local.kafka import start_kafka
from local.manifests import Manifests
from local.postgres import start_postgres
from local.read_manifests import read_manifests
from local.rewind import Log
from local.tend import Folders, care_for_topics
from local.up import child_environment
from taskflow.events import CreateTask, Event, new_event
from taskflow.migrate import migrate
from taskflow.publish import KafkaPublisher, publish_events
from taskflow.settings import Settings
from taskflow.task import TaskInput

EVENTS = 10_000
SECRET = "a secret for a measurement"
WEEKLY_EVERY, REMINDED_EVERY = 10, 4
AT_ONCE = 500
CLIENTS = 8
SETTLED_SECONDS = 3.0
WRITE, READ = "a write, all told", "a read, all told"
SECONDS = 10.0
console = Console()

PERSON = """
INSERT INTO users (id, email, email_key, timezone, created_at, email_verified)
VALUES ($1, $2, $2, 'Europe/Paris', now(), true)
"""
CHANNEL = """
INSERT INTO channels (id, user_id, kind, address, confirmed_at, created_at)
VALUES ($1, $2, 'email', $3, now(), now())
"""
DUE = "SELECT count(*) FROM timers WHERE topic = 'reminders' AND due_at <= now()"


class Cost(Struct):
    """What one process did: events a second, CPU of each part per event in microseconds, MB."""

    what: str
    rate: float
    cpu: dict[str, float]
    megabytes: float

    @property
    def total(self) -> float:
        return sum(self.cpu.values())


class Habits(Struct, frozen=True):
    """What people do, as the second table assumes it."""

    writes_a_day: float = 20
    reads_per_write: float = 5
    reminders_per_write: float = 0.3
    # The busiest hour holds this part of a day.
    busy_hour: float = 0.15
    # A processor that is fuller than this answers late.
    fullest: float = 0.6


class Ground(Struct):
    """The servers of one measurement, and who is written for."""

    folder: Path
    database: str
    kafka: str
    env: dict[str, str]
    servers: dict[str, int]
    manifests: Manifests
    costs: list[Cost] = field(default_factory=list)

    def one(self, app_id: str) -> Manifests:
        """This function alone, with one process at most."""
        alone = structs.replace(self.manifests.functions[app_id], replicas=1)
        return structs.replace(self.manifests, functions={app_id: alone})

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU so far, by part; this process stands where the sidecar does."""
        us = psutil.Process()
        parts = {name: cpu_of(psutil.Process(pid)) for name, pid in self.servers.items()}
        parts["function"] = sum(cpu_of(one) for one in functions_of(us))
        times = us.cpu_times()
        return parts | {"platform": times.user + times.system}


def cpu_of(process: psutil.Process) -> float:
    """Of a process and its children."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def functions_of(process: psutil.Process) -> list[psutil.Process]:
    return [one for one in process.children() if "functions." in " ".join(one.cmdline())]


# --- functions -----------------------------------------------------------------------------------


async def prepare(ground: Ground, events: int) -> datetime:
    """Commands in the log, some of a series, some with a reminder; when these are due."""
    person = str(uuid4())
    db = await asyncpg.connect(ground.database)
    await db.execute(PERSON, person, f"{person}@example.com")
    await db.execute(CHANNEL, uuid4(), person, f"{person}@example.com")
    await db.close()
    due = datetime.now(UTC) + timedelta(seconds=15 + events / 500)
    publisher = KafkaPublisher(ground.kafka)
    for start in range(0, events, AT_ONCE):
        part = [ask(person, number, due) for number in range(start, min(events, start + AT_ONCE))]
        assert not await publish_events(publisher, part)
    await publisher.close()
    return due


def ask(person: str, number: int, due: datetime) -> Event[CreateTask]:
    """What a person asks for, as the gateway writes it."""
    name = str(uuid4())
    given: dict[str, Any] = {"title": f"Task number {number}", "due_at": due.isoformat()}
    if number % WEEKLY_EVERY == 0:
        given["recurrence"] = {"rule": "FREQ=WEEKLY"}
    if number % REMINDED_EVERY == 0:
        given["reminders"] = [{"at": due.isoformat(), "channels": ["email"]}]
    task = TaskInput(**given)
    command = CreateTask(user_id=person, actor_id=person, stream=name, task_id=name, task=task)
    return new_event(command, id=str(uuid4()), source="bench", time=datetime.now(UTC))


async def drain(ground: Ground, app_id: str, topic: str) -> None:
    """One process, from asleep to the last of what waits."""
    async with Log(ground.kafka) as log:
        waiting = await log.read_lag(app_id, topic)

        async def left() -> int:
            return await log.read_lag(app_id, topic)

        await watch(ground, app_id, waiting, left)


async def fire(ground: Ground, due: datetime) -> None:
    """The clock, once everything is due."""
    await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
    db = await asyncpg.connect(ground.database)

    async def left() -> int:
        return int(await db.fetchval(DUE))

    await watch(ground, "fire-timer", await left(), left)
    await db.close()


async def watch(
    ground: Ground, app_id: str, waiting: int, left: Callable[[], Awaitable[int]]
) -> None:
    """Runs the function until nothing is left, and notes what that cost."""
    settings = Settings(cooldown=60, data=ground.folder)
    fleet = Fleet(ground.one(app_id), settings, dict(ground.env))
    before, begun = ground.cpu(), time.perf_counter()
    await fleet.start(ground.kafka, ground.folder)
    try:
        while await left():
            await asyncio.sleep(0.1)
        seconds, after = time.perf_counter() - begun, ground.cpu()
        megabytes = (
            sum(one.memory_full_info().pss for one in functions_of(psutil.Process())) / 2**20
        )
    finally:
        await fleet.stop()
    cpu = {part: 1e6 * (after[part] - before.get(part, 0)) / max(1, waiting) for part in after}
    note(ground.costs, Cost(app_id, waiting / seconds, cpu, megabytes))


def note(costs: list[Cost], cost: Cost) -> None:
    costs.append(cost)
    console.print(
        f"  {cost.what}: {cost.rate:,.0f}/s, {cost.total:.0f} microseconds, cold start in"
    )


async def measure_functions(folder: Path, smtp: str, events: int) -> list[Cost]:
    folders = Folders()
    kafka, postgres = await start_kafka(folder, print), await start_postgres(folder)
    try:
        await care_for_topics("create", kafka.bootstrap, folders, folder)
        await migrate(postgres.url)
        env = {
            **child_environment(os.environ),
            "TASKFLOW_DATA": str(folder),
            "TASKFLOW_DATABASE": postgres.url,
            "TASKFLOW_SECRET": SECRET,
            "TASKFLOW_SMTP": smtp,
        }
        manifests = read_manifests(folders.keda, folders.dapr, folders.topics)
        servers = {"Kafka": kafka.pid, "PostgreSQL": postgres.pid}
        ground = Ground(folder, postgres.url, kafka.bootstrap, env, servers, manifests)
        due = await prepare(ground, events)
        await drain(ground, "write-task", "task-commands")
        for app_id in ("write-audit", "fan-out-update", "expand-recurrence"):
            await drain(ground, app_id, "task-events")
        await fire(ground, due)
        await drain(ground, "send-reminder", "reminders")
        return ground.costs
    finally:
        await kafka.stop()
        await postgres.stop()


# --- the gateway ---------------------------------------------------------------------------------


async def measure_gateway(stack: Stack) -> list[Cost]:
    """Single creates and lists by a few clients, with everything that follows from each: events
    that come one by one cost more than those that waited together."""
    account = {"email": "bench@example.com", "password": "bench password"}
    anyone = Client(stack.port)
    answer = json.decode(await anyone.ask("POST", "/v1/auth/signup", account, expect=201))
    client = Client(stack.port, answer["access_token"])

    async def write(number: int) -> None:
        await client.ask("POST", "/v1/tasks", {"title": f"Task {number}"}, expect=201)

    async def read(_: int) -> None:
        await client.ask("GET", "/v1/tasks?status=open&sort=due_at&limit=50")

    await run_load(write, clients=1, times=20)
    costs: list[Cost] = []
    for what, request in ((WRITE, write), (READ, read)):
        before = stack.cpu_parts()
        load = await run_load(request, clients=CLIENTS, seconds=SECONDS)
        # What follows has been done by then.
        await asyncio.sleep(SETTLED_SECONDS)
        after, count = stack.cpu_parts(), len(load.seconds)
        cpu = {part: 1e6 * (after[part] - before.get(part, 0)) / count for part in after}
        note(costs, Cost(what, load.rate, cpu, stack.memory()["gateway"]))
    client.close()
    return costs


# --- what follows from it ------------------------------------------------------------------------


def count_events(habits: Habits) -> dict[str, float]:
    """How many events of each kind follow from one write of a person."""
    once = ("write-task", "write-audit", "fan-out-update", "expand-recurrence", WRITE)
    return {
        **dict.fromkeys(once, 1),
        READ: habits.reads_per_write,
        "fire-timer": habits.reminders_per_write,
        # Planned, then sent.
        "send-reminder": 2 * habits.reminders_per_write,
    }


def cost_of_write(costs: list[Cost], habits: Habits) -> float:
    """Seconds of CPU of everything that follows from one write; the functions that a single one
    wakes are in it already."""
    per_write = count_events(habits)
    counted = (WRITE, READ, "fire-timer", "send-reminder")
    return sum(cost.total * per_write[cost.what] for cost in costs if cost.what in counted) / 1e6


def peak_writes(people: int, habits: Habits) -> float:
    """Writes a second in the busiest hour."""
    return people * habits.writes_a_day * habits.busy_hour / 3600


def show_costs(costs: list[Cost]) -> None:
    table = Table("", "a second", "CPU an event", "of which", "MB", title="One process of each")
    for cost in costs:
        parts = ", ".join(f"{name} {value:.0f}" for name, value in cost.cpu.items())
        rate, total = f"{cost.rate:,.0f}", f"{cost.total:.0f} us"
        table.add_row(cost.what, rate, total, parts, f"{cost.megabytes:.0f}")
    console.print(table)


def show_people(costs: list[Cost], habits: Habits) -> None:
    """For some sizes, what they need; and what the busiest function is."""
    seconds, per_write = cost_of_write(costs, habits), count_events(habits)
    names = ("people", "writes/s", "cores", "processes of the busiest function")
    table = Table(*names, title="In the busiest hour")
    for people in (100, 1_000, 10_000, 50_000, 100_000):
        writes = peak_writes(people, habits)
        cores = writes * seconds / habits.fullest
        worst = max(costs, key=lambda cost: per_write[cost.what] / cost.rate)
        wanted = math.ceil(writes * per_write[worst.what] / (worst.rate * habits.fullest))
        table.add_row(f"{people:,}", f"{writes:.1f}", f"{cores:.2f}", f"{wanted} {worst.what}")
    console.print(table)
    two = 2 * habits.fullest / seconds * 3600 / (habits.busy_hour * habits.writes_a_day)
    console.print(f"Two cores carry {two:,.0f} people. Assumed: {habits}")


def main() -> None:
    events = int(sys.argv[1]) if sys.argv[1:] else EVENTS
    with tempfile.TemporaryDirectory(prefix="taskflow-bench-") as folder, serve_sink() as smtp:
        costs = uvloop.run(measure_functions(Path(folder) / "functions", smtp, events))
        with running(Path(folder) / "stack", 30) as stack:
            costs += uvloop.run(measure_gateway(stack))
    show_costs(costs)
    show_people(costs, Habits())


if __name__ == "__main__":
    main()
