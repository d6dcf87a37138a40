"""Legal holds by the person at the host: written beside a timer for the fact of it, so that both or
neither are there, whether or not anything runs. They are on record as done by nobody's account.
"""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg

from taskflow.errors import Refused, not_found
from taskflow.events import HoldLifted, HoldPlaced, encode, new_event
from taskflow.mail import email_key

# The nil UUID: the host has no account.
HOST = str(UUID(int=0))

FIND = """
SELECT id::text, email FROM users WHERE id::text = $1 OR (email_key = $2 AND deleted_at IS NULL)
UNION SELECT user_id::text, email FROM audit_holds WHERE email = $1
"""
PLACE = """
INSERT INTO audit_holds AS h (user_id, email, reason, placed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, reason = excluded.reason,
    placed_at = excluded.placed_at, placed_by = NULL, lifted_at = NULL
WHERE h.lifted_at IS NOT NULL
"""
LIFT = "UPDATE audit_holds SET lifted_at = $2 WHERE user_id = $1 AND lifted_at IS NULL"
TELL = "INSERT INTO timers (id, due_at, topic, user_id, event) VALUES ($1, $2, $3, $4, $5)"


async def place_hold(database_url: str, person: str, reason: str) -> None:
    """Puts whom an address or an id names on hold. Raises Refused."""
    now = datetime.now(UTC)
    db = await asyncpg.connect(database_url)
    try:
        async with db.transaction():
            found = await _find(db, person)
            done = await db.execute(PLACE, found["id"], found["email"], reason, now)
            if done != "INSERT 0 1":
                held = f"{person} is on hold; lift that hold before you place another."
                raise Refused("invalid_transition", held, status=409)
            detail = {"user_id": found["id"], "reason": reason, "by": "the host"}
            fact = HoldPlaced(user_id=HOST, actor_id=HOST, timestamp=now, detail=detail)
            await _tell(db, fact)
    finally:
        await db.close()


async def lift_hold(database_url: str, person: str) -> None:
    """Ends the hold of whom an address or an id names. Raises Refused."""
    now = datetime.now(UTC)
    db = await asyncpg.connect(database_url)
    try:
        async with db.transaction():
            found = await _find(db, person)
            if await db.execute(LIFT, found["id"], now) != "UPDATE 1":
                raise not_found(f"The hold of {person}")
            detail = {"user_id": found["id"], "by": "the host"}
            await _tell(db, HoldLifted(user_id=HOST, actor_id=HOST, timestamp=now, detail=detail))
    finally:
        await db.close()


async def _find(db: "asyncpg.Connection[asyncpg.Record]", person: str) -> asyncpg.Record:
    row = await db.fetchrow(FIND, person, email_key(person))
    if row is None:
        raise not_found(f"The account {person}")
    return row


async def _tell(db: "asyncpg.Connection[asyncpg.Record]", fact: HoldPlaced | HoldLifted) -> None:
    name = uuid4()
    event = new_event(fact, id=str(name), source="host", time=fact.timestamp)
    told = encode(event).decode()
    await db.execute(TELL, name, fact.timestamp, fact.topic, HOST, told)
