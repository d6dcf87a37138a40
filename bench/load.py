"""Many requests at once over a few kept connections: what the figures are made of. It stands on the
client of `local`, because a comfortable one would need more CPU than the gateway it measures.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any

from msgspec import Struct, json

from taskflow.caller import Caller


class Load(Struct):
    """What a load came to: seconds per request in order of completion, and seconds in all."""

    seconds: list[float]
    elapsed: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.seconds) / self.elapsed

    def percentile(self, percent: float) -> float:
        """Milliseconds within which `percent` of the requests were answered."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class Client:
    """One person's requests; anything but the expected status is an error."""

    def __init__(self, port: int, token: str = "") -> None:
        headers = [("content-type", "application/json")]
        if token:
            headers.append(("authorization", f"Bearer {token}"))
        self._caller = Caller("127.0.0.1", port, headers)

    async def ask(self, method: str, path: str, body: Any = None, expect: int = 200) -> bytes:
        """The body of the answer. Raises RuntimeError for another status."""
        content = b"" if body is None else json.encode(body)
        status, answer = await self._caller.send(method, path, content, timeout=60)
        if status != expect:
            raise RuntimeError(f"{method} {path} answered {status}: {answer[:300]!r}")
        return answer

    def close(self) -> None:
        self._caller.close()


async def run_load(
    request: Callable[[int], Awaitable[object]], *, clients: int, seconds: float = 0, times: int = 0
) -> Load:
    """`request(n)` from `clients` clients at once, for a while or so many times in all."""
    started = time.perf_counter()
    numbers = _numbers(started + seconds if seconds else None, times)
    taken: list[float] = []

    async def client() -> None:
        for number in numbers:
            begun = time.perf_counter()
            await request(number)
            taken.append(time.perf_counter() - begun)

    await asyncio.gather(*(client() for _ in range(clients)))
    return Load(taken, time.perf_counter() - started)


def _numbers(until: float | None, times: int) -> Iterator[int]:
    for number in count():
        if (until is not None and time.perf_counter() >= until) or (times and number >= times):
            return
        yield number
