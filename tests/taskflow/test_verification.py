"""A chain over several secrets: what is proved, what needs a secret, and what was forged."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from msgspec import structs

from taskflow.audit import GENESIS, Content, Entry, Texts, digest_text, link_entry
from taskflow.audit_keys import (
    CHANGED,
    HOST,
    LOST,
    draft_change,
    name_key,
    open_ring,
    read_named,
    tell_change,
)
from taskflow.verification import Fault, Verification

SALT = "00112233445566778899aabbccddeeff"
A, B, C = "the first secret", "the second secret", "the third secret"
KEYS = {secret: open_ring([secret]).writing for secret in (A, B, C)}


class Chain:
    """Entries one behind the other, each under the secret that is said."""

    def __init__(self, rows: Sequence[tuple[Entry, Texts]] = ()) -> None:
        self.rows = list(rows)

    def _place(self) -> tuple[int, str]:
        return len(self.rows) + 1, self.rows[-1][0].hash if self.rows else GENESIS

    def write(self, secret: str, count: int = 1) -> "Chain":
        for _ in range(count):
            seq, previous = self._place()
            entry = link_entry(KEYS[secret], previous, content(seq))
            self.rows.append((entry, Texts(salt=SALT, before=None, after="{}")))
        return self

    def change(self, signer: str, named: str, action: str = CHANGED) -> "Chain":
        seq, previous = self._place()
        draft = draft_change(content(seq), action, KEYS[named], SALT)
        texts = Texts(salt=SALT, before=None, after=tell_change(name_key(KEYS[named])))
        self.rows.append((link_entry(KEYS[signer], previous, draft), texts))
        return self

    def verify(self, *secrets: str) -> tuple[int, Fault | None]:
        """How many entries were proved, and the fault."""
        verification = Verification(open_ring(secrets))
        for entry, texts in self.rows:
            verification.take(entry, texts)
        return verification.entries, verification.finish(len(self.rows))


def content(seq: int) -> Content:
    return Content(
        seq=seq,
        at=datetime(2026, 12, 1, tzinfo=UTC),
        event_id=f"e{seq}",
        user_id=HOST,
        actor_id=HOST,
        action="task.created",
        task_id=None,
        cause_id=f"e{seq}",
        before_digest=digest_text(SALT, None),
        after_digest=digest_text(SALT, "{}"),
    )


def three_generations() -> Chain:
    """1, 2 and the change 3 by A; 4, 5 and the change 6 by B; 7 and 8 by C."""
    return Chain().write(A, 2).change(A, B).write(B, 2).change(B, C).write(C, 2)


def faulty(chain: Chain, *secrets: str) -> tuple[int | None, str]:
    """The number and the words of a real fault."""
    _, fault = chain.verify(*secrets)
    assert fault is not None and not fault.unproved
    return fault.seq, fault.reason


def needing(chain: Chain, *secrets: str) -> str:
    _, fault = chain.verify(*secrets)
    assert fault is not None and fault.unproved
    return fault.reason


# --- what can be proved ------------------------------------------------------------------------


def test_three_generations_are_proved_by_their_three_secrets_in_any_order() -> None:
    for secrets in ((C, B, A), (C, A, B), (A, B, C)):
        assert three_generations().verify(*secrets) == (8, None)


def test_a_change_tells_nothing_of_the_key() -> None:
    entry, _ = three_generations().rows[2]
    assert read_named(entry) == name_key(KEYS[B]) != KEYS[B].hex()
    assert B not in repr(entry) and KEYS[B].hex() not in repr(entry)


def test_what_needs_a_secret_is_named_and_not_called_broken() -> None:
    chain = three_generations()
    way_out = "an earlier secret: set TASKFLOW_SECRET_PREVIOUS or TASKFLOW_SECRET_RETIRED"
    assert needing(chain, C, B) == f"entries 1 to 3 need {way_out}"
    assert needing(chain, C, A) == f"entries 4 to 6 need {way_out}"
    assert needing(chain, C) == f"entries 1 to 3 need {way_out}; entries 4 to 6 need {way_out}"
    assert chain.verify(C)[0] == 2 and chain.verify(C, A)[0] == 5
    later = needing(chain, B, A)
    assert later == "entries 7 to 8 need the secret that entry 6 names: TASKFLOW_SECRET is not" + (
        " the newest"
    )
    assert needing(Chain().write(A).change(A, B).write(B), A).startswith("entry 3 needs")


def test_a_chain_that_fits_no_secret_needs_another() -> None:
    reason = needing(Chain().write(A, 3), B)
    assert reason.startswith("entries 1 to 3 need an earlier secret")
    assert reason.endswith("if there never was another, entry 1 was changed")


def test_a_lost_secret_is_told_and_what_follows_is_proved() -> None:
    chain = Chain().write(A, 2).change(B, B, LOST).write(B, 2)
    assert chain.verify(B, A) == (5, None)
    assert needing(chain, B).startswith("entries 1 to 2 need")
    assert chain.verify(B)[0] == 3


# --- what was forged ---------------------------------------------------------------------------


def test_nobody_with_the_old_secret_alone_goes_on_writing() -> None:
    chain = Chain().write(A, 2).change(A, B).write(B, 2).write(A)
    seq, reason = faulty(chain, B, A)
    assert seq == 6 and "given up" in reason
    assert faulty(chain, B)[0] == 6
    # Right after the change, where nothing of the new one stands yet.
    assert faulty(Chain().write(A).change(A, B).write(A), B, A)[0] == 3
    assert faulty(Chain().write(A).change(A, B).write(A), A)[0] == 3


def test_a_change_that_the_key_before_did_not_sign() -> None:
    assert faulty(Chain().write(A, 2).change(B, B).write(B), B, A)[0] == 3
    assert faulty(Chain().write(A, 2).change(C, B).write(B), C, B, A)[0] == 3


def test_a_secret_without_a_change() -> None:
    seq, reason = faulty(Chain().write(A, 2).write(B), B, A)
    assert seq == 3 and "no entry names" in reason
    assert faulty(Chain().write(A, 2).write(B), B)[0] == 1


def test_a_secret_that_was_given_up_never_comes_back() -> None:
    back = Chain().write(A).change(A, B).write(B).change(B, A).write(A)
    seq, reason = faulty(back, B, A)
    assert seq == 4 and "given up" in reason
    lost = Chain().write(A).change(A, B).write(B).change(A, A, LOST).write(A)
    assert faulty(lost, B, A)[0] == 4


@pytest.mark.parametrize("place", range(8))
def test_a_change_of_any_entry_is_found_where_it_is(place: int) -> None:
    chain = three_generations()
    entry, texts = chain.rows[place]
    chain.rows[place] = (structs.replace(entry, cause_id="another"), texts)
    assert faulty(chain, C, B, A)[0] == place + 1


@pytest.mark.parametrize("place", range(8))
def test_a_missing_entry_is_named(place: int) -> None:
    rows = three_generations().rows
    del rows[place]
    verification = Verification(open_ring([C, B, A]))
    for entry, texts in rows:
        verification.take(entry, texts)
    fault = verification.finish(8)
    assert fault is not None and fault.seq == place + 1 and not fault.unproved


def test_what_cannot_be_proved_still_hangs_together() -> None:
    """Without A the links and the texts of its entries are looked at all the same."""
    chain = three_generations()
    entry, _ = chain.rows[1]
    chain.rows[1] = (entry, Texts(salt=SALT, before=None, after='{"forged":1}'))
    assert faulty(chain, C, B)[0] == 2
    chain = three_generations()
    chain.rows[1] = (structs.replace(entry, hash="0" * 64), chain.rows[1][1])
    assert faulty(chain, C, B)[0] == 3
