"""The process of one function at home: its door, served on a socket that the platform opened for
it; apart, because every import here is a part of each cold start.

Run as `python -m local.host MODULE:ATTRIBUTE DESCRIPTOR`.
"""

import asyncio
import gc
import importlib
import signal
import socket
import sys

import uvloop

from local.http import App, Server


def main(arguments: list[str]) -> None:
    target, descriptor = arguments
    # What an import makes lives as long as the process: until the door calms the collector, looking
    # for garbage in it only costs.
    gc.disable()
    door = load(target)
    uvloop.run(serve(door, socket.socket(fileno=int(descriptor))))


def load(target: str) -> App:
    """The ASGI application that `module:attribute.attribute` names."""
    module, _, path = target.partition(":")
    found = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return found  # type: ignore[return-value]


async def serve(door: App, listener: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT, then finish what was begun."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(door, listener)
    await server.start()
    await stop.wait()
    await server.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
