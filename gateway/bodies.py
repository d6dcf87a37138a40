"""JSON in and out: reads a request's body into its struct, says exactly what is wrong with one, and
writes an answer.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from fastapi import Request, Response

from taskflow.errors import Refused, invalid

T = TypeVar("T")

JSON = "application/json"
LARGEST = 1024 * 1024
LARGEST_BATCH = 8 * 1024 * 1024

UNKNOWN = re.compile(r"unknown field `([^`]*)`(?: - at `\$\.?([^`]*)`)?")
MISSING = re.compile(r"missing required field `([^`]*)`(?: - at `\$\.?([^`]*)`)?")
PLACE = re.compile(r"^(.*?)(?: - at `\$\.?([^`]*)`)?$", re.DOTALL)


async def read_bytes(
    request: Request, largest: int = LARGEST, kinds: Sequence[str] = (JSON,)
) -> bytes:
    """The body. Raises Refused when it is too large, or by its own word none of these kinds."""
    if int(request.headers.get("content-length") or 0) > largest:
        raise too_large(largest)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > largest:
            raise too_large(largest)
        chunks.append(chunk)
    kind = read_kind(request)
    if size and kind not in kinds:
        detail = f"The body is {kind[:64]}; send {' or '.join(kinds)}."
        raise Refused("unsupported_media_type", detail, status=415)
    return b"".join(chunks)


def read_kind(request: Request) -> str:
    """The media type of the body; JSON where nothing is said."""
    return request.headers.get("content-type", JSON).partition(";")[0].strip().lower()


def too_large(largest: int) -> Refused:
    """413 for a body, or one line of a batch, beyond so many bytes."""
    return Refused("too_large", f"The body exceeds {largest // 1024} KiB.", status=413)


def read_json(body: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """The struct. Raises Refused: 400 for what is no JSON, 422 naming the field for the rest."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise explain(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("malformed_json", f"The body is no JSON: {error}.", status=400) from error


def explain(message: str) -> Refused:
    """A validation error with the name of its field."""
    for pattern, text in ((UNKNOWN, "is not a field here"), (MISSING, "is required")):
        if found := pattern.search(message):
            path = [part for part in (found[2], found[1]) if part]
            return invalid(".".join(path), text)
    found = PLACE.match(message)
    field = found[2] if found and found[2] else "body"
    return invalid(field, (found[1] if found else message) or message)


def write_json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON, written by the encoder that writes the events."""
    return Response(msgspec.json.encode(body), status, headers, "application/json")
