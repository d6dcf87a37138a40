"""What a caller makes of a neighbour that does not answer; its good days: local's test_http."""

import asyncio
from collections.abc import Callable

import pytest

from taskflow.caller import Caller, Disconnected


async def drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@pytest.mark.parametrize(("handle", "error"), [(drop, Disconnected), (keep, TimeoutError)])
async def test_no_answer_is_an_error(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None], error: type[Exception]
) -> None:
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    caller = Caller("127.0.0.1", server.sockets[0].getsockname()[1])
    with pytest.raises(error):
        await caller.post("/", (), b"", 0.1)
    caller.close()
    server.close()
    await server.wait_closed()
