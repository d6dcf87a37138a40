"""What the gateway signs so that it knows it again: under the present secret, and taken also under
an earlier one that is still accepted; apart, because every noun that signs must do both.
"""

import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import OctKey

from taskflow.keys import derive_keys

if TYPE_CHECKING:
    from gateway.context import Context

ALGORITHM = "HS256"


def keys_for(context: "Context", purpose: str) -> list[bytes]:
    """The key that signs, and those that are taken beside it."""
    return derive_keys(context.settings.accepted_secrets, purpose)


def sign(context: "Context", purpose: str, body: bytes) -> bytes:
    """HMAC-SHA256 under the present secret."""
    return hmac.digest(keys_for(context, purpose)[0], body, "sha256")


def is_signed(context: "Context", purpose: str, body: bytes, mac: bytes, size: int) -> bool:
    """Whether `mac` is the first `size` bytes of a signature of ours."""
    macs = [hmac.digest(key, body, "sha256")[:size] for key in keys_for(context, purpose)]
    return any([hmac.compare_digest(mac, one) for one in macs])


def write_token(context: "Context", purpose: str, claims: Mapping[str, Any]) -> str:
    """A JWT under the present secret."""
    key = OctKey.import_key(keys_for(context, purpose)[0])
    return jwt.encode({"alg": ALGORITHM}, dict(claims), key, algorithms=[ALGORITHM])


def read_token(context: "Context", purpose: str, token: str) -> dict[str, Any]:
    """The claims of a JWT of ours; whether they are good now, the caller knows. Raises
    joserfc.errors.JoseError and ValueError."""
    *earlier, last = keys_for(context, purpose)
    for key in earlier:
        try:
            return _decode(token, key)
        except BadSignatureError:
            continue
    return _decode(token, last)


def _decode(token: str, key: bytes) -> dict[str, Any]:
    return jwt.decode(token, OctKey.import_key(key), algorithms=[ALGORITHM]).claims
