"""What `taskflow audit verify` finds: the whole chain against the seals that stand outside the
database, and the ledger of commands against the chain; apart from the gateway's look at the chain,
because it needs Kafka and the owner's rights, and must not trust a running program.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import TypeAlias

import asyncpg
import msgspec
from aiokafka.errors import KafkaError
from msgspec import Struct

from local.rewind import Log
from taskflow.audit import Entry, Seal, Texts
from taskflow.audit_keys import open_ring
from taskflow.errors import Unavailable
from taskflow.events import TASK_CHANGES, AuditRestored, AuditSealed, read_event
from taskflow.trace import read_trace_id
from taskflow.verification import Fault, Verification

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CHUNK = 500

LAST_TEXTS = "SELECT coalesce(max(seq), 0) FROM audit_details"

# PostgreSQL holds instants that no calendar here has; only a forger writes them.
CHAIN = """
SELECT e.seq, e.event_id, e.user_id::text, e.actor_id::text, e.action, e.task_id::text, e.cause_id,
    e.before_digest, e.after_digest, e.trace_id, e.previous_hash, e.hash,
    CASE WHEN e.at BETWEEN '0002-01-01Z' AND '9999-01-01Z' THEN e.at END AS at,
    d.seq AS has_texts, d.salt, d.before, d.after
FROM audit_entries AS e LEFT JOIN audit_details AS d USING (seq)
ORDER BY e.seq
"""

# What was done less than a minute ago may still be on its way through the log.
SETTLED = """
SELECT id::text, events FROM commands
WHERE events IS NOT NULL AND created_at < now() - interval '1 minute'
ORDER BY id
"""
KNOWN = "SELECT event_id FROM audit_entries WHERE event_id = ANY($1::text[])"


class Verdict(Struct, frozen=True, kw_only=True):
    """What was looked at, and the first fault; `entries` counts those that were proved. `restored`
    are the times that the database was set back, which is no fault."""

    entries: int
    erased: int
    seals: int
    events: int
    fault: Fault | None
    restored: list[AuditRestored] = []

    @property
    def ok(self) -> bool:
        return self.fault is None


class _Emitted(Struct):
    id: str
    type: str
    traceparent: str | None = None


_EMITTED = msgspec.json.Decoder(list[_Emitted])
_CHANGES = frozenset(change.type for change in TASK_CHANGES)


async def verify(database_url: str, kafka: str, secrets: Sequence[str], tls: str = "") -> Verdict:
    """The verdict on everything. Raises Unavailable when Kafka or the secret is missing."""
    # Before the chain, which only grows: a seal read later might be of an entry not yet read.
    seals = await read_seals(kafka, tls)
    return await verify_database(database_url, secrets, seals)


async def verify_database(
    database_url: str, secrets: Sequence[str], seals: Sequence[Seal]
) -> Verdict:
    """The verdict on the chain and the ledger, by these seals."""
    verification = Verification(open_ring(secrets), seals)
    restored = [seal for seal in seals if isinstance(seal, AuditRestored)]
    db = await asyncpg.connect(database_url)
    try:
        await _verify_chain(db, verification)
        untold = await _verify_restores(db, restored)
        events, missing = await _verify_ledger(db)
    finally:
        await db.close()
    return Verdict(
        entries=verification.entries,
        erased=verification.erased,
        seals=len(seals) - len(restored),
        events=events,
        fault=_choose(verification.fault, untold or missing),
        restored=restored,
    )


def _choose(chain: Fault | None, ledger: Fault | None) -> Fault | None:
    """What is wrong goes before what is not proved."""
    return ledger or chain if chain is None or chain.unproved else chain


async def _verify_chain(db: Connection, verification: Verification) -> None:
    last_texts = await db.fetchval(LAST_TEXTS)
    async with aclosing(_stream(db, CHAIN)) as chunks:
        async for rows in chunks:
            if any(verification.take(*_read_link(row)) for row in rows):
                return
    verification.finish(last_texts)


async def _verify_restores(db: Connection, restored: Sequence[AuditRestored]) -> Fault | None:
    """The first restore that the chain itself does not tell of."""
    rows = await db.fetch(KNOWN, [one.entry_id for one in restored])
    known = {row[0] for row in rows}
    for one in restored:
        if one.entry_id not in known:
            reason = (
                f"the database was set back to entry {one.seq} at {one.at.isoformat()}, and no"
                " entry says so: if write_audit is behind, look again when it has caught up"
            )
            return Fault(None, reason)
    return None


async def _verify_ledger(db: Connection) -> tuple[int, Fault | None]:
    """How many events of the ledger were looked for, and the first that has no entry."""
    looked = 0
    async with aclosing(_stream(db, SETTLED)) as chunks:
        async for rows in chunks:
            emitted = list(_read_changes(rows))
            known = {row[0] for row in await db.fetch(KNOWN, [event.id for _, event in emitted])}
            for command_id, event in emitted:
                looked += 1
                if event.id not in known:
                    return looked, _missing(command_id, event)
    return looked, None


def _read_changes(rows: Sequence[asyncpg.Record]) -> Iterator[tuple[str, _Emitted]]:
    for row in rows:
        for event in _EMITTED.decode(row["events"]):
            if event.type in _CHANGES:
                yield row["id"], event


def _missing(command_id: str, event: _Emitted) -> Fault:
    reason = (
        f"{event.type} {event.id} of the command {command_id} has no entry: if write_audit is"
        " behind, look again when it has caught up; else publish it again with `taskflow replay`"
    )
    return Fault(None, reason, read_trace_id(event.traceparent))


async def _stream(db: Connection, query: str) -> AsyncGenerator[list[asyncpg.Record], None]:
    """Rows by a cursor of the server, so that memory stays the same, however many there are."""
    async with db.transaction(readonly=True):
        cursor = await db.cursor(query)
        while rows := await cursor.fetch(CHUNK):
            yield rows


def _read_link(row: asyncpg.Record) -> tuple[Entry, Texts | None]:
    entry = Entry(**{name: row[name] for name in Entry.__struct_fields__})
    if row["has_texts"] is None:
        return entry, None
    return entry, Texts(**{name: row[name] for name in Texts.__struct_fields__})


# --- the seals ---------------------------------------------------------------------------------


async def read_seals(kafka: str, tls: str = "") -> list[Seal]:
    """Every seal that the log still holds, in its order. Raises Unavailable, or Unreadable for what
    is none."""
    try:
        async with Log(kafka, tls) as log:
            begin = await log.find_begin(AuditSealed.topic)
            return [
                read_event(record.value or b"").data
                async for records in log.read(begin)
                for record in records
            ]
    except KafkaError as error:
        raise Unavailable(f"Kafka at {kafka} does not give the seals: {error!r}") from error
