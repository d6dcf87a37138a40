"""`python -m bench.sink`: a mail server that takes everything and keeps only the letters' names, as
cheap as can be, because it shares the processors with what is measured; prints its port.
"""

import asyncio
import re
from typing import Any

import uvloop

MESSAGE_ID = re.compile(rb"\r\nMessage-ID: (\S+)")
ANSWERS = {b"EHLO": b"250-sink\r\n250 8BITMIME\r\n", b"DATA": b"354 go on\r\n"}
NAMES: list[bytes] = []


class Sink(asyncio.Protocol):
    """One connection: commands line by line, a letter up to its dot; STAT tells how many letters
    came, and how many different ones."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._pending = b""
        self._end = b"\r\n"
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while self._end in self._pending:
            line, _, self._pending = self._pending.partition(self._end)
            self._transport.write(self._answer(line))

    def _answer(self, line: bytes) -> bytes:
        if self._end != b"\r\n":
            self._end = b"\r\n"
            NAMES.extend(MESSAGE_ID.findall(line))
            return b"250 taken\r\n"
        command = line[:4].upper()
        if command == b"STAT":
            return b"250 %d %d\r\n" % (len(NAMES), len(set(NAMES)))
        self._end = b"\r\n.\r\n" if command == b"DATA" else b"\r\n"
        return ANSWERS.get(command, b"250 OK\r\n")


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
