"""Reminders in, mails, pushes and webhooks out: one delivery per reminder, instant and channel.

A delivery is leased in a short transaction, sent outside of any, settled in another. What a crash
between sending and settling can do: once the lease of 60 s has expired, a timer or the repeated
event sends again. The mail then has the same Message-ID, the webhook the same `webhook-id` and the
push the same topic (all are the delivery's id), by which the other side can tell; an Apprise
service cannot, and shows it twice.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, field, structs

from functions.send_reminder.attempt import SOURCE, look_again, spread
from functions.send_reminder.delivery import Delivery, name_wait
from functions.send_reminder.digest_timer import follow_digests
from functions.send_reminder.ledger import (
    Row,
    lease_deliveries,
    lock_deliveries,
    plan_deliveries,
    put_timers,
    write_rows,
)
from functions.send_reminder.sending import (
    BACK_WITHIN,
    Desk,
    Sending,
    send_all,
    watch_over,
    write_waiting,
)
from functions.send_reminder.situation import Situation, load_situations
from functions.send_reminder.step import Held, Mark, Take, Wait, choose_moment, choose_step
from functions.send_reminder.switches import wait_for_switch
from taskflow.database import Connection
from taskflow.events import DigestDue, Event, ReminderFact, ReminderTriggered, new_event
from taskflow.reminder import (
    Planned,
    first_instant,
    next_repetition,
    quiet_until,
    reminder_fact,
)
from taskflow.runtime_settings import runtime_settings
from taskflow.serve import Lease


class Agenda(Struct):
    """What a batch of events asks for: rows to write, timers to put, deliveries to send. `rows` are
    the locked ones, and change as the events are gone through; `by_reminder` names those of each
    person's reminder at one instant."""

    rows: dict[str, Delivery]
    by_reminder: dict[tuple[str, str, datetime | None], list[str]]
    owners: dict[str, str]
    marks: dict[str, Row] = field(default_factory=dict)
    timers: dict[str, Event[Any]] = field(default_factory=dict)
    taken: dict[str, tuple[Event[ReminderFact], Situation]] = field(default_factory=dict)

    def of(self, fact: ReminderFact) -> list[Delivery]:
        """The deliveries that an event is about, but for those taken already: the one it names, or
        all of its reminder."""
        name = getattr(fact, "delivery_id", None)
        key = (fact.user_id, fact.reminder_id, fact.remind_at)
        names = [name] if name else self.by_reminder.get(key, [])
        return [
            self.rows[one]
            for one in names
            if one not in self.taken and self.owners.get(one) == fact.user_id
        ]


def open_agenda(locked: Sequence[tuple[str, Delivery]]) -> Agenda:
    """An agenda about locked rows, each given with its person."""
    by_reminder: dict[tuple[str, str, datetime | None], list[str]] = {}
    for user_id, one in locked:
        by_reminder.setdefault((user_id, one.reminder_id, one.remind_at), []).append(one.id)
    owners = {one.id: user_id for user_id, one in locked}
    return Agenda({one.id: one for _, one in locked}, by_reminder, owners)


async def send_reminder(
    events: list[Event[ReminderFact | DigestDue]], lease: Lease
) -> list[Event[Any]]:
    """Brings the deliveries of reminders to where their tasks say they belong, and sends those that
    are due, all at once."""
    desk = lease.remember(Desk)
    desk.settings = await runtime_settings(lease.settings).read()
    reminders: list[Any] = [one for one in events if isinstance(one.data, ReminderFact)]
    digests: list[Any] = [one for one in events if isinstance(one.data, DigestDue)]
    async with desk.ledger:
        await write_waiting(lease, desk)
        async with lease.transaction() as db:
            reminders += await follow_digests(db, digests, lease.now())
            sendings = await take_work(db, reminders, desk, lease.now())
    await send_all(lease, desk, sendings)
    return []


async def take_work(
    db: Connection, events: Sequence[Event[ReminderFact]], desk: Desk, now: datetime
) -> list[Sending]:
    """Plans, suppresses, holds and leases, in one transaction."""
    facts = [event.data for event in events]
    situations = await load_situations(db, facts, now)
    # What is older may have been sent and forgotten since.
    oldest = now - timedelta(days=desk.settings.keep_deliveries)
    known = [pair for pair in zip(facts, situations, strict=True) if pair[0].remind_at >= oldest]
    await plan_deliveries(
        db, [(fact, place) for fact, it in known for place in it.choose_places(fact)]
    )
    agenda = open_agenda(await lock_deliveries(db, facts))
    for event, situation in zip(events, situations, strict=True):
        follow_event(agenda, event, situation, desk, now)
    await write_rows(db, list(agenda.marks.values()))
    await put_timers(db, agenda.timers.values())
    return await _lease(db, agenda, desk, now)


def follow_event(
    agenda: Agenda, event: Event[ReminderFact], situation: Situation, desk: Desk, now: datetime
) -> None:
    """Notes what an event asks for, after those before it."""
    fact = event.data
    for delivery in agenda.of(fact):
        moment = choose_moment(delivery, fact, situation.person, now)
        why_not = situation.why_not(fact, delivery)
        step = choose_step(delivery, event, why_not, now, moment)
        if isinstance(step, Take):
            step = _choose_turn(delivery, desk, now) or step
        if isinstance(step, Take):
            agenda.taken[delivery.id] = event, situation
            agenda.marks.pop(delivery.id, None)
        elif isinstance(step, Held):
            timer = watch_over(event, delivery)
            agenda.timers[timer.id] = timer
        elif step is not None:
            _note_row(agenda, event, delivery, step)
    _plan_repetition(agenda, event, situation, now)


def _choose_turn(delivery: Delivery, desk: Desk, now: datetime) -> Wait | None:
    """Why a delivery that is due must wait for its way out, if it must."""
    lane = desk.lanes.find(delivery.kind, delivery.channel_id)
    switched = wait_for_switch(delivery.kind, desk.settings, now)
    wait = switched or desk.lanes.choose_wait(lane, now)
    if wait is None:
        return None
    apart = timedelta(seconds=BACK_WITHIN * spread(delivery.id, 0))
    return structs.replace(wait, until=wait.until + apart)


def _note_row(
    agenda: Agenda, event: Event[ReminderFact], delivery: Delivery, step: Wait | Mark
) -> None:
    if isinstance(step, Mark):
        row = Row(delivery, step.state, step.reason)
    else:
        row = Row(delivery, "planned", step.reason, step.until)
        name = name_wait(delivery.id, step.until)
        agenda.timers[name] = look_again(event, delivery, name, step.until)
    first = agenda.marks.get(delivery.id)
    agenda.marks[delivery.id] = structs.replace(row, delivery=first.delivery) if first else row
    agenda.rows[delivery.id] = structs.replace(
        delivery, state=row.state, reason=row.reason, next_at=row.next_at, leased_until=None
    )


def _plan_repetition(
    agenda: Agenda, event: Event[ReminderFact], situation: Situation, now: datetime
) -> None:
    """The timer of the next time, after the quiet hours if these hold this one."""
    fact, person, task = event.data, situation.person, situation.task
    whole = isinstance(fact, ReminderTriggered) and fact.delivery_id is None
    reminder = situation.reminder(fact)
    if not whole or person is None or task is None or task.status != "open" or reminder is None:
        return
    first = first_instant(reminder, task, person.timezone)
    quiet = quiet_until(person.choices.quiet_hours, now, person.timezone)
    latest = max(now, fact.remind_at, quiet or now)
    again = next_repetition(reminder, first, latest) if first else None
    if again is not None:
        planned = Planned(reminder=reminder, remind_at=again)
        told = reminder_fact(ReminderTriggered, planned, task, fact.user_id, fact.stream)
        agenda.timers[planned.id] = new_event(
            told, id=planned.id, source=SOURCE, time=again, cause=event
        )


async def _lease(db: Connection, agenda: Agenda, desk: Desk, now: datetime) -> list[Sending]:
    wanted = [agenda.rows[name] for name in agenda.taken]
    leased = await lease_deliveries(db, wanted, now)
    return [
        Sending(*agenda.taken[one.id], one, desk.lanes.find(one.kind, one.channel_id))
        for one in leased
    ]
