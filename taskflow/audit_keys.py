"""Which key signs the audit from which entry on: a chain says so itself, in entries of its own.
Pure and apart from the chain's other definitions, for it writes and verifies by them.

A key is known by its id, which tells nothing of it. It comes into force by one of two entries, and
each key once: one that was followed by another never comes back.

changed   signed by the key before, names the next: nobody who has one alone can begin the next
lost      signed by the new key itself, where the one before is gone: what stands before it is bound
          by its hash, and who wrote it can be proved only by whoever finds the lost key
"""

import hmac
from collections.abc import Sequence

from msgspec import Struct

from taskflow.audit import Content, Entry, audit_key, canonical_text, digest_text, hash_entry

CHANGED, LOST = "audit.key_changed", "audit.key_lost"
# Nobody's: the host's.
HOST = "00000000-0000-0000-0000-000000000000"


def name_key(key: bytes) -> str:
    """The id of a key of the chain: hex HMAC-SHA256(key, "audit key id")."""
    return hmac.digest(key, b"audit key id", "sha256").hex()


def name_entry(key_id: str) -> str:
    """The event id of the entry by which a key comes into force: the same however often it is
    written, so that a key comes once."""
    return f"audit-key:{key_id}"


def read_named(entry: Content) -> str | None:
    """The id of the key that comes into force by this entry; None for any other entry."""
    kind, _, key_id = entry.event_id.partition(":")
    return key_id if entry.action in (CHANGED, LOST) and kind == "audit-key" else None


def tell_change(key_id: str) -> str:
    """The text beside such an entry, for people; what counts stands in the entry."""
    return canonical_text({"key_id": key_id})


def draft_change(cause: Content, action: str, key: bytes, salt: str) -> Content:
    """The entry by which `key` comes into force, in the place and at the instant of `cause`."""
    key_id = name_key(key)
    return Content(
        seq=cause.seq,
        at=cause.at,
        event_id=name_entry(key_id),
        user_id=HOST,
        actor_id=HOST,
        action=action,
        task_id=None,
        cause_id=cause.event_id,
        before_digest=digest_text(salt, None),
        after_digest=digest_text(salt, tell_change(key_id)),
    )


class Ring(Struct, frozen=True):
    """The keys at hand; the first one writes."""

    keys: tuple[bytes, ...]

    @property
    def writing(self) -> bytes:
        return self.keys[0]

    def find(self, key_id: str) -> bytes | None:
        """The key of this id."""
        return next((key for key in self.keys if name_key(key) == key_id), None)

    def find_signer(self, entry: Entry) -> bytes | None:
        """The key that signed an entry, whatever stands before it."""
        return next((key for key in self.keys if fits(key, entry)), None)

    def find_next(self, last: Entry) -> bytes | None:
        """The key that signs what follows on this entry."""
        named = read_named(last)
        return self.find_signer(last) if named is None else self.find(named)


def open_ring(secrets: Sequence[str]) -> Ring:
    """The keys of these secrets, each once. Raises Unavailable without a secret."""
    return Ring(tuple(dict.fromkeys(audit_key(secret) for secret in secrets)))


def fits(key: bytes, entry: Entry) -> bool:
    """Whether `key` signed this entry behind the hash that it names."""
    try:
        return hash_entry(key, entry.previous_hash, entry) == entry.hash
    except ValueError:
        return False
