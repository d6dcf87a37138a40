"""The pace of each way out and what it is given after failures: so many at once, a pause after
failures in a row, no more waiting than a lease allows; kept in the memory of one process, because
losing it costs a few attempts and never a reminder.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from msgspec import Struct

from functions.send_reminder.step import Wait

FAILURES_IN_A_ROW = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=5)
# A probe that has not come back by then was lost with its process or its transaction.
PROBE = timedelta(seconds=60)
# With the longest effect (45 s) and what settling may take still within the lease of a delivery.
LONGEST_QUEUE = 5.0
# From here on a lane is slow: nothing else waits for what stands in it.
SLOW_SECONDS = 1.0
SLOW_QUEUE = 5.0
MOST_AT_ONCE = 256
MOST_LANES = 2_000
WEIGHT = 0.2


class Pace(Struct, frozen=True):
    """How many deliveries of a kind go at once by one way out, and how long each may take."""

    width: int
    seconds: float


# A mail server is one way out for everybody; elsewhere each channel is its own.
PACES = {
    "email": Pace(16, 46.0),
    "webhook": Pace(4, 15.0),
    "web_push": Pace(4, 15.0),
    "apprise": Pace(2, 20.0),
}


class Lane:
    """One way out: its pace, and its circuit breaker (five failures in a row open it)."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.failures = 0
        self.opened_until: datetime | None = None
        self._probing_until: datetime | None = None
        self._room = asyncio.Semaphore(pace.width)
        self._queued = 0
        self._begun: dict[object, float] = {}
        self._average = 0.1

    @property
    def idle(self) -> bool:
        return not self._queued and not self._begun and not self.failures

    @property
    def turn_in(self) -> float:
        """About how many seconds the next one would queue."""
        return self._queued * self._average / self.pace.width

    @property
    def is_known_slow(self) -> bool:
        """Whether it has been slow lately: then nobody needs to see it again."""
        return self._average > SLOW_SECONDS or self.turn_in > SLOW_QUEUE

    @property
    def is_slow(self) -> bool:
        """Whether somebody has stood here for long."""
        longest = time.monotonic() - min(self._begun.values(), default=time.monotonic())
        return longest > SLOW_SECONDS or self.is_known_slow

    def choose_wait(self, now: datetime) -> Wait | None:
        """Until when a delivery must wait, and why; None if it may come in."""
        closed = self.closed_until(now)
        if closed is not None:
            return Wait(closed, f"The way out failed {self.failures} times in a row: it pauses.")
        if self.turn_in > LONGEST_QUEUE:
            seconds = timedelta(seconds=self.turn_in)
            return Wait(now + seconds, "So many are before it that it waits for its turn.")
        return None

    def closed_until(self, now: datetime) -> datetime | None:
        """Until when the breaker lets nothing through; after its pause one probe goes first."""
        if self.opened_until is None:
            return None
        if now < self.opened_until:
            return self.opened_until
        if self._probing_until is not None and now < self._probing_until:
            return self._probing_until
        self._probing_until = now + PROBE
        return None

    def is_open(self, now: datetime) -> bool:
        """Whether the breaker has opened since a delivery came in."""
        return self.opened_until is not None and now < self.opened_until

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The block runs when there is room."""
        self._queued += 1
        try:
            await self._room.acquire()
        finally:
            self._queued -= 1
        token = object()
        begun = self._begun[token] = time.monotonic()
        try:
            yield
        finally:
            del self._begun[token]
            self._room.release()
            self._average += WEIGHT * (time.monotonic() - begun - self._average)

    def note_slow(self) -> None:
        """Somebody was let go on alone here: whoever comes next need not see it again."""
        self._average = max(self._average, 2 * SLOW_SECONDS)

    def note(self, worked: bool, now: datetime) -> None:
        """What an attempt says of this way out."""
        self._probing_until = None
        if worked:
            self.failures, self.opened_until = 0, None
            return
        self.failures += 1
        beyond = self.failures - FAILURES_IN_A_ROW
        if beyond >= 0:
            self.opened_until = now + min(FIRST_PAUSE * 2 ** min(beyond, 10), LONGEST_PAUSE)


class Lanes:
    """Every way out that this process has used lately."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self.at_once = 0

    def find(self, kind: str, channel_id: str) -> Lane:
        name = kind if kind == "email" else channel_id
        lane = self._lanes.get(name)
        if lane is None:
            self._forget_idle()
            lane = self._lanes[name] = Lane(PACES.get(kind, PACES["webhook"]))
        return lane

    def _forget_idle(self) -> None:
        if len(self._lanes) >= MOST_LANES:
            self._lanes = {name: lane for name, lane in self._lanes.items() if not lane.idle}

    def choose_wait(self, lane: Lane, now: datetime) -> Wait | None:
        """As the lane says, or a little later where this process has its hands full."""
        if self.at_once >= MOST_AT_ONCE and lane.is_slow:
            later = now + timedelta(seconds=LONGEST_QUEUE)
            return Wait(later, "So many are slow at once that it waits for its turn.")
        return lane.choose_wait(now)
