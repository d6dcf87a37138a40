"""What to do with one delivery when an event about its reminder arrives: pure, so that every state
and every order of events can be tried.
"""

from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from functions.send_reminder.delivery import Delivery, name_attempt
from functions.send_reminder.situation import BORN_LATE
from taskflow.events import Event, ReminderFact, ReminderTriggered


class Take(Struct, frozen=True):
    """Send it now."""


class Held(Struct, frozen=True):
    """Another worker is sending it."""


class Mark(Struct, frozen=True):
    """It will be sent at its time, or, with a reason, it will not."""

    state: str
    reason: str | None = None


Step: TypeAlias = Take | Held | Mark | None


def choose_step(
    delivery: Delivery, event: Event[ReminderFact], why_not: str | None, now: datetime
) -> Step:
    """The step for a delivery, given why it is not to be sent (None if it is); None: leave it.

    A suppressed one comes back when its task asks for it again, unless it was born late.
    """
    triggered = isinstance(event.data, ReminderTriggered)
    if delivery.state in ("sent", "failed"):
        return None
    if delivery.leased_until is not None and delivery.leased_until > now:
        return Held() if triggered else None
    if delivery.state == "suppressed" and (why_not or delivery.reason == BORN_LATE):
        return Mark("suppressed", why_not) if why_not == BORN_LATE else None
    if why_not:
        return Mark("suppressed", why_not)
    if triggered:
        return Take() if _is_its_turn(delivery, event) else None
    return Mark("planned") if delivery.state == "suppressed" else None


def _is_its_turn(delivery: Delivery, event: Event[ReminderFact]) -> bool:
    """After a failure only the timer made for the next attempt may make it, so that a repeated
    event does not come before its time; told by its id, because clocks differ."""
    return delivery.state != "retry" or event.id == name_attempt(delivery.id, delivery.attempts)
