"""Answers that are files: whole before the first byte leaves, so that none ever breaks off and no
slow reader holds a connection to the database; in memory only as long as they are small.
"""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO

from fastapi import Response
from starlette.responses import StreamingResponse

IN_MEMORY = 1024 * 1024
SENT_AT_ONCE = 64 * 1024


def open_file() -> IO[bytes]:
    """An empty file that nobody else sees; `send_file` closes it."""
    return SpooledTemporaryFile(IN_MEMORY)


def send_file(file: IO[bytes], media_type: str, name: str) -> Response:
    """The file as it is, to be kept under `name`."""
    length = file.tell()
    file.seek(0)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(length),
    }
    return StreamingResponse(_read_chunks(file), headers=headers, media_type=media_type)


def _read_chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(SENT_AT_ONCE):
            yield chunk
