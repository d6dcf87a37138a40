"""One secret, many keys: what signs one thing can never sign another."""

import hmac


def derive_key(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose: HMAC-SHA256 as a key derivation (RFC 5869's extract step)."""
    return hmac.digest(secret.encode(), f"taskflow/{purpose}".encode(), "sha256")
