"""A new secret, on the real database: who says so in the chain, and who may not go on."""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import asyncpg
import pytest
from msgspec import structs

from functions.write_audit.chain import append_entries, read_end
from functions.write_audit.handler import write_entry
from local.audit import Verdict, verify_database
from taskflow.audit_keys import CHANGED, HOST, LOST, name_key, open_ring, tell_change
from taskflow.events import Event
from taskflow.serve import Worker
from taskflow.settings import Settings
from tests.audit_events import NOW, created, deliver, logged_in, open_worker

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Start: TypeAlias = Callable[..., Worker]
A, B, C = "the first secret", "the second secret", "the third secret"
CHAIN = "SELECT * FROM audit_entries JOIN audit_details USING (seq) ORDER BY seq"


@pytest.fixture
async def start(settings: Settings) -> AsyncIterator[Start]:
    """Starts a write_audit under secrets: its own, and earlier ones."""
    workers: list[Worker] = []

    def start_one(secret: str, previous: str = "", **more: Any) -> Worker:
        own = structs.replace(settings, secret=secret, secret_previous=previous, **more)
        workers.append(open_worker(own))
        return workers[-1]

    yield start_one
    for worker in workers:
        await worker.close()


async def look(settings: Settings, *secrets: str) -> Verdict:
    return await verify_database(settings.database, secrets, [])


async def actions(owner: Owner) -> list[str]:
    return [row["action"] for row in await owner.fetch(CHAIN)]


async def test_three_secrets_one_chain(start: Start, owner: Owner, settings: Settings) -> None:
    first: list[Event[Any]] = [created(), logged_in()]
    assert await deliver(start(A), first) == 204
    assert await deliver(start(B, A), [created()]) == 204
    assert await deliver(start(B, A), [*first, created()]) == 204
    assert await deliver(start(C, f"{B},{A}"), [created()]) == 204
    told = ["task.created", "account.logged_in", CHANGED, "task.created", "task.created"]
    assert await actions(owner) == [*told, CHANGED, "task.created"]
    verdict = await look(settings, C, B, A)
    assert verdict.ok and verdict.entries == 7
    missing = await look(settings, C)
    assert missing.fault is not None and missing.fault.unproved and missing.entries == 1


async def test_what_the_change_says(start: Start, owner: Owner) -> None:
    event = created()
    await deliver(start(A), [created()])
    await deliver(start(B, A), [event])
    _, change, _ = await owner.fetch(CHAIN)
    key_id = name_key(open_ring([B]).writing)
    assert (change["event_id"], change["cause_id"]) == (f"audit-key:{key_id}", event.id)
    assert (str(change["user_id"]), str(change["actor_id"]), change["at"]) == (HOST, HOST, NOW)
    assert (change["before"], change["after"]) == (None, tell_change(key_id))


async def test_a_redelivery_alone_changes_nothing(start: Start, owner: Owner) -> None:
    event = created()
    await deliver(start(A), [event])
    assert await deliver(start(B, A), [event]) == 204
    assert await actions(owner) == ["task.created"]


async def test_old_and_new_side_by_side(start: Start, owner: Owner, settings: Settings) -> None:
    """While everybody is told: an old writer waits from the change on, and nothing is counted."""
    old, announced, new = start(A), start(A, B), start(B, A)
    assert await deliver(old, [created()]) == 204
    assert await deliver(announced, [created()]) == 204
    assert await deliver(new, [waiting := created()]) == 204
    for writer in (old, announced):
        assert await deliver(writer, [created()]) == 503
        assert await deliver(writer, [waiting]) == 204
    assert await owner.fetchval("SELECT count(*) FROM attempts") == 0
    assert len(await actions(owner)) == 4
    assert await deliver(new, [created()]) == 204
    assert (await look(settings, B, A)).ok


async def test_an_earlier_secret_that_nobody_named_stops_the_writer(
    start: Start, owner: Owner, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await deliver(start(A), [created()])
    lost = created()
    assert await deliver(start(B), [lost]) == 503
    assert await deliver(start(B, C), [lost]) == 503
    assert "TASKFLOW_SECRET_PREVIOUS" in caplog.text and A not in caplog.text
    assert await deliver(start(B, secret_retired=A), [lost]) == 204
    assert await actions(owner) == ["task.created", CHANGED, "task.created"]
    assert (await look(settings, B, A)).ok


async def test_a_lost_secret_is_told_once(start: Start, owner: Owner, settings: Settings) -> None:
    await deliver(start(A), [created()])
    anew = start(B, secret_lost=True)
    assert [await deliver(anew, [created()]) for _ in range(2)] == [204, 204]
    assert await actions(owner) == ["task.created", LOST, "task.created", "task.created"]
    verdict = await look(settings, B)
    assert verdict.fault is not None and verdict.fault.unproved and verdict.entries == 3
    assert (await look(settings, B, A)).ok
    # It is no way back for what was given up.
    await deliver(start(C, B), [created()])
    assert await deliver(start(B, secret_lost=True), [created()]) == 503
    assert await deliver(start(B, C), [created()]) == 503


async def test_what_is_forged_with_the_old_secret_is_found(
    start: Start, owner: Owner, settings: Settings
) -> None:
    """By somebody with the old secret and every right in the database, right behind our end."""
    await deliver(start(A), [created()])
    await deliver(start(B, A), [event := created()])
    last, _ = await read_end(owner, [])
    forged = write_entry(open_ring([A]).writing, last, structs.replace(event, id="forged"))
    await append_entries(owner, [forged])
    verdict = await look(settings, B, A)
    assert verdict.fault is not None and (verdict.fault.seq, verdict.entries) == (4, 3)
    assert "given up" in verdict.fault.reason and not verdict.fault.unproved
    assert await deliver(start(B, A), [created()]) == 503
