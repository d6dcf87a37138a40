"""`python -m bench.reminders`: measures how late reminders come, on a stack of its own: 10,000 in
one minute, from zero and warm, and at one instant; beside another person's import and flood, and
beside an endpoint that hangs. Mails go to `bench.sink`.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import uvloop
from msgspec import Struct, json
from rich.console import Console
from rich.table import Table

from bench.load import Client
from bench.stack import Stack, running
from taskflow.caller import Caller

COOLDOWN = 15.0
REMINDERS = 10_000
IMPORTED = 100_000
# One person's reminders at one instant: more than leave within the minute that is looked at.
FLOOD = 40_000
PEOPLE = 100
KILLS = 5
# Letters that one process may have between the mail server's word and its own commit, at full load.
MOST_IN_WINDOW = 50
BATCH = 1_000
# Kafka and PostgreSQL must have the batches before the minute begins.
LEAD_SECONDS = 45
WAIT_SECONDS = 600.0
HANGS_SECONDS = 10.0
console = Console()

LATENESS = """
SELECT count(*) AS sent, count(DISTINCT reminder_id) AS reminders,
    percentile_cont(ARRAY[0.5, 0.95, 1]) WITHIN GROUP (
        ORDER BY extract(epoch FROM sent_at - due_at)) AS late
FROM deliveries WHERE user_id = ANY($1::uuid[]) AND state = 'sent' AND channel = 'email'
"""
ATTEMPTS = """
SELECT count(*) FROM delivery_attempts AS a JOIN deliveries AS d ON d.id = a.delivery_id
WHERE d.user_id = ANY($1::uuid[]) AND a.state = 'sent' AND d.channel = 'email'
"""

WAITING = "SELECT count(*) FROM timers WHERE user_id = $1 AND topic = 'reminders'"


class PatientClient(Client):
    """One that waits for the outcome of a large batch, however busy the machine is."""

    def __init__(self, port: int, token: str) -> None:
        super().__init__(port, token)
        bearer = ("authorization", f"Bearer {token}")
        kind = ("content-type", "application/json")
        self._caller = Caller("127.0.0.1", port, [bearer, kind, ("prefer", "wait=60")])


class Person(Struct):
    """Somebody with an account on the stack under measurement."""

    client: Client
    user_id: str


class Row(Struct):
    """One promise: what was measured, and whether it held."""

    what: str
    bound: str
    measured: str
    held: bool


class Bench(Struct):
    stack: Stack
    db: "asyncpg.Connection[asyncpg.Record]"
    rows: list[Row]
    people: int = 0

    def note(self, what: str, bound: str, measured: str, held: bool) -> None:
        self.rows.append(Row(what, bound, measured, held))
        console.print(f"  {what}: {measured} ({bound}) {'held' if held else 'MISSED'}")

    async def sign_up(self) -> Person:
        self.people += 1
        account = {"email": f"bench{self.people}@example.com", "password": "bench password"}
        anyone = Client(self.stack.port)
        answer = json.decode(await anyone.ask("POST", "/v1/auth/signup", account, expect=201))
        client = PatientClient(self.stack.port, answer["access_token"])
        return Person(client, answer["user"]["id"])


Measure: TypeAlias = Callable[[Bench], Awaitable[None]]


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Waits for `condition`. Raises RuntimeError when it does not come."""
    for _ in range(int(WAIT_SECONDS / 0.2)):
        if await condition():
            return
        await asyncio.sleep(0.2)
    raise RuntimeError(f"waited {WAIT_SECONDS:g} s in vain: {what}")


async def asleep(bench: Bench) -> None:
    async def none_runs() -> bool:
        return not bench.stack.functions()

    await until(none_runs, "every function asleep")


async def import_tasks(person: Person, instants: list[datetime], channel: str = "email") -> None:
    """A task for each instant, reminded then, in batches."""
    for start in range(0, len(instants), BATCH):
        operations = [
            {"op": "create", "task": _make_task(start + place, at, channel)}
            for place, at in enumerate(instants[start : start + BATCH])
        ]
        answer = await person.client.ask("POST", "/v1/tasks/batch", {"operations": operations})
        if answer.count(b'"status":201') != len(operations):
            raise RuntimeError(f"a batch was not created whole: {answer[:300]!r}")


def _make_task(number: int, at: datetime, channel: str) -> dict[str, Any]:
    reminder = {"at": at.isoformat(), "channels": [channel]}
    due = at + timedelta(hours=1)
    return {"title": f"Task {number}", "due_at": due.isoformat(), "reminders": [reminder]}


async def sent(bench: Bench, people: list[Person], count: int) -> tuple[list[float], bool]:
    """Once `count` reminders were sent: seconds late (median, 95 %, worst), and whether each left
    once."""
    names = [person.user_id for person in people]

    async def all_left() -> bool:
        row = await bench.db.fetchrow(LATENESS, names)
        return row is not None and row["sent"] >= count

    await until(all_left, f"{count} reminders sent")
    row = await bench.db.fetchrow(LATENESS, names)
    attempts = await bench.db.fetchval(ATTEMPTS, names)
    assert row is not None
    return list(row["late"]), row["sent"] == row["reminders"] == attempts == count


def spread(begin: datetime, seconds: float) -> list[datetime]:
    """REMINDERS instants, evenly over so many seconds."""
    step = timedelta(seconds=seconds) / REMINDERS
    return [begin + number * step for number in range(REMINDERS)]


async def _compare(bench: Bench, people: list[Person], what: str, bound: float) -> None:
    (p50, p95, worst), once = await sent(bench, people, REMINDERS)
    exact = "each once" if once else "NOT EACH ONCE"
    measured = f"p50 {p50:.1f} s, p95 {p95:.1f} s, worst {worst:.1f} s, {exact}"
    bench.note(what, f"p95 <= {bound:g} s", measured, once and p95 <= bound)


async def measure_warm(bench: Bench) -> None:
    person = await bench.sign_up()
    begin = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS)
    await import_tasks(person, spread(begin, 60))
    await _compare(bench, [person], "10,000 within one minute, warm", 10)


async def measure_instant(bench: Bench) -> None:
    """Of a hundred people: one person's own would be spread (`SHARE` of fire_timer)."""
    people = [await bench.sign_up() for _ in range(PEOPLE)]
    begin = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS)
    for person in people:
        await import_tasks(person, [begin] * (REMINDERS // PEOPLE))
    await _compare(bench, people, "10,000 of 100 people at one instant, warm", 10)


async def measure_zero(bench: Bench) -> None:
    """Written long before; everything sleeps when the minute comes near."""
    person = await bench.sign_up()
    begin = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS + 30 + COOLDOWN)
    await import_tasks(person, spread(begin, 60))
    await asleep(bench)
    left = (begin - datetime.now(UTC)).total_seconds()
    console.print(f"  asleep {left:.0f} s before the minute begins")
    await _compare(bench, [person], "10,000 within one minute, from zero", 60)


async def measure_import(bench: Bench) -> None:
    """Another person's reminders, one a second, while 100,000 tasks are imported."""
    person, importer = await bench.sign_up(), await bench.sign_up()
    begin = datetime.now(UTC) + timedelta(seconds=5)
    own = [begin + timedelta(seconds=number) for number in range(60)]
    await import_tasks(person, own)
    later = datetime.now(UTC) + timedelta(days=30)
    importing = asyncio.create_task(import_tasks(importer, [later] * IMPORTED))
    (p50, p95, worst), once = await sent(bench, [person], len(own))
    measured = f"p50 {p50:.1f} s, p95 {p95:.1f} s, worst {worst:.1f} s"
    bench.note(
        "beside another person's import of 100,000 tasks",
        "p95 <= 10 s",
        measured,
        once and p95 <= 10,
    )
    await importing


async def measure_flood(bench: Bench) -> None:
    """Another person's reminders all at one instant; one's own, one a second, from then on."""
    person, other = await bench.sign_up(), await bench.sign_up()
    begin = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS)
    own = [begin + timedelta(seconds=number) for number in range(60)]
    await import_tasks(person, own)
    await import_tasks(other, [begin] * FLOOD)
    (p50, p95, worst), once = await sent(bench, [person], len(own))
    left = await bench.db.fetchval(WAITING, other.user_id)
    measured = f"p50 {p50:.1f} s, p95 {p95:.1f} s, worst {worst:.1f} s, {left} of theirs to come"
    what = f"beside another person's {FLOOD:,} at one instant"
    bench.note(what, "p95 <= 10 s", measured, once and p95 <= 10)


async def measure_crash(bench: Bench) -> None:
    """Ten thousand mails while their sender is killed again and again: what was under way between
    the mail server's word and ours comes twice, under one Message-ID; nothing is lost."""
    people = [await bench.sign_up() for _ in range(PEOPLE)]
    before = await count_letters()
    begin = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS)
    for person in people:
        await import_tasks(person, [begin] * (REMINDERS // PEOPLE))
    await asyncio.sleep((begin - datetime.now(UTC)).total_seconds())
    killed = 0
    for _ in range(KILLS):
        await asyncio.sleep(1.5)
        killed += bench.stack.kill("functions.send_reminder")
    names = [person.user_id for person in people]

    async def all_left() -> bool:
        return (await bench.db.fetchrow(LATENESS, names))["sent"] >= REMINDERS

    await until(all_left, "all mails sent")
    letters, different = (
        now - then for now, then in zip(await count_letters(), before, strict=True)
    )
    measured = f"{killed} kills, {letters - different} mails twice, {REMINDERS - different} lost"
    held = different == REMINDERS and letters - different <= killed * MOST_IN_WINDOW
    bench.note("the sender killed amid 10,000 mails", "none lost, few twice", measured, held)


async def count_letters() -> tuple[int, int]:
    """How many letters the mail server has taken, and how many different ones."""
    port = int(os.environ["TASKFLOW_SMTP"].rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(b"STAT\r\n")
    _, letters, different = (await reader.readline()).split()
    writer.close()
    return int(letters), int(different)


async def measure_hanging(bench: Bench) -> None:
    """One person's endpoint answers after ten seconds; another's mails come all the same."""
    person, slow = await bench.sign_up(), await bench.sign_up()
    async with _serve_hanging() as url:
        channel = {"kind": "webhook", "address": url}
        await slow.client.ask("POST", "/v1/channels", channel, expect=201)
        begin = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS)
        moments = [begin + timedelta(seconds=0.1 * number) for number in range(600)]
        await import_tasks(slow, moments, "webhook")
        await import_tasks(person, moments)
        (p50, p95, worst), once = await sent(bench, [person], len(moments))
    measured = f"p50 {p50:.1f} s, p95 {p95:.1f} s, worst {worst:.1f} s"
    held = once and p95 <= 3
    bench.note("beside 600 webhooks to an endpoint that takes 10 s", "p95 <= 3 s", measured, held)


@asynccontextmanager
async def _serve_hanging() -> AsyncIterator[str]:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(HANGS_SECONDS)
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"


MEASURES: dict[str, Measure] = {
    "zero": measure_zero,
    "warm": measure_warm,
    "instant": measure_instant,
    "import": measure_import,
    "flood": measure_flood,
    "hanging": measure_hanging,
    "crash": measure_crash,
}


async def measure(stack: Stack, wanted: list[str]) -> list[Row]:
    db = await asyncpg.connect(stack.database)
    bench = Bench(stack, db, [])
    for name in wanted:
        console.print(f"[bold]{name}[/bold]")
        await MEASURES[name](bench)
    await db.close()
    return bench.rows


@contextmanager
def serve_sink() -> Iterator[str]:
    """The URL of a mail server in a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "bench.sink"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield f"smtp://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    wanted = sys.argv[1:] or list(MEASURES)
    # The endpoint that hangs is one of ours.
    os.environ.setdefault("TASKFLOW_WEBHOOK_ALLOW", "127.0.0.0/8")
    with tempfile.TemporaryDirectory(prefix="taskflow-bench-") as folder, serve_sink() as smtp:
        os.environ["TASKFLOW_SMTP"] = smtp
        with running(Path(folder), COOLDOWN) as stack:
            rows = uvloop.run(measure(stack, wanted))
    table = Table("what", "bound", "measured", "", title="Reminders, measured")
    for row in rows:
        table.add_row(row.what, row.bound, row.measured, "held" if row.held else "[red]MISSED")
    console.print(table)


if __name__ == "__main__":
    main()
