"""The chain as it stands in the database: its end, what it holds, and what is put behind it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from taskflow.audit import Entry, Texts
from taskflow.database import Connection

if TYPE_CHECKING:
    from asyncpg import Record

Row: TypeAlias = tuple[Entry, Texts]

# Held to the end of the transaction, and taken in a statement of its own: one that waits and reads
# at once would read what was there before it waited.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('taskflow audit chain', 0))"

# PostgreSQL holds instants that no calendar here has; only a forger writes them.
_ENTRY = """
seq, event_id, user_id::text, actor_id::text, action, task_id::text, cause_id, before_digest,
    after_digest, trace_id, previous_hash, hash,
    CASE WHEN at BETWEEN '0002-01-01Z' AND '9999-01-01Z' THEN at END AS at
"""
LAST_AND_KNOWN = f"""
(SELECT {_ENTRY}, true AS last FROM audit_entries ORDER BY seq DESC LIMIT 1)
UNION ALL
SELECT {_ENTRY}, false FROM audit_entries WHERE event_id = ANY($1::text[])
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
FIRST_AND_NAMED = f"SELECT {_ENTRY} FROM audit_entries WHERE seq = 1 OR event_id = $1"


async def read_end(db: Connection, ids: Sequence[str]) -> tuple[Entry | None, set[str]]:
    """The last entry, and which of these events the chain holds."""
    rows, asked = await db.fetch(LAST_AND_KNOWN, ids), set(ids)
    ends = [read_entry(row) for row in rows if row["last"]]
    return (ends[0] if ends else None), asked.intersection(row["event_id"] for row in rows)


def read_entry(row: "Record") -> Entry:
    return Entry(**{name: row[name] for name in Entry.__struct_fields__})


async def read_first_and_named(db: Connection, event_id: str) -> list[Entry]:
    """Entry 1, and the entry of this event."""
    return [read_entry(row) for row in await db.fetch(FIRST_AND_NAMED, event_id)]


async def append_entries(db: Connection, rows: Sequence[Row]) -> None:
    names = Entry.__struct_fields__
    await db.execute(APPEND, *([getattr(entry, name) for entry, _ in rows] for name in names))
    texts = [(entry.seq, beside.salt, beside.before, beside.after) for entry, beside in rows]
    await db.execute(APPEND_TEXTS, *zip(*texts, strict=True))
