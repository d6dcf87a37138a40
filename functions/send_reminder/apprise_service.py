"""Sending a reminder by a service that Apprise knows (Discord, Slack, Telegram ...): its own code
blocks, so it runs in a thread, and loads only the one service.
"""

import asyncio

from functions.send_reminder.notice import DeliveryFailed, Notice, Receipt
from taskflow.apprise_address import open_service, read_service
from taskflow.errors import Refused

# For each of connecting and reading; a service may need a few requests.
SOCKET_SECONDS = 5.0
NOTES_CHARACTERS = 500
LATE_FROM_SECONDS = 60


async def send_service(notice: Notice, address: str, allow: str) -> Receipt:
    """Sends the notice to the Apprise URL `address`.

    Raises DeliveryFailed: permanent for an address that Apprise does not understand or that is not
    offered here. Apprise tells no reason and knows no idempotency key: what is repeated after a
    crash is shown twice.
    """
    try:
        service = read_service(address, allow)
    except Refused as error:
        raise DeliveryFailed(error.detail, permanent=True) from error
    taken = await asyncio.to_thread(_notify, address, service, notice)
    if not taken:
        reason = f"The service {service} did not take the message. It is tried again."
        raise DeliveryFailed(reason, permanent=False)
    return Receipt(f"{service} took it")


def _notify(address: str, service: str, notice: Notice) -> bool:
    sender = open_service(address, service)
    if sender is None:
        reason = f"The address is no {service} address that Apprise understands: make it anew."
        raise DeliveryFailed(reason, permanent=True)
    sender.socket_connect_timeout = sender.socket_read_timeout = SOCKET_SECONDS
    return bool(sender.notify(title=notice.title, body=_write_body(notice)))


def _write_body(notice: Notice) -> str:
    late = notice.late_by_seconds
    lines = [
        f"Due {notice.due_at or notice.due_on}" if notice.due_at or notice.due_on else "",
        f"This reminder is {late // 60} min late." if late >= LATE_FROM_SECONDS else "",
        notice.notes[:NOTES_CHARACTERS],
        (notice.links.open if notice.links else notice.link) or "",
    ]
    # Some services refuse an empty message.
    return "\n".join(line for line in lines if line) or notice.title
