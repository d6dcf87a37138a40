"""A rollout as it happens: the last release serves, the schema moves on under it, functions of both
releases share the partitions of each group, there is a way back and forward again, processes are
killed, and people write all the time by both gateways. Nothing is lost, and nothing doubled.

TASKFLOW_TEST_ROUNDS says how often it goes there, the first time from the schema of before.
"""

import asyncio
import json
import os
import random
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

from local.kafka import Kafka, start_kafka
from local.tend import Folders, care_for_topics
from taskflow.events import TASK_CHANGES, AccountFact, Event, RealtimeUpdate, read_event
from taskflow.migrate import current, head, migrate
from tests.conftest import address
from tests.functions.send_reminder.world import Endpoint, Postbox, serve_endpoint, serve_postbox
from tests.releases.people import BEGINS, Person
from tests.releases.release import Release
from tests.releases.rollout import Rollout
from tests.releases.test_contract import (
    SAMPLES,
    list_types_of_the_gateway,
    list_unread_types,
)

ROUNDS = int(os.environ.get("TASKFLOW_TEST_ROUNDS", "2"))
NAMES = ("ann", "bob", "cleo")
SECRET = "a secret for both releases"
# Not who sends: a death between the sending and the settling sends again, under the same id. What a
# clock held comes a minute later, which only a longer life has.
MORTAL = ["write-task", "expand-recurrence", "fan-out-update", "write-audit"]
MORTAL += ["fire-timer"] if ROUNDS > 2 else []
REST = 120
MIGRATE = (
    "import asyncio, sys; from taskflow.migrate import migrate; asyncio.run(migrate(sys.argv[1]))"
)

pytestmark = pytest.mark.timeout(120 + 60 * ROUNDS)

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Outside(Struct, frozen=True):
    """What is of no release: the database, and where reminders come."""

    url: str
    postbox: Postbox
    endpoint: Endpoint


class Life:
    """A rollout that has been, with all that is left of it."""

    def __init__(self, last: Release, rollout: Rollout, owner: Owner, outside: "Outside") -> None:
        self.last, self.rollout, self.owner, self.outside = last, rollout, owner, outside
        self.random = random.Random(ROUNDS)
        self.clients = {
            name: httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30)
            for name, port in rollout.ports.items()
        }
        self.gateways: list[httpx.AsyncClient] = []
        self.people = [Person(name, self.gateways) for name in NAMES]
        self.records: dict[str, list[bytes]] = {}
        self.first_records = 0

    async def live(self) -> None:
        await self.begin()
        await self.roll_out()
        for _ in range(ROUNDS - 1):
            await self.go_back_and_forth()
        await self.come_to_rest()

    async def meanwhile(self, *work: Coroutine[Any, Any, object]) -> None:
        """Everybody lives a day, and this happens."""
        async with asyncio.TaskGroup() as group:
            for one in (*work, *(person.live() for person in self.people)):
                group.create_task(one)

    async def open_gateway(self, name: str) -> None:
        await self.rollout.gateways[name].start()
        self.gateways.append(self.clients[name])

    async def roll(self, names: Iterable[str], change: Callable[[str], Awaitable[None]]) -> None:
        """These functions, in an order of chance: a cluster keeps none."""
        for name in self.random.sample(list(names), len(list(names))):
            await change(name)
            await asyncio.sleep(0.1)

    async def add(self, release: str) -> None:
        """A process of this release beside the other's, where there is none yet."""
        functions = self.rollout.functions
        missing = [name for name, one in functions.items() if not one.of(release)]
        await self.roll(missing, lambda name: functions[name].add(release))

    async def end(self, release: str, part: float = 1.0) -> None:
        """The processes of this release end, of so many of the functions."""
        functions = self.rollout.functions
        ending = self.random.sample(list(functions), round(len(functions) * part))
        await self.roll(ending, lambda name: functions[name].end(release))

    async def mix(self, release: str) -> None:
        """This release comes beside the other, and of two functions both die at once."""
        await self.add(release)
        for name in self.random.sample(MORTAL, 2):
            both = (self.rollout.functions[name].kill(one) for one in self.rollout.ports)
            await asyncio.gather(*both)

    async def begin(self) -> None:
        """Nothing is there but the last release."""
        await self.add(self.last.name)
        await self.open_gateway(self.last.name)
        await asyncio.gather(*(one.arrive(self.outside.endpoint.url) for one in self.people))
        await self.meanwhile()
        self.first_records = sum(map(len, (await self.read()).values()))

    async def roll_out(self) -> None:
        """The schema first, then the functions, half of them back again on the schema of today and
        once more forward, then the gateway."""
        await self.meanwhile(migrate(self.outside.url))
        assert await current(self.outside.url) == head()
        # A night falls, and clocks of both carry out its retention, a portion each second.
        await self.owner.execute(NIGHT)
        await self.meanwhile(self.mix("today"))
        await self.meanwhile(self.end("today", part=1 / 2))
        await self.open_gateway("today")
        await self.meanwhile(self.add("today"))
        await self.meanwhile(self.end(self.last.name))
        await asyncio.gather(*(one.export(self.clients["today"]) for one in self.people))
        # The last release has no word for this; it does not come back while it is under way.
        await self.rollout.until_done()

    async def go_back_and_forth(self) -> None:
        """To the functions of before, a gateway of each all the time; and to today's again."""
        await self.meanwhile(self.mix(self.last.name))
        await self.meanwhile(self.end("today"))
        await self.meanwhile(self.restart_gateways())
        await self.meanwhile(self.mix("today"))
        await self.meanwhile(self.end(self.last.name))

    async def restart_gateways(self) -> None:
        for gateway in self.rollout.gateways.values():
            await gateway.restart()

    async def read(self) -> dict[str, list[bytes]]:
        return await read_log(self.rollout.bootstrap, self.rollout.partitions)

    async def come_to_rest(self) -> None:
        """Every reminder has left, the night is over, nothing waits, and the log is read."""
        async with asyncio.timeout(REST):
            while await self.owner.fetchval(DUE) or await self.owner.fetchval(IS_NIGHT):
                await asyncio.sleep(0.1)
            while await self.owner.fetchval(SENT) < 2 * len(self.list_reminded()):
                await asyncio.sleep(0.1)
        await self.rollout.until_done()
        self.records = await self.read()

    def list_reminded(self) -> list[str]:
        """The titles that somebody is to be reminded of, by mail and by webhook."""
        return [title for person in self.people for title in person.reminded]

    def events(self, *kinds: type) -> list[Event[Any]]:
        """What the log holds of these kinds, each event once."""
        everything = (
            read_event(one)
            for topic, records in self.records.items()
            if not topic.endswith("-dead-letters")
            for one in records
        )
        return list({one.id: one for one in everything if isinstance(one.data, kinds)}.values())


NIGHT = "UPDATE timers SET due_at = now() WHERE topic = 'retention'"
IS_NIGHT = "SELECT count(*) FROM timers WHERE topic = 'retention' AND due_at <= now()"
SENT = "SELECT count(*) FROM deliveries WHERE state = 'sent'"
DUE = "SELECT count(*) FROM timers WHERE topic <> 'retention' AND due_at < now() + interval '1 day'"


async def read_log(bootstrap: str, parts: Sequence[TopicPartition]) -> dict[str, list[bytes]]:
    """Every record of these partitions, by topic."""
    found: dict[str, list[bytes]] = defaultdict(list)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        ends = await consumer.end_offsets(parts)
        waiting = {part for part in parts if ends[part]}
        while waiting:
            for part, records in (await consumer.getmany(timeout_ms=100)).items():
                found[part.topic] += [record.value for record in records]
                if await consumer.position(part) >= ends[part]:
                    waiting.discard(part)
    return found


@pytest.fixture(scope="module")
async def database(server: Path, last: Release) -> AsyncIterator[str]:
    """The URL of a database with the schema of the last release."""
    db = await asyncpg.connect(address(server, "postgres"))
    await db.execute("CREATE DATABASE releases")
    url = address(server, "releases")
    await asyncio.to_thread(last.run, "-c", MIGRATE, url)
    yield url
    await db.execute("DROP DATABASE releases WITH (FORCE)")
    await db.close()


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """For logs, kept where something failed; short, because the path of a socket must be."""
    before = request.session.testsfailed
    made = Path(tempfile.mkdtemp(prefix="taskflow-"))
    yield made
    if request.session.testsfailed == before:
        shutil.rmtree(made, ignore_errors=True)
    else:
        print(f"the logs are in {made}")


@pytest.fixture(scope="module")
async def broker(folder: Path) -> AsyncIterator[Kafka]:
    """A log for this life alone."""
    running = await start_kafka(folder, print)
    await care_for_topics("create", running.bootstrap, Folders(), folder)
    yield running
    await running.stop()


@pytest.fixture(scope="module")
async def life(
    last: Release, today: Release, database: str, broker: Kafka, folder: Path
) -> AsyncIterator[Life]:
    postbox, endpoint = Postbox(), Endpoint()
    async with AsyncExitStack() as stack:
        given = {
            "TASKFLOW_DATA": str(folder),
            "TASKFLOW_DATABASE": database,
            "TASKFLOW_SECRET": SECRET,
            "TASKFLOW_SMTP": await stack.enter_async_context(serve_postbox(postbox)),
        }
        await stack.enter_async_context(serve_endpoint(endpoint))
        rollout = Rollout([last, today], broker.bootstrap, os.environ | given, folder / "logs")
        stack.push_async_callback(rollout.stop)
        await rollout.start()
        owner = await asyncpg.connect(database)
        stack.push_async_callback(owner.close)
        lived = Life(last, rollout, owner, Outside(database, postbox, endpoint))
        for client in lived.clients.values():
            await stack.enter_async_context(client)
        await lived.live()
        yield lived


async def test_each_function_of_both_releases_was_at_work(life: Life, today: Release) -> None:
    """But for who keeps dead letters, of which there were none."""
    for name, deployment in life.rollout.functions.items():
        if name != "keep-dead-letter":
            assert deployment.list_busy() == {life.last.name, today.name}, name


async def test_every_write_is_there_once(life: Life) -> None:
    """By both gateways, each change of a task having made one version."""
    for person in life.people:
        for client in life.clients.values():
            assert await person.list_tasks(client) == person.tasks


async def test_every_occurrence_is_there_once(life: Life) -> None:
    for person in life.people:
        for series_id, count in person.series.items():
            wanted = [(BEGINS + timedelta(days=day)).isoformat() for day in range(count)]
            query = "SELECT recurrence_id FROM tasks WHERE series_id = $1 ORDER BY 1"
            rows = await life.owner.fetch(query, series_id)
            assert [row["recurrence_id"] for row in rows] == wanted


async def test_each_reminder_came_once_by_each_channel(life: Life) -> None:
    titles = life.list_reminded()
    mails = Counter(str(mail["Subject"]) for mail in life.outside.postbox.taken)
    assert mails == Counter(f"Reminder: {title}" for title in titles)
    called = Counter(json.loads(body)["data"]["title"] for body in life.outside.endpoint.bodies)
    assert called == Counter(titles)
    states = await life.owner.fetch("SELECT state, count(*) FROM deliveries GROUP BY state")
    counted = {row["state"]: row["count"] for row in states}
    assert counted["sent"] == 2 * len(titles) and counted.keys() <= {"sent", "suppressed"}


async def test_the_audit_has_one_entry_for_each_fact(life: Life) -> None:
    facts = Counter(event.id for event in life.events(*TASK_CHANGES, AccountFact))
    rows = await life.owner.fetch("SELECT event_id FROM audit_entries")
    assert Counter(row["event_id"] for row in rows) == facts


async def test_each_release_verifies_the_audit(life: Life, today: Release) -> None:
    for release in (life.last, today):
        verify = partial(
            release.run,
            *("-m", "local", "audit", "verify"),
            TASKFLOW_DATABASE=life.outside.url,
            TASKFLOW_KAFKA=life.rollout.bootstrap,
            TASKFLOW_SECRET=SECRET,
        )
        assert b"whole and unedited" in await asyncio.to_thread(verify)


async def test_each_feed_is_without_a_gap(life: Life) -> None:
    """In the database, and in what outside clients are told."""
    told: dict[str, dict[int, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    for event in life.events(RealtimeUpdate):
        data = event.data
        told[data.user_id][data.cursor].add((data.task_id, data.event_type))
    for person in life.people:
        rows = await life.owner.fetch(
            "SELECT seq, task_id::text, type FROM feed WHERE user_id = $1 ORDER BY seq",
            person.user_id,
        )
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        feed = {row["seq"]: {(row["task_id"], row["type"])} for row in rows}
        assert told[person.user_id] == feed


async def test_nothing_was_given_up(life: Life) -> None:
    """No handler failed even once, no letter is dead, no timer set aside."""
    for table in ("attempts", "dead_letters", "timers WHERE due_at = 'infinity'"):
        assert await life.owner.fetch(f"SELECT * FROM {table}") == []
    assert [topic for topic in life.records if topic.endswith("-dead-letters")] == []
    # An error would have it come an hour later.
    (night,) = await life.owner.fetch("SELECT due_at FROM timers WHERE topic = 'retention'")
    assert f"{night['due_at']:%H:%M:%S}" == "03:00:00"


async def test_the_migration_of_the_last_release_changes_nothing(life: Life) -> None:
    """Whoever goes back by a deployment runs it too, on the schema of today."""
    await asyncio.to_thread(life.last.start, "-c", MIGRATE, life.outside.url)
    assert await current(life.outside.url) == head()
    assert await life.owner.fetchval("SELECT count(*) FROM tasks")


async def test_each_release_reads_what_was_really_written(life: Life, today: Release) -> None:
    """All commands, facts, reminders, updates and seals that both have put on the log."""
    records = [one for records in life.records.values() for one in records]
    assert 0 < life.first_records < len(records)
    known: dict[str, Any] = json.loads(life.last.run(SAMPLES, "schemas"))
    free = list_types_of_the_gateway() | (list_unread_types() - known.keys())
    for release in (life.last, today):
        read = release.run(SAMPLES, "read", given=b"".join(one + b"\n" for one in records))
        for line, record in zip(read.splitlines(), records, strict=True):
            assert b'"refused"' not in line or json.loads(record)["type"] in free, line
