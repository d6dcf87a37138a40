"""Showing a reminder in a person's browser by Web Push: encrypted for that browser alone (RFC
8291), signed with our key (RFC 8292), handed to the push service that the browser named.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import Struct

from functions.send_reminder.notice import DeliveryFailed, Notice, Receipt
from functions.send_reminder.outward import Answer, call_out
from taskflow.web_push import Keys, public_key, read_keys, signing_key
from taskflow.webhook_address import IPNetwork

# A push service keeps the message so long for a browser that sleeps.
KEPT = timedelta(days=1)
# RFC 8292 allows 24 h.
TOKEN_LIFETIME = timedelta(hours=12)
# RFC 8030, section 7.2: 4096 bytes are taken everywhere, encryption and names included.
NOTES_CHARACTERS = 200
GONE = frozenset({404, 410})
REFUSED = frozenset({400, 401, 403, 413})
# How push services say that a subscription was made with another key (RFC 8292, 4.2: 403; others
# take it for a bad request, or for no proof at all).
OTHER_KEY = frozenset({400, 401, 403})


class Browser(Struct, frozen=True):
    """Where to push, with the browser's keys as the channel keeps them."""

    endpoint: str
    keys: str
    allow: tuple[IPNetwork, ...]


async def send_push(
    notice: Notice, browser: Browser, secrets: Sequence[str], contact: str, now: datetime
) -> Receipt:
    """Pushes the notice. `contact` is an address of ours (https: or mailto:) for the push service.
    A subscription hangs on the key that it was made with, which only the push service knows: where
    it refuses the key of one secret, that of the next is tried.

    Raises DeliveryFailed: gone where the browser's subscription has ended, permanent where the
    service refuses our word for good; anything else is worth another try.
    """
    try:
        keys = read_keys(browser.keys)
        body = _encrypt(_write_body(notice), keys)
    except ValueError as error:
        reason = "The browser's keys cannot be used. Allow notifications again in that browser."
        raise DeliveryFailed(reason, permanent=True, gone=True) from error
    headers = {
        "content-type": "application/octet-stream",
        "content-encoding": "aes128gcm",
        "ttl": str(int(KEPT.total_seconds())),
        "urgency": "high",
        # A repeated message replaces the one that the browser has not fetched yet.
        "topic": UUID(notice.delivery_id).hex,
    }
    return _judge(await _call(browser, headers, body, list(secrets), contact, now), now)


async def _call(
    browser: Browser,
    headers: dict[str, str],
    body: bytes,
    secrets: list[str],
    contact: str,
    now: datetime,
) -> Answer:
    proof = {"authorization": _authorize(browser.endpoint, secrets[0], contact, now)}
    answer = await call_out(
        browser.endpoint, headers | proof, body, browser.allow, "The push service"
    )
    if answer.status not in OTHER_KEY or len(secrets) == 1:
        return answer
    other = await _call(browser, headers, body, secrets[1:], contact, now)
    return answer if other.status in OTHER_KEY else other


def _write_body(notice: Notice) -> bytes:
    """What the page's service worker shows: title, some of the notes, and where a click leads."""
    links = notice.links
    shown = {
        "title": notice.title,
        "body": notice.notes[:NOTES_CHARACTERS],
        "due_at": notice.due_at,
        "due_on": notice.due_on,
        "late_by_seconds": notice.late_by_seconds,
        "task_id": notice.task_id,
        "delivery_id": notice.delivery_id,
        "link": links.open if links else notice.link,
        "got_it": links.got_it if links else None,
        "snooze_hour": links.snooze_hour if links else None,
    }
    return msgspec.json.encode(shown)


def _encrypt(body: bytes, keys: Keys) -> bytes:
    import http_ece
    from cryptography.hazmat.primitives.asymmetric import ec

    encrypted: bytes = http_ece.encrypt(
        body,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=keys.point,
        auth_secret=keys.secret,
        version="aes128gcm",
    )
    return encrypted


def _authorize(endpoint: str, secret: str, contact: str, now: datetime) -> str:
    """RFC 8292, section 3: a token for this push service alone, and the key that it proves."""
    from joserfc import jwt
    from joserfc.jwk import ECKey

    parts = urlsplit(endpoint)
    key = ECKey.import_key(_write_pem(secret))
    end = int((now.astimezone(UTC) + TOKEN_LIFETIME).timestamp())
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": end, "sub": contact}
    token = jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, key, ["ES256"])
    return f"vapid t={token}, k={public_key(secret)}"


def _write_pem(secret: str) -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return signing_key(secret).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _judge(answer: Answer, now: datetime) -> Receipt:
    if 200 <= answer.status < 300:
        return Receipt(answer.headers.get("location", "") or f"HTTP {answer.status}")
    said = f"The push service at {answer.host} answered {answer.told}."
    if answer.status in GONE:
        reason = f"{said} The browser has unsubscribed: allow notifications there again."
        raise DeliveryFailed(reason, permanent=True, gone=True)
    if answer.status in REFUSED:
        reason = f"{said} Allow notifications again in that browser."
        raise DeliveryFailed(reason, permanent=True)
    reason = f"{said} It is tried again."
    raise DeliveryFailed(reason, permanent=False, retry_after=answer.wait_asked(now))
