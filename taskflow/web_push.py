"""What a browser's push subscription is and the key that we push with (RFC 8291, RFC 8292); apart,
because the gateway shows the public key that `send_reminder` signs for.
"""

import base64
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from taskflow.errors import Refused
from taskflow.keys import derive_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

# The order of P-256 (SEC 2, 2.4.2): a private key is a number from 1 below it.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
POINT_BYTES, SECRET_BYTES = 65, 16


class Keys(Struct, frozen=True):
    """The browser's public key (an uncompressed point) and its secret, both base64url."""

    p256dh: str
    auth: str

    @property
    def point(self) -> bytes:
        return decode_base64url(self.p256dh)

    @property
    def secret(self) -> bytes:
        return decode_base64url(self.auth)


class Subscription(Struct, frozen=True):
    """A PushSubscription as browsers write it in JSON."""

    endpoint: str
    keys: Keys


_SUBSCRIPTION = msgspec.json.Decoder(Subscription)
_KEYS = msgspec.json.Decoder(Keys)


def read_subscription(text: str) -> Subscription:
    """The subscription that a browser gave. Raises Refused (422) that names `address`."""
    try:
        subscription = _SUBSCRIPTION.decode(text)
        whole = (len(subscription.keys.point), len(subscription.keys.secret))
        if whole != (POINT_BYTES, SECRET_BYTES):
            raise ValueError("its keys have the wrong length")
    except ValueError as error:
        reason = f"is no push subscription ({error}): send JSON.stringify(subscription)"
        raise Refused("invalid", f"address: {reason}.", errors={"address": reason}) from error
    return subscription


def read_keys(text: str) -> Keys:
    """The keys as `write_keys` wrote them. Raises ValueError."""
    return _KEYS.decode(text)


def write_keys(keys: Keys) -> str:
    return msgspec.json.encode(keys).decode()


def signing_key(secret: str) -> "EllipticCurvePrivateKey":
    """Our P-256 key (VAPID), derived from TASKFLOW_SECRET: every process has the same, and a new
    secret is a new key. Raises Unavailable without a secret."""
    from cryptography.hazmat.primitives.asymmetric import ec

    # 256 bits modulo an order this close to 2^256 are uniform but for a chance of 2^-32.
    number = int.from_bytes(derive_key(secret, "web-push")) % (_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def public_key(secret: str) -> str:
    """What a browser subscribes with (`applicationServerKey`), base64url."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    point = signing_key(secret).public_key()
    return encode_base64url(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def encode_base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_base64url(text: str) -> bytes:
    """Raises ValueError for what is no base64url."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
