"""The ways to reach a person; each takes the same notice and says what it came to."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from functions.send_reminder.delivery import Delivery
from functions.send_reminder.mail import compose_mail
from functions.send_reminder.notice import DeliveryFailed, Notice, Receipt
from functions.send_reminder.situation import Channel, Situation
from functions.send_reminder.webhook import send_webhook
from taskflow.events import ReminderFact
from taskflow.mail import read_mailbox, send_mail
from taskflow.settings import Settings
from taskflow.webhook_address import read_networks

Sender: TypeAlias = Callable[[Channel, Notice, Settings, datetime], Awaitable[Receipt]]

# They write down whole URLs at INFO, and the paths of webhooks hold secrets.
TALKATIVE = ("httpx", "httpcore")

log = logging.getLogger("taskflow")


async def deliver(channel: Channel, notice: Notice, settings: Settings, now: datetime) -> Receipt:
    """Sends one notice by one channel. Raises DeliveryFailed and nothing else: what nobody foresaw
    is tried again too, in the sight of the person."""
    if channel.kind not in SENDERS:
        offered = " and ".join(SENDERS)
        reason = f"Channels of kind {channel.kind} cannot be sent to yet; use {offered}."
        raise DeliveryFailed(reason, permanent=True)
    try:
        return await SENDERS[channel.kind](channel, notice, settings, now)
    except DeliveryFailed:
        raise
    except Exception as error:
        log.exception("the delivery %s failed in a way nobody foresaw", notice.delivery_id)
        reason = f"Sending failed unexpectedly ({type(error).__name__}); the log has more."
        raise DeliveryFailed(reason, permanent=False) from error


async def _deliver_mail(
    channel: Channel, notice: Notice, settings: Settings, now: datetime
) -> Receipt:
    try:
        read_mailbox(settings.mail_from)
    except ValueError as error:
        reason = f"TASKFLOW_MAIL_FROM is wrong: {error}"
        raise DeliveryFailed(reason, permanent=False) from error
    try:
        message = compose_mail(notice, settings.mail_from, channel.address)
    except ValueError as error:
        raise DeliveryFailed(str(error), permanent=True) from error
    return await send_mail(message, settings.smtp or None, settings.data / "outbox")


async def _deliver_webhook(
    channel: Channel, notice: Notice, settings: Settings, now: datetime
) -> Receipt:
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        allow = read_networks(settings.webhook_allow)
    except ValueError as error:
        raise DeliveryFailed(str(error), permanent=False) from error
    return await send_webhook(notice, channel.address, channel.secret or "", now, allow)


SENDERS: dict[str, Sender] = {"email": _deliver_mail, "webhook": _deliver_webhook}


def write_notice(
    fact: ReminderFact, situation: Situation, delivery: Delivery, late_by: int, url: str
) -> Notice:
    """What is told: the task as it is now, or the event's own title where there is no task."""
    task, person = situation.task, situation.person
    due_at, due_on = (task.due_at, task.due_on) if task else (fact.due_at, fact.due_on)
    return Notice(
        delivery_id=delivery.id,
        reminder_id=fact.reminder_id,
        task_id=fact.task_id,
        user_id=fact.user_id,
        title=task.title if task else fact.title,
        notes=task.notes if task else "",
        due_at=_write_instant(due_at),
        due_on=due_on.isoformat() if due_on else None,
        timezone=person.timezone if person else None,
        remind_at=_write_instant(fact.remind_at) or "",
        late_by_seconds=late_by,
        link=f"{url.rstrip('/')}/#/tasks/{fact.task_id}" if url and task else None,
    )


def _write_instant(instant: datetime | None) -> str | None:
    """RFC 3339 in UTC, as everywhere in the interface."""
    if instant is None:
        return None
    text: str = msgspec.to_builtins(instant.astimezone(UTC))
    return text
