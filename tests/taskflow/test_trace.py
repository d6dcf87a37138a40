"""What is a trace, and what only looks like one (the examples of the W3C's specification)."""

import re

import pytest

from taskflow.trace import continue_trace, read_recorded, read_trace_id

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ONE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        (f"00-{TRACE}-{PARENT}-01", "01"),
        (f"00-{TRACE}-{PARENT}-00", "00"),
        (f"00-{TRACE}-{PARENT}-ff", "01"),
        (f"cc-{TRACE}-{PARENT}-01", "01"),
        (f"cc-{TRACE}-{PARENT}-01-what-comes-later", "01"),
    ],
)
def test_a_trace_goes_on_under_a_new_parent(given: str, flags: str) -> None:
    version, trace, parent, said = continue_trace(given).split("-")
    assert (version, trace, said) == ("00", TRACE, flags)
    assert re.fullmatch("[0-9a-f]{16}", parent) and parent != PARENT
    assert read_trace_id(given) == TRACE


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "00-1-2-01",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01.",
        f"cc-{TRACE}-{PARENT}-01.more",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-0x",
        f" 00-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
    ],
)
def test_what_is_none_begins_a_new_one(given: str | None) -> None:
    begun, other = continue_trace(given), continue_trace(given)
    assert ONE.fullmatch(begun) and ONE.fullmatch(other)
    assert read_trace_id(begun) not in (None, TRACE, read_trace_id(other))
    assert read_trace_id(given) is None


def test_of_new_traces_a_part_is_recorded_and_of_given_ones_what_they_say() -> None:
    assert {read_recorded(continue_trace(None, 0.0)) for _ in range(20)} == {None}
    assert all(read_recorded(continue_trace(None, 1.0)) for _ in range(20))
    assert read_recorded(continue_trace(f"00-{TRACE}-{PARENT}-01", 0.0)) is not None
    assert read_recorded(f"00-{TRACE}-{PARENT}-01") == (TRACE, PARENT)
    assert read_recorded(f"00-{TRACE}-{PARENT}-00") is None
