"""One dead record in, one row out; and whoever waits for a dead command is told how it stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from taskflow.attempts import body_key, event_key
from taskflow.database import Connection
from taskflow.errors import Unreadable
from taskflow.events import Command, Envelope, Event, Notice, Record, read_envelope
from taskflow.ledger import read_emitted

ATTEMPTS = "SELECT count, reason, trace FROM attempts WHERE consumer = $1 AND event_key = $2"

KEEP = """
INSERT INTO dead_letters (id, consumer, record_topic, partition, record_offset, record_key, value,
    event_id, event_type, reason, attempts, trace, kept_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (consumer, record_topic, partition, record_offset) DO NOTHING
"""

LONGEST_NAME = 200
UNKNOWN = "The consumer gave it up without a reason of its own (its sidecar dropped it)."


class Why(Struct):
    """Why the consumer gave up."""

    count: int = 0
    reason: str = UNKNOWN
    trace: str = ""


async def keep_dead_letter(
    event: Event[Record], db: Connection, now: datetime
) -> Sequence[Event[Any] | Notice]:
    """Keeps the record; a command that committed emits its events again, another one has failed."""
    record = event.data
    envelope = _envelope(record)
    key = event_key(envelope.source, envelope.id) if envelope else body_key(record.value)
    row = await db.fetchrow(ATTEMPTS, record.consumer, key)
    why = Why(*row) if row else Why()
    await db.execute(KEEP, *_row(event, envelope, why, now))
    if envelope is None or record.record_topic != Command.topic:
        return []
    emitted = await read_emitted(db, _command_ids(envelope))
    waiting = [Notice(channel=envelope.replyto, hints=[envelope.id])] if envelope.replyto else []
    return [*emitted, *waiting]


def _envelope(record: Record) -> Envelope | None:
    try:
        return read_envelope(record.value)
    except Unreadable:
        return None


def _command_ids(envelope: Envelope) -> list[str]:
    """What the ledger may know the command by; nothing where its id cannot stand there."""
    try:
        return [str(UUID(envelope.id))]
    except ValueError:
        return []


def _legible(text: str) -> str:
    """Fit for a column and its index, whatever a stranger wrote; the record has it whole."""
    return text.replace("\0", "")[:LONGEST_NAME]


def _row(
    event: Event[Record], envelope: Envelope | None, why: Why, now: datetime
) -> tuple[object, ...]:
    record = event.data
    place = (record.consumer, record.record_topic, record.partition, record.offset)
    named = (_legible(envelope.id), _legible(envelope.type)) if envelope else (None, None)
    return (
        event.id,
        *place,
        record.record_key,
        record.value,
        *named,
        why.reason,
        why.count,
        why.trace,
        now,
    )
