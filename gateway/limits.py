"""How many requests a second one person may send to this gateway: a bucket that refills."""

import time
from collections import OrderedDict

from fastapi import Request
from msgspec import Struct

from gateway.context import Ctx
from gateway.identity import Who
from taskflow.errors import Refused

MOST_PEOPLE = 10_000


class Bucket(Struct):
    tokens: float
    at: float


class Limiter:
    """Buckets of `rate` requests, refilled at `rate` a second; the longest unused are forgotten."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, user_id: str, now: float) -> float:
        """The tokens that are left; negative when this request has none (by that much)."""
        bucket = self._buckets.setdefault(user_id, Bucket(self.rate, now))
        self._buckets.move_to_end(user_id)
        if len(self._buckets) > MOST_PEOPLE:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self.rate, bucket.tokens + (now - bucket.at) * self.rate)
        bucket.at = now
        if bucket.tokens < 1:
            return bucket.tokens - 1
        bucket.tokens -= 1
        return bucket.tokens


async def limit_rate(request: Request, who: Who, context: Ctx) -> None:
    """Refuses with 429 who sends too much; says on every answer what is left."""
    limiter: Limiter = request.app.state.limiter
    if limiter.rate <= 0:
        return
    left = limiter.take(who.user_id, time.monotonic())
    headers = {
        "RateLimit-Limit": str(int(limiter.rate)),
        "RateLimit-Remaining": str(max(int(left), 0)),
        "RateLimit-Reset": "1",
    }
    request.state.headers = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
    if left < 0:
        detail = f"More than {limiter.rate:g} requests a second; wait a second and go on."
        raise Refused("rate_limited", detail, status=429)
