"""The audit report on paper: what stands on its pages, and that nothing else does."""

import io
import resource
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pypdf
import pytest
from msgspec import Raw

from gateway import audit_pdf
from gateway.audit_pdf import LETTERS, Heading, PdfReport
from taskflow.audit import Content, Texts, digest_text, link_entry
from taskflow.audit_keys import Ring
from taskflow.errors import Refused
from taskflow.verification import Verification
from tests.audit_events import NOW

KEY = b"a key"
HEADING = Heading("of everybody", "2026-12-01 until 2026-12-02")


def make_chain(count: int) -> Verification:
    """A true chain of so many entries, verified."""
    chain, previous = Verification(Ring((KEY,))), "0" * 64
    texts = Texts(salt="00" * 16, before=None, after=None)
    digest = digest_text(texts.salt, None)
    for seq in range(1, count + 1):
        content = Content(
            seq=seq,
            at=NOW,
            event_id=str(seq),
            user_id="a",
            actor_id="a",
            action="task.created",
            task_id=None,
            cause_id="c",
            before_digest=digest,
            after_digest=digest,
        )
        entry = link_entry(KEY, previous, content)
        assert chain.take(entry, texts) is None
        previous = entry.hash
    return chain


def make_entry(seq: int, **more: Any) -> dict[str, Any]:
    return {
        "seq": seq,
        "at": NOW + timedelta(seconds=seq),
        "actor_id": "5d0c5e3b-0000-4000-8000-000000000001",
        "action": "task.updated",
        "task_id": "5d0c5e3b-0000-4000-8000-000000000002",
        "before": Raw(b'{"title":"Pay rent"}'),
        "after": Raw(b'{"title":"Pay the rent"}'),
        "cause_id": f"cause {seq}",
        "hash": f"{seq:064x}",
        "previous_hash": "0" * 64,
        "trace_id": None,
        **more,
    }


def write(entries: list[dict[str, Any]], chain: Verification) -> bytes:
    file = io.BytesIO()
    report = PdfReport(file, HEADING)
    report.add(entries)
    report.end(chain)
    return file.getvalue()


def read(document: bytes) -> list[str]:
    """The text of each page."""
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(document)).pages]


def test_every_entry_stands_there_with_its_texts_and_hash() -> None:
    first, last = read(write([make_entry(7), make_entry(8, before=None)], make_chain(8)))
    for word in ("2026-12-01T08:00:07.123456Z", "task.updated", "cause 8", f"{8:064x}"):
        assert word in first
    assert first.count('{"title":"Pay rent"}') == 1
    assert first.count('{"title":"Pay the rent"}') == 2
    assert HEADING.period in first and HEADING.whose in first
    assert "Entries: 2, of 0 the texts were erased" in last and "task.updated: 2" in last
    assert "whole and unedited from entry 1 to entry 8" in last
    assert "Seal: entry 8" in last and f"{8:064x}" in last


def test_erased_texts_and_a_broken_chain_are_said() -> None:
    chain = make_chain(2)
    entry = make_entry(1, before=None, after=None, erased=True)
    chain.finish(3)
    first, last = read(write([entry], chain))
    assert "its texts were erased" in first
    assert "of 1 the texts were erased" in last and "FAULT at entry 3" in last


def test_pages_are_numbered_to_the_last() -> None:
    pages = read(write([make_entry(seq) for seq in range(1, 60)], make_chain(1)))
    assert len(pages) > 3
    for number, page in enumerate(pages, 1):
        assert page.splitlines().count(f"Page {number}") == 1
    assert f"Pages: {len(pages)}, this is the last" in pages[-1]


def test_long_texts_go_on_over_lines_and_pages_and_nothing_is_lost() -> None:
    long = "".join(f"{number:06}" for number in range(3 * LETTERS * 15))
    pages = read(write([make_entry(1, after=Raw(f'"{long}"'.encode()))], make_chain(1)))
    assert len(pages) > 3
    digits = "".join(
        line for page in pages for line in page.splitlines() if line.isdigit() and len(line) > 70
    )
    assert digits in long and len(digits) > len(long) - 2 * LETTERS


def test_what_the_fonts_lack_is_written_as_json_writes_it() -> None:
    after = Raw('{"title":"Müller 信 🎉"}'.encode())
    first, _ = read(write([make_entry(1, after=after)], make_chain(1)))
    assert '{"title":"Müller \\u4fe1 \\ud83c\\udf89"}' in first


def test_the_same_entries_are_the_same_bytes_and_no_time_of_making_is_told() -> None:
    entries = [make_entry(seq) for seq in range(1, 100)]
    first, again = write(entries, make_chain(99)), write(entries, make_chain(99))
    assert first == again
    made = pypdf.PdfReader(io.BytesIO(first)).metadata
    assert made is not None and made.creation_date is not None
    assert made.creation_date.year == 2000


def test_more_pages_than_anybody_reads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_pdf, "MOST_PAGES", 3)
    with pytest.raises(Refused, match="more than 3 pages"):
        write([make_entry(seq) for seq in range(1, 100)], make_chain(1))


def test_ten_thousand_entries_take_bounded_memory() -> None:
    entries = [make_entry(seq) for seq in range(1, 10_001)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    document = write(entries, make_chain(1))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert document.count(b"/Type /Page\n") > 900


def test_the_gateway_starts_without_the_library() -> None:
    look = "import sys, gateway.app; sys.exit('reportlab' in sys.modules or 'PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
