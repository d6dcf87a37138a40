"""The stand-in for one function's Dapr sidecar: takes what waits in its partitions to its
processes, in order, reads their answers, repeats what was not finished and sets aside what was
refused.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from local.backlog import Backlog, size_of
from local.dialect import PLACE, place, read_answer, write_request
from local.inlet import Inlet
from local.manifests import Function, Manifests, Retry, Subscription
from local.replica import SMALL_BYTES, Replica
from taskflow.dialects import Outcome
from taskflow.outlet import Outlet

if TYPE_CHECKING:
    from local.backlog import Record

# With room for the words around each event, a request stays below the 4 MiB that every door takes.
REQUEST_BYTES = 3 << 20
# Where a process takes several at once, it decides one while the database writes another: parts of
# this size keep both at work.
PART_BYTES = 256 << 10
# While a person waits for another function, one that nobody waits for works such a part of its
# time, with so many seconds between two requests at most: what comes meanwhile goes together. It
# rests longer where a request carries more than one client alone can cause: the machine is full.
MANY_RECORDS = 60
FEW, MANY = (1 / 3, 0.5), (1 / 10, 1.0)

log = logging.getLogger("taskflow.local")


class Awaited:
    """How many requests are under way that a person waits for, over all functions."""

    def __init__(self) -> None:
        self.requests = 0


class Sidecar:
    """Deliveries to one function; `replicas` are whoever takes them now."""

    def __init__(
        self,
        function: Function,
        manifests: Manifests,
        bootstrap: str,
        outlet: Outlet,
        awaited: Awaited,
    ) -> None:
        self.function = function
        self.replicas: list[Replica] = []
        self.dead_letters = 0
        self.delivered = 0
        self.in_flight = 0
        self._pubsub = manifests.pubsub
        self.retry: Retry = manifests.retry
        self._outlet = outlet
        self._subscriptions = {one.topic: one for one in function.subscriptions}
        self._backlogs = make_backlogs(function, manifests)
        self._awaited = awaited
        self._is_awaited = manifests.nice(function) == 0
        self._took, self._carried = 0.0, 0
        gather = min((one.gather for one in function.subscriptions), default=0.0)
        self._inlet = Inlet(
            bootstrap,
            function.app_id,
            self._backlogs,
            self._note_records,
            lambda: self._choose_pace(gather),
        )
        self._on_records: Callable[[], None] = lambda: None
        self._deliveries: set[asyncio.Task[None]] = set()
        self._not_before: dict[tuple[str, int], float] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._stopped = False

    async def start(self, on_records: Callable[[], None]) -> None:
        """Begin to read; `on_records` is called when some came."""
        self._on_records = on_records
        await self._inlet.start()

    def _note_records(self) -> None:
        self._on_records()
        self.dispatch()

    def lag(self, topic: str) -> int:
        return self._inlet.lag(topic)

    @property
    def partitions(self) -> int:
        return len(self._backlogs)

    def dispatch(self) -> None:
        """Give every process with room what waits in its partitions."""
        if self._stopped:
            return
        now = time.monotonic()
        for lane, replica in enumerate(self.replicas):
            for subscription in self._subscriptions.values():
                self._feed(replica, lane, subscription, now)
        self._set_alarm(now)

    def _feed(self, replica: Replica, lane: int, subscription: Subscription, now: float) -> None:
        """The first record after a pause goes at once; what follows gathers for the next."""
        if now < self._not_before.get((subscription.topic, lane), 0):
            return
        ready = [
            backlog
            for number, backlog in enumerate(self._backlogs)
            if number % len(self.replicas) == lane
            and backlog.topic == subscription.topic
            and backlog.ready(now)
        ]
        # The one that was sent longest ago first, or a busy partition would starve the others.
        ready.sort(key=lambda backlog: backlog.turn)
        most = PART_BYTES if self.function.concurrency > 1 else REQUEST_BYTES
        while ready and replica.has_room(self._weigh(subscription, ready)):
            taken, size = take(ready, subscription.bulk or 1, most)
            delivery = asyncio.create_task(self._deliver(replica, subscription, taken, size))
            # The task starts later, and until then the process would seem free.
            replica.begin(size)
            self.in_flight += 1
            pace = self._choose_pace(subscription.gather)
            self._not_before[subscription.topic, lane] = now + pace
            self._deliveries.add(delivery)
            delivery.add_done_callback(self._deliveries.discard)

    def _weigh(self, subscription: Subscription, ready: Sequence[Backlog]) -> int:
        """The bytes that a request may carry; where nothing goes together, none is too small."""
        return sum(one.bytes_waiting for one in ready) if subscription.bulk else SMALL_BYTES

    def _choose_pace(self, gather: float) -> float:
        yields = self._awaited.requests > 0 and not self._is_awaited
        return choose_pace(gather, self._took, self._carried, yields=yields)

    async def _deliver(
        self, replica: Replica, subscription: Subscription, taken: Sequence[Backlog], size: int
    ) -> None:
        records = [record for backlog in taken for record in backlog.sent]
        begun = time.monotonic()
        self._awaited.requests += self._is_awaited
        try:
            outcomes = await self._ask(replica, subscription, records)
        finally:
            replica.end(size)
            self._awaited.requests -= self._is_awaited
        self._took, self._carried = time.monotonic() - begun, len(records)
        outcomes = await self._set_aside(subscription, records, outcomes)
        self._settle(taken, outcomes)
        self.in_flight -= 1
        self._inlet.note_done(taken)
        self.dispatch()

    async def _ask(
        self, replica: Replica, subscription: Subscription, records: Sequence["Record"]
    ) -> list[Outcome]:
        request = write_request(subscription, self._pubsub, records)
        if request is None:
            log.error("%s: %s is no JSON object", self.function.app_id, place(records[0]))
            return ["DROP"] * len(records)
        try:
            status, body = await replica.post(
                subscription.route, request.headers, request.body, self.retry.timeout
            )
        except (OSError, TimeoutError) as error:
            log.warning("%s did not answer: %r", self.function.app_id, error)
            return ["RETRY"] * len(records)
        return read_answer(subscription, status, body, records)

    async def _set_aside(
        self, subscription: Subscription, records: Sequence["Record"], outcomes: list[Outcome]
    ) -> list[Outcome]:
        """The outcomes, RETRY where a refused record did not reach the dead letters."""
        if "DROP" not in outcomes:
            return outcomes
        return [
            await self._keep(subscription, record) if outcome == "DROP" else outcome
            for record, outcome in zip(records, outcomes, strict=True)
        ]

    async def _keep(self, subscription: Subscription, record: "Record") -> Outcome:
        if not subscription.dead_letter_topic:
            log.error("%s dropped %s", self.function.app_id, place(record))
            return "DROP"
        # Its place before anything else, as the sidecar's copy has it.
        kept = [(name, value) for name, value in record.headers if name not in PLACE]
        stood = [(name, value.encode()) for name, value in place(record).items()]
        copy = (record.key, record.value or b"", kept + stood)
        failure = (await self._outlet.publish(subscription.dead_letter_topic, [copy]))[0]
        if failure is not None:
            log.warning("%s cannot set aside %s: %r", self.function.app_id, place(record), failure)
            return "RETRY"
        self.dead_letters += 1
        return "DROP"

    def _settle(self, taken: Sequence[Backlog], outcomes: Sequence[Outcome]) -> None:
        now, start = time.monotonic(), 0
        for backlog in taken:
            end = start + len(backlog.sent)
            pause = choose_pause(self.retry, backlog.attempts)
            backlog.settle(outcomes[start:end], now, pause)
            self.delivered += sum(outcome != "RETRY" for outcome in outcomes[start:end])
            start = end

    def _set_alarm(self, now: float) -> None:
        """Dispatch again when the first of the waiting retries or gatherings is due."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = [backlog.due for backlog in self._backlogs if backlog.due > now]
        due += [gathered for gathered in self._not_before.values() if gathered > now]
        if due:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(min(due) - now + 0.001, self.dispatch)

    async def stop(self) -> None:
        """Send nothing more, wait for what was sent, commit."""
        self._stopped = True
        await asyncio.gather(*self._deliveries)
        if self._alarm is not None:
            self._alarm.cancel()
        await self._inlet.stop()


def make_backlogs(function: Function, manifests: Manifests) -> list[Backlog]:
    return [
        Backlog(subscription.topic, number)
        for subscription in function.subscriptions
        for number in range(manifests.topics[subscription.topic].partitions)
    ]


def take(ready: list[Backlog], most: int, most_bytes: int) -> tuple[list[Backlog], int]:
    """Move the first backlogs that fit into one request out of `ready`, their records taken; and
    what these weigh, in bytes."""
    taken: list[Backlog] = []
    size = 0
    while ready and most > 0 and size < most_bytes:
        backlog = ready.pop(0)
        records = backlog.take(most, most_bytes - size)
        most -= len(records)
        size += sum(map(size_of, records))
        taken.append(backlog)
    return taken, size


def choose_pause(retry: Retry, attempts: int) -> float:
    """Seconds before the next attempt: exponential, spread by half around (cenkalti/backoff)."""
    growing = retry.first * retry.factor ** min(attempts, 50)
    return min(growing, retry.ceiling) * random.uniform(0.5, 1.5)


def choose_pace(gather: float, took: float, carried: int, *, yields: bool) -> float:
    """Seconds from one request of many records, or one fetch, to the next; the last took `took`
    for the `carried` records in it."""
    if not yields or not gather:
        return gather
    share, longest = MANY if carried >= MANY_RECORDS else FEW
    return max(gather, min(took / share, longest))
