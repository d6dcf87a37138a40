"""`python -m bench.platform`: measures the functions on real Kafka, sidecars and KEDA; apart from
the bench of a home, because it needs programs that a home has not.

Run as `python -m bench.platform [warm] [bulk] [zero]`; TASKFLOW_TRIALS says how often from zero.
"""

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import psutil
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from local.kafka import start_kafka
from local.postgres import start_postgres
from taskflow.events import Event
from taskflow.migrate import migrate
from taskflow.publish import open_publisher
from tests.functions.commands import create, send
from tests.platform.cluster import Cluster, find_cluster, own_namespace, running_cluster
from tests.platform.log import Log
from tests.platform.pods import Pod, find_daprd, read_programs
from tests.platform.scaled import read_manifests, scaled
from tests.platform.stage import Stage, staged, surround, until

WARM_UP, SAMPLES = 100, 500
MANY = 20_000
TRIALS = 20
CHANNEL = "measured"
RESIDENT_MB = 90
# What a sidecar writes when it has got so far.
STEPS = {
    "KEDA, scheduler, start of the processes": r"time=",
    "the sidecar finds its function": r"application discovered on port",
    "the function's first probe": r"App entered healthy status",
}
console = Console()


class Row(Struct):
    """One promise: what was measured, and whether it held."""

    what: str
    bound: str
    measured: str
    held: bool


Measure: TypeAlias = Callable[[Path, "Ground"], Awaitable[list[Row]]]


class Ground(Struct):
    """The servers of one measurement."""

    log: Log
    database: str
    daprd: Path
    servers: dict[str, int]

    def cpu(self, *pods: Pod | None) -> dict[str, float]:
        """Seconds of CPU that each part has used so far."""
        functions = [pod.function.pid for pod in pods if pod and pod.function]
        sidecars = [pod.sidecar.pid for pod in pods if pod and pod.sidecar]
        pids = {"function": functions, "sidecar": sidecars}
        pids |= {name: [pid] for name, pid in self.servers.items()}
        return {name: sum(map(cpu_of, map(psutil.Process, own))) for name, own in pids.items()}

    @asynccontextmanager
    async def pods(self, folder: Path, *app_ids: str) -> AsyncIterator[Stage]:
        around = surround(self.daprd, folder, self.log.bootstrap, self.database, {})
        async with staged(self.log, self.database, around, *app_ids) as stage:
            yield stage


@asynccontextmanager
async def ground(folder: Path) -> AsyncIterator[Ground]:
    """Fresh servers, as `make run` has them: fsync on."""
    daprd = find_daprd()
    if daprd is None:
        sys.exit("There is no daprd: put it on PATH, or build it as .ci/run does.")
    kafka, postgres = await start_kafka(folder, print), await start_postgres(folder)
    try:
        await migrate(postgres.url)
        log = Log(kafka.bootstrap)
        await log.create_topics()
        yield Ground(log, postgres.url, daprd, {"Kafka": kafka.pid, "PostgreSQL": postgres.pid})
        await log.close()
    finally:
        await kafka.stop()
        await postgres.stop()


def cpu_of(process: psutil.Process) -> float:
    """Of a process and its children."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


# --- an effect, as it is told ------------------------------------------------------------------


class Told:
    """Hears of each command's commit at once, as the gateway does."""

    def __init__(self, db: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.db = db
        self._awaited = ""
        self._heard = asyncio.Event()

    async def listen(self) -> None:
        await self.db.add_listener(CHANNEL, self._hear)

    def _hear(self, _db: object, _pid: int, _channel: str, payload: object) -> None:
        if self._awaited in str(payload):
            self._heard.set()

    async def after(self, event: Event[Any], publish: Awaitable[object]) -> float:
        """Seconds from before `publish` to the commit."""
        self._awaited = event.id
        self._heard.clear()
        begun = time.perf_counter()
        await publish
        async with asyncio.timeout(60):
            await self._heard.wait()
        return time.perf_counter() - begun


@asynccontextmanager
async def told(database: str) -> AsyncIterator[Told]:
    db = await asyncpg.connect(database)
    listener = Told(db)
    await listener.listen()
    yield listener
    await db.close()


def new_command(person: str, title: str) -> Event[Any]:
    return send(create(person, title=title), at=datetime.now(UTC), replyto=CHANNEL)


# --- warm ----------------------------------------------------------------------------------------


async def measure_warm(folder: Path, ground: Ground) -> list[Row]:
    """One event at a time through a sidecar's publishing API, Kafka, the sidecar, the function."""
    async with ground.pods(folder, "write-task") as stage, told(ground.database) as listener:
        person = await stage.add_person()
        announced = {"DAPR_HTTP_PORT": str(stage.pods["write-task"].sidecar_port)}
        publisher = open_publisher("dapr://127.0.0.1/taskflow", announced)
        seconds = []
        for number in range(WARM_UP + SAMPLES):
            event = new_command(person, f"warm {number}")
            sent = publisher.publish("task-commands", [event])
            seconds.append(await listener.after(event, sent))
        await publisher.close()
        rows = [resident(stage.pods["write-task"], "one at a time")]
        print_sidecar(stage.pods["write-task"])
    p50, p99 = (1000 * percentile(seconds[WARM_UP:], percent) for percent in (50, 99))
    measured = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms of {SAMPLES}"
    held = p50 <= 15 and p99 <= 100
    return [Row("event to effect, warm", "p50 <= 15 ms, p99 <= 100 ms", measured, held), *rows]


def percentile(seconds: Sequence[float], percent: float) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def resident(pod: Pod, when: str) -> Row:
    assert pod.function is not None
    megabytes = psutil.Process(pod.function.pid).memory_info().rss / 1e6
    what = f"resident memory of {pod.app_id}, {when}"
    return Row(what, f"<= {RESIDENT_MB} MB", f"{megabytes:.0f} MB", megabytes <= RESIDENT_MB)


def print_sidecar(pod: Pod) -> None:
    assert pod.sidecar is not None
    megabytes = psutil.Process(pod.sidecar.pid).memory_info().rss / 1e6
    console.print(f"  its sidecar: {megabytes:.0f} MB resident")


# --- bulk ----------------------------------------------------------------------------------------

COUNT_TASKS = "SELECT count(*) FROM tasks"
COUNT_ENTRIES = "SELECT count(*) FROM audit_entries"


async def measure_bulk(folder: Path, ground: Ground) -> list[Row]:
    """What waits in the log is done as fast as it can be: first commands, by two replicas, for a
    sidecar delivers one batch at a time and KEDA would give them six; then their facts, by one."""
    stage = Stage(ground.log, ground.database, surround_only(folder, ground))
    person = await stage.add_person()
    commands = [send(create(person, title=f"task {number}")) for number in range(MANY)]
    for start in range(0, MANY, 500):
        await stage.send(commands[start : start + 500])
    await stage.publisher.close()
    return [
        *await drain(folder / "first", ground, ("write-task", "task-commands"), COUNT_TASKS),
        *await drain(folder / "second", ground, ("write-audit", "task-events"), COUNT_ENTRIES),
    ]


def surround_only(folder: Path, ground: Ground) -> Any:
    return surround(ground.daprd, folder / "none", ground.log.bootstrap, ground.database, {})


@asynccontextmanager
async def second(stage: Stage, app_id: str) -> AsyncIterator[Pod | None]:
    """A second replica, where the function may have one."""
    if app_id == "write-audit":
        yield None
        return
    pod = Pod(read_programs()[app_id], stage.around)
    await pod.start()
    try:
        yield pod
    finally:
        await pod.stop()


async def drain(
    folder: Path, ground: Ground, subscription: tuple[str, str], count: str
) -> list[Row]:
    """Events a second from the first tenth to the last, and the memory afterwards."""
    app_id, _ = subscription
    db = await asyncpg.connect(ground.database)
    async with ground.pods(folder, app_id) as stage, second(stage, app_id) as other:
        pod, seen = stage.pods[app_id], [(time.perf_counter(), 0)]
        before = ground.cpu(pod, other)
        while seen[-1][1] < MANY:
            seen.append((time.perf_counter(), await db.fetchval(count)))
            await asyncio.sleep(0.02)
        print_cpu(app_id, before, ground.cpu(pod, other))
        memory = resident(pod, f"after {MANY:,} events")
        print_sidecar(pod)
        # Only then its own events have left, too.
        await stage.until_done(subscription)
        exact = await db.fetchval(count) == MANY
    await db.close()
    begun, already = next(one for one in seen if one[1] >= MANY // 10)
    rate = (MANY - already) / max(seen[-1][0] - begun, 1e-6)
    verdict = "exact" if exact else "NOT EXACT"
    held = rate >= 5000 and exact
    measured = f"{rate:,.0f}/s, {verdict}"
    return [Row(f"bulk path, {app_id}", ">= 5,000 events/s, exact", measured, held), memory]


def print_cpu(app_id: str, before: dict[str, float], after: dict[str, float]) -> None:
    """What one event costs, which other work on the machine changes less than the rate."""
    costs = {name: 1e6 * (after[name] - before[name]) / MANY for name in after}
    shown = ", ".join(f"{name} {cost:.0f}" for name, cost in costs.items())
    total = sum(costs.values())
    console.print(f"  {app_id}: {total:.0f} microseconds of CPU an event ({shown})")


# --- from zero -----------------------------------------------------------------------------------


class Start(Struct):
    """Milliseconds from the publishing to each step of one cold start, and to the effect."""

    steps: list[float]
    effect: float


async def measure_zero(folder: Path, ground: Ground) -> list[Row]:
    """Asleep; then one command: how long until its effect, with KEDA polling every second."""
    command = find_cluster()
    if command is None:
        return [Row("from zero, real KEDA", "-", "the cluster's programs are not built", False)]
    around = surround(ground.daprd, folder, ground.log.bootstrap, ground.database, {})
    stage = Stage(ground.log, ground.database, around)
    manifests = read_manifests(ground.log.bootstrap, ["write-task"])
    starts = []
    async with (
        running_cluster(command),
        own_namespace(command, "zero") as cluster,
        scaled(cluster, around, manifests, folder / "image"),
        told(ground.database) as listener,
    ):
        person = await stage.add_person()
        for number in range(int(os.environ.get("TASKFLOW_TRIALS", TRIALS))):
            await until(lambda: is_asleep(cluster), "write-task asleep", patience=90)
            # At no fixed distance from KEDA's own clock.
            await asyncio.sleep(1 + number % 7 / 7)
            starts.append(await start_from_zero(stage, listener, person, around.logs))
    await stage.publisher.close()
    print_steps(starts)
    median, p95 = (percentile([one.effect for one in starts], p) / 1000 for p in (50, 95))
    measured = f"median {median:.2f} s, p95 {p95:.2f} s of {len(starts)}"
    held = median <= 1.4 and p95 <= 2.5
    return [Row("from zero, real KEDA", "median <= 1.4 s, p95 <= 2.5 s", measured, held)]


async def is_asleep(cluster: Cluster) -> bool:
    return await cluster.replicas("write-task") == 0


async def start_from_zero(stage: Stage, listener: Told, person: str, logs: Path) -> Start:
    before = set(logs.glob("*_daprd.log"))
    event = new_command(person, "from zero")
    begun = time.time()
    effect = await listener.after(event, stage.send([event]))
    (log,) = set(logs.glob("*_daprd.log")) - before
    said = log.read_text()
    steps = [1000 * (find_time(said, pattern) - begun) for pattern in STEPS.values()]
    return Start(steps, 1000 * effect)


def find_time(said: str, pattern: str) -> float:
    """When a sidecar wrote the line, in seconds since the epoch."""
    line = next(line for line in said.splitlines() if re.search(pattern, line))
    found = re.search(r'time"?[=:]"([^"]+)"', line)
    assert found is not None, line
    whole, _, fraction = found[1].removesuffix("Z").partition(".")
    instant = datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()
    return instant + float(f"0.{fraction or 0}")


def print_steps(starts: Sequence[Start]) -> None:
    """Where the time goes: the median of each step, and of all before it."""
    table = Table("until", "median ms", "of which here", title="From zero, step by step")
    before = 0.0
    columns = [*zip(*(one.steps for one in starts), strict=True), [one.effect for one in starts]]
    names = [*STEPS, "group joined, record delivered, committed"]
    for name, column in zip(names, columns, strict=True):
        middle = percentile(column, 50)
        table.add_row(name, f"{middle:.0f}", f"{middle - before:.0f}")
        before = middle
    console.print(table)


MEASURES: dict[str, Measure] = {"warm": measure_warm, "bulk": measure_bulk, "zero": measure_zero}


async def measure(wanted: Sequence[str]) -> list[Row]:
    rows = []
    for name in wanted:
        console.print(f"[bold]{name}[/bold]")
        with tempfile.TemporaryDirectory(prefix="taskflow-", ignore_cleanup_errors=True) as place:
            async with ground(Path(place)) as servers:
                rows += await MEASURES[name](Path(place) / "pods", servers)
    return rows


def main() -> None:
    rows = asyncio.run(measure(sys.argv[1:] or list(MEASURES)))
    table = Table("what", "bound", "measured", "", title="TaskFlow on the platform, measured")
    for row in rows:
        table.add_row(row.what, row.bound, row.measured, "held" if row.held else "[red]MISSED")
    console.print(table)


if __name__ == "__main__":
    main()
