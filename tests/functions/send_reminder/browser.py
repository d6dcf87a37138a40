"""A browser that subscribed to pushes: its keys, and what it makes of a push that reaches it."""

from typing import Any

import http_ece
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from taskflow.web_push import Keys, Subscription, decode_base64url, encode_base64url

SECRET_BYTES = bytes(range(16))


class FakeBrowser:
    """Keys of its own; `read` and `read_token` do what a browser and its push service do."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.keys = Keys(encode_base64url(point), encode_base64url(SECRET_BYTES))

    def subscribe(self, endpoint: str) -> str:
        """What the page sends: JSON.stringify(subscription)."""
        subscription = Subscription(endpoint, self.keys)
        return msgspec.json.encode(subscription).decode()

    def read(self, body: bytes) -> dict[str, Any]:
        """What the service worker is given."""
        clear = http_ece.decrypt(
            body, private_key=self._key, auth_secret=SECRET_BYTES, version="aes128gcm"
        )
        shown: dict[str, Any] = msgspec.json.decode(clear)
        return shown


def read_token(authorization: str) -> tuple[dict[str, Any], str]:
    """The claims of a VAPID header, checked by the key in it, and that key (RFC 8292)."""
    scheme, _, rest = authorization.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid" and parts.keys() == {"t", "k"}
    point = decode_base64url(parts["k"])
    jwk: dict[str, str | list[str]] = {"kty": "EC", "crv": "P-256"}
    jwk |= {"x": encode_base64url(point[1:33]), "y": encode_base64url(point[33:])}
    claims = jwt.decode(parts["t"], ECKey.import_key(jwk), algorithms=["ES256"]).claims
    return claims, parts["k"]
