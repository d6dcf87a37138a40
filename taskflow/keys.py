"""One secret, many keys: what signs one thing can never sign another."""

import hmac

from taskflow.errors import Unavailable


def derive_key(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose: HMAC-SHA256 as a key derivation (RFC 5869's extract step).

    Raises Unavailable without a secret: what everybody can compute protects nothing.
    """
    if not secret:
        raise Unavailable("TASKFLOW_SECRET is not set: give every process the same long secret.")
    return hmac.digest(secret.encode(), f"taskflow/{purpose}".encode(), "sha256")
