"""The ways to reach a person; each takes the same notice and says what it came to, and is loaded
when the first notice goes its way: a cold start pays for no other.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec
from msgspec import Struct

from functions.send_reminder.attempt import late_by
from functions.send_reminder.delivery import NO_TASK, Delivery
from functions.send_reminder.notice import DeliveryFailed, Links, Notice, Receipt, make_links
from functions.send_reminder.situation import Channel, Situation
from taskflow.events import ReminderFact
from taskflow.mail import Mail, read_mailbox
from taskflow.settings import Settings
from taskflow.smtp import Mailer
from taskflow.webhook_address import IPNetwork, read_networks

# They write down whole URLs at INFO, and the paths of webhooks hold secrets.
TALKATIVE = ("httpx", "httpcore")

log = logging.getLogger("taskflow")


class Office(Struct):
    """What a process sends with."""

    settings: Settings
    mailer: Mailer


Sender: TypeAlias = Callable[[Channel, Notice, Office, datetime], Awaitable[Receipt]]


async def deliver(channel: Channel, notice: Notice, office: Office, now: datetime) -> Receipt:
    """Sends one notice by one channel. Raises DeliveryFailed and nothing else: what nobody foresaw
    is tried again too, in the sight of the person."""
    if channel.kind not in SENDERS:
        offered = ", ".join(SENDERS)
        reason = f"Channels of kind {channel.kind} cannot be sent to; use one of {offered}."
        raise DeliveryFailed(reason, permanent=True)
    try:
        return await SENDERS[channel.kind](channel, notice, office, now)
    except (DeliveryFailed, TimeoutError):
        raise
    except Exception as error:
        log.exception("the delivery %s failed in a way nobody foresaw", notice.delivery_id)
        reason = f"Sending failed unexpectedly ({type(error).__name__}); the log has more."
        raise DeliveryFailed(reason, permanent=False) from error


async def _deliver_mail(channel: Channel, notice: Notice, office: Office, now: datetime) -> Receipt:
    settings = office.settings
    try:
        read_mailbox(settings.mail_from)
    except ValueError as error:
        reason = f"TASKFLOW_MAIL_FROM is wrong: {error}"
        raise DeliveryFailed(reason, permanent=False) from error
    try:
        mail = _compose(notice, settings.mail_from, channel.address)
    except ValueError as error:
        raise DeliveryFailed(str(error), permanent=True) from error
    return await office.mailer.send(mail, settings.smtp, settings.data / "outbox")


def _compose(notice: Notice, sender: str, recipient: str) -> Mail:
    if notice.digest is not None:
        from functions.send_reminder.digest_mail import compose_digest

        return compose_digest(notice, notice.digest, sender, recipient)
    from functions.send_reminder.mail import compose_mail

    return compose_mail(notice, sender, recipient)


async def _deliver_webhook(
    channel: Channel, notice: Notice, office: Office, now: datetime
) -> Receipt:
    from functions.send_reminder.webhook import send_webhook

    allow = _prepare_calls(office.settings)
    return await send_webhook(notice, channel.address, channel.secret or "", now, allow)


async def _deliver_push(channel: Channel, notice: Notice, office: Office, now: datetime) -> Receipt:
    from functions.send_reminder.web_push import Browser, send_push

    settings = office.settings
    allow = _prepare_calls(settings)
    browser = Browser(channel.address, channel.secret or "", allow)
    contact = settings.url if settings.url.startswith("https://") else ""
    contact = contact or f"mailto:{read_mailbox(settings.mail_from).addr_spec}"
    return await send_push(notice, browser, settings.accepted_secrets, contact, now)


async def _deliver_apprise(
    channel: Channel, notice: Notice, office: Office, now: datetime
) -> Receipt:
    from functions.send_reminder.apprise_service import send_service

    return await send_service(notice, channel.address, office.settings.apprise_allow)


def _prepare_calls(settings: Settings) -> tuple[IPNetwork, ...]:
    """The networks that may be called beside the public ones, and silence about what is called."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return read_networks(settings.webhook_allow)
    except ValueError as error:
        raise DeliveryFailed(str(error), permanent=False) from error


SENDERS: dict[str, Sender] = {
    "email": _deliver_mail,
    "webhook": _deliver_webhook,
    "web_push": _deliver_push,
    "apprise": _deliver_apprise,
}


def write_notice(
    fact: ReminderFact,
    situation: Situation,
    delivery: Delivery,
    settings: Settings,
    now: datetime,
) -> Notice:
    """What is told: the task as it is now, or the event's own title where there is no task."""
    task, person, url = situation.task, situation.person, settings.url
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
        late_by_seconds=late_by(delivery, now),
        link=_write_link(url, fact) if url and (task or situation.digest) else None,
        links=_choose_links(delivery, settings, now) if task else None,
        digest=situation.digest,
    )


def _write_link(url: str, fact: ReminderFact) -> str:
    place = f"/tasks/{fact.task_id}" if fact.task_id != NO_TASK else ""
    return f"{url.rstrip('/')}/#{place}"


def _choose_links(delivery: Delivery, settings: Settings, now: datetime) -> Links | None:
    if not settings.url or not settings.secret:
        return None
    return make_links(settings.url, settings.secret, delivery.id, now)


def _write_instant(instant: datetime | None) -> str | None:
    """RFC 3339 in UTC, as everywhere in the interface."""
    if instant is None:
        return None
    text: str = msgspec.to_builtins(instant.astimezone(UTC))
    return text
