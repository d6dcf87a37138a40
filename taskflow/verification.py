"""Whether a chain of the audit is true: every link, seal and text, under the keys in force then.
What was signed by a key that is not at hand is no fault and no proof: it is named.
"""

import hmac
import re
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from taskflow.audit import (
    ERASED,
    GENESIS,
    SALT_BYTES,
    Content,
    Entry,
    Seal,
    Texts,
    digest_text,
    prove_restore,
)
from taskflow.audit_keys import CHANGED, LOST, Ring, fits, name_key, read_named
from taskflow.events import AuditRestored

CONTRADICTION = "contradiction"

_SALT = re.compile(f"[0-9a-f]{{{2 * SALT_BYTES}}}")


class Fault(Struct, frozen=True):
    """The first thing that is wrong with a chain; `seq` is None for an event without an entry.
    `trace_id`: of what the bad entry, or the event, says that it belongs to. `unproved`: nothing
    is known to be wrong, but a secret is missing to say so."""

    seq: int | None
    reason: str
    trace_id: str | None = None
    unproved: bool = False


class Stretch(NamedTuple):
    """Entries under one key: the first, the one that named the key (0: none did), and the trace of
    the first."""

    first: int = 1
    named_by: int = 0
    trace_id: str | None = None


class Verification:
    """Takes entries in the order of their numbers and stops at the first fault; it remembers the
    last entry only, so that a chain of any length can be streamed. `entries` counts the proved."""

    def __init__(self, ring: Ring, seals: Iterable[Seal] = ()) -> None:
        self._ring = ring
        self._seals = index_seals(seals, ring)
        self._key: bytes | None = None
        self._used: set[str] = set()
        self._stretch = Stretch()
        self._unproved: list[str] = []
        self._first_unproved: int | None = None
        self._seq, self._hash = 0, GENESIS
        self.entries = 0
        self.erased = 0
        self.fault: Fault | None = None

    def take(self, entry: Entry, texts: Texts | None) -> Fault | None:
        """The next entry with the texts beside it; the fault, if it is the first."""
        if self.fault is None:
            self.fault = self._check(entry, texts)
        return self.fault

    def finish(self, last_texts: int = 0) -> Fault | None:
        """After the last entry: whether more were there, by the seals, or by the number of the
        last texts, which are left over when an entry is deleted alone; and what needs a secret."""
        end = max([last_texts, *self._seals])
        if self.fault is None and end > self._seq:
            witness = "its texts are" if end == last_texts else "its seal is"
            reason = f"the entry is missing: the chain was cut here, {witness} left for entry {end}"
            self.fault = Fault(self._seq + 1, reason)
        if self.fault is None:
            self._end_stretch(self._seq, last=True)
            if self._unproved:
                reason = "; ".join(self._unproved)
                self.fault = Fault(self._first_unproved, reason, unproved=True)
        return self.fault

    def _check(self, entry: Entry, texts: Texts | None) -> Fault | None:
        seq = self._seq + 1
        if entry.seq != seq:
            return Fault(seq, f"the entry is missing: the next one is number {entry.seq}")
        if fault := self._find_key(entry):
            return fault
        reason = (
            self._find_wrong_link(entry)
            or self._find_broken_seal(entry)
            or find_wrong_texts(entry, texts)
        )
        if reason:
            return Fault(seq, reason, entry.trace_id)
        self._seq, self._hash = seq, entry.hash
        self.entries += self._key is not None
        self.erased += texts is not None and texts.salt == ERASED
        return self._follow_change(entry)

    # --- which key is in force ---

    def _find_key(self, entry: Entry) -> Fault | None:
        """The key of a stretch that begins without one, found by its first entry; a later entry
        that a key of ours signed shows what stands before it to be changed, or itself forged."""
        if self._key is not None or entry.action == LOST:
            return self._begin_anew(entry) if entry.action == LOST else None
        if self._seq == 0:
            self._stretch = Stretch(trace_id=entry.trace_id)
        key = self._ring.find_signer(entry)
        if key is None:
            return None
        if self._stretch.named_by:
            reason = f"it was not written with the secret that entry {self._stretch.named_by} names"
            return Fault(entry.seq, reason, entry.trace_id)
        if entry.seq > 1:
            reason = "its hash does not fit: the entry was changed, or written with another secret"
            return Fault(1, reason, self._stretch.trace_id)
        return self._take_over(name_key(key), entry.seq)

    def _begin_anew(self, entry: Entry) -> Fault | None:
        """An entry by which a new key follows on one that is gone, signed by itself."""
        key_id = read_named(entry) or ""
        key = self._ring.find(key_id)
        if key is None or not fits(key, entry):
            return None
        self._end_stretch(self._seq)
        self._stretch = Stretch(entry.seq, entry.seq)
        return self._take_over(key_id, entry.seq)

    def _follow_change(self, entry: Entry) -> Fault | None:
        """Whoever the key in force names has the word from the next entry on."""
        key_id = read_named(entry)
        if entry.action != CHANGED or key_id is None:
            return None
        self._end_stretch(entry.seq)
        self._stretch = Stretch(entry.seq + 1, entry.seq)
        return self._take_over(key_id, entry.seq)

    def _take_over(self, key_id: str, seq: int) -> Fault | None:
        if key_id in self._used:
            return Fault(seq, "it names a secret that was in force before and was given up")
        self._used.add(key_id)
        self._key = self._ring.find(key_id)
        return None

    def _end_stretch(self, end: int, *, last: bool = False) -> None:
        """Notes which entries need a secret that is not here."""
        first, named_by = self._stretch.first, self._stretch.named_by
        if self._key is not None or end < first:
            return
        if self._first_unproved is None:
            self._first_unproved = first
        which = f"entry {first} needs" if first == end else f"entries {first} to {end} need"
        if last and named_by:
            told = f"the secret that entry {named_by} names: TASKFLOW_SECRET is not the newest"
        else:
            told = "an earlier secret: set TASKFLOW_SECRET_PREVIOUS or TASKFLOW_SECRET_RETIRED"
        if last and not named_by:
            told += f"; if there never was another, entry {first} was changed"
        self._unproved.append(f"{which} {told}")

    # --- what is wrong with an entry ---

    def _find_wrong_link(self, entry: Entry) -> str | None:
        if entry.previous_hash != self._hash:
            return "its previous hash is not the hash of the entry before"
        if self._key is None or fits(self._key, entry):
            return None
        signer = self._ring.find_signer(entry)
        if signer is None:
            return "its hash does not fit: the entry was changed, or written with another secret"
        when = "was given up before" if name_key(signer) in self._used else "no entry names"
        return f"it was written with a secret that {when}"

    def _find_broken_seal(self, entry: Entry) -> str | None:
        if self._seals.get(entry.seq, entry.hash) != entry.hash:
            return "its seal outside the database holds another hash: the chain was written anew"
        return None


def index_seals(seals: Iterable[Seal], ring: Ring) -> dict[int, str]:
    """Hash by number, of seals in the order of the log; two that contradict each other fit no
    entry, nor does a restore that no key of ours wrote. A restore is a seal of where it went back
    to. Which key wrote it is left to the chain, whose key in force must have told of it too."""
    index: dict[int, str] = {}
    for seal in seals:
        if isinstance(seal, AuditRestored):
            if not _is_proven(seal, ring):
                index[max(1, seal.seq)] = CONTRADICTION
                continue
            index = {seq: hash for seq, hash in index.items() if seq <= seal.seq}
        if seal.seq and index.setdefault(seal.seq, seal.hash) != seal.hash:
            index[seal.seq] = CONTRADICTION
    return index


def _is_proven(restored: AuditRestored, ring: Ring) -> bool:
    return any(
        hmac.compare_digest(prove_restore(key, restored), restored.proof) for key in ring.keys
    )


def find_wrong_texts(entry: Content, texts: Texts | None) -> str | None:
    """What is wrong with the texts beside an entry; None for true ones and for erased ones."""
    if texts is None:
        return "the row of its texts is missing: an erasure empties it and keeps it"
    if texts == Texts(salt=ERASED, before=None, after=None):
        return None
    if not _SALT.fullmatch(texts.salt):
        return f"its salt is not {SALT_BYTES} bytes in lower-case hexadecimal"
    for name in ("before", "after"):
        digest = digest_text(texts.salt, getattr(texts, name))
        if digest != getattr(entry, f"{name}_digest"):
            return f"its text `{name}` does not fit the digest of the entry"
    return None
