"""Telling a person's own service about a reminder, by the rules of Standard Webhooks; apart from
mail, because here the other side is a stranger's server that a person chose.
"""

import base64
import secrets
from datetime import UTC, datetime

import msgspec

from functions.send_reminder.notice import DeliveryFailed, Notice, Receipt
from functions.send_reminder.outward import Answer, call_out
from taskflow.webhook_address import IPNetwork

EVENT_TYPE = "taskflow.reminder.triggered.v1"
SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"

# What goes out is named here, so that a new field of Notice stays inside until someone decides.
_TOLD = (
    "reminder_id",
    "task_id",
    "user_id",
    "title",
    "notes",
    "due_at",
    "due_on",
    "timezone",
    "remind_at",
    "late_by_seconds",
    "link",
)


def new_secret() -> str:
    """A signing secret, `whsec_` and 32 random bytes in base64 (Standard Webhooks)."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


async def send_webhook(
    notice: Notice,
    address: str,
    secret: str,
    now: datetime,
    allow: tuple[IPNetwork, ...],
) -> Receipt:
    """Posts the notice, signed; `secret` may hold several, separated by spaces, while rotating.

    Only 2xx is success. Raises DeliveryFailed: permanent for 410 (the endpoint is gone), an
    address that may not be called and a secret that is none; anything else is worth another try.
    """
    body = _write_body(notice)
    headers = _sign(notice.delivery_id, body, secret, now) | {
        "content-type": "application/json",
        "user-agent": "TaskFlow-Webhooks/1",
    }
    return _judge(await call_out(address, headers, body, allow, "The webhook"), now)


def _write_body(notice: Notice) -> bytes:
    data = {name: getattr(notice, name) for name in _TOLD}
    return msgspec.json.encode({"type": EVENT_TYPE, "timestamp": notice.remind_at, "data": data})


def _sign(delivery_id: str, body: bytes, secret: str, now: datetime) -> dict[str, str]:
    from standardwebhooks import Webhook

    # The package signs the wall-clock time it is given as if it were UTC.
    moment = now.astimezone(UTC)
    keys = [Webhook(_read_secret(each)) for each in secret.split()]
    if not keys:
        raise _bad_secret()
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(key.sign(delivery_id, moment, body.decode()) for key in keys),
    }


def _read_secret(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError as error:
        raise _bad_secret() from error
    if not key:
        raise _bad_secret()
    return key


def _bad_secret() -> DeliveryFailed:
    reason = "The webhook's signing secret is not whsec_ and base64. Make the channel anew."
    return DeliveryFailed(reason, permanent=True)


def _judge(answer: Answer, now: datetime) -> Receipt:
    if 200 <= answer.status < 300:
        return Receipt(f"HTTP {answer.status}")
    host, said = answer.host, answer.told
    if answer.status == 410:
        reason = f"The webhook at {host} is gone for good ({said}). Make a new channel."
        raise DeliveryFailed(reason, permanent=True, gone=True)
    hint = " Redirects are not followed: give the final address." if answer.status < 400 else ""
    reason = f"The webhook at {host} answered {said}. It is tried again.{hint}"
    raise DeliveryFailed(reason, permanent=False, retry_after=answer.wait_asked(now))
