"""How many requests a second one person may send: a bucket that refills. A gateway decides by what
it knows, and several of them tell each other through a shared counter, which no request waits for.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import Request
from msgspec import Struct

from gateway.context import Ctx
from gateway.identity import Who
from taskflow.errors import Refused, Unavailable
from taskflow.runtime_settings import RuntimeSettings
from taskflow.settings import Settings
from taskflow.state_store import StateStore, open_state_store

MOST_PEOPLE = 10_000
# Others are told after a tenth of a second's worth: so many requests too many per gateway at most.
TOLD_AFTER = 0.1
# A bucket is full again after two seconds at the latest; what is not there counts as full.
KEPT_SECONDS = 10
# While the counters are away every gateway counts alone, and looks again after this.
AWAY_SECONDS = 5.0

log = logging.getLogger("taskflow")


class Bucket(Struct):
    """What a person has left here; `spent` is what the other gateways do not know of yet."""

    tokens: float
    at: float
    spent: float = 0.0


class Count(Struct, frozen=True):
    """What a person has left everywhere, at an instant (seconds since 1970)."""

    tokens: float
    at: float


def spend(count: Count | None, spent: float, rate: float, now: float) -> Count:
    """A shared count, refilled until `now` and less by `spent`; clocks that differ only refill
    later. Nobody owes more than a second."""
    if count is None:
        return Count(rate - spent, now)
    refilled = min(rate, count.tokens + max(0.0, now - count.at) * rate)
    return Count(max(refilled - spent, -rate), max(now, count.at))


class Limiter:
    """Buckets of `rate` requests, refilled at `rate` a second; the longest unused are forgotten."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def find(self, user_id: str, now: float) -> Bucket:
        """The person's bucket, refilled until `now` (seconds of a clock that never goes back)."""
        bucket = self._buckets.setdefault(user_id, Bucket(self.rate, now))
        self._buckets.move_to_end(user_id)
        if len(self._buckets) > MOST_PEOPLE:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self.rate, bucket.tokens + (now - bucket.at) * self.rate)
        bucket.at = now
        return bucket

    def take(self, user_id: str, now: float) -> float:
        """The tokens that are left; negative when this request has none (by that much)."""
        bucket = self.find(user_id, now)
        if bucket.tokens < 1:
            return bucket.tokens - 1
        bucket.tokens -= 1
        bucket.spent += 1
        return bucket.tokens


class Sharing:
    """Adds what this gateway granted to the counters of all gateways, in the background."""

    def __init__(
        self,
        limiter: Limiter,
        store: StateStore[Count],
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limiter = limiter
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._telling: dict[str, asyncio.Task[None]] = {}
        self._away_until = float("-inf")
        self._is_away = False

    def note(self, user_id: str) -> None:
        """Tells the others when it is worth telling."""
        now = self._monotonic()
        bucket = self._limiter.find(user_id, now)
        worth = bucket.spent >= self._limiter.rate * TOLD_AFTER
        if worth and now >= self._away_until and user_id not in self._telling:
            task = asyncio.create_task(self._tell(user_id, bucket))
            self._telling[user_id] = task
            task.add_done_callback(lambda _: self._telling.pop(user_id))

    @property
    def busy(self) -> bool:
        """Whether the others are being told of something now."""
        return bool(self._telling)

    async def _tell(self, user_id: str, bucket: Bucket) -> None:
        rate, spent = self._limiter.rate, min(bucket.spent, self._limiter.rate)
        bucket.spent = 0.0
        try:
            count = await self._store.change(
                f"requests-{user_id}",
                lambda count: spend(count, spent, rate, self._clock()),
                KEPT_SECONDS,
            )
        except Unavailable as error:
            return self._go_alone(error)
        self._note_return()
        bucket.tokens, bucket.at = count.tokens - bucket.spent, self._monotonic()

    def _go_alone(self, error: Unavailable) -> None:
        """What was spent meanwhile is forgotten: a limit is no reason to refuse anybody later."""
        if not self._is_away:
            log.warning("each gateway counts requests alone: %s", error)
        self._is_away = True
        self._away_until = self._monotonic() + AWAY_SECONDS

    def _note_return(self) -> None:
        if self._is_away:
            log.warning("the gateways count requests together again")
        self._is_away = False

    async def close(self) -> None:
        await asyncio.gather(*self._telling.values())
        self._store.close()


class Limits(Struct):
    """What a gateway limits by: a limiter, and where settings say so a store that others count in
    and a rate that an operator may change."""

    limiter: Limiter
    runtime: RuntimeSettings
    sharing: Sharing | None = None

    def take(self, user_id: str) -> float | None:
        """The tokens that are left, negative for none; None where nothing is limited."""
        self.limiter.rate = self.runtime.peek().rate_limit
        if self.limiter.rate <= 0:
            return None
        left = self.limiter.take(user_id, time.monotonic())
        if self.sharing is not None:
            self.sharing.note(user_id)
        return left


@asynccontextmanager
async def open_limits(settings: Settings) -> AsyncIterator[Limits]:
    """The limits that `settings` say, and at the end their last words. Raises InvalidSetting."""
    limiter, runtime, sharing = Limiter(settings.rate_limit), RuntimeSettings(settings), None
    if settings.counters:
        store = open_state_store("TASKFLOW_COUNTERS", settings.counters, Count)
        sharing = Sharing(limiter, store)
    try:
        yield Limits(limiter, runtime, sharing)
    finally:
        await runtime.close()
        if sharing is not None:
            await sharing.close()


async def limit_rate(request: Request, who: Who, context: Ctx) -> None:
    """Refuses with 429 who sends too much; says on every answer what is left."""
    limits: Limits = request.app.state.limits
    left = limits.take(who.user_id)
    if left is None:
        return
    rate = limits.limiter.rate
    headers = {
        "RateLimit-Limit": str(int(rate)),
        "RateLimit-Remaining": str(max(int(left), 0)),
        "RateLimit-Reset": "1",
    }
    request.state.headers = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
    if left < 0:
        detail = f"More than {rate:g} requests a second; wait a second and go on."
        raise Refused("rate_limited", detail, status=429)
