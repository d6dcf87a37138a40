"""Sends leased deliveries, outside any transaction, each in its own lane, and writes down many
outcomes at once; whoever is slow goes on alone, so that nothing else waits for it.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from functions.send_reminder.attempt import (
    Outcome,
    judge_failure,
    judge_success,
    look_again,
    postpone,
    spread,
)
from functions.send_reminder.channels import Office, deliver, write_notice
from functions.send_reminder.delivery import Delivery, name_wait
from functions.send_reminder.health import Tried, write_health
from functions.send_reminder.lanes import Lane, Lanes
from functions.send_reminder.ledger import Settled, cancel_timers, put_timers, settle_deliveries
from functions.send_reminder.record import tell_sent
from functions.send_reminder.situation import Situation
from taskflow.database import Connection
from taskflow.errors import Unavailable
from taskflow.events import Event, ReminderFact, ReminderTriggered
from taskflow.mail import DeliveryFailed
from taskflow.serve import Lease
from taskflow.settings import Settings
from taskflow.smtp import Mailer

# A database that fails over just after a mail has left must not make it leave twice; with the
# longest effect still within the lease.
SETTLE_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
# Counted in looks, not by the clock: what this process itself is held up by is nobody's slowness.
LOOK, LOOKS = 0.1, 20
# After the breaker's pause they come back apart, behind the one that probes.
BACK_WITHIN = 10.0
MARGIN = timedelta(seconds=1)

log = logging.getLogger("taskflow")


class Sending(Struct):
    """A leased delivery with what it needs; `begun` once it has had its turn, `handed_over` once a
    timer stands behind it instead of its event."""

    event: Event[ReminderFact]
    situation: Situation
    delivery: Delivery
    lane: Lane
    begun: bool = False
    handed_over: bool = False

    @property
    def take_over(self) -> Event[ReminderTriggered]:
        """Brings the delivery back should this process die while it sends."""
        return watch_over(self.event, self.delivery)


class Desk:
    """What a process remembers between deliveries: the lanes, its connections to the mail server,
    outcomes not written yet, and the settings that an operator may change meanwhile.

    `ledger` is whose turn it is to write: a process has one connection, and whoever waits for it
    in the pool is told after five seconds that the database is away.
    """

    def __init__(self) -> None:
        self.settings = Settings()
        self.lanes = Lanes()
        self.mailer = Mailer()
        self.waiting: list[tuple[Sending, Settled, asyncio.Future[None]]] = []
        self.ledger = asyncio.Lock()
        self.telling: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Leaves what was kept open for the next delivery."""
        await self.mailer.close()


def watch_over(event: Event[ReminderFact], delivery: Delivery) -> Event[ReminderTriggered]:
    """The event that looks at a leased delivery once its lease has run out."""
    until = delivery.leased_until
    if until is None:
        raise ValueError(f"the delivery {delivery.id} is nobody's: lease it first")
    return look_again(event, delivery, name_wait(delivery.id, until), until + MARGIN)


async def send_all(lease: Lease, desk: Desk, sendings: Sequence[Sending]) -> None:
    """Sends, and returns when all is settled but for what is slow: a timer stands behind that, and
    it ends in its own time. What has left is told to the log by then. Raises Unavailable if one
    could not be settled."""
    tasks = {asyncio.create_task(_send(lease, desk, one)): one for one in sendings}
    try:
        slow = await _await_quick(tasks)
        standing = {task for task in slow if not tasks[task].begun}
        for task in standing:
            task.cancel()
        slow -= standing
        going = [tasks[task] for task in slow]
        await _hand_over(lease, desk, going, [tasks[task] for task in standing])
    except BaseException:
        for task in tasks:
            task.cancel()
        raise
    for task in slow:
        lease.finish_later(task)
        task.add_done_callback(_log_failure)
    await asyncio.gather(*desk.telling)
    for task in tasks.keys() - slow - standing:
        if error := task.exception():
            raise error


async def _await_quick(tasks: dict["asyncio.Task[None]", Sending]) -> set["asyncio.Task[None]"]:
    """Waits while somebody makes progress; the tasks that are slow."""
    pending = set(tasks)
    looks = 0
    while pending:
        _, pending = await asyncio.wait(pending, timeout=LOOK)
        looks += 1
        lanes = [tasks[task].lane for task in pending]
        if all(one.is_known_slow or (looks > LOOKS and one.is_slow) for one in lanes):
            break
    return pending


async def _hand_over(
    lease: Lease, desk: Desk, going: Sequence[Sending], standing: Sequence[Sending]
) -> None:
    """Puts a timer behind each that goes on, and sends away those that only stand in its lane."""
    if not going and not standing:
        return
    for one in (*going, *standing):
        one.lane.note_slow()
    for one in going:
        one.handed_over = True
    now = lease.now()
    async with desk.ledger, lease.transaction() as db:
        await put_timers(db, [one.take_over for one in going])
        await settle_deliveries(db, [_send_away(one, now) for one in standing])


def _send_away(sending: Sending, now: datetime) -> Settled:
    delivery, seconds = sending.delivery, sending.lane.turn_in
    back = now + timedelta(seconds=seconds + BACK_WITHIN * (1 + spread(delivery.id, 0)))
    outcome = postpone(sending.event, delivery, back, "The way out is slow: it waits for its turn.")
    return Settled(delivery, outcome, now, 0)


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("a delivery is left to its timer: %s", error, exc_info=error)


async def _send(lease: Lease, desk: Desk, sending: Sending) -> None:
    desk.lanes.at_once += 1
    try:
        async with sending.lane.turn():
            sending.begun, begun = True, time.monotonic()
            outcome = await _attempt(lease, desk, sending)
            took = int(1000 * (time.monotonic() - begun))
    finally:
        desk.lanes.at_once -= 1
    settled = Settled(sending.delivery, outcome, lease.now(), took)
    await _settle(lease, desk, sending, settled)


async def _attempt(lease: Lease, desk: Desk, sending: Sending) -> Outcome:
    now, settings, lane = lease.now(), lease.settings, sending.lane
    event, delivery, situation = sending.event, sending.delivery, sending.situation
    if lane.is_open(now) and lane.opened_until is not None:
        back = lane.opened_until + timedelta(seconds=BACK_WITHIN * spread(delivery.id, 0))
        return postpone(event, delivery, back, "The way out has just failed: it pauses.")
    if _began_too_late(sending, now):
        back = now + timedelta(seconds=BACK_WITHIN * spread(delivery.id, 0))
        return postpone(event, delivery, back, "So many were before it that it waits anew.")
    channel = situation.channels[delivery.channel_id]
    notice = write_notice(event.data, situation, delivery, settings, now)
    try:
        with lease.watch(event, f"deliver {channel.kind}"):
            async with asyncio.timeout(lane.pace.seconds):
                receipt = await deliver(channel, notice, Office(settings, desk.mailer), now)
    except DeliveryFailed as failed:
        # The way out works where it only refuses this one.
        lane.note(failed.permanent or failed.personal, now)
        return judge_failure(event, delivery, failed, lease.now())
    except TimeoutError:
        lane.note(False, now)
        reason = f"No answer within {lane.pace.seconds:g} s. It is tried again."
        late = DeliveryFailed(reason, permanent=False)
        return judge_failure(event, delivery, late, lease.now())
    lane.note(True, now)
    return judge_success(delivery, receipt, lease.now())


def _began_too_late(sending: Sending, now: datetime) -> bool:
    """Whether an attempt that begins now could outlast its lease, and meet another worker's."""
    until = sending.delivery.leased_until
    longest = sending.lane.pace.seconds + sum(SETTLE_PAUSES)
    return until is None or (until - now).total_seconds() < longest


# --- settling: what ends while a transaction is under way goes together into the next ------------


async def _settle(lease: Lease, desk: Desk, sending: Sending, settled: Settled) -> None:
    written = asyncio.get_running_loop().create_future()
    desk.waiting.append((sending, settled, written))
    async with desk.ledger:
        await write_waiting(lease, desk)
    written.result()


async def write_waiting(lease: Lease, desk: Desk) -> None:
    """Writes down what has ended, for whoever has the ledger: a crash before that sends again, so
    nothing else is written first. Raises nothing; each delivery is told for itself."""
    group, desk.waiting = desk.waiting, []
    if not group:
        return
    _tell(lease, desk, [(sending.event, settled) for sending, settled, _ in group])
    try:
        await _persist(lease, [(sending, settled) for sending, settled, _ in group])
    except Exception as error:
        for _, _, written in group:
            written.set_exception(error)
    else:
        for _, _, written in group:
            written.set_result(None)


def _tell(lease: Lease, desk: Desk, settled: Sequence[tuple[Event[ReminderFact], Settled]]) -> None:
    """Beside the settling, which waits for no log, nor the other way round."""
    telling = asyncio.create_task(tell_sent(lease, desk.ledger, settled))
    desk.telling.add(telling)
    telling.add_done_callback(desk.telling.discard)
    lease.finish_later(telling)


async def _persist(lease: Lease, group: Sequence[tuple[Sending, Settled]]) -> None:
    name = group[0][1].delivery.id
    for pause in SETTLE_PAUSES:
        try:
            async with lease.transaction() as db:
                return await _write_outcomes(db, group)
        except Unavailable as error:
            log.warning("the delivery %s cannot be settled yet: %s", name, error)
            await asyncio.sleep(pause)
    raise Unavailable(f"The delivery {name} could not be settled; it may be sent again.")


async def _write_outcomes(db: Connection, group: Sequence[tuple[Sending, Settled]]) -> None:
    ours = await settle_deliveries(db, [settled for _, settled in group])
    for _, settled in group:
        if settled.delivery.id not in ours:
            log.error("the delivery %s took too long: another has it", settled.delivery.id)
    done = [(sending, settled) for sending, settled in group if settled.delivery.id in ours]
    await cancel_timers(db, [one.take_over.id for one, _ in done if one.handed_over])
    tried = [
        Tried(settled, one.situation.channels[one.delivery.channel_id], one.situation.person)
        for one, settled in done
        if one.situation.person is not None
    ]
    await write_health(db, tried)
