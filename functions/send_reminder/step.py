"""What to do with one delivery when an event about its reminder arrives: pure, so that every state
and every order of events can be tried.
"""

from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from functions.send_reminder.delivery import AHEAD, NO_TASK, Delivery, name_attempt
from functions.send_reminder.situation import BORN_LATE, Person
from taskflow.events import Event, ReminderFact, ReminderTriggered
from taskflow.reminder import quiet_until, read_duration
from taskflow.zone import find_zone, to_local

COMES_NEXT = "It comes if nobody answers an earlier channel."


class Take(Struct, frozen=True):
    """Send it now."""


class Held(Struct, frozen=True):
    """Another worker is sending it, until this instant at the latest."""

    until: datetime


class Wait(Struct, frozen=True):
    """Look at it again at this instant."""

    until: datetime
    reason: str


class Mark(Struct, frozen=True):
    """It will be sent at its time, or, with a reason, it will not."""

    state: str
    reason: str | None = None


Step: TypeAlias = Take | Held | Wait | Mark | None


def choose_step(
    delivery: Delivery,
    event: Event[ReminderFact],
    why_not: str | None,
    now: datetime,
    otherwise: Wait | Mark | None = None,
) -> Step:
    """The step for a delivery, given why it is not to be sent (None if it is); None: leave it.
    `otherwise` is what becomes of it instead of being sent now.

    A suppressed one comes back when its task asks for it again, unless it was born late.
    """
    triggered = isinstance(event.data, ReminderTriggered)
    if delivery.leased_until is not None and delivery.leased_until > now:
        return Held(delivery.leased_until) if triggered else None
    if isinstance(event.data, ReminderTriggered) and event.data.again:
        return None if why_not or not _is_its_turn(delivery, event) else Take()
    if delivery.state in ("sent", "failed"):
        return None
    if delivery.state == "suppressed" and (why_not or delivery.reason == BORN_LATE):
        return Mark("suppressed", why_not) if why_not == BORN_LATE else None
    if why_not:
        return Mark("suppressed", why_not)
    if triggered:
        repeated = delivery.state == "retry" and not _is_its_turn(delivery, event)
        return None if repeated else otherwise or Take()
    return Mark("planned") if delivery.state == "suppressed" else None


def _is_its_turn(delivery: Delivery, event: Event[ReminderFact]) -> bool:
    """After a failure only the timer made for the next attempt may make it, so that a repeated
    event does not come before its time; told by its id, because clocks differ."""
    return event.id == name_attempt(delivery.id, delivery.attempts)


def choose_moment(
    delivery: Delivery, fact: ReminderFact, person: Person | None, now: datetime
) -> Wait | Mark | None:
    """What keeps a delivery from being sent at this moment by the person's own choices: an earlier
    channel that may still be answered, lateness, quiet hours. Nothing keeps what they wait for."""
    if person is None or fact.task_id == NO_TASK:
        return None
    if delivery.due_at > now + AHEAD:
        return Wait(delivery.due_at, COMES_NEXT)
    late = now - delivery.expected_at
    too_late = late > read_duration(person.choices.late_after)
    if person.choices.late == "drop" and delivery.state != "retry" and too_late:
        seconds = int(late.total_seconds())
        return Mark("suppressed", f"It came {seconds} s late, and you chose to drop late ones.")
    until = quiet_until(person.choices.quiet_hours, now, person.timezone)
    if until is None:
        return None
    shown = to_local(until, find_zone(person.timezone))
    return Wait(until, f"Held until {shown:%H:%M} ({person.timezone}): quiet hours.")
