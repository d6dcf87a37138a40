"""What the verify command finds in a real database, with the seals given as a list."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import uuid4

import asyncpg
import pytest
from msgspec import structs

from local.audit import CHUNK, Verdict, verify_database
from taskflow.errors import Unavailable
from taskflow.events import (
    AuditSealed,
    Event,
    SeriesDue,
    TaskCreated,
    TaskUpdated,
    encode,
)
from taskflow.settings import Settings
from tests.audit_events import (
    created,
    deliver,
    logged_in,
    make_task,
    open_worker,
    record,
    task_event,
)

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

PUT_COMMAND = """
INSERT INTO commands (id, user_id, fingerprint, created_at, outcome, events)
VALUES ($1, $2, '', $3, '[]', $4)
"""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


async def look(settings: Settings, *seals: AuditSealed) -> Verdict:
    return await verify_database(settings.database, settings.audit_secrets, seals)


async def keep_command(owner: Owner, at: datetime, *events: Event[Any]) -> None:
    """A row of the ledger that says that these events were emitted."""
    emitted = encode(events).decode() if events else None
    await owner.execute(PUT_COMMAND, uuid4(), uuid4(), at, emitted)


async def test_an_empty_database_is_in_order(settings: Settings) -> None:
    verdict = await look(settings)
    assert verdict == Verdict(entries=0, erased=0, seals=0, events=0, fault=None)
    assert verdict.ok


async def test_everything_is_counted(settings: Settings, owner: Owner) -> None:
    events: list[Event[Any]] = [created(), logged_in(), created()]
    seals = await record(settings, *events)
    await keep_command(owner, LONG_AGO, events[0], events[2])
    await owner.execute(
        "UPDATE audit_details SET salt = '', before = NULL, after = NULL WHERE seq = 2"
    )
    verdict = await look(settings, *seals)
    assert verdict == Verdict(entries=3, erased=1, seals=3, events=2, fault=None)


async def test_more_than_one_chunk(settings: Settings) -> None:
    worker = open_worker(settings)
    for _ in range(2):
        await deliver(worker, [created() for _ in range(CHUNK)])
    await worker.close()
    assert (await look(settings)).entries == 2 * CHUNK


TAMPERINGS: dict[str, int] = {
    "UPDATE audit_entries SET at = 'infinity' WHERE seq = 2": 2,
    "UPDATE audit_entries SET at = '0044-03-15 BC' WHERE seq = 2": 2,
    "UPDATE audit_entries SET action = 'task.deleted' WHERE seq = 1": 1,
    "UPDATE audit_entries SET hash = 'no hash' WHERE seq = 3": 3,
    "UPDATE audit_entries SET trace_id = 'another' WHERE seq = 2": 2,
    "UPDATE audit_entries SET seq = -1 WHERE seq = 1": 1,
    "UPDATE audit_details SET after = NULL WHERE seq = 2": 2,
    "DELETE FROM audit_details WHERE seq = 2": 2,
    "DELETE FROM audit_entries WHERE seq = 2": 2,
    "DELETE FROM audit_entries WHERE seq = 3": 3,
    "WITH gone AS (DELETE FROM audit_details WHERE seq = 3)"
    " DELETE FROM audit_entries WHERE seq = 3": 3,
    "TRUNCATE audit_entries, audit_details": 1,
}


@pytest.mark.parametrize(("sql", "bad"), TAMPERINGS.items())
async def test_tampering_is_named(settings: Settings, owner: Owner, sql: str, bad: int) -> None:
    seals = await record(settings, created(), created(), created())
    await owner.execute(sql)
    verdict = await look(settings, *seals)
    assert verdict.fault is not None and verdict.fault.seq == bad
    assert verdict.entries == bad - 1


async def test_another_secret_fits_nothing(settings: Settings) -> None:
    await record(settings, created())
    verdict = await look(structs.replace(settings, secret="another secret"))
    assert verdict.fault is not None and verdict.fault.seq == 1 and verdict.fault.unproved
    with pytest.raises(Unavailable, match="TASKFLOW_SECRET"):
        await look(structs.replace(settings, secret=""))


async def test_a_seal_of_another_chain(settings: Settings) -> None:
    seals = await record(settings, created(), created())
    forged = structs.replace(seals[0], hash="0" * 64)
    verdict = await look(settings, forged, seals[1])
    assert verdict.fault is not None and verdict.fault.seq == 1 and "seal" in verdict.fault.reason


async def test_an_event_without_an_entry(settings: Settings, owner: Owner) -> None:
    kept, lost = created(), task_event(TaskUpdated, make_task(), before={"title": "x"})
    lost = structs.replace(lost, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    await record(settings, kept)
    await keep_command(owner, LONG_AGO, kept, lost)
    verdict = await look(settings)
    assert verdict.fault is not None and verdict.fault.seq is None
    assert lost.id in verdict.fault.reason and lost.type in verdict.fault.reason
    assert verdict.fault.trace_id == TRACE


async def test_what_may_be_on_its_way_and_what_is_no_change(
    settings: Settings, owner: Owner
) -> None:
    now = datetime.now(UTC)
    await keep_command(owner, now - timedelta(seconds=30), created())
    await keep_command(owner, LONG_AGO, task_event(SeriesDue, make_task()))
    await keep_command(owner, LONG_AGO)
    assert await look(settings) == Verdict(entries=0, erased=0, seals=0, events=0, fault=None)
    await keep_command(owner, now - timedelta(seconds=90), task_event(TaskCreated, make_task()))
    assert not (await look(settings)).ok
