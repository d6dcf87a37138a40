"""The chain, against a second writing of its definition, and against every kind of tampering."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from taskflow.audit import (
    GENESIS,
    Content,
    Entry,
    Seal,
    Texts,
    audit_key,
    canonical_entry,
    canonical_text,
    digest_text,
    hash_entry,
    link_entry,
    prove_restore,
)
from taskflow.audit_keys import Ring
from taskflow.errors import Unavailable
from taskflow.events import AuditRestored, AuditSealed
from taskflow.verification import Fault, Verification

KEY = audit_key("a secret for tests, long enough")
SALT = "00112233445566778899aabbccddeeff"
OLD_HASH = "6f06262389b296166ae5d061fe29c19da5de7189893ad7e246919a8e3e3a6e21"
NEW_YORK_SUMMER = timezone(timedelta(hours=-4))
Row = tuple[Entry, Texts | None]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.none() | TEXT.map(canonical_text)
INSTANTS = st.datetimes(
    datetime(1901, 1, 1), datetime(2199, 1, 1), timezones=st.sampled_from([UTC, NEW_YORK_SUMMER])
)
TRACE_IDS = st.none() | st.binary(min_size=16, max_size=16).map(bytes.hex)
DRAFTS = st.tuples(
    st.fixed_dictionaries(
        {
            "at": INSTANTS,
            "event_id": TEXT,
            "user_id": st.uuids().map(str),
            "actor_id": st.uuids().map(str),
            "action": TEXT,
            "task_id": st.none() | st.uuids().map(str),
            "cause_id": TEXT,
            "trace_id": TRACE_IDS,
        }
    ),
    st.builds(
        Texts, salt=st.binary(min_size=16, max_size=16).map(bytes.hex), before=JSON, after=JSON
    ),
)


def build_chain(drafts: Sequence[tuple[dict[str, Any], Texts]]) -> list[Row]:
    rows: list[Row] = []
    previous = GENESIS
    for seq, (fields, texts) in enumerate(drafts, 1):
        content = Content(
            seq=seq,
            before_digest=digest_text(texts.salt, texts.before),
            after_digest=digest_text(texts.salt, texts.after),
            **fields,
        )
        entry = link_entry(KEY, previous, content)
        previous = entry.hash
        rows.append((entry, texts))
    return rows


CHAINS = st.lists(DRAFTS, min_size=1, max_size=6).map(build_chain)


def verify(
    rows: Sequence[Row], seals: Sequence[Seal] = (), last_texts: int = 0, key: bytes = KEY
) -> Fault | None:
    verification = Verification(Ring((key,)), seals)
    for entry, texts in rows:
        verification.take(entry, texts)
    return verification.finish(last_texts)


def first_bad(rows: Sequence[Row], **more: Any) -> int | None:
    fault = verify(rows, **more)
    return fault.seq if fault else None


def seal(row: Row, **changes: Any) -> AuditSealed:
    sealed = AuditSealed(seq=row[0].seq, hash=row[0].hash, entries=row[0].seq)
    return structs.replace(sealed, **changes)


def change(rows: Sequence[Row], place: int, **changes: Any) -> list[Row]:
    """The chain with other columns in one entry."""
    entry, texts = rows[place]
    return [*rows[:place], (structs.replace(entry, **changes), texts), *rows[place + 1 :]]


def change_texts(rows: Sequence[Row], place: int, **changes: Any) -> list[Row]:
    entry, texts = rows[place]
    assert texts is not None
    return [*rows[:place], (entry, structs.replace(texts, **changes)), *rows[place + 1 :]]


# --- the definition ----------------------------------------------------------------------------

SAMPLE = Content(
    seq=1,
    at=datetime(2026, 12, 1, 9, 0, tzinfo=timezone(timedelta(hours=1))),
    event_id="e1",
    user_id="0197a3b0-0000-7000-8000-000000000001",
    actor_id="0197a3b0-0000-7000-8000-000000000002",
    action="task.created",
    task_id=None,
    cause_id="c1 é \"'\\ \x1f",
    before_digest="b",
    after_digest="a",
)


def test_an_entry_written_by_hand() -> None:
    """These bytes can never change: every chain that exists hangs on them."""
    assert (
        canonical_entry(SAMPLE)
        == (
            '{"action":"task.created","actor_id":"0197a3b0-0000-7000-8000-000000000002",'
            '"after_digest":"a","at":"2026-12-01T08:00:00.000000Z","before_digest":"b",'
            '"cause_id":"c1 é \\"\'\\\\ \\u001f","event_id":"e1","seq":1,"task_id":null,'
            '"user_id":"0197a3b0-0000-7000-8000-000000000001"}'
        ).encode()
    )
    assert (
        hash_entry(bytes(32), GENESIS, SAMPLE)
        == hmac.digest(bytes(32), bytes(32) + canonical_entry(SAMPLE), "sha256").hex()
    )
    assert (
        digest_text(SALT, '{"a":1}') == hashlib.sha256(bytes.fromhex(SALT) + b'{"a":1}').hexdigest()
    )
    assert digest_text(SALT, None) == hashlib.sha256(bytes.fromhex(SALT)).hexdigest()


def test_a_whole_entry_is_known_by_its_digits() -> None:
    entry = link_entry(KEY, GENESIS, SAMPLE)
    assert entry.hash == "77fec34c37ee10f1ee423e546fc4e0da2114c458a742d604d8176967912a2be4"


def test_a_trace_is_covered_where_there_is_one_and_changes_nothing_where_there_is_none() -> None:
    traced = structs.replace(SAMPLE, trace_id="4bf92f3577b34da6a3ce929d0e0e4736")
    assert canonical_entry(traced) == canonical_entry(SAMPLE).replace(
        b'"user_id"', b'"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","user_id"'
    )
    assert b"trace_id" not in canonical_entry(SAMPLE)


def test_a_chain_that_began_before_there_were_traces_goes_on() -> None:
    """The first hash was worked out by the code that knew of no trace."""
    absent = digest_text(SALT, None)
    fields = {**structs.asdict(SAMPLE), "before_digest": absent, "after_digest": absent}
    old = Entry(**fields, previous_hash=GENESIS, hash=OLD_HASH)
    new = {**fields, "seq": 2, "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}
    texts = Texts(salt=SALT, before=None, after=None)
    rows: list[Row] = [(old, texts), (link_entry(KEY, OLD_HASH, Content(**new)), texts)]
    assert verify(rows) is None
    assert first_bad(change(rows, 0, trace_id=new["trace_id"])) == 1
    fault = verify(change(rows, 1, trace_id="0af7651916cd43dd8448eb211c80319c"))
    assert fault is not None and (fault.seq, fault.trace_id) == (
        2,
        "0af7651916cd43dd8448eb211c80319c",
    )
    assert first_bad(change(rows, 1, trace_id=None)) == 2


@given(CHAINS)
def test_the_canonical_form_is_what_the_standard_library_writes(rows: list[Row]) -> None:
    for entry, _ in rows:
        fields = {name: getattr(entry, name) for name in Content.__struct_fields__}
        assert entry.at is not None
        if entry.trace_id is None:
            del fields["trace_id"]
        at = entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert canonical_entry(entry) == _plain({**fields, "at": at})


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | TEXT, st.lists) | TEXT)
def test_texts_are_what_the_standard_library_writes(value: Any) -> None:
    assert canonical_text({"z": value, "a": {"é": 1, "b": value}}).encode() == _plain(
        {"z": value, "a": {"é": 1, "b": value}}
    )


def _plain(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_an_instant_needs_an_offset() -> None:
    with pytest.raises(ValueError, match="offset"):
        canonical_entry(structs.replace(SAMPLE, at=datetime(2026, 1, 1)))


def test_no_secret_no_chain() -> None:
    with pytest.raises(Unavailable, match="TASKFLOW_SECRET"):
        audit_key("")


# --- verifying ---------------------------------------------------------------------------------


@given(CHAINS)
def test_a_chain_is_true_with_all_its_seals(rows: list[Row]) -> None:
    assert verify(rows, [seal(row) for row in rows], last_texts=len(rows)) is None
    assert verify([]) is None


# An empty one is an erasure where both texts are absent anyway.
FORGED_SALTS = st.just(SALT) | st.text(min_size=1, max_size=40)
COLUMNS = {
    "seq": st.integers(-5, 20),
    "at": INSTANTS,
    "event_id": TEXT,
    "user_id": st.uuids().map(str),
    "actor_id": st.uuids().map(str),
    "action": TEXT,
    "task_id": st.none() | st.uuids().map(str),
    "cause_id": TEXT,
    "before_digest": TEXT,
    "after_digest": TEXT,
    "trace_id": st.none() | TEXT,
    "previous_hash": TEXT,
    "hash": TEXT | st.just("g" * 64),
}


@given(CHAINS, st.data())
def test_a_change_of_any_column_is_found_where_it_is(rows: list[Row], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(sorted(COLUMNS)))
    old = getattr(rows[place][0], column)
    new = data.draw(COLUMNS[column].filter(lambda value: value != old))
    assert first_bad(change(rows, place, **{column: new})) == place + 1


def test_every_column_is_tampered_with() -> None:
    assert set(COLUMNS) == set(Entry.__struct_fields__)


@given(CHAINS, st.data())
def test_a_change_of_any_text_is_found_where_it_is(rows: list[Row], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(["salt", "before", "after"]))
    old = getattr(rows[place][1], column)
    values = (TEXT.map(canonical_text) | st.none()) if column != "salt" else FORGED_SALTS
    new = data.draw(values.filter(lambda value: value != old))
    assert first_bad(change_texts(rows, place, **{column: new})) == place + 1


ENTRY_AND_TEXTS = build_chain(
    [
        (
            {
                "at": SAMPLE.at,
                "event_id": f"e{number}",
                "user_id": SAMPLE.user_id,
                "actor_id": SAMPLE.actor_id,
                "action": "task.deleted",
                "task_id": None,
                "cause_id": "c",
            },
            Texts(salt=SALT, before='{"title":"a"}', after=None),
        )
        for number in range(3)
    ]
)


@pytest.mark.parametrize(
    "changes",
    [
        {"salt": SALT.upper()},
        {"salt": f" {SALT}"},
        {"salt": SALT + b'{"title"'.hex(), "before": ':"a"}'},
        {"salt": SALT + b'{"title":"a"}'.hex(), "before": None},
        {"salt": ""},
        {"salt": "", "before": None, "after": "x"},
        {"before": None},
        {"after": '{"title":"a"}', "before": None},
    ],
)
def test_forged_texts(changes: dict[str, Any]) -> None:
    assert first_bad(change_texts(ENTRY_AND_TEXTS, 1, **changes)) == 2


@given(CHAINS, st.data())
def test_a_missing_entry_is_named(rows: list[Row], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    rest = [*rows[:place], *rows[place + 1 :]]
    assert first_bad(rest, seals=[seal(rows[-1])]) == place + 1
    assert first_bad(rest, last_texts=len(rows)) == place + 1


@given(CHAINS, st.data())
def test_a_missing_row_of_texts_is_named(rows: list[Row], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    entry, _ = rows[place]
    assert first_bad([*rows[:place], (entry, None), *rows[place + 1 :]]) == place + 1


@given(CHAINS, st.data())
def test_erased_texts_leave_the_chain_true(rows: list[Row], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.integers(0, len(rows) - 1)))
    empty = Texts(salt="", before=None, after=None)
    verification = Verification(Ring((KEY,)))
    for place, (entry, texts) in enumerate(rows):
        verification.take(entry, empty if place in gone else texts)
    assert verification.finish() is None
    assert (verification.entries, verification.erased) == (len(rows), len(gone))


@given(CHAINS)
def test_the_order_and_the_key_count(rows: list[Row]) -> None:
    assert first_bad(rows, key=audit_key("another secret")) == 1
    if len(rows) > 1:
        assert first_bad([rows[1], rows[0], *rows[2:]]) == 1
        assert first_bad([rows[0], *rows]) == 2


def test_a_cut_end_shows_by_its_seal_alone() -> None:
    cut = ENTRY_AND_TEXTS[:2]
    assert verify(cut) is None
    fault = verify(cut, [seal(ENTRY_AND_TEXTS[2])])
    assert fault is not None and fault.seq == 3 and "seal" in fault.reason
    assert first_bad([], seals=[seal(ENTRY_AND_TEXTS[2])]) == 1


def test_a_chain_written_anew_with_the_key_shows_by_its_seal() -> None:
    seals = [seal(row) for row in ENTRY_AND_TEXTS]
    other = structs.replace(SAMPLE, action="task.deleted", before_digest="", after_digest="")
    texts = Texts(salt="", before=None, after=None)
    anew: list[Row] = [(link_entry(KEY, GENESIS, other), texts)]
    assert verify(anew) is None
    assert first_bad(anew, seals=seals) == 1
    assert first_bad(ENTRY_AND_TEXTS, seals=[*seals, seal(ENTRY_AND_TEXTS[1], hash="0" * 64)]) == 2


def test_the_first_fault_stays() -> None:
    twice = change(change(ENTRY_AND_TEXTS, 1, action="x"), 2, action="y")
    fault = verify(twice, [seal(ENTRY_AND_TEXTS[2])])
    assert fault is not None and fault.seq == 2 and "changed" in fault.reason
    assert first_bad(change(ENTRY_AND_TEXTS, 0, at=None)) == 1


def restore_to(seq: int, key: bytes = KEY, **changes: Any) -> AuditRestored:
    """The database goes back to that entry of the sample chain."""
    hashes = [GENESIS, *(row[0].hash for row in ENTRY_AND_TEXTS)]
    restored = AuditRestored(
        seq=seq,
        hash=hashes[seq],
        lost_seq=3,
        lost_hash=hashes[3],
        entry_id="e",
        at=datetime(2026, 12, 1, tzinfo=UTC),
        proof="",
    )
    proven = structs.replace(restored, proof=prove_restore(key, restored))
    return structs.replace(proven, **changes)


@pytest.mark.parametrize("back_to", [0, 1, 2])
def test_a_chain_goes_on_after_a_restore_that_the_seals_tell_of(back_to: int) -> None:
    seals: list[Seal] = [seal(row) for row in ENTRY_AND_TEXTS]
    kept = ENTRY_AND_TEXTS[:back_to]
    previous = kept[-1][0].hash if kept else GENESIS
    new = structs.replace(SAMPLE, seq=back_to + 1, action="account.database_restored")
    entry = link_entry(KEY, previous, new)
    anew: list[Row] = [*kept, (entry, Texts(salt="", before=None, after=None))]
    after = [*seals, restore_to(back_to), seal(anew[-1])]
    assert verify(anew, after) is None
    assert first_bad(anew, seals=[*seals, seal(anew[-1])]) == back_to + 1
    # What was sealed since stands fast again.
    assert first_bad(kept, seals=after) == back_to + 1


def test_a_restore_hides_nothing_before_it_and_nobody_forges_one() -> None:
    seals = [seal(row) for row in ENTRY_AND_TEXTS]
    cut = ENTRY_AND_TEXTS[:1]
    assert first_bad(cut, seals=[*seals, restore_to(2)]) == 2
    assert verify(cut, [*seals, restore_to(1)]) is None
    assert first_bad(cut, seals=[*seals, restore_to(1, audit_key("another"))]) == 1
    assert first_bad([], seals=[*seals, restore_to(0, proof="")]) == 1
    assert first_bad(cut, seals=[*seals, restore_to(1, lost_seq=2)]) == 1
