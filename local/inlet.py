"""One function's way out of Kafka: its topics' records into backlogs, and what is done back as
committed offsets.

It reads assigned partitions in the function's consumer group without joining it: a group would make
the next start after a crash wait until the dead member's session has run out.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from local.backlog import Backlog

# The broker holds a fetch this long while nothing is there, and answers at once when something is;
# a partition that was paused may have to wait for it, so it is not longer.
FETCH_WAIT_MS = 4_000
FETCH_BYTES = 1 << 20
# Each costs the broker as much as a record; what was not committed comes again after a crash alone.
COMMIT_SECONDS = 1.0
RETRY_SECONDS = 0.5
WAIT_MS = 600_000

log = logging.getLogger("taskflow.local")


class Inlet:
    """Feeds `backlogs`, and calls `told` whenever there is more; without backlogs idle.

    After records came it fetches again `pace()` seconds later: what is written meanwhile comes
    together, where each fetch alone would cost the broker as much.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        backlogs: Sequence[Backlog],
        told: Callable[[], None],
        pace: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._backlogs = {TopicPartition(b.topic, b.partition): b for b in backlogs}
        self._told = told
        self._pace = pace
        self._bootstrap = bootstrap
        self._group = group
        self._tasks: list[asyncio.Task[None]] = []
        self._paused: set[TopicPartition] = set()
        self._dirty = asyncio.Event()

    async def start(self) -> None:
        if self._backlogs:
            self._consumer = await start_consumer(self._bootstrap, self._group)
            self._consumer.assign(list(self._backlogs))
            self._tasks = [asyncio.create_task(self._fetch()), asyncio.create_task(self._commit())]

    async def _fetch(self) -> None:
        while True:
            try:
                found = await self._consumer.getmany(timeout_ms=WAIT_MS)
            except KafkaError as error:
                log.warning("%s cannot read: %r", self._group, error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for place, records in found.items():
                backlog = self._backlogs[place]
                backlog.add(records)
                if backlog.full:
                    self._consumer.pause(place)
                    self._paused.add(place)
            if found:
                self._told()
                await asyncio.sleep(self._pace())

    def note_done(self, backlogs: Sequence[Backlog]) -> None:
        """Some of these backlogs' records are done: commit soon, fetch on where there is room."""
        self._dirty.set()
        if self._paused:
            self._resume(backlogs)

    def _resume(self, backlogs: Sequence[Backlog]) -> None:
        for backlog in backlogs:
            place = TopicPartition(backlog.topic, backlog.partition)
            if place in self._paused and backlog.half_empty:
                self._paused.discard(place)
                self._consumer.resume(place)

    async def _commit(self) -> None:
        while True:
            await self._dirty.wait()
            await asyncio.sleep(COMMIT_SECONDS)
            self._dirty.clear()
            if not await self.commit():
                self._dirty.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def commit(self) -> bool:
        """Whether Kafka now knows of everything that is done."""
        offsets = {
            place: backlog.done
            for place, backlog in self._backlogs.items()
            if backlog.done is not None and backlog.done != backlog.committed
        }
        if not offsets:
            return True
        try:
            await self._consumer.commit(offsets)
        except (KafkaError, OSError) as error:
            log.warning("%s cannot commit: %r", self._group, error)
            return False
        for place, offset in offsets.items():
            self._backlogs[place].committed = offset
        return True

    def lag(self, topic: str) -> int:
        """Records of `topic` that are not done, as far as the last fetch tells."""
        return sum(
            len(backlog) + max(0, (self._consumer.highwater(place) or 0) - backlog.next_fetched)
            for place, backlog in self._backlogs.items()
            if place.topic == topic and backlog.done is not None
        )

    async def stop(self) -> None:
        """Fetch nothing more, commit what is done, leave."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            await self.commit()
            await stop_consumer(self._consumer)


async def start_consumer(bootstrap: str, group: str) -> AIOKafkaConsumer:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=FETCH_BYTES,
        retry_backoff_ms=100,
    )
    await consumer.start()
    return consumer


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        # The consumer raises the cancellation of its own fetch, and then closes no connection.
        await consumer._client.close()
