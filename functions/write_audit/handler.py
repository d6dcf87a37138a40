"""Facts in, a seal out: appends each fact once to the audit chain. Events that were seen before add
nothing, but the end of the chain is sealed again: the seal of the first time may have been lost.
"""

import secrets
from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from functions.write_audit.texts import tell
from taskflow.audit import (
    GENESIS,
    SALT_BYTES,
    Content,
    Entry,
    Texts,
    audit_key,
    digest_text,
    link_entry,
)
from taskflow.database import Connection
from taskflow.events import AccountFact, AuditSealed, Event, TaskFact, derive_id, new_event
from taskflow.settings import Settings
from taskflow.trace import read_trace_id

SOURCE = "write_audit"

# Held to the end of the transaction, and taken in a statement of its own: one that waits and reads
# at once would read what was there before it waited.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('taskflow audit chain', 0))"

LAST_AND_KNOWN = """
(SELECT seq, hash, NULL AS event_id FROM audit_entries ORDER BY seq DESC LIMIT 1)
UNION ALL
SELECT seq, hash, event_id FROM audit_entries WHERE event_id = ANY($1::text[])
"""

APPEND = """
INSERT INTO audit_entries (seq, at, event_id, user_id, actor_id, action, task_id, cause_id,
    before_digest, after_digest, trace_id, previous_hash, hash)
SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::uuid[], $5::uuid[],
    $6::text[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
    $13::text[])
"""

APPEND_TEXTS = """
INSERT INTO audit_details (seq, salt, before, after)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
"""


class Place(Struct):
    """Where the chain ends."""

    seq: int = 0
    hash: str = GENESIS


async def write_audit(
    events: Sequence[Event[TaskFact | AccountFact]], db: Connection, settings: Settings
) -> list[Event[AuditSealed]]:
    """Appends what the chain does not hold yet, in the order given; the seal of its end."""
    key = audit_key(settings.secret)
    await db.execute(LOCK)
    end, known = await read_end(db, [event.id for event in events])
    rows = []
    for event in events:
        if event.id not in known:
            known.add(event.id)
            texts, entry = write_entry(key, end, event)
            rows.append((entry, texts))
            end = Place(entry.seq, entry.hash)
    if rows:
        await append_entries(db, rows)
    return [seal_end(end, events[-1])]


async def read_end(db: Connection, ids: Sequence[str]) -> tuple[Place, set[str]]:
    """Where the chain ends, and which of these events it holds."""
    rows = await db.fetch(LAST_AND_KNOWN, ids)
    ends = [Place(row["seq"], row["hash"]) for row in rows if row["event_id"] is None]
    return (ends[0] if ends else Place()), {row["event_id"] for row in rows}


def write_entry(
    key: bytes, end: Place, event: Event[TaskFact | AccountFact]
) -> tuple[Texts, Entry]:
    """The entry that follows on `end`, and the texts beside it."""
    fact, told = event.data, tell(event.data)
    salt = secrets.token_hex(SALT_BYTES)
    content = Content(
        seq=end.seq + 1,
        at=fact.timestamp,
        event_id=event.id,
        user_id=str(UUID(fact.user_id)),
        actor_id=str(UUID(fact.actor_id)),
        action=told.action,
        task_id=told.task_id and str(UUID(told.task_id)),
        cause_id=event.causationid or event.id,
        before_digest=digest_text(salt, told.before),
        after_digest=digest_text(salt, told.after),
        trace_id=read_trace_id(event.traceparent),
    )
    texts = Texts(salt=salt, before=told.before, after=told.after)
    return texts, link_entry(key, end.hash, content)


async def append_entries(db: Connection, rows: Sequence[tuple[Entry, Texts]]) -> None:
    names = Entry.__struct_fields__
    await db.execute(APPEND, *([getattr(entry, name) for entry, _ in rows] for name in names))
    texts = [(entry.seq, beside.salt, beside.before, beside.after) for entry, beside in rows]
    await db.execute(APPEND_TEXTS, *zip(*texts, strict=True))


def seal_end(end: Place, cause: Event[TaskFact | AccountFact]) -> Event[AuditSealed]:
    """The seal of an end, the same however often it is published."""
    seal = AuditSealed(seq=end.seq, hash=end.hash, entries=end.seq)
    return new_event(
        seal, id=derive_id(end.hash, seal.type), source=SOURCE, time=cause.time, cause=cause
    )
