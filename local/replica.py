"""One process of one function: started on a socket that is open before it is, asked, and ended;
apart from scaling, which only counts them.
"""

import asyncio
import itertools
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGTERM

from msgspec import Struct

from local import process
from local.manifests import Function
from taskflow.caller import Caller, Headers

ROOT = Path(__file__).parent.parent
PATIENCE = 30.0
# A smaller request costs its round trips more than its content.
SMALL_BYTES = 64 << 10
NUMBERS = itertools.count(1)


class Surroundings(Struct, frozen=True):
    """What every function's process is given: its environment, the token that it asks of its
    callers, the folder for its log, its niceness, and the folder whose code it runs."""

    env: Mapping[str, str]
    token: str
    logs: Path
    nice: Callable[[Function], int]
    root: Path = ROOT

    def environment(self, function: Function) -> dict[str, str]:
        """The manifest's words, and over them what is different at home."""
        path = ":".join(filter(None, (str(self.root), self.env.get("PYTHONPATH"))))
        here = {"PYTHONPATH": path, "TASKFLOW_DELIVERY_TOKEN": self.token}
        # Neither a pooler nor a configuration store stands here: the environment says it all.
        alone = {"TASKFLOW_DATABASE_POOLED": "off", "TASKFLOW_CONFIGURATION": ""}
        return {**function.env, **self.env, **alone, **here}


class Replica:
    """A running process; it can be asked at once, because its socket listens from the start."""

    def __init__(
        self, function: Function, child: asyncio.subprocess.Process, caller: Caller
    ) -> None:
        self.function = function
        self.process = child
        self._under_way: list[int] = []
        self.stopping = False
        self.started = time.monotonic()
        self.cold_start: float | None = None
        self._caller = caller

    async def post(
        self, path: str, headers: Headers, body: bytes, timeout: float
    ) -> tuple[int, bytes]:
        """Status and body. Raises OSError when the process is gone, TimeoutError."""
        answer = await self._caller.post(path, headers, body, timeout)
        if self.cold_start is None:
            self.cold_start = time.monotonic() - self.started
        return answer

    def has_room(self, size: int) -> bool:
        """Whether it may be given one more request, of `size` bytes. Where their number is limited,
        small ones go one at a time: what waits for the last one goes together."""
        limit = self.function.concurrency
        if self.process.returncode is not None or (limit and len(self._under_way) >= limit):
            return False
        return not limit or size >= SMALL_BYTES or all(n >= SMALL_BYTES for n in self._under_way)

    def begin(self, size: int) -> None:
        """A request of `size` bytes is on its way."""
        self._under_way.append(size)

    def end(self, size: int) -> None:
        """One of `size` bytes is answered, or lost."""
        self._under_way.remove(size)

    async def ended(self) -> None:
        """Returns when the process is gone, its connections closed."""
        await self.process.wait()
        self._caller.close()

    async def stop(self) -> None:
        self.stopping = True
        await process.end(self.process, SIGTERM, patience=PATIENCE)
        self._caller.close()


async def start_replica(function: Function, surroundings: Surroundings) -> Replica:
    """A new process of the function; does not wait until it answers."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    with listener:
        port: int = listener.getsockname()[1]
        child = await spawn(function, surroundings, listener)
    token = ("dapr-api-token", surroundings.token)
    return Replica(function, child, Caller("127.0.0.1", port, [token]))


async def spawn(
    function: Function, surroundings: Surroundings, listener: socket.socket
) -> asyncio.subprocess.Process:
    # The parent closes its copy of the socket: were it kept, a caller of a dead process would wait
    # for an answer instead of being refused.
    number = listener.fileno()
    argv = [sys.executable, "-m", "local.host", function.door, str(number)]
    with process.open_log(surroundings.logs / f"{function.app_id}.log") as output:
        return await asyncio.create_subprocess_exec(
            *process.tie_to_us(argv, nice=surroundings.nice(function)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=surroundings.environment(function),
            cwd=surroundings.root,
            pass_fds=(number,),
            # Ctrl-C is for us alone: we end it when what it was given is done.
            start_new_session=True,
        )
