"""Ways out that are dead: when one is switched off, and how its person hears of it; apart from the
deliveries, whose row each time tells of one attempt only.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from functions.send_reminder.attempt import SOURCE
from functions.send_reminder.delivery import NO_TASK, name_attempt, name_delivery
from functions.send_reminder.ledger import Settled, plan_deliveries, put_timers
from functions.send_reminder.situation import Channel, Person, Place
from taskflow.database import Connection
from taskflow.events import ChannelDisabled, Event, ReminderTriggered, derive_id, new_event

# A mail address is never switched off by us: its person could not be told.
MORTAL = ("webhook", "web_push", "apprise")
# A delivery is tried for a day; what fails for two has had every chance.
GIVEN_UP_AFTER, DEAD_AFTER = timedelta(hours=24), timedelta(hours=48)
KIND_NAMES = {"webhook": "webhook", "web_push": "browser", "apprise": "service"}

NOTE_FAILING = """
UPDATE channels SET failing_since = $2 WHERE id = ANY($1::uuid[]) AND failing_since IS NULL
"""
NOTE_WORKING = "UPDATE channels SET failing_since = NULL WHERE id = ANY($1::uuid[])"
DISABLE = """
UPDATE channels SET disabled_at = $3, disabled_reason = $2 WHERE id = $1 AND disabled_at IS NULL
"""


class Tried(Struct, frozen=True):
    """An attempt, the channel it went to and the person whose that is."""

    settled: Settled
    channel: Channel
    person: Person


def is_dead(tried: Tried) -> bool:
    """Whether a channel is to be switched off after this attempt."""
    outcome, since = tried.settled.outcome, tried.channel.failing_since
    if outcome.state == "sent" or not outcome.counts or tried.channel.kind not in MORTAL:
        return False
    failing = tried.settled.at - since if since is not None else timedelta()
    given_up = outcome.state == "failed" and failing >= GIVEN_UP_AFTER
    return outcome.gone or given_up or failing >= DEAD_AFTER


async def write_health(db: Connection, tried: Sequence[Tried]) -> None:
    """Notes which channels work and fail, switches dead ones off and tells their people."""
    made = [one for one in tried if one.settled.outcome.counts]
    worked = {one.channel.id for one in made if one.settled.outcome.state == "sent"}
    mended = {one.channel.id for one in made if one.channel.failing_since} & worked
    if mended:
        await db.execute(NOTE_WORKING, sorted(mended))
    sick = {one.channel.id for one in made if one.channel.failing_since is None} - worked
    if sick:
        await db.execute(NOTE_FAILING, sorted(sick), made[0].settled.at)
    for one in made:
        if is_dead(one) and one.channel.id not in worked:
            await _disable(db, one)


async def _disable(db: Connection, tried: Tried) -> None:
    reason, at = tried.settled.outcome.reason or "It takes nothing any more.", tried.settled.at
    if await db.execute(DISABLE, tried.channel.id, reason, at) != "UPDATE 1":
        return
    fact = ChannelDisabled(
        user_id=tried.person.id,
        actor_id=tried.person.id,
        timestamp=at,
        detail={"channel_id": tried.channel.id, "kind": tried.channel.kind},
    )
    name = derive_id(tried.channel.id, "disabled", at.isoformat())
    notices = await _plan_notices(db, tried, at)
    await put_timers(db, [new_event(fact, id=name, source=SOURCE, time=at), *notices])


async def _plan_notices(db: Connection, tried: Tried, at: datetime) -> list[Event[Any]]:
    """A delivery by each of the person's mail addresses, and the timers that ask for them now."""
    fact = ReminderTriggered(
        task_id=NO_TASK,
        reminder_id=tried.channel.id,
        title=_tell_end(tried),
        remind_at=at,
        user_id=tried.person.id,
        channels=["email"],
        stream=tried.channel.id,
    )
    own = [one for one in tried.person.channels.values() if one.kind == "email"]
    await plan_deliveries(db, [(fact, Place(one.id, "email")) for one in own])
    names = [name_delivery(fact, one.id) for one in own]
    return [_ask_for(fact, name) for name in names]


def _ask_for(fact: ReminderTriggered, delivery_id: str) -> Event[ReminderTriggered]:
    fields = {name: getattr(fact, name) for name in fact.__struct_fields__}
    asked = ReminderTriggered(**{**fields, "delivery_id": delivery_id})
    return new_event(asked, id=name_attempt(delivery_id, 0), source=SOURCE, time=fact.remind_at)


def _tell_end(tried: Tried) -> str:
    """Names the host alone: paths of webhooks hold secrets."""
    channel = tried.channel
    host = urlsplit(channel.address).hostname or ""
    name = channel.address.partition(":")[0] if channel.kind == "apprise" else host
    return (
        f"Your {KIND_NAMES[channel.kind]} {name} was switched off. {tried.settled.outcome.reason}"
    )
