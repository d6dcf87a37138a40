"""What `taskflow after-restore` does once PostgreSQL stands at an earlier point in time than Kafka:
what had left is settled, what was asked for is given to write_task again, and the record says so.

Nothing else may work meanwhile. A run that was cut short is repeated: whatever it has done, the
next one finds done.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from aiokafka import TopicPartition
from msgspec import Struct, field

from local.holds import HOST, TELL
from local.manifests import KEPT_DONE
from local.process import StartFailed
from local.rewind import Log, Offsets
from taskflow.audit import GENESIS, Seal, prove_restore
from taskflow.audit_keys import Ring
from taskflow.errors import Unavailable, Unreadable
from taskflow.events import (
    AccountFact,
    AuditRestored,
    AuditSealed,
    Command,
    DatabaseRestored,
    Event,
    ReminderSent,
    derive_id,
    encode,
    new_event,
    read_event,
)
from taskflow.verification import index_seals

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

WRITER = "write-task"
# write_task tells again what it did, from the ledger; the log also holds what was told of a future
# that is lost, and may come out otherwise.
TOLD_BY_WRITER = {("task-events", "write-audit"), ("task-events", "fan-out-update")}
# Older commands are refused, so nobody needs them again.
OLDEST = timedelta(days=45)
SOURCE = "host"

# The newest thing that the database knows, by clocks of ours: so far, at least, it reaches.
POINT = """
SELECT GREATEST((SELECT max(sent_at) FROM deliveries), (SELECT max(written_at) FROM (
    SELECT written_at FROM audit_entries ORDER BY seq DESC LIMIT 100) AS newest))
"""
KNOWN_COMMANDS = "SELECT id::text FROM commands WHERE id = ANY($1::uuid[])"
KNOWN_PEOPLE = "SELECT id::text FROM users WHERE id = ANY($1::uuid[])"
SET_ASIDE = "SELECT partition, record_offset FROM dead_letters WHERE record_topic = $1"
END = "SELECT seq, hash FROM audit_entries ORDER BY seq DESC LIMIT 1"
HASH = "SELECT hash FROM audit_entries WHERE seq = $1"
RECORDED = "SELECT event_id FROM audit_entries WHERE event_id = ANY($1::text[])"

UNSETTLED = """
SELECT w.id::text FROM unnest($1::uuid[], $2::int[]) AS w (id, attempts)
LEFT JOIN deliveries AS d USING (id)
WHERE d.id IS NULL OR d.attempts < w.attempts
"""
SETTLE = """
INSERT INTO deliveries (id, reminder_id, task_id, user_id, channel_id, channel, due_at, remind_at,
    sent_at, late_by_seconds, attempts, state, reason)
SELECT *, 'sent', 'It left before the database was set back in time.' FROM unnest($1::uuid[],
    $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[],
    $8::timestamptz[], $9::timestamptz[], $10::int[], $11::int[])
ON CONFLICT (id) DO UPDATE SET state = 'sent', sent_at = excluded.sent_at,
    late_by_seconds = excluded.late_by_seconds, attempts = excluded.attempts,
    reason = excluded.reason, next_at = NULL, lease = NULL, leased_until = NULL
"""
SETTLED_FIELDS = (
    *("delivery_id", "reminder_id", "task_id", "user_id", "channel_id", "channel", "due_at"),
    *("remind_at", "sent_at", "late_by_seconds", "attempts"),
)

# Every number that a client may hold lies below: it is told to read everything anew.
RENUMBER_FEEDS = """
INSERT INTO feed_heads AS h (user_id, seq, purged_to)
SELECT id, $1, $1 FROM users WHERE deleted_at IS NULL
ON CONFLICT (user_id) DO UPDATE
SET seq = GREATEST(h.seq + 1, $1), purged_to = GREATEST(h.seq + 1, $1)
"""


class Asked(Struct):
    """Commands that were carried out in what is lost: where each partition's first one stands, how
    many they are, and who asked of whom the database does not know."""

    firsts: Offsets = field(default_factory=dict)
    count: int = 0
    strangers: Counter[str] = field(default_factory=Counter)


class Chain(Struct, frozen=True):
    """Where the audit ends, and where the one that its seals know of did."""

    seq: int
    hash: str
    lost_seq: int
    lost_hash: str

    @property
    def is_behind(self) -> bool:
        return self.lost_seq > self.seq


class Lost(Struct, frozen=True):
    """What the log knows and the database does not."""

    point: datetime
    asked: Asked
    sent: list[ReminderSent]
    chain: Chain
    facts: list[AccountFact]
    begins_late: bool

    @property
    def is_nothing(self) -> bool:
        return not (self.asked.count or self.sent or self.chain.is_behind)


class _Whose(Struct):
    user_id: str = ""


class SetBack(StartFailed):
    """The database is an older one than its log: whoever works now sends reminders twice."""


async def check_order(database: str, bootstrap: str) -> None:
    """Raises SetBack where the newest seal is of an entry that the database does not have yet."""
    async with Log(bootstrap) as log:
        last = await log.read_last(AuditSealed.topic)
    event = _read(last) if last is not None else None
    if event is None:
        return
    db = await asyncpg.connect(database)
    try:
        seq = await db.fetchval(f"SELECT coalesce(max(seq), 0) FROM ({END}) AS newest")
    finally:
        await db.close()
    if event.data.seq > seq:
        raise SetBack(
            f"PostgreSQL ends its audit with entry {seq}, Kafka knows of entry {event.data.seq}:"
            " the database was set back. Say first: bin/taskflow after-restore"
        )


async def look(
    db: Connection, log: Log, seals: Sequence[Seal], ring: Ring, margin: timedelta
) -> Lost:
    """Compares the database with the log. Raises Unavailable."""
    found = await db.fetchval(POINT)
    point = found or datetime(1970, 1, 1, tzinfo=UTC)
    since = max(point - margin, datetime(1970, 1, 1, tzinfo=UTC))
    asked = await _find_asked(db, log)
    return Lost(
        point=point,
        asked=asked,
        sent=await _find_sent(db, log, since),
        chain=await _find_ends(db, seals, ring),
        facts=await _find_facts(db, log, point),
        begins_late=await _begins_late(log, asked, point),
    )


async def _find_asked(db: Connection, log: Log) -> Asked:
    """By the ledger, not by the clock: what waited in the log at that point is older than it."""
    asked, topic = Asked(), Command.topic
    starts = await log.find_offsets(topic, datetime.now(UTC) - OLDEST)
    done = await log.read_done(WRITER, starts)
    aside = {(row[0], row[1]) for row in await db.fetch(SET_ASIDE, topic)}
    async for records in log.read(starts):
        kept = [r for r in records if (r.partition, r.offset) not in aside]
        given = [(r, *names) for r in kept if (names := _read_names(r.value)) is not None]
        known = await _ask(db, KNOWN_COMMANDS, (name for _, name, _ in given))
        for record, name, person in given:
            place = TopicPartition(topic, record.partition)
            if name not in known and record.offset < done.get(place, 0):
                asked.firsts.setdefault(place, record.offset)
                asked.count += 1
                asked.strangers[person] += 1
    for person in await _ask(db, KNOWN_PEOPLE, asked.strangers):
        del asked.strangers[person]
    return asked


def _read_names(value: bytes | None) -> tuple[str, str] | None:
    """The id of a command and of its person, as PostgreSQL writes them; None for what no ledger can
    hold."""
    event = _read(value)
    if event is None or not isinstance(event.data, Command):
        return None
    try:
        return str(UUID(event.id)), str(UUID(event.data.user_id))
    except ValueError:
        return None


def _read(value: bytes | None) -> Event[Any] | None:
    """An event, unless nobody can read it."""
    try:
        return read_event(value or b"")
    except Unreadable:
        return None


async def _ask(db: Connection, query: str, ids: Any) -> set[str]:
    return {row[0] for row in await db.fetch(query, list(ids))}


async def _begins_late(log: Log, asked: Asked, point: datetime) -> bool:
    """Whether more may have been asked for than the log still holds: where it begins with what is
    lost, or no longer goes back so far."""
    begin = await log.find_begin(Command.topic)
    first = any(0 < begin[place] == first for place, first in asked.firsts.items())
    return first or (any(begin.values()) and point < datetime.now(UTC) - KEPT_DONE)


async def _find_sent(db: Connection, log: Log, since: datetime) -> list[ReminderSent]:
    """The last of each delivery that the database does not hold for sent, or not as often."""
    newest: dict[str, ReminderSent] = {}
    async for records in log.read(await log.find_offsets(ReminderSent.topic, since)):
        for event in (_read(record.value) for record in records):
            if event is not None and isinstance(event.data, ReminderSent):
                known = newest.setdefault(event.data.delivery_id, event.data)
                newest[known.delivery_id] = max(known, event.data, key=lambda one: one.attempts)
    names = list(newest)
    rows = await db.fetch(UNSETTLED, names, [newest[name].attempts for name in names])
    return [newest[row[0]] for row in rows]


async def _find_ends(db: Connection, seals: Sequence[Seal], ring: Ring) -> Chain:
    row = await db.fetchrow(END)
    seq, end = (row["seq"], row["hash"]) if row else (0, GENESIS)
    index = index_seals(seals, ring)
    sealed = max((number for number in index if number <= seq), default=0)
    if sealed and await db.fetchval(HASH, sealed) != index[sealed]:
        raise Unavailable(
            f"The audit's entry {sealed} is not the one that was sealed: this is no database that"
            " was only set back, or functions have worked since. Restore it anew, and start nothing"
            " before this command; `taskflow audit verify` says more."
        )
    lost = max(index, default=0)
    return Chain(seq, end, max(lost, seq), index[lost] if lost > seq else end)


async def _find_facts(db: Connection, log: Log, point: datetime) -> list[AccountFact]:
    """What the gateway itself wrote after that point: the record of it alone is left."""
    found: list[AccountFact] = []
    async for records in log.read(await log.find_offsets(AccountFact.topic, point)):
        events = {event.id: event for r in records if (event := _read(r.value)) is not None}
        known = await _ask(db, RECORDED, events)
        found += (
            event.data
            for name, event in events.items()
            if name not in known and not isinstance(event.data, DatabaseRestored)
        )
    return found


async def recover(
    db: Connection,
    log: Log,
    ring: Ring,
    lost: Lost,
    groups: Mapping[str, Sequence[str]],
    margin: timedelta,
) -> int:
    """Brings back what can be; how many commands write_task is given again. What it does last, the
    seal, is what the next run would look for."""
    now = datetime.now(UTC)
    given = await _rewind(log, lost, groups, lost.point - margin)
    fact = _write_fact(lost, now)
    async with db.transaction():
        if lost.sent:
            rows = [[getattr(one, name) for name in SETTLED_FIELDS] for one in lost.sent]
            await db.execute(SETTLE, *zip(*rows, strict=True))
        await db.execute(RENUMBER_FEEDS, int(now.timestamp() * 1000))
        row = (fact.id, now, fact.data.topic, HOST, encode(fact).decode())
        await db.execute(f"{TELL} ON CONFLICT (id) DO NOTHING", *row)
    if lost.chain.is_behind:
        await _seal(log, ring, lost.chain, fact.id, now)
    return given


async def _rewind(
    log: Log, lost: Lost, groups: Mapping[str, Sequence[str]], since: datetime
) -> int:
    """How many commands write_task is given again."""
    given = 0
    for topic, readers in groups.items():
        starts = await log.find_offsets(topic, since)
        for group in readers:
            if (topic, group) in TOLD_BY_WRITER:
                continue
            if group == WRITER:
                firsts = lost.asked.firsts
                starts = {place: min(at, firsts.get(place, at)) for place, at in starts.items()}
                given += await log.rewind(group, starts)
            else:
                await log.rewind(group, starts)
    return given


def _write_fact(lost: Lost, now: datetime) -> Event[DatabaseRestored]:
    chain = lost.chain
    detail = {
        "by": "the host",
        "point": lost.point.isoformat(),
        "audit_goes_on_after": chain.seq,
        "lost_seq": chain.lost_seq,
        "lost_hash": chain.lost_hash,
        "commands": lost.asked.count,
        "deliveries": len(lost.sent),
    }
    fact = DatabaseRestored(user_id=HOST, actor_id=HOST, timestamp=now, detail=detail)
    name = derive_id(chain.hash, fact.type, chain.lost_hash)
    return new_event(fact, id=name, source=SOURCE, time=now)


async def _seal(log: Log, ring: Ring, chain: Chain, entry_id: str, now: datetime) -> None:
    """Among the seals, that what they say beyond the chain's end is of a chain that was lost."""
    fields = msgspec.structs.asdict(chain)
    seal = AuditRestored(**fields, entry_id=entry_id, at=now, proof="")
    proven = msgspec.structs.replace(seal, proof=prove_restore(ring.writing, seal))
    name = derive_id(entry_id, seal.type)
    await log.append(new_event(proven, id=name, source=SOURCE, time=now))
