"""`make bench`: measures what the README promises against a running stack, and prints a table."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

import asyncpg
import uvloop
from msgspec import Struct, json
from rich.console import Console
from rich.table import Table

from bench.load import Client, run_load
from bench.ordinary import ordinary_service
from bench.stack import Stack, running

COOLDOWN = 4.0
WAIT = 60.0
MANY = 100_000
BATCH = 1_000
AT_ONCE = 6
# What an ordinary service (bench/ordinary.py) makes with as many clients, after a warm-up.
COMPARED_SECONDS = 6.0
console = Console()


class Row(Struct):
    """One promise: what was measured, and whether it held."""

    what: str
    bound: str
    measured: str
    held: bool


class Bench(Struct):
    """The stack under measurement and a person on it."""

    stack: Stack
    client: Client
    db: "asyncpg.Connection[asyncpg.Record]"
    user_id: str
    rows: list[Row]

    def note(self, what: str, bound: str, measured: str, held: bool) -> None:
        self.rows.append(Row(what, bound, measured, held))
        console.print(f"  {what}: {measured} ({bound}) {'held' if held else 'MISSED'}")


Measure: TypeAlias = Callable[[Bench], Awaitable[None]]


async def until(condition: Callable[[], Awaitable[bool]], what: str, pause: float = 0.05) -> None:
    """Waits for `condition`. Raises RuntimeError when it does not come."""
    for _ in range(int(WAIT / pause)):
        if await condition():
            return
        await asyncio.sleep(pause)
    raise RuntimeError(f"waited {WAIT:g} s in vain: {what}")


async def asleep(bench: Bench) -> None:
    async def none_runs() -> bool:
        return not bench.stack.functions()

    await until(none_runs, "every function asleep")


async def create(bench: Bench, number: int) -> None:
    await bench.client.ask("POST", "/v1/tasks", {"title": f"Task {number}"}, expect=201)


async def settled(bench: Bench) -> float:
    """The seconds until every fact stands in the feed and in the audit."""
    begun = time.perf_counter()

    async def all_there() -> bool:
        return bool(await bench.db.fetchval(ALL_THERE))

    await until(all_there, "as many feed items and audit entries as tasks", pause=0.2)
    return time.perf_counter() - begun


# Cheap, because it is asked for while the functions still work.
ALL_THERE = """
SELECT (SELECT count(*) FROM tasks) = (SELECT sum(seq - purged_to) FROM feed_heads)
    AND (SELECT count(*) FROM tasks)
        = (SELECT count(*) FROM audit_entries WHERE action = 'task.created')
"""
COUNTS = """
SELECT (SELECT count(*) FROM tasks) AS tasks, (SELECT count(*) FROM feed) AS feed,
    (SELECT count(*) FROM audit_entries WHERE action = 'task.created') AS audit,
    (SELECT count(DISTINCT task_id) FROM feed) AS distinct_feed,
    (SELECT count(DISTINCT task_id) FROM audit_entries WHERE task_id IS NOT NULL) AS distinct_audit
"""


async def measure_idle(bench: Bench) -> None:
    # What the sign-up woke, and what looks after its timer, must have come and gone.
    await asyncio.sleep(2 * COOLDOWN)
    await asleep(bench)
    await bench.client.ask("GET", "/v1/tasks")
    await asyncio.sleep(1)
    read_woke = bench.stack.functions()
    parts = await asyncio.to_thread(bench.stack.memory)
    cpu = await asyncio.to_thread(bench.stack.cpu, 20)
    total = sum(parts.values())
    shown = ", ".join(f"{name} {size:.0f}" for name, size in sorted(parts.items()))
    bench.note("a read wakes", "no function", f"{len(read_woke)} functions", not read_woke)
    bench.note("idle memory (PSS)", "<= 380 MB", f"{total:.0f} MB ({shown})", total <= 380)
    bench.note("idle CPU over 20 s", "<= 3 % of a core", f"{cpu:.1f} %", cpu <= 3)


async def measure_cold(bench: Bench) -> None:
    times = []
    for number in range(7):
        await asleep(bench)
        await asyncio.sleep(0.5)
        begun = time.perf_counter()
        await create(bench, number)
        times.append(time.perf_counter() - begun)
    times.sort()
    typical, worst = times[len(times) // 2], times[-1]
    bench.note(
        "create from zero",
        "<= 1.0 s, typical <= 0.6 s",
        f"median {typical:.2f} s, worst of {len(times)} {worst:.2f} s",
        worst <= 1 and typical <= 0.6,
    )


async def measure_warm(bench: Bench) -> None:
    await run_load(lambda n: create(bench, n), clients=1, times=200)
    load = await run_load(lambda n: create(bench, n), clients=1, times=2000)
    p50, p99 = load.percentile(50), load.percentile(99)
    bench.note(
        "create, warm, one client",
        "p50 <= 6 ms, p99 <= 25 ms",
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms ({load.rate:.0f}/s)",
        p50 <= 6 and p99 <= 25,
    )


SEEN = """
SELECT EXISTS (SELECT FROM audit_entries WHERE task_id = $1)
    AND EXISTS (SELECT FROM feed WHERE task_id = $1 AND user_id = $2)
"""


async def measure_effects(bench: Bench) -> None:
    """From the answer, which follows the commit, to audit row and feed item."""
    delays = []
    for _ in range(300):
        answer = await bench.client.ask("POST", "/v1/tasks", {"title": "effect"}, expect=201)
        begun = time.perf_counter()
        task_id = json.decode(answer)["id"]
        while not await bench.db.fetchval(SEEN, task_id, bench.user_id):
            await asyncio.sleep(0.001)
        delays.append(1000 * (time.perf_counter() - begun))
    delays.sort()
    p50, p99 = delays[150], delays[297]
    measured = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"
    bench.note("fact to audit row and feed item, warm", "p99 <= 100 ms", measured, p99 <= 100)


async def measure_many(bench: Bench) -> None:
    before = await bench.db.fetchval("SELECT count(*) FROM tasks")
    load = await run_load(lambda n: create(bench, n), clients=32, seconds=15)
    behind = await settled(bench)
    counts = await bench.db.fetchrow(COUNTS)
    exact = counts is not None and counts["tasks"] - before == len(load.seconds)
    names = ("feed", "audit", "distinct_feed", "distinct_audit")
    exact = exact and all(counts[name] == counts["tasks"] for name in names)
    verdict = "exact" if exact else "NOT EXACT"
    ordinary = await compare(bench, "/tasks", {"title": "Task"}, clients=32)
    bench.note(
        "create, 32 clients, all consumers at work",
        ">= 1,500/s, nothing lost or doubled (an ordinary service: 610-750/s)",
        f"{load.rate:,.0f}/s, p99 {load.percentile(99):.0f} ms, {verdict}, audit and feed"
        f" {behind:.0f} s behind at the end (an ordinary service: {ordinary:,.0f}/s)",
        load.rate >= 1500 and exact,
    )


async def compare(bench: Bench, path: str, body: Any, clients: int) -> float:
    """Requests a second to an ordinary service, on the same machine in the same minute."""
    with ordinary_service(bench.stack.database) as port:
        client = Client(port)

        async def ask(_: int) -> None:
            await client.ask("POST", path, body, expect=201)

        await run_load(ask, clients=clients, seconds=COMPARED_SECONDS / 3)
        load = await run_load(ask, clients=clients, seconds=COMPARED_SECONDS)
        client.close()
    await bench.db.execute("DROP TABLE ordinary_tasks")
    return load.rate


async def measure_batches(bench: Bench) -> None:
    """Fills the account up to 100,000 tasks; every title holds a word that 50 tasks share."""
    have = await bench.db.fetchval("SELECT count(*) FROM tasks")
    await run_load(lambda n: send_batch(bench, n), clients=2, times=4)
    times = (MANY - have) // BATCH - 4
    load = await run_load(lambda n: send_batch(bench, n + 4), clients=AT_ONCE, times=times)
    rate = load.rate * BATCH
    behind = await settled(bench)
    body = {"tasks": [batch_task(number) for number in range(BATCH)]}
    ordinary = BATCH * await compare(bench, "/tasks/batch", body, clients=AT_ONCE)
    bench.note(
        f"batches of 1,000 creates, {AT_ONCE} at once",
        ">= 15,000 tasks/s (an ordinary service: 8,000)",
        f"{rate:,.0f} tasks/s, audit and feed {behind:.0f} s behind at the end"
        f" (an ordinary service: {ordinary:,.0f})",
        rate >= 15_000,
    )
    # What autovacuum does within a minute, so that no list is measured beside it.
    await bench.db.execute("VACUUM ANALYZE")


async def send_batch(bench: Bench, number: int) -> None:
    operations = [
        {"op": "create", "task": batch_task(number * BATCH + place)} for place in range(BATCH)
    ]
    body = {"operations": operations}
    answer = await bench.client.ask("POST", "/v1/tasks/batch", body)
    if answer.count(b'"status":201') != BATCH:
        raise RuntimeError(f"a batch was not created whole: {answer[:300]!r}")


def batch_task(number: int) -> dict[str, Any]:
    day = number % 28 + 1
    return {
        "title": f"Buy apples word{number % (MANY // 50)}",
        "notes": "for the cake on Sunday",
        "tags": ["errands"],
        "due_at": f"2027-{number % 12 + 1:02}-{day:02}T{number % 24:02}:00:00Z",
    }


async def measure_lists(bench: Bench) -> None:
    path = "/v1/tasks?status=open&sort=due_at&limit=50"
    await run_load(lambda n: bench.client.ask("GET", path), clients=8, seconds=2)
    load = await run_load(lambda n: bench.client.ask("GET", path), clients=8, seconds=10)
    p95 = load.percentile(95)
    bench.note(
        "100,000 tasks: first 50 open by due date, 8 clients",
        ">= 450/s, p95 <= 30 ms",
        f"{load.rate:.0f}/s, p95 {p95:.0f} ms",
        load.rate >= 450 and p95 <= 30,
    )


async def measure_search(bench: Bench) -> None:
    async def search(number: int) -> None:
        path = f"/v1/tasks?q=word{number * 37 % (MANY // 50 - 100) + 100}&limit=50"
        answer = json.decode(await bench.client.ask("GET", path))
        if not answer["items"]:
            raise RuntimeError(f"{path} found nothing")

    await run_load(search, clients=8, seconds=2)
    load = await run_load(search, clients=8, seconds=10)
    p95 = load.percentile(95)
    bench.note(
        "the same: full-text search with 50 hits",
        ">= 250/s, p95 <= 50 ms",
        f"{load.rate:.0f}/s, p95 {p95:.0f} ms",
        load.rate >= 250 and p95 <= 50,
    )


# Every way of asking: common and rare words, beginnings, expressions that an index serves and ones
# that look at each task.
QUERIES = [
    *(
        {"q": text}
        for text in ("apples", "a", "word1234", '"buy apples"', "cake -word7", "organiza")
    ),
    *({"sort": sort} for sort in ("due_at,-priority", "title", "-updated_at")),
    {"tag": "errands", "status": "open"},
    *(
        {"filter": text}
        for text in (
            "priority:high or (tag:errands and due < 2027-02-01)",
            "not (due < today or tag:home)",
            "overdue",
            'title:"word1999"',
            "word12 and created > today-1d and not status:done",
            "notes:nothing",
        )
    ),
]


async def measure_filters(bench: Bench) -> None:
    async def ask(number: int) -> None:
        await bench.client.ask("GET", f"/v1/tasks?{urlencode(QUERIES[number % len(QUERIES)])}")

    await run_load(ask, clients=1, times=2 * len(QUERIES))
    load = await run_load(ask, clients=1, times=12 * len(QUERIES))
    p95 = load.percentile(95)
    bench.note(
        "the same: lists, filters and searches of every kind, one client",
        "p95 <= 200 ms",
        f"p50 {load.percentile(50):.0f} ms, p95 {p95:.0f} ms",
        p95 <= 200,
    )


MEASURES: dict[str, Measure] = {
    "idle": measure_idle,
    "cold": measure_cold,
    "warm": measure_warm,
    "effects": measure_effects,
    "many": measure_many,
    "batches": measure_batches,
    "lists": measure_lists,
    "search": measure_search,
    "filters": measure_filters,
}


async def measure(stack: Stack, wanted: list[str]) -> list[Row]:
    anyone = Client(stack.port)
    person = {"email": "bench@example.com", "password": "bench password"}
    answer = json.decode(await anyone.ask("POST", "/v1/auth/signup", person, expect=201))
    client = Client(stack.port, answer["access_token"])
    db = await asyncpg.connect(stack.database)
    bench = Bench(stack, client, db, answer["user"]["id"], [])
    held = stack.start <= 3
    bench.note("second start to the first answer", "<= 3 s", f"{stack.start:.1f} s", held)
    for name in wanted:
        console.print(f"[bold]{name}[/bold]")
        await MEASURES[name](bench)
    await db.close()
    return bench.rows


def main() -> None:
    wanted = sys.argv[1:] or list(MEASURES)
    with tempfile.TemporaryDirectory(prefix="taskflow-bench-") as folder:
        data = Path(folder)
        console.print("[bold]start[/bold]: once to set up, then again to measure")
        with running(data, COOLDOWN):
            pass
        with running(data, COOLDOWN) as stack:
            rows = uvloop.run(measure(stack, wanted))
    table = Table("what", "bound", "measured", "", title="TaskFlow, measured")
    for row in rows:
        table.add_row(row.what, row.bound, row.measured, "held" if row.held else "[red]MISSED")
    console.print(table)


if __name__ == "__main__":
    main()
