"""Brings a database that was set back up to its log, and waits for write_task to have done what it
was given: on a cluster, whose KEDA wakes it; at home `local.write_alone` runs it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta

import asyncpg
from msgspec import Struct

from local.after_restore import WRITER, Connection, Lost, look, recover
from local.audit import read_seals
from local.manifests import Manifests
from local.place import find_audit_secrets, find_database, find_kafka
from local.read_manifests import read_manifests
from local.rewind import Log
from local.tend import Folders
from taskflow.audit import Seal
from taskflow.audit_keys import open_ring
from taskflow.events import (
    AccountDeleted,
    AccountFact,
    ApiTokenRevoked,
    ChannelRemoved,
    ChannelUpdated,
    Command,
    HoldLifted,
    RolesChanged,
    TokenReused,
)
from taskflow.settings import Settings

LOOK_SECONDS = 0.2
TELL_EVERY = 50

# What a database that was set back holds again, although it was taken away.
TAKEN_AWAY = (
    AccountDeleted,
    ApiTokenRevoked,
    ChannelRemoved,
    ChannelUpdated,
    RolesChanged,
    TokenReused,
    HoldLifted,
)

Say = Callable[[str], None]


class Ground(Struct, frozen=True):
    """Where everything is; of the secrets the first is in force, `crashed` says that Kafka was not
    stopped in order, `tls` is where the certificates are that it asks for."""

    database: str
    kafka: str
    secrets: Sequence[str]
    crashed: bool = False
    tls: str = ""


async def recover_beside(settings: Settings, margin: timedelta, say: Say) -> None:
    """On a cluster whose functions are held at nothing; returns when write_task, which is let go
    meanwhile, has done all. Raises Unavailable."""
    folders = Folders()
    manifests = read_manifests(folders.keda, folders.dapr, folders.topics)
    database, kafka = find_database(settings), find_kafka(settings)
    ground = Ground(database, kafka, find_audit_secrets(settings), tls=settings.kafka_tls)
    await recover_on(ground, manifests, margin, say)
    await wait_for_writer(ground, say)


async def recover_on(ground: Ground, manifests: Manifests, margin: timedelta, say: Say) -> None:
    """Compares, brings back what can be, and says what was found."""
    seals = await read_seals(ground.kafka, ground.tls)
    db = await asyncpg.connect(ground.database)
    try:
        await _compare(ground, db, seals, manifests, margin, say)
    finally:
        await db.close()


async def _compare(
    ground: Ground,
    db: Connection,
    seals: Sequence[Seal],
    manifests: Manifests,
    margin: timedelta,
    say: Say,
) -> None:
    async with Log(ground.kafka, ground.tls) as log:
        ring = open_ring(ground.secrets)
        lost = await look(db, log, seals, ring, margin)
        if lost.is_nothing:
            say("The database knows everything that the log knows: nothing is changed.")
            return
        for line in tell(lost):
            say(line)
        groups = manifests.groups()
        given = await recover(db, log, ring, lost, groups, margin)
        say(f"Commands given to write_task, with the last while before that point: {given}")


def tell(lost: Lost) -> list[str]:
    """What a person should know of it, a line each."""
    chain, strangers = lost.chain, lost.asked.strangers
    lines = [
        f"The database knows everything up to {lost.point.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC.",
        f"Commands carried out since, and now again: {lost.asked.count}",
    ]
    if strangers:
        lines.append(
            f"Of these, refused for the database does not know their accounts: {strangers.total()}"
            f" ({', '.join(sorted(strangers))})"
        )
    lines.append(f"Deliveries that had left since, and do not again: {len(lost.sent)}")
    if chain.is_behind:
        lines.append(
            f"The audit ends with entry {chain.seq}, its seals with {chain.lost_seq}: what follows"
            " is written anew, and that is on record."
        )
    lines += tell_facts(lost.facts)
    if lost.begins_late:
        lines.append(
            "The log does not go back to that point: commands before its beginning are lost."
        )
    return lines


def tell_facts(facts: Sequence[AccountFact]) -> list[str]:
    """What the gateway alone wrote, by kind; and whose it was where something was taken away, which
    is there again."""
    if not facts:
        return []
    kinds = Counter(fact.event_type for fact in facts)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    lines = [f"Not brought back, for the gateway alone wrote it: {told}. The audit tells of each."]
    taken = sorted(
        {(fact.event_type, fact.user_id) for fact in facts if isinstance(fact, TAKEN_AWAY)}
    )
    if taken:
        again = ", ".join(f"{kind} of {user_id}" for kind, user_id in taken)
        lines.append(f"It is there again, so take it away again: {again}.")
    return lines


async def wait_for_writer(ground: Ground, say: Say) -> None:
    """Returns when write_task has done everything that it was asked."""
    looks = 0
    while left := await read_lag(ground):
        if looks % TELL_EVERY == 0:
            say(f"Commands that wait for write_task: {left}")
        looks += 1
        await asyncio.sleep(LOOK_SECONDS)
    say("write_task has carried out everything: the others may start.")


async def read_lag(ground: Ground) -> int:
    async with Log(ground.kafka, ground.tls) as log:
        return await log.read_lag(WRITER, Command.topic)
