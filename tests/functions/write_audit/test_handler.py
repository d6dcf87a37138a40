"""The chain as the function writes it: under its own role, on a real database, behind its door."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from msgspec import structs

from taskflow.audit import GENESIS, Entry, Texts
from taskflow.audit_keys import open_ring
from taskflow.events import AuditSealed, Event, SeriesDue, TaskCreated, TaskDeleted, TaskUpdated
from taskflow.publish import ListPublisher
from taskflow.serve import Worker
from taskflow.settings import Settings
from taskflow.verification import Verification
from tests.audit_events import (
    BATCH,
    NOW,
    created,
    deliver,
    logged_in,
    make_task,
    open_worker,
    task_event,
)

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
CAUSE = "1c0ffee0-0000-4000-8000-000000000000"

ENTRIES = """
SELECT seq, at, event_id, user_id::text, actor_id::text, action, task_id::text, cause_id,
    before_digest, after_digest, trace_id, previous_hash, hash
FROM audit_entries ORDER BY seq
"""
TEXTS = "SELECT salt, before, after FROM audit_details ORDER BY seq"


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[Worker]:
    worker = open_worker(settings)
    yield worker
    await worker.close()


def seals(worker: Worker) -> list[Event[AuditSealed]]:
    assert isinstance(worker.publisher, ListPublisher)
    return worker.publisher.events


async def read_chain(owner: Owner) -> list[tuple[Entry, Texts]]:
    entries = [Entry(**dict(row)) for row in await owner.fetch(ENTRIES)]
    texts = [Texts(**dict(row)) for row in await owner.fetch(TEXTS)]
    return list(zip(entries, texts, strict=True))


async def assert_true(owner: Owner, settings: Settings, ids: Sequence[str]) -> None:
    """The chain holds exactly these events in this order, and verifies."""
    chain = await read_chain(owner)
    verification = Verification(open_ring(settings.audit_secrets))
    for entry, texts in chain:
        verification.take(entry, texts)
    assert verification.finish() is None
    assert [entry.event_id for entry, _ in chain] == list(ids)


# --- what an entry says ------------------------------------------------------------------------


async def test_a_fact_of_each_kind(worker: Worker, owner: Owner, settings: Settings) -> None:
    task = make_task(tags=["home"])
    later = structs.replace(task, title="Pay the rent", tags=[], version=2)
    events: list[Event[Any]] = [
        task_event(TaskCreated, task, cause=CAUSE),
        task_event(TaskUpdated, later, before={"title": "Pay rent", "tags": ["home"]}),
        task_event(TaskDeleted, later, before=msgspec.to_builtins(later)),
        logged_in(),
    ]
    assert await deliver(worker, events) == 204
    await assert_true(owner, settings, [event.id for event in events])
    chain = await read_chain(owner)
    assert [entry.action for entry, _ in chain] == [
        "task.created",
        "task.updated",
        "task.deleted",
        "account.logged_in",
    ]
    assert [(texts.before, texts.after) for _, texts in chain] == [
        (None, encode_sorted(task)),
        ('{"tags":["home"],"title":"Pay rent"}', '{"tags":[],"title":"Pay the rent"}'),
        (encode_sorted(later), None),
        (None, '{"by":"token","z":1}'),
    ]
    assert len({texts.salt for _, texts in chain}) == 4


def encode_sorted(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


async def test_what_a_newer_gateway_tells_of_an_account_has_its_entry(
    worker: Worker, owner: Owner, settings: Settings
) -> None:
    """After a way back its facts may still be in the log, of a kind that this version has not."""
    fact = msgspec.to_builtins(logged_in())
    fact |= {"type": "taskflow.account.moved.v1", "data": fact["data"] | {"event_type": "moved"}}
    assert (await worker.answer(BATCH, msgspec.json.encode([fact]))).status == 204
    await assert_true(owner, settings, [fact["id"]])
    ((entry, texts),) = await read_chain(owner)
    assert (entry.action, texts.after) == ("account.moved", '{"by":"token","z":1}')


async def test_whose_and_why(worker: Worker, owner: Owner) -> None:
    event = task_event(TaskCreated, make_task(), cause=CAUSE)
    upper = structs.replace(event.data, actor_id=str(uuid4()).upper())
    other = structs.replace(event, id="another", causationid=None, data=upper)
    await deliver(worker, [event, other])
    (first, _), (second, _) = await read_chain(owner)
    assert (first.seq, first.at, first.previous_hash) == (1, NOW, GENESIS)
    assert (first.user_id, first.task_id) == (event.data.user_id, event.data.task_id)
    assert (first.actor_id, first.cause_id) == (event.data.actor_id, CAUSE)
    assert (second.actor_id, second.cause_id) == (upper.actor_id.lower(), "another")
    assert second.previous_hash == first.hash


async def test_the_trace_of_an_event_is_part_of_its_entry(
    worker: Worker, owner: Owner, settings: Settings
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    events = [
        structs.replace(created(), traceparent=given)
        for given in (f"00-{trace}-00f067aa0ba902b7-01", None, "no trace")
    ]
    await deliver(worker, events)
    await assert_true(owner, settings, [event.id for event in events])
    assert [entry.trace_id for entry, _ in await read_chain(owner)] == [trace, None, None]
    await owner.execute("UPDATE audit_entries SET trace_id = NULL")
    verification = Verification(open_ring(settings.audit_secrets))
    for entry, texts in await read_chain(owner):
        verification.take(entry, texts)
    fault = verification.finish()
    assert fault is not None and fault.seq == 1


async def test_an_event_that_is_no_change_is_left_out(worker: Worker, owner: Owner) -> None:
    due = task_event(SeriesDue, make_task())
    assert await deliver(worker, [due]) == 204
    assert await read_chain(owner) == [] and seals(worker) == []


# --- once, in order, without a gap -------------------------------------------------------------


async def test_a_repeated_batch_adds_nothing_and_is_sealed_again(
    worker: Worker, owner: Owner, settings: Settings
) -> None:
    events = [created() for _ in range(5)]
    assert await deliver(worker, events) == 204
    assert await deliver(worker, events) == 204
    await assert_true(owner, settings, [event.id for event in events])
    first, again = seals(worker)
    last = (await read_chain(owner))[-1][0]
    assert first == again
    assert first.data == AuditSealed(seq=5, hash=last.hash, entries=5)
    assert first.causationid == events[-1].id


async def test_a_lost_seal_is_published_by_the_redelivery(worker: Worker, owner: Owner) -> None:
    """The commit stands, the publish failed: the delivery comes back, and so does the seal."""
    publisher = worker.publisher
    assert isinstance(publisher, ListPublisher)
    publisher.refuses = {"audit"}
    events = [created(), created()]
    assert await deliver(worker, events) == 503
    assert len(await read_chain(owner)) == 2 and publisher.events == []
    publisher.refuses = set()
    assert await deliver(worker, events[-1:]) == 204
    assert [event.data.seq for event in publisher.events] == [2]


async def test_duplicates_and_old_ones_within_a_batch(
    worker: Worker, owner: Owner, settings: Settings
) -> None:
    one, two, three = created(), created(), logged_in()
    await deliver(worker, [two])
    await deliver(worker, [one, two, one, three, three])
    await assert_true(owner, settings, [two.id, one.id, three.id])
    assert [event.data.seq for event in seals(worker)] == [1, 3]


async def test_two_workers_at_once_make_one_chain(settings: Settings, owner: Owner) -> None:
    workers = [open_worker(settings) for _ in range(2)]
    shared = [[created() for _ in range(20)] for _ in range(6)]
    answers = await asyncio.gather(
        *(deliver(worker, batch) for batch in shared for worker in workers)
    )
    for worker in workers:
        await worker.close()
    assert set(answers) == {204}
    chain = await read_chain(owner)
    assert [entry.seq for entry, _ in chain] == list(range(1, 121))
    assert {entry.event_id for entry, _ in chain} == {e.id for batch in shared for e in batch}
    hashes = {entry.seq: entry.hash for entry, _ in chain}
    published = [seal.data for worker in workers for seal in seals(worker)]
    assert len(published) == 12
    assert all(hashes[seal.seq] == seal.hash for seal in published)
    await assert_true(owner, settings, [entry.event_id for entry, _ in chain])


async def test_a_poison_event_does_not_hold_up_its_batch(
    worker: Worker, owner: Owner, settings: Settings
) -> None:
    good, bad, other = created(), created(), created()
    broken = structs.replace(bad, data=structs.replace(bad.data, user_id="nobody"))
    naive = structs.replace(other, data=structs.replace(other.data, timestamp=NO_OFFSET))
    assert await deliver(worker, [broken, naive, good]) == 503
    await assert_true(owner, settings, [good.id])
    counted = await owner.fetch("SELECT event_key FROM attempts")
    assert {row["event_key"] for row in counted} == {
        f"/taskflow/write_task#{bad.id}",
        f"/taskflow/write_task#{other.id}",
    }


NO_OFFSET = NOW.replace(tzinfo=None)


async def test_without_a_secret_it_waits(settings: Settings, owner: Owner) -> None:
    worker = open_worker(structs.replace(settings, secret=""))
    assert await deliver(worker, [created()]) == 503
    await worker.close()
    assert await read_chain(owner) == []
    assert await owner.fetchval("SELECT count(*) FROM attempts") == 0


# --- append-only -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["taskflow_write_audit", "taskflow_gateway"])
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_entries SET action = 'x'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "UPDATE audit_details SET after = NULL",
        "DELETE FROM audit_details",
    ],
)
async def test_no_role_may_change_the_record(owner: Owner, role: str, sql: str) -> None:
    await owner.execute(f"SET ROLE {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute(sql)


async def tamper(owner: Owner, settings: Settings, sql: str) -> int | None:
    """The first bad number that the chain shows after `sql`."""
    await owner.execute(sql)
    entries = [Entry(**dict(row)) for row in await owner.fetch(ENTRIES)]
    texts = await owner.fetch("SELECT seq, salt, before, after FROM audit_details ORDER BY seq")
    beside = {r["seq"]: Texts(salt=r["salt"], before=r["before"], after=r["after"]) for r in texts}
    verification = Verification(open_ring(settings.audit_secrets))
    for entry in entries:
        verification.take(entry, beside.get(entry.seq))
    fault = verification.finish(max(beside, default=0))
    return fault.seq if fault else None


CHANGES: dict[str, int | None] = {
    "UPDATE audit_entries SET seq = 9 WHERE seq = 2": 2,
    "UPDATE audit_entries SET at = at + interval '1 microsecond' WHERE seq = 2": 2,
    "UPDATE audit_entries SET event_id = 'x' WHERE seq = 2": 2,
    "UPDATE audit_entries SET user_id = gen_random_uuid() WHERE seq = 2": 2,
    "UPDATE audit_entries SET actor_id = gen_random_uuid() WHERE seq = 2": 2,
    "UPDATE audit_entries SET action = 'task.deleted' WHERE seq = 2": 2,
    "UPDATE audit_entries SET task_id = NULL WHERE seq = 2": 2,
    "UPDATE audit_entries SET cause_id = 'x' WHERE seq = 2": 2,
    "UPDATE audit_entries SET before_digest = after_digest WHERE seq = 2": 2,
    "UPDATE audit_entries SET after_digest = before_digest WHERE seq = 2": 2,
    "UPDATE audit_entries SET previous_hash = hash WHERE seq = 2": 2,
    "UPDATE audit_entries SET hash = previous_hash WHERE seq = 2": 2,
    "UPDATE audit_details SET seq = 9 WHERE seq = 2": 2,
    "UPDATE audit_details SET salt = md5('x') WHERE seq = 2": 2,
    "UPDATE audit_details SET before = '{}' WHERE seq = 2": 2,
    "UPDATE audit_details SET after = NULL WHERE seq = 2": 2,
    "DELETE FROM audit_details WHERE seq = 2": 2,
    "DELETE FROM audit_entries WHERE seq = 1": 1,
    "DELETE FROM audit_entries WHERE seq = 2": 2,
    "DELETE FROM audit_entries WHERE seq = 3": 3,
    "DELETE FROM audit_entries": 1,
    "UPDATE audit_details SET salt = '', before = NULL, after = NULL WHERE seq = 2": None,
    "UPDATE audit_details SET salt = '', before = NULL, after = NULL": None,
}


@pytest.mark.parametrize(("sql", "bad"), CHANGES.items())
async def test_tampering_is_found(
    worker: Worker, owner: Owner, settings: Settings, sql: str, bad: int | None
) -> None:
    await deliver(worker, [created(), created(), created()])
    assert await tamper(owner, settings, sql) == bad


async def test_a_chain_goes_on_after_an_erasure(
    worker: Worker, owner: Owner, settings: Settings
) -> None:
    events: list[Event[Any]] = [created(), created(), logged_in()]
    await deliver(worker, events[:2])
    await owner.execute("UPDATE audit_details SET salt = '', before = NULL, after = NULL")
    await deliver(worker, events[2:])
    await assert_true(owner, settings, [event.id for event in events])
