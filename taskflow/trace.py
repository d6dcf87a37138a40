"""One trace from a person's request to its last effect, as W3C Trace Context writes it
(https://www.w3.org/TR/trace-context/); apart from the events, which only carry it.
"""

import re
from random import getrandbits, random

# A version that is not known yet may say more behind these four parts, version 00 may not.
_TRACEPARENT = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
# "Sampled": whoever can record a trace shall record it.
SAMPLED = 0x01


def continue_trace(given: str | None, recorded: float = 1.0) -> str:
    """The `traceparent` of what a request causes: the trace that the request belongs to with a new
    parent id, or a new trace where it belongs to none or says so wrongly; of the new ones so large
    a part is to be recorded."""
    found = _TRACEPARENT.fullmatch(given) if given else None
    if found is None:
        flags = SAMPLED if random() < recorded else 0
        return f"00-{getrandbits(128) or 1:032x}-{getrandbits(64) or 1:016x}-{flags:02x}"
    flags = int(found[3], 16) & SAMPLED
    return f"00-{found[1]}-{getrandbits(64) or 1:016x}-{flags:02x}"


def read_recorded(traceparent: str | None) -> tuple[str, str] | None:
    """Trace and parent id of a `traceparent`; None for one that is none, or not to be recorded."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None or not int(found[3], 16) & SAMPLED:
        return None
    return found[1], found[2]


def read_trace_id(traceparent: str | None) -> str | None:
    """The 32 hexadecimal digits that name the trace; None for a `traceparent` that is none."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return found[1] if found else None
