"""The platform's one producer: dead letters and what functions publish go through it to Kafka,
acknowledged by all replicas, in order within a partition.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

TIMEOUT = 10.0
MOST_BYTES = 4 << 20
# Neither breaks the row of numbers by which Kafka knows that nothing is missing or doubled.
HARMLESS = (KafkaTimeoutError, MessageSizeTooLargeError)

Headers = list[tuple[str, bytes]]


class Outlet:
    """A producer, replaced when an error has broken its row of sequence numbers: from then on Kafka
    would refuse everything that the old one sends to that partition."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: Any = None
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def send(
        self, topic: str, key: bytes | None, value: bytes, headers: Headers
    ) -> "asyncio.Future[object]":
        """The acknowledgement to wait for. Raises KafkaError."""
        producer = self._producer or await self._open()
        try:
            sent: asyncio.Future[object] = await producer.send(
                topic, value, key=key, headers=headers
            )
        except KafkaError as error:
            self._replace_if_broken(producer, error)
            raise
        return sent

    async def send_and_wait(
        self, topic: str, key: bytes | None, value: bytes, headers: Headers
    ) -> None:
        """Returns when the log has it. Raises KafkaError."""
        failure = (await self.settle([await self.send(topic, key, value, headers)]))[0]
        if failure is not None:
            raise KafkaError(str(failure))

    async def settle(self, sent: Iterable["asyncio.Future[object]"]) -> list[Exception | None]:
        """For each record sent: None, or why the log did not acknowledge it in time."""
        producer, waiting = self._producer, list(sent)
        if waiting:
            await asyncio.wait(waiting, timeout=TIMEOUT)
        failures = [find_failure(one) for one in waiting]
        for failure in failures:
            self._replace_if_broken(producer, failure)
        return failures

    async def _open(self) -> AIOKafkaProducer:
        async with self._opening:
            producer = self._producer or await start_producer(self._bootstrap)
            self._producer = producer
        return producer

    def _replace_if_broken(
        self, producer: AIOKafkaProducer | None, error: Exception | None
    ) -> None:
        if not isinstance(error, KafkaError) or error.retriable or isinstance(error, HARMLESS):
            return
        if producer is not None and producer is self._producer:
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
        request_timeout_ms=int(TIMEOUT * 1000),
        retry_backoff_ms=50,
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


def find_failure(sent: "asyncio.Future[object]") -> Exception | None:
    if not sent.done():
        return TimeoutError(f"Kafka did not acknowledge it within {TIMEOUT:.0f} s")
    error = sent.exception()
    return error if isinstance(error, Exception) else None
