"""What the gateway itself writes, together with the facts about it: each fact commits as a timer,
goes out at once, and if the gateway dies in between, `fire_timer` sends it (DESIGN.md, section 6).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.context import Context
from gateway.identity import accounts_of
from gateway.repeats import make_claim
from taskflow.events import AccountFact, Event, FollowZone, encode, new_event
from taskflow.publish import publish_events
from taskflow.trace import continue_trace

Told: TypeAlias = AccountFact | FollowZone

SOURCE = "gateway"
# Long enough that the gateway is first unless it died.
GRACE = timedelta(minutes=1)

KEEP = """
INSERT INTO timers (id, due_at, topic, user_id, event)
VALUES (:id, :due_at, :topic, :user_id, :event)
"""
FORGET = "DELETE FROM timers WHERE id = ANY(:ids)"


class Writing:
    """A transaction of the gateway at one instant, and the facts that will leave with it."""

    def __init__(self, db: AsyncConnection, context: Context, now: datetime) -> None:
        self.db = db
        self.context = context
        self.now = now
        # Outside of a request nothing stands above it that could be recorded.
        self.trace = context.traceparent or continue_trace(None, recorded=0)
        self.facts: list[Told] = []

    def announce(self, *facts: Told) -> None:
        """These happened, or are asked for, if the transaction commits."""
        self.facts += facts


@asynccontextmanager
async def announcing(context: Context) -> AsyncIterator[Writing]:
    """A transaction whose facts commit with it and are published right after the commit; so does
    the claim of the request's Idempotency-Key, if it has one.

    Nothing is written and nothing told if the block raises: what must be kept although the
    request is refused is refused after the block. Raises AlreadyClaimed.
    """
    claim = context.claim
    async with context.transaction() as db:
        writing = Writing(db, context, context.clock())
        if claim is not None and not claim.made:
            await make_claim(db, claim, writing.now)
        yield writing
        events = [_make_event(fact, writing) for fact in writing.facts]
        await _keep(db, events)
    if claim is not None:
        claim.made = True
    if events:
        accounts_of(context).background.start(_publish(context, events))


def _make_event(fact: Told, writing: Writing) -> Event[Told]:
    name = str(uuid4())
    return new_event(fact, id=name, source=SOURCE, time=writing.now, traceparent=writing.trace)


async def _keep(db: AsyncConnection, events: Sequence[Event[Told]]) -> None:
    rows = [
        {
            "id": UUID(event.id),
            "due_at": event.time + GRACE,
            "topic": event.data.topic,
            "user_id": UUID(event.data.user_id),
            "event": encode(event).decode(),
        }
        for event in events
    ]
    if rows:
        await db.execute(text(KEEP), rows)


async def _publish(context: Context, events: Sequence[Event[Told]]) -> None:
    failed = await publish_events(context.publisher, events)
    sent = [UUID(event.id) for event in events if event.id not in failed]
    if sent:
        async with context.transaction() as db:
            await db.execute(text(FORGET), {"ids": sent})
