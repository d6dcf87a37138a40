"""The one producer of a process that writes to Kafka itself, the gateway and the platform at home:
acknowledged by all replicas, in order within a partition; apart, because it loads aiokafka.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder

from taskflow.partition import choose_partition

TIMEOUT = 10.0
MOST_BYTES = 4 << 20
# Kafka's usual 16 KiB would take a thousand events to it in a dozen round trips.
BATCH_BYTES = 1 << 20
# Neither breaks the row of numbers by which Kafka knows that nothing is missing or doubled.
HARMLESS = (KafkaTimeoutError, MessageSizeTooLargeError)
TOO_LARGE = MessageSizeTooLargeError(f"the record is larger than {MOST_BYTES} bytes")
UNANSWERED = TimeoutError("Kafka did not acknowledge it in time")

Headers: TypeAlias = list[tuple[str, bytes]]
Failures: TypeAlias = list[Exception | None]
# A record to write: its key, value and headers.
Outgoing: TypeAlias = tuple[bytes | None, bytes, Headers]


class Batch(NamedTuple):
    """What goes to one partition together; `places` are its records' among those published."""

    partition: int
    builder: BatchBuilder
    places: list[int]


class Waiting(NamedTuple):
    """What one caller wants written, and where it waits for what came of it."""

    records: Sequence[Outgoing]
    failures: "asyncio.Future[Failures]"

    def tell(self, failures: Failures) -> None:
        """Answers a caller that nobody has answered before."""
        if not self.failures.done():
            self.failures.set_result(failures)


class Outlet:
    """A producer, replaced when an error has broken its row of sequence numbers: from then on Kafka
    would refuse everything that the old one sends to that partition.

    While records of a topic are on their way, those of other callers gather and go together: one
    request for all costs the broker what it costs for one.
    """

    def __init__(self, bootstrap: str, timeout: float = TIMEOUT) -> None:
        self._bootstrap = bootstrap
        self._timeout = timeout
        self._producer: Any = None
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        self._waiting: dict[str, list[Waiting]] = defaultdict(list)
        self._draining: dict[str, asyncio.Task[None]] = {}

    async def publish(self, topic: str, records: Sequence[Outgoing]) -> Failures:
        """For each record: None when the log has it, or why it did not acknowledge it in time."""
        loop = asyncio.get_running_loop()
        one = Waiting(records, loop.create_future())
        self._waiting[topic].append(one)
        if topic not in self._draining:
            self._draining[topic] = asyncio.create_task(self._drain(topic))
        unanswered: Failures = [UNANSWERED] * len(records)
        alarm = loop.call_later(self._timeout, one.tell, unanswered)
        try:
            return await one.failures
        finally:
            alarm.cancel()

    async def _drain(self, topic: str) -> None:
        try:
            while waiting := self._waiting.pop(topic, None):
                # Who waited in vain has answered already; what was not sent is not sent any more.
                await self._write_group([one for one in waiting if not one.failures.done()], topic)
        finally:
            # Whatever ended it, the next caller begins anew.
            del self._draining[topic]

    async def _write_group(self, group: Sequence[Waiting], topic: str) -> None:
        records = [record for one in group for record in one.records]
        failures = iter(await self._write(topic, records))
        for one in group:
            one.tell([next(failures) for _ in one.records])

    async def _write(self, topic: str, records: Sequence[Outgoing]) -> Failures:
        try:
            producer = self._producer or await self._open()
            partitions = sorted(await producer.partitions_for(topic))
        except (KafkaError, OSError) as error:
            return [error] * len(records)
        batches = pack(producer, partitions, records)
        results = await asyncio.gather(*(self._send(producer, topic, one) for one in batches))
        failures: Failures = [TOO_LARGE] * len(records)
        for batch, failure in zip(batches, results, strict=True):
            for place in batch.places:
                failures[place] = failure
        return failures

    async def _send(self, producer: Any, topic: str, batch: Batch) -> Exception | None:
        try:
            async with asyncio.timeout(self._timeout):
                await (await producer.send_batch(batch.builder, topic, partition=batch.partition))
        except TimeoutError:
            return UNANSWERED
        except KafkaError as error:
            self._replace_if_broken(producer, error)
            failure: Exception = error
            return failure
        return None

    async def _open(self) -> AIOKafkaProducer:
        async with self._opening:
            producer = self._producer or await start_producer(self._bootstrap)
            self._producer = producer
        return producer

    def _replace_if_broken(self, producer: AIOKafkaProducer, error: KafkaError) -> None:
        if error.retriable or isinstance(error, HARMLESS):
            return
        if producer is self._producer:
            self._producer = None
            closing = asyncio.create_task(producer.stop())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def reachable(self) -> bool:
        """Whether the log answers now."""
        try:
            async with asyncio.timeout(2):
                producer = self._producer or await self._open()
                await producer.client.fetch_all_metadata()
        except (KafkaError, OSError, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        for task in list(self._draining.values()):
            await asyncio.wait((task,), timeout=self._timeout)
            task.cancel()
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()
        await asyncio.gather(*self._closing)


async def start_producer(bootstrap: str) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        max_request_size=MOST_BYTES,
        max_batch_size=BATCH_BYTES,
        request_timeout_ms=int(TIMEOUT * 1000),
        retry_backoff_ms=50,
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


def pack(
    producer: AIOKafkaProducer, partitions: Sequence[int], records: Sequence[Outgoing]
) -> list[Batch]:
    """The records by partition, in order, without those that are too large. A call of the producer
    for each would take longer than all else that is done with a record here."""
    batches: list[Batch] = []
    filling: dict[int, Batch] = {}
    for place, record in enumerate(records):
        if len(record[1]) > MOST_BYTES:
            continue
        partition = choose_partition(record[0], partitions)
        batch = filling.get(partition)
        if batch is None or not append(batch, record):
            batch = filling[partition] = Batch(partition, producer.create_batch(), [])
            batches.append(batch)
            append(batch, record)
        batch.places.append(place)
    return batches


def append(batch: Batch, record: Outgoing) -> bool:
    """Whether the record found room; the first of a batch always does."""
    key, value, headers = record
    added = batch.builder.append(timestamp=None, key=key, value=value, headers=headers)
    return added is not None
