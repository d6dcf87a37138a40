"""The audit chain: how an entry is written down, digested, linked and checked. Pure and apart,
because a chain is worth something only if the one who verifies it needs nothing but this page.

An entry's texts (what was before, what is after) stand beside it, so that they can be erased. These
definitions can never change for entries that exist; whoever needs others starts another chain.

text      canonical JSON: keys sorted, no whitespace, UTF-8, escapes only where JSON needs them;
          absent (None) where there was nothing before, or is nothing after
salt      16 random bytes per entry, written as 32 lower-case hexadecimal digits
digest    hex SHA-256(salt bytes || UTF-8 of the text); of an absent text, SHA-256(salt bytes)
entry     canonical JSON of {seq, at, event_id, user_id, actor_id, action, task_id, cause_id,
          before_digest, after_digest}, and trace_id where the event belonged to a trace; `at` is
          RFC 3339 in UTC with six digits of a second and Z, ids of people and tasks are UUIDs in
          lower case, task_id is null where there is no task
key       derive_key(secret, "audit"), of the secret that is in force (audit_keys.py)
hash      hex HMAC-SHA256(key, the 32 bytes of the previous entry's hash || entry);
          the first entry's previous hash is 64 zeros
seq       1 for the first entry, and one more for each: no number is left out
erasure   empties the salt and both texts and keeps their row; without the salt, nobody can try
          out which text a digest belongs to. Anything else done to a row of texts is a fault.
seal      {seq, hash} of an entry, kept outside the database: what it covers cannot be cut off,
          nor replaced by a new chain, not even with the key
restore   a database that was set back in time goes on from an older entry. That stands among the
          seals too, and takes the later ones before it out of force; and in the new chain, as an
          entry of its own. Its proof is hex HMAC-SHA256(key, canonical JSON of its other fields).
"""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from taskflow.errors import Unavailable
from taskflow.events import AuditRestored, AuditSealed
from taskflow.keys import derive_key

GENESIS = "0" * 64
SALT_BYTES = 16
ERASED = ""


Seal: TypeAlias = AuditSealed | AuditRestored

_CANONICAL = msgspec.json.Encoder(order="sorted")


class Content(Struct, frozen=True, kw_only=True):
    """What an entry says, and what its hash covers; `at` is None only where a database holds an
    instant that no calendar has."""

    seq: int
    at: datetime | None
    event_id: str
    user_id: str
    actor_id: str
    action: str
    task_id: str | None
    cause_id: str
    before_digest: str
    after_digest: str
    trace_id: str | None = None


class Entry(Content, frozen=True, kw_only=True):
    """An entry in its place in the chain."""

    previous_hash: str
    hash: str


class _Line(Struct):
    """An entry's content as it is written: in the order of its keys already, for each is sorted
    otherwise, and that took longer than its hash."""

    action: str
    actor_id: str
    after_digest: str
    at: str | None
    before_digest: str
    cause_id: str
    event_id: str
    seq: int
    task_id: str | None
    trace_id: str | UnsetType
    user_id: str


class Texts(Struct, frozen=True, kw_only=True):
    """What stands beside an entry and may be erased."""

    salt: str
    before: str | None
    after: str | None


def audit_key(secret: str) -> bytes:
    """The key of the chain. Raises Unavailable without a secret: everybody could forge it."""
    if not secret:
        raise Unavailable("TASKFLOW_SECRET is empty, and the audit chain hangs on it: set it.")
    return derive_key(secret, "audit")


def canonical_text(value: Any) -> str:
    """Canonical JSON of what msgspec can encode."""
    return _CANONICAL.encode(value).decode()


def digest_text(salt: str, text: str | None) -> str:
    """The digest of a text, or of its absence."""
    return hashlib.sha256(bytes.fromhex(salt) + (text or "").encode()).hexdigest()


def canonical_entry(content: Content) -> bytes:
    """What the hash covers. Raises ValueError for an instant without an offset."""
    line = _Line(
        content.action,
        content.actor_id,
        content.after_digest,
        _format_instant(content.at),
        content.before_digest,
        content.cause_id,
        content.event_id,
        content.seq,
        content.task_id,
        # Entries were written before there were traces.
        UNSET if content.trace_id is None else content.trace_id,
        content.user_id,
    )
    return _CANONICAL.encode(line)


def _format_instant(at: datetime | None) -> str | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} names no instant: it needs an offset, such as Z")
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def hash_entry(key: bytes, previous_hash: str, content: Content) -> str:
    """The hash that links an entry to the one before."""
    return hmac.digest(key, bytes.fromhex(previous_hash) + canonical_entry(content), "sha256").hex()


def link_entry(key: bytes, previous_hash: str, content: Content) -> Entry:
    """The entry at its place behind the one with `previous_hash`."""
    fields = structs.asdict(content)
    return Entry(
        **fields, previous_hash=previous_hash, hash=hash_entry(key, previous_hash, content)
    )


def prove_restore(key: bytes, restored: AuditRestored) -> str:
    """What only who has the key can say of a restore."""
    fields = structs.asdict(restored) | {"at": _format_instant(restored.at)}
    del fields["proof"]
    return hmac.digest(key, _CANONICAL.encode(fields), "sha256").hex()
