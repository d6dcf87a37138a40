"""One attempt by one channel, outside any transaction, and its outcome written down."""

import asyncio
import logging

from functions.send_reminder.attempt import Outcome, judge_failure, judge_success, late_by
from functions.send_reminder.channels import deliver, write_notice
from functions.send_reminder.delivery import Delivery
from functions.send_reminder.ledger import settle_delivery
from functions.send_reminder.situation import Situation
from taskflow.errors import Unavailable
from taskflow.events import Event, ReminderFact
from taskflow.mail import DeliveryFailed
from taskflow.serve import Lease

# A database that fails over just after a mail has left must not make it leave twice; with the
# longest effect (45 s) still within the lease.
SETTLE_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)

log = logging.getLogger("taskflow")


async def send_delivery(
    lease: Lease, event: Event[ReminderFact], situation: Situation, delivery: Delivery
) -> None:
    """Sends one leased delivery and settles it. Raises Unavailable if it could not be settled, and
    LeaseHeld if another worker has taken over."""
    await _settle(lease, event.data, delivery, await _attempt(lease, event, situation, delivery))


async def _attempt(
    lease: Lease, event: Event[ReminderFact], situation: Situation, delivery: Delivery
) -> Outcome:
    now, settings = lease.now(), lease.settings
    channel = situation.channels[delivery.channel_id]
    late = late_by(delivery, now)
    notice = write_notice(event.data, situation, delivery, late, settings.url)
    try:
        receipt = await deliver(channel, notice, settings, now)
    except DeliveryFailed as failed:
        return judge_failure(event, delivery, failed, lease.now())
    return judge_success(delivery, receipt, lease.now())


async def _settle(lease: Lease, fact: ReminderFact, delivery: Delivery, outcome: Outcome) -> None:
    for pause in SETTLE_PAUSES:
        try:
            async with lease.transaction() as db:
                return await settle_delivery(db, fact, delivery, outcome)
        except Unavailable as error:
            log.warning("the delivery %s cannot be settled yet: %s", delivery.id, error)
            await asyncio.sleep(pause)
    raise Unavailable(f"The delivery {delivery.id} could not be settled; it may be sent again.")
