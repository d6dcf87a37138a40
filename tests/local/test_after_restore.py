"""A database that knows less than Kafka, compared with it and brought up to it; on a broker of its
own, because the names of topics and groups are TaskFlow's. The whole story is in tests/platform.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer
from msgspec import structs

from local.after_restore import Lost, SetBack, check_order, look, recover
from local.audit import read_seals, verify
from local.catch_up import tell
from local.kafka import Kafka, start_kafka
from local.read_manifests import read_manifests
from local.rewind import Log
from local.tend import Folders, care_for_topics
from taskflow.audit_keys import open_ring
from taskflow.errors import Unavailable
from taskflow.events import (
    ApiTokenRevoked,
    AuditSealed,
    ChannelAdded,
    CreateTask,
    Event,
    Payload,
    ReminderSent,
    new_event,
    read_event,
)
from taskflow.publish import KafkaPublisher, publish_events
from taskflow.settings import Settings
from taskflow.task import TaskInput
from tests.audit_events import created, record

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

FOLDERS = Folders()
GROUPS = read_manifests(FOLDERS.keda, FOLDERS.dapr, FOLDERS.topics).groups()
STATES = ("sent", "retry", "again", "failed", "unknown")
HOUR = timedelta(hours=1)
KNOW = """
INSERT INTO commands (id, user_id, fingerprint, created_at, outcome, events)
VALUES ($1, $2, '', $3, '[]', '[]')
"""
PLAN = """
INSERT INTO deliveries (id, reminder_id, task_id, user_id, channel_id, channel, due_at, state,
    attempts)
VALUES ($1, $1, $1, $1, $1, 'email', now(), $2, $3)
"""


@pytest.fixture(scope="module")
async def kafka() -> AsyncIterator[Kafka]:
    folder = Path(tempfile.mkdtemp(prefix="taskflow-test-"))
    running = await start_kafka(folder, print)
    await care_for_topics("create", running.bootstrap, FOLDERS, folder)
    yield running
    await running.stop()
    shutil.rmtree(folder)


@pytest.fixture
async def log(kafka: Kafka) -> AsyncIterator[Log]:
    async with Log(kafka.bootstrap) as opened:
        yield opened


def event(payload: Payload, at: datetime | None = None) -> Event[Any]:
    return new_event(payload, id=str(uuid4()), source="test", time=at or datetime.now(UTC))


def ask(user_id: str) -> Event[CreateTask]:
    name = str(uuid4())
    task = TaskInput(title="Pay rent")
    return event(
        CreateTask(user_id=user_id, actor_id=user_id, stream=name, task_id=name, task=task)
    )


def sent(name: str, attempts: int = 1) -> Event[ReminderSent]:
    now = datetime.now(UTC)
    ids = ("delivery_id", "reminder_id", "task_id", "user_id", "channel_id")
    instants = ("due_at", "remind_at", "sent_at")
    return event(
        ReminderSent(
            **dict.fromkeys(ids, name),
            **dict.fromkeys(instants, now),
            channel="email",
            late_by_seconds=0,
            attempts=attempts,
        )
    )


class World:
    """A database, and a log that may know more."""

    def __init__(self, settings: Settings, owner: Owner, log: Log, bootstrap: str) -> None:
        self.settings, self.owner, self.log = settings, owner, log
        self.bootstrap = bootstrap

    async def publish(self, events: Sequence[Event[Any]]) -> None:
        publisher = KafkaPublisher(self.bootstrap)
        assert not await publish_events(publisher, events)
        await publisher.close()

    async def know(self, command: Event[CreateTask]) -> None:
        await self.owner.execute(KNOW, command.id, command.data.user_id, command.time)

    async def finish(self, group: str, topic: str) -> None:
        """The group has done everything."""
        ends = await self.log.find_offsets(topic, datetime.now(UTC) + HOUR)
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group) as consumer:
            consumer.assign(list(ends))
            await consumer.commit(ends)

    async def seal(self, seals: Sequence[AuditSealed]) -> None:
        await self.publish([event(one) for one in seals])

    async def look(self) -> Lost:
        seals = await read_seals(self.bootstrap)
        return await look(self.owner, self.log, seals, open_ring((self.settings.secret,)), HOUR)

    async def recover(self, lost: Lost) -> int:
        ring = open_ring((self.settings.secret,))
        return await recover(self.owner, self.log, ring, lost, GROUPS, HOUR)

    async def lag(self, group: str, topic: str) -> int:
        return await self.log.read_lag(group, topic)


@pytest.fixture
def world(settings: Settings, owner: Owner, log: Log, kafka: Kafka) -> World:
    return World(settings, owner, log, kafka.bootstrap)


async def test_a_database_is_brought_up_to_its_log(world: World, user_id: str) -> None:
    known, lost, stranger = ask(user_id), ask(user_id), ask(str(uuid4()))
    await world.know(known)
    odd = structs.replace(ask(user_id), id="no UUID")
    await world.publish([known, lost, stranger, odd])
    await world.finish("write-task", "task-commands")
    waiting = ask(user_id)
    await world.publish([waiting])
    chained = [created() for _ in range(4)]
    seals = await record(world.settings, *chained)
    await world.seal(seals)
    await world.owner.execute("DELETE FROM audit_entries WHERE seq > 2")
    await world.owner.execute("DELETE FROM audit_details WHERE seq > 2")
    names = {state: str(uuid4()) for state in STATES}
    for state, attempts in (("sent", 1), ("retry", 2), ("again", 1), ("failed", 2)):
        row = "sent" if state == "again" else state
        await world.owner.execute(PLAN, names[state], row, attempts)
    told = [sent(names["sent"]), sent(names["retry"], 3), sent(names["unknown"])]
    told.append(sent(names["failed"]))
    await world.publish([*told, sent(names["again"]), sent(names["again"], 2)])
    told_of = {"user_id": user_id, "actor_id": user_id, "timestamp": datetime.now(UTC)}
    facts = (ChannelAdded(**told_of), ApiTokenRevoked(**told_of))
    await world.publish([event(fact) for fact in facts])

    with pytest.raises(SetBack, match="with entry 2, Kafka knows of entry 4"):
        await check_order(world.settings.database, world.bootstrap)
    found = await world.look()
    assert (found.asked.count, dict(found.asked.strangers)) == (2, {stranger.data.user_id: 1})
    assert sorted(one.delivery_id for one in found.sent) == sorted(
        names[state] for state in ("retry", "again", "unknown")
    )
    assert (found.chain.seq, found.chain.lost_seq) == (2, 4)
    assert found.chain.lost_hash == seals[3].hash
    assert sorted(found.facts, key=str) == sorted(facts, key=str) and not found.begins_late
    said = "\n".join(tell(found))
    assert "now again: 2" in said and "1 api_token_revoked, 1 channel_added" in said
    assert f"again: api_token_revoked of {user_id}" in said and stranger.data.user_id in said

    assert await world.recover(found) == 4
    rows = await world.owner.fetch("SELECT id::text, state, attempts FROM deliveries")
    assert {(row[0], row[1], row[2]) for row in rows} == {
        (names["sent"], "sent", 1),
        (names["retry"], "sent", 3),
        (names["again"], "sent", 2),
        (names["unknown"], "sent", 1),
        # It was wanted again since, and failed: an older word on it changes nothing.
        (names["failed"], "failed", 2),
    }
    assert await world.lag("write-task", "task-commands") == 5
    for command in (lost, stranger, waiting):
        await world.know(command)
    await world.finish("write-task", "task-commands")
    assert (await world.look()).is_nothing
    await check_order(world.settings.database, world.bootstrap)

    (fact,) = await world.owner.fetch("SELECT event FROM timers")

    async def look_at_audit() -> Any:
        return await verify(world.settings.database, world.bootstrap, (world.settings.secret,))

    verdict = await look_at_audit()
    assert verdict.fault is not None and "no entry says so" in verdict.fault.reason
    await world.seal(await record(world.settings, read_event(fact[0].encode()), *chained[2:]))
    verdict = await look_at_audit()
    assert verdict.ok and verdict.entries == 5
    assert [(one.seq, one.lost_seq) for one in verdict.restored] == [(2, 4)]


async def test_what_is_no_older_state_of_the_same_chain_is_refused(world: World) -> None:
    seals = await record(world.settings, created())
    await world.seal([structs.replace(seals[0], hash="0" * 64)])
    with pytest.raises(Unavailable, match="entry 1 is not the one that was sealed"):
        await world.look()


async def test_a_group_at_work_is_not_told_to_read_again(world: World) -> None:
    await world.publish([sent(str(uuid4()))])
    start = await world.log.find_offsets(ReminderSent.topic, datetime.now(UTC) - HOUR)
    await world.finish("reader", ReminderSent.topic)
    async with AIOKafkaConsumer(
        ReminderSent.topic, bootstrap_servers=world.bootstrap, group_id="reader"
    ) as reader:
        await reader.getmany(timeout_ms=500)
        with pytest.raises(Unavailable, match="reader is at work"):
            await world.log.rewind("reader", start)
    assert await world.log.rewind("reader", start) > 0
    assert await world.log.rewind("reader", start) == 0


async def test_every_client_is_told_to_read_anew(world: World, user_id: str) -> None:
    """A number that a client holds may be one that the new feed has not reached, or has for
    something else."""
    await world.owner.execute("INSERT INTO feed_heads VALUES ($1, 7, 0)", user_id)
    await world.recover(await world.look())
    head = "SELECT seq, purged_to FROM feed_heads WHERE user_id = $1"
    first = await world.owner.fetchrow(head, user_id)
    assert first is not None and first["seq"] == first["purged_to"] > 1_000_000_000_000
    await world.recover(await world.look())
    second = await world.owner.fetchrow(head, user_id)
    assert second is not None and second["seq"] > first["seq"]
