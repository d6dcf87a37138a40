"""Facts in, a seal out: appends each fact once to the audit chain. Events that were seen before add
nothing, but the end of the chain is sealed again: the seal of the first time may have been lost.
Where the secret is a new one, an entry that the one before signs says so first.
"""

import secrets
from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from functions.write_audit.chain import LOCK, Row, append_entries, read_end
from functions.write_audit.key_change import change_key
from functions.write_audit.texts import tell
from taskflow.audit import GENESIS, SALT_BYTES, Content, Entry, Texts, digest_text, link_entry
from taskflow.audit_keys import open_ring
from taskflow.database import Connection
from taskflow.events import AccountFact, AuditSealed, Event, TaskFact, derive_id, new_event
from taskflow.settings import Settings
from taskflow.trace import read_trace_id

SOURCE = "write_audit"


async def write_audit(
    events: Sequence[Event[TaskFact | AccountFact]], db: Connection, settings: Settings
) -> list[Event[AuditSealed]]:
    """Appends what the chain does not hold yet, in the order given; the seal of its end."""
    ring = open_ring(settings.audit_secrets)
    await db.execute(LOCK)
    last, known = await read_end(db, [event.id for event in events])
    new = list({event.id: event for event in events if event.id not in known}.values())
    rows: list[Row] = []
    if new and last is not None and ring.find_next(last) != ring.writing:
        place, _ = write_entry(ring.writing, last, new[0])
        rows.append(await change_key(db, ring, last, place, lost=settings.secret_lost))
    for event in new:
        rows.append(write_entry(ring.writing, rows[-1][0] if rows else last, event))
    if rows:
        await append_entries(db, rows)
        last = rows[-1][0]
    assert last is not None
    return [seal_end(last, events[-1])]


def write_entry(key: bytes, end: Entry | None, event: Event[TaskFact | AccountFact]) -> Row:
    """The entry that follows on `end`, and the texts beside it."""
    fact, told = event.data, tell(event.data)
    salt = secrets.token_hex(SALT_BYTES)
    content = Content(
        seq=end.seq + 1 if end else 1,
        at=fact.timestamp,
        event_id=event.id,
        user_id=write_person(fact.user_id),
        actor_id=write_person(fact.actor_id),
        action=told.action,
        task_id=told.task_id and str(UUID(told.task_id)),
        cause_id=event.causationid or event.id,
        before_digest=digest_text(salt, told.before),
        after_digest=digest_text(salt, told.after),
        trace_id=read_trace_id(event.traceparent),
    )
    texts = Texts(salt=salt, before=told.before, after=told.after)
    return link_entry(key, end.hash if end else GENESIS, content), texts


@lru_cache(1000)
def write_person(user_id: str) -> str:
    """Whoever acts acts again: the id in lower case, as the chain has it."""
    return str(UUID(user_id))


def seal_end(end: Entry, cause: Event[TaskFact | AccountFact]) -> Event[AuditSealed]:
    """The seal of an end, the same however often it is published."""
    seal = AuditSealed(seq=end.seq, hash=end.hash, entries=end.seq)
    return new_event(
        seal, id=derive_id(end.hash, seal.type), source=SOURCE, time=cause.time, cause=cause
    )
