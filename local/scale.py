"""The stand-in for KEDA: how many processes a function has now, from what waits for it; and the
starting, replacing and ending of them.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from local.cron import beat
from local.manifests import Function
from local.replica import Replica, Surroundings, start_replica
from local.sidecar import Sidecar

# A process that ends by itself within this time of its start makes the next start wait.
YOUNG_SECONDS = 5.0
FIRST_PAUSE = 0.1
LOOK_SECONDS = 1.0

log = logging.getLogger("taskflow.local")


class Reading(Struct, frozen=True):
    """What one trigger shows: `value` against the manifest's thresholds."""

    value: float
    threshold: float
    activation: float


def count_replicas(readings: Iterable[Reading], most: int) -> int:
    """How many processes KEDA and the HPA would want: none while no trigger is active, else enough
    for the trigger that wants the most, at most `most`."""
    active = [one for one in readings if one.value > one.activation]
    wanted = [math.ceil(one.value / one.threshold) for one in active]
    return min(max(1, *wanted), most) if wanted else 0


class Report(Struct, frozen=True):
    """How a function is; times in UTC, `cold_start_ms` from the start of a process to its first
    answer, None before there was one."""

    name: str
    replicas: int
    lag: int
    last_wake: datetime | None
    cold_start_ms: int | None
    delivered: int
    dead_letters: int
    wakes: int


class Scaler:
    """One function between zero and its most processes."""

    def __init__(
        self,
        sidecar: Sidecar,
        surroundings: Surroundings,
        *,
        cooldown: float,
        processors: int,
        told: Callable[[], None],
    ) -> None:
        self.sidecar = sidecar
        self.function: Function = sidecar.function
        self.values: dict[str, float] = {}
        self.surroundings = surroundings
        self._cooldown = cooldown
        self._processors = processors
        self._told = told
        self._needed_at = 0.0
        self._pause = 0.0
        self._last_wake: datetime | None = None
        self._wakes = 0
        self._cold_start: float | None = None
        self._changed = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run())
        await self.sidecar.start(self.note_change)

    def note_change(self) -> None:
        """Something came: wake now if asleep; what is awake looks by itself every second."""
        if not self.sidecar.replicas:
            self._changed.set()

    def note_value(self, query: str, value: float) -> None:
        """What a query of the function's triggers returned."""
        if self.values.get(query) != value:
            self.values[query] = value
            self.note_change()

    def readings(self) -> list[Reading]:
        lags = [
            Reading(self.sidecar.lag(one.topic), one.threshold, one.activation)
            for one in self.function.lags
        ]
        return lags + [
            Reading(self.values.get(one.query, 0), one.threshold, one.activation)
            for one in self.function.queries
        ]

    @property
    def most(self) -> int:
        """No more processes than processors, nor than partitions where records are all it gets."""
        limits = [self.function.replicas, self._processors]
        if self.function.lags and not self.function.queries:
            limits.append(self.sidecar.partitions)
        return min(limits)

    async def _run(self) -> None:
        while True:
            await self._adjust()
            self._told()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_again() if self.sidecar.replicas else None):
                    await self._changed.wait()
            self._changed.clear()

    def _look_again(self) -> float:
        return min(LOOK_SECONDS, self._cooldown / 2)

    async def _adjust(self) -> None:
        """Start what is missing, or end everything after the cooldown."""
        wanted, now = count_replicas(self.readings(), self.most), time.monotonic()
        if wanted or self.sidecar.in_flight:
            self._needed_at = now
        while len(self.sidecar.replicas) < wanted:
            await self._start_one()
        if self.sidecar.replicas and now - self._needed_at >= self._cooldown:
            self._in_background(self._sleep())

    async def _start_one(self) -> None:
        await asyncio.sleep(self._pause)
        if not self.sidecar.replicas:
            self._last_wake = datetime.now(UTC)
            self._wakes += 1
        replica = await start_replica(self.function, self.surroundings)
        self.sidecar.replicas.append(replica)
        self._in_background(self._watch(replica))
        for tick in self.function.ticks:
            self._in_background(beat(replica, tick, self.sidecar.retry.timeout))
        self.sidecar.dispatch()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _watch(self, replica: Replica) -> None:
        """Forget a process that has ended; one that ended young makes the next start wait."""
        await replica.ended()
        if replica not in self.sidecar.replicas:
            return
        self.sidecar.replicas.remove(replica)
        log.warning("%s ended with code %s", self.function.app_id, replica.process.returncode)
        young = time.monotonic() - replica.started < YOUNG_SECONDS
        grown = min(max(FIRST_PAUSE, self._pause * 2), self.sidecar.retry.ceiling)
        self._pause = grown if young else 0.0
        self.note_change()

    async def _sleep(self) -> None:
        replicas, self.sidecar.replicas = self.sidecar.replicas, []
        self._note_cold_start(replicas)
        self._pause = 0.0
        await asyncio.gather(*(replica.stop() for replica in replicas))

    def _note_cold_start(self, replicas: Iterable[Replica]) -> None:
        measured = [one.cold_start for one in replicas if one.cold_start is not None]
        self._cold_start = measured[0] if measured else self._cold_start

    def report(self) -> Report:
        self._note_cold_start(self.sidecar.replicas)
        return Report(
            name=self.function.app_id,
            replicas=len(self.sidecar.replicas),
            lag=sum(self.sidecar.lag(one.topic) for one in self.function.lags),
            last_wake=self._last_wake,
            cold_start_ms=None if self._cold_start is None else round(self._cold_start * 1000),
            delivered=self.sidecar.delivered,
            dead_letters=self.sidecar.dead_letters,
            wakes=self._wakes,
        )

    async def restart(self) -> None:
        """End all processes, finished or not; what they had comes again to new ones."""
        await self._sleep()
        self.note_change()

    async def stop(self) -> None:
        """Finish what was sent, commit, end the processes."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self.sidecar.stop()
        await self._sleep()
        await asyncio.gather(*self._background)
