"""The entry by which a new secret follows on another, so that the chain can be proved over both; it
is written at the first fact under the new one.
"""

import secrets

from functions.write_audit.chain import Row, read_first_and_named
from taskflow.audit import SALT_BYTES, Content, Entry, Texts, link_entry
from taskflow.audit_keys import (
    CHANGED,
    LOST,
    Ring,
    draft_change,
    fits,
    name_entry,
    name_key,
    tell_change,
)
from taskflow.database import Connection
from taskflow.errors import Unavailable


async def change_key(db: Connection, ring: Ring, last: Entry, place: Content, *, lost: bool) -> Row:
    """The entry by which our key follows on the one that signed `last`, signed by that one; where
    it is lost, by ours. It takes the place of `place`. Raises Unavailable where our key may not
    follow: what is written on under a wrong key can never be proved."""
    before = ring.find_next(last)
    if before is None and not lost:
        raise unknown_secret(last)
    begun = await read_first_and_named(db, name_entry(name_key(ring.writing)))
    if any(entry.seq > 1 or fits(ring.writing, entry) for entry in begun):
        raise given_up(last)
    salt = secrets.token_hex(SALT_BYTES)
    content = draft_change(place, LOST if before is None else CHANGED, ring.writing, salt)
    texts = Texts(salt=salt, before=None, after=tell_change(name_key(ring.writing)))
    return link_entry(before or ring.writing, last.hash, content), texts


def unknown_secret(last: Entry) -> Unavailable:
    return Unavailable(
        f"Entry {last.seq} of the audit was written with a secret that is not at hand, so nothing"
        " may follow. Name it in TASKFLOW_SECRET_PREVIOUS (or TASKFLOW_SECRET_RETIRED); if it is"
        " lost, say TASKFLOW_SECRET_LOST=on, and the chain tells that it goes on without it."
    )


def given_up(last: Entry) -> Unavailable:
    return Unavailable(
        f"TASKFLOW_SECRET has signed the audit before and was given up, so it may not follow on"
        f" entry {last.seq}: set the secret that came after it, or a new one."
    )
