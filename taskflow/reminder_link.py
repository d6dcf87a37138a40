"""The signed links of a reminder's mail: what one proves by itself, so that nobody has to log in to
say "got it", and nobody else can.
"""

import base64
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from taskflow.errors import invalid
from taskflow.keys import derive_key

Verb = Literal["open", "got_it", "snooze_hour", "snooze_day", "unsubscribe"]
VERBS: tuple[Verb, ...] = ("open", "got_it", "snooze_hour", "snooze_day", "unsubscribe")
SNOOZES = {"snooze_hour": timedelta(hours=1), "snooze_day": timedelta(days=1)}
# A mail is read late; a link to leave must work for at least 60 days after it (CAN-SPAM: 30).
LIFETIME = timedelta(days=60)
PATH = "/v1/answers/"
_MAC_BYTES = 16
_END_BYTES = 5
_LENGTH = 1 + _END_BYTES + 16 + _MAC_BYTES


class Answer(Struct, frozen=True):
    """What somebody does with one delivery by opening its link."""

    verb: Verb
    delivery_id: str


def sign_answer(secret: str, answer: Answer, now: datetime) -> str:
    """The token of a link that is good for 60 days: verb, end and delivery, and an HMAC of them.

    Raises Unavailable without a secret.
    """
    end = int((now + LIFETIME).timestamp())
    place = VERBS.index(answer.verb)
    body = bytes([place]) + end.to_bytes(_END_BYTES) + UUID(answer.delivery_id).bytes
    return base64.urlsafe_b64encode(body + _sign(secret, body)).decode().rstrip("=")


def read_answer(secrets: Sequence[str], token: str, now: datetime) -> Answer:
    """What a token is for, signed with one of these secrets. Raises Refused (422) for one that is
    forged, foreign or too old."""
    try:
        padded = token + "=" * (-len(token) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    ours = any([hmac.compare_digest(mac, _sign(one, body)) for one in secrets])
    if len(raw) != _LENGTH or not ours:
        raise invalid("token", "is not one of ours; open the link as it stands in the mail")
    end = datetime.fromtimestamp(int.from_bytes(body[1 : 1 + _END_BYTES]), UTC)
    if end <= now:
        raise invalid("token", "is too old; open the task itself")
    return Answer(VERBS[body[0]], str(UUID(bytes=body[1 + _END_BYTES :])))


def _sign(secret: str, body: bytes) -> bytes:
    return hmac.digest(derive_key(secret, "reminder-link"), body, "sha256")[:_MAC_BYTES]
