"""Kafka as it is looked back at after a restore: what stands in a topic since an instant, and
groups that read it again from there.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

from taskflow.errors import Unavailable
from taskflow.events import Event, encode
from taskflow.publish import STRUCTURED

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

    Record: TypeAlias = ConsumerRecord[bytes | None, bytes | None]

Offsets: TypeAlias = dict[TopicPartition, int]

PATIENCE_MS = 10_000
# As Strimzi names them: the cluster's authority, and what a user shows.
TLS_FILES = ("ca.crt", "user.crt", "user.key")


class Log:
    """One Kafka, looked at; nothing is read in anybody's name but by `rewind`."""

    def __init__(self, bootstrap: str, tls: str = "") -> None:
        self._to = {"bootstrap_servers": bootstrap, **_secure(tls)}
        self._client = AIOKafkaClient(**self._to)
        # A fetch that waits holds up every question behind it.
        self._consumer = AIOKafkaConsumer(
            **self._to, enable_auto_commit=False, fetch_max_wait_ms=20
        )

    async def __aenter__(self) -> Self:
        try:
            await self._client.bootstrap()
            await self._consumer.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self._client.close()

    async def _places(self, topic: str) -> list[TopicPartition]:
        cluster = await self._client.fetch_all_metadata()
        numbers = cluster.partitions_for_topic(topic) or set()
        return [TopicPartition(topic, number) for number in sorted(numbers)]

    async def find_begin(self, topic: str) -> Offsets:
        """Where a topic begins now: what stood before was trimmed, or never was."""
        return dict(await self._consumer.beginning_offsets(await self._places(topic)))

    async def find_offsets(self, topic: str, since: datetime) -> Offsets:
        """The first record of each partition that is no older; where all are, the end."""
        places = await self._places(topic)
        instant = max(0, int(since.timestamp() * 1000))
        found = await self._consumer.offsets_for_times(dict.fromkeys(places, instant))
        ends = await self._consumer.end_offsets(places)
        return {place: at.offset if (at := found[place]) else ends[place] for place in places}

    async def read(self, starts: Offsets) -> "AsyncIterator[list[Record]]":
        """The records from there to where each partition ended at the call, some at a time. Raises
        Unavailable."""
        ends = await self._consumer.end_offsets(list(starts)) if starts else {}
        left = {place for place, start in starts.items() if start < ends[place]}
        if not left:
            return
        self._consumer.assign(list(left))
        for place in left:
            self._consumer.seek(place, starts[place])
        while left:
            found = await self._consumer.getmany(*left, timeout_ms=PATIENCE_MS)
            if not found:
                raise Unavailable(f"Kafka holds records of {min(left).topic} that it does not give")
            for place, records in found.items():
                yield [record for record in records if record.offset < ends[place]]
                if await self._consumer.position(place) >= ends[place]:
                    left.discard(place)
        self._consumer.unsubscribe()

    async def read_last(self, topic: str) -> bytes | None:
        """The newest record of a topic of one partition; None where there is none."""
        begin = await self.find_begin(topic)
        ends = await self._consumer.end_offsets(list(begin))
        starts = {place: max(begin[place], end - 1) for place, end in ends.items()}
        values = [record.value async for records in self.read(starts) for record in records]
        return values[-1] if values else None

    async def read_lag(self, group: str, topic: str) -> int:
        """Records of a topic that a group has not done."""
        places = await self._places(topic)
        ends = await self._consumer.end_offsets(places)
        done = await self.read_done(group, places)
        return sum(end - done.get(place, 0) for place, end in ends.items())

    async def read_done(self, group: str, places: Iterable[TopicPartition]) -> Offsets:
        """What a group has committed, where it has."""
        async with self._in_group(group, places) as consumer:
            return await _read_committed(consumer, places)

    async def rewind(self, group: str, starts: Mapping[TopicPartition, int]) -> int:
        """Has a group read again from there what it had done; how many records that are. Raises
        Unavailable while it is at work."""
        async with self._in_group(group, starts) as consumer:
            done = await _read_committed(consumer, starts)
            back = {place: starts[place] for place in done if starts[place] < done[place]}
            if not back:
                return 0
            try:
                await consumer.commit(back)
            except KafkaError as error:
                raise Unavailable(
                    f"{group} is at work, and so cannot be told to read again: end it ({error})"
                ) from error
            return sum(done[place] - back[place] for place in back)

    async def append(self, event: Event[Any]) -> None:
        """Puts an event into its topic, of one partition. Raises Unavailable."""
        try:
            async with AIOKafkaProducer(
                **self._to, acks="all", enable_idempotence=True
            ) as producer:
                await producer.send_and_wait(
                    event.data.topic,
                    encode(event),
                    key=event.partitionkey.encode(),
                    headers=STRUCTURED,
                )
        except KafkaError as error:
            raise Unavailable(f"Kafka does not take the {event.type}: {error}") from error

    @asynccontextmanager
    async def _in_group(
        self, group: str, places: Iterable[TopicPartition]
    ) -> AsyncIterator[AIOKafkaConsumer]:
        """A consumer that speaks for the group without joining it."""
        consumer = AIOKafkaConsumer(**self._to, group_id=group, enable_auto_commit=False)
        async with consumer:
            consumer.assign(list(places))
            yield consumer


def _secure(tls: str) -> dict[str, Any]:
    """How to reach a Kafka that asks for certificates: those in the folder `tls`."""
    if not tls:
        return {}
    authority, certificate, key = (str(Path(tls) / name) for name in TLS_FILES)
    context = create_ssl_context(cafile=authority, certfile=certificate, keyfile=key)
    return {"security_protocol": "SSL", "ssl_context": context}


async def _read_committed(consumer: AIOKafkaConsumer, places: Iterable[TopicPartition]) -> Offsets:
    done = {place: await consumer.committed(place) for place in places}
    return {place: offset for place, offset in done.items() if offset is not None}
