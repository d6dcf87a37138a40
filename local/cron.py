"""The stand-in for Dapr's cron binding: a call to a process every so often for as long as it lives,
never two at a time.
"""

import asyncio
import time

from local.manifests import Tick
from local.replica import Replica

HEADERS = [("content-type", "application/json")]


async def beat(replica: Replica, tick: Tick, timeout: float) -> None:
    """The first call at once; returns when the process has ended or is about to."""
    ended = asyncio.create_task(replica.process.wait())
    while not ended.done() and not replica.stopping:
        begun = time.monotonic()
        try:
            await replica.post(tick.route, HEADERS, b"", timeout)
        except (OSError, TimeoutError):
            # A tick is no message: the next one does as well.
            pass
        rest = begun + tick.seconds - time.monotonic()
        await asyncio.wait((ended,), timeout=max(0.0, rest))
    ended.cancel()
