"""One secret, many keys: what signs one thing can never sign another."""

import hmac
from collections.abc import Iterable

from taskflow.errors import Unavailable


def derive_key(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose: HMAC-SHA256 as a key derivation (RFC 5869's extract step).

    Raises Unavailable without a secret: what everybody can compute protects nothing.
    """
    if not secret:
        raise Unavailable("TASKFLOW_SECRET is not set: give every process the same long secret.")
    return hmac.digest(secret.encode(), f"taskflow/{purpose}".encode(), "sha256")


def derive_keys(secrets: Iterable[str], purpose: str) -> list[bytes]:
    """The key that signs now, and after it those of earlier secrets that are still taken.

    Raises Unavailable without a secret.
    """
    return [derive_key(secret, purpose) for secret in secrets]
