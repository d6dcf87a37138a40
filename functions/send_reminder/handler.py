"""Reminders in, mails and webhooks out: one delivery per reminder, instant and channel.

A delivery is leased in a short transaction, sent outside of any, settled in another. What a crash
between sending and settling can do: once the lease of 60 s has expired, the repeated event sends
again. The mail then has the same Message-ID and the webhook the same `webhook-id` (both are the
delivery's id), by which the other side can tell; nobody can make it exactly once without its help.
"""

import asyncio
from datetime import datetime
from typing import Any

from msgspec import Struct

from functions.send_reminder.delivery import Delivery
from functions.send_reminder.ledger import (
    lease_deliveries,
    lock_deliveries,
    mark_deliveries,
    plan_deliveries,
)
from functions.send_reminder.sending import send_delivery
from functions.send_reminder.situation import Situation, load_situation
from functions.send_reminder.step import Held, Mark, Take, choose_step
from taskflow.database import Connection
from taskflow.errors import LeaseHeld
from taskflow.events import Event, ReminderFact
from taskflow.serve import Lease


class Work(Struct):
    """What one event asks of this worker, and what another one is at."""

    situation: Situation
    taken: list[Delivery]
    held: list[Delivery]


async def send_reminder(event: Event[ReminderFact], lease: Lease) -> list[Event[Any]]:
    """Brings the deliveries of one reminder to where its task says they belong, and sends those
    that are due, all channels at once. Raises LeaseHeld for what another worker is sending."""
    async with lease.transaction() as db:
        work = await take_work(db, event, lease.now())
    sending = (send_delivery(lease, event, work.situation, one) for one in work.taken)
    outcomes = await asyncio.gather(*sending, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    if work.held:
        raise LeaseHeld(f"Another worker sends {work.held[0].id}; it is looked at again later.")
    return []


async def take_work(db: Connection, event: Event[ReminderFact], now: datetime) -> Work:
    """Plans, suppresses and leases, in one transaction."""
    fact = event.data
    situation = await load_situation(db, fact)
    await plan_deliveries(db, fact, situation.choose_places(fact))
    deliveries = await lock_deliveries(db, fact)
    steps = [
        (one, choose_step(one, event, situation.why_not(fact, one), now)) for one in deliveries
    ]
    await mark_deliveries(db, [(one, step) for one, step in steps if isinstance(step, Mark)])
    taken = [one for one, step in steps if isinstance(step, Take)]
    held = [one for one, step in steps if isinstance(step, Held)]
    return Work(situation, await lease_deliveries(db, taken, now), held)
