"""Telling a person's own service about a reminder, by the rules of Standard Webhooks; apart from
mail, because here the other side is a stranger's server that a person chose.
"""

import asyncio
import base64
import re
import secrets
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from functions.send_reminder.notice import DeliveryFailed, Notice, Receipt
from taskflow.mail import flatten_line
from taskflow.webhook_address import (
    AddressRefused,
    IPAddress,
    IPNetwork,
    NameUnresolved,
    WebhookTarget,
    resolve_public,
)

if TYPE_CHECKING:
    import httpx

EVENT_TYPE = "taskflow.reminder.triggered.v1"
TOTAL_SECONDS = 10
# Leaves time for a second address when the first is dead.
CONNECT_SECONDS = 3
# The status is known by then; what follows is only for the reason that a person reads.
ANSWER_SECONDS = 1
ANSWER_BYTES = 1024
QUOTED_CHARACTERS = 200
RETRY_AFTER_SECONDS = 6 * 3600
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


class Answer(msgspec.Struct, frozen=True):
    """What the endpoint answered: its status, its Retry-After, the beginning of its body."""

    status: int
    retry_after: str
    beginning: str


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
    signed = _sign(notice.delivery_id, body, secret, now)
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            target = await _resolve(address, allow)
            answer = await _post(target, signed, body)
    except TimeoutError as error:
        reason = f"The webhook did not answer within {TOTAL_SECONDS} s. It is tried again."
        raise DeliveryFailed(reason, permanent=False) from error
    return _judge(answer, target.host, now)


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


async def _resolve(address: str, allow: tuple[IPNetwork, ...]) -> WebhookTarget:
    try:
        return await resolve_public(address, allow)
    except NameUnresolved as error:
        raise DeliveryFailed(error.detail, permanent=False) from error
    except AddressRefused as error:
        raise DeliveryFailed(error.detail, permanent=True) from error


async def _post(target: WebhookTarget, signed: dict[str, str], body: bytes) -> Answer:
    """Tries the addresses in turn; only a connection that never stood leads to the next."""
    # Imported here: a third of a second that a cold start without webhooks need not pay.
    import httpx

    headers = signed | {
        "host": target.host_header,
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": "TaskFlow-Webhooks/1",
    }
    patience = httpx.Timeout(None, connect=CONNECT_SECONDS)
    failure: httpx.HTTPError | None = None
    # trust_env: a proxy would resolve and connect in our place.
    async with httpx.AsyncClient(verify=_trust(), trust_env=False, timeout=patience) as client:
        for address in target.addresses:
            try:
                return await _post_to(client, _build_request(target, address, headers, body))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
            except httpx.HTTPError as error:
                failure = error
                break
    said = flatten_line(str(failure))[:QUOTED_CHARACTERS] or type(failure).__name__
    reason = f"The webhook at {target.host} cannot be reached: {said}. It is tried again."
    raise DeliveryFailed(reason, permanent=False) from failure


@cache
def _trust() -> ssl.SSLContext:
    """The authorities of SSL_CERT_FILE or else certifi; kept, because loading takes 20-50 ms."""
    import httpx

    return httpx.create_ssl_context()


def _build_request(
    target: WebhookTarget, address: IPAddress, headers: dict[str, str], body: bytes
) -> "httpx.Request":
    """Connects to the checked address, while TLS still asks for and verifies the name."""
    import httpx

    return httpx.Request(
        "POST",
        target.url_at(address),
        headers=headers,
        content=body,
        extensions={"sni_hostname": target.host},
    )


async def _post_to(client: "httpx.AsyncClient", request: "httpx.Request") -> Answer:
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        beginning = await _read_beginning(response)
    finally:
        await response.aclose()
    retry_after = response.headers.get("retry-after", "")
    return Answer(response.status_code, retry_after, beginning)


async def _read_beginning(response: "httpx.Response") -> str:
    import httpx

    read = bytearray()
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(ANSWER_SECONDS):
            async for chunk in response.aiter_raw():
                read += chunk[:ANSWER_BYTES]
                if len(read) >= ANSWER_BYTES:
                    break
    return bytes(read[:ANSWER_BYTES]).decode("utf-8", "replace")


def _judge(answer: Answer, host: str, now: datetime) -> Receipt:
    if 200 <= answer.status < 300:
        return Receipt(f"HTTP {answer.status}")
    quoted = flatten_line(answer.beginning)[:QUOTED_CHARACTERS]
    said = f"{answer.status} {quoted}".strip()
    if answer.status == 410:
        reason = f"The webhook at {host} is gone for good ({said}). Make a new channel."
        raise DeliveryFailed(reason, permanent=True)
    hint = " Redirects are not followed: give the final address." if answer.status < 400 else ""
    reason = f"The webhook at {host} answered {said}. It is tried again.{hint}"
    wait = _read_retry_after(answer.retry_after, now)
    raise DeliveryFailed(reason, permanent=False, retry_after=wait)


def _read_retry_after(text: str, now: datetime) -> float | None:
    """RFC 9110, section 10.2.3: seconds or a date; at most six hours, nothing if unreadable."""
    if re.fullmatch(r"[0-9]{1,9}", text):
        wait = float(text)
    else:
        try:
            until = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        wait = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return min(max(wait, 0.0), float(RETRY_AFTER_SECONDS))
