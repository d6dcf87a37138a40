"""Lists in pages: how many items, and where the next page starts. A cursor is opaque and signed, so
that nobody can make one, nor take one list's to another.
"""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from gateway.context import Context
from gateway.signatures import is_signed, sign
from taskflow.errors import Refused, invalid

USUAL_LIMIT, LARGEST_LIMIT = 50, 500
MAC_BYTES = 16
PURPOSE = "cursor"

Value: TypeAlias = str | int | datetime | None


class _Instant(Struct):
    """A date-time, told from a text that looks like one."""

    at: datetime


_VALUES = msgspec.json.Decoder(list[str | int | _Instant | None])


def read_limit(text: str | None) -> int:
    """How many items a page holds: 1 to 500, usually 50. Raises Refused."""
    if text is None:
        return USUAL_LIMIT
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= limit <= LARGEST_LIMIT:
        raise invalid("limit", f"must be a whole number from 1 to {LARGEST_LIMIT}")
    return limit


def page(items: Sequence[Any], next_cursor: str | None) -> dict[str, Any]:
    """The answer of every list."""
    return {"items": items, "next_cursor": next_cursor}


def write_cursor(context: Context, kind: str, *values: Value) -> str:
    """A cursor of the list `kind` that holds `values`; date-times need an offset."""
    tagged = [_Instant(value) if isinstance(value, datetime) else value for value in values]
    body = msgspec.json.encode(tagged)
    return _write(sign(context, PURPOSE, _name(kind, body))[:MAC_BYTES] + body)


def read_cursor(context: Context, text: str, kind: str) -> list[Value]:
    """The values of a cursor that this gateway wrote for the list `kind`. Raises Refused (422)."""
    raw = _read(text)
    mac, body = raw[:MAC_BYTES], raw[MAC_BYTES:]
    if not is_signed(context, PURPOSE, _name(kind, body), mac, MAC_BYTES):
        raise _invalid_cursor()
    return [value.at if isinstance(value, _Instant) else value for value in _VALUES.decode(body)]


def _name(kind: str, body: bytes) -> bytes:
    return kind.encode() + b"\0" + body


def _write(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _read(text: str) -> bytes:
    """The bytes; one spelling each, although base64 decoders take several."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise _invalid_cursor() from None
    if _write(raw) != text:
        raise _invalid_cursor()
    return raw


def _invalid_cursor() -> Refused:
    detail = "cursor: is not one that this list gave; leave it out to start from the beginning."
    return Refused("invalid_cursor", detail, errors={"cursor": "is not one of this list"})
