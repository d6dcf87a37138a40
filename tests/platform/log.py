"""Apache Kafka as the tests of the platform see it: its topics made as their manifests say, records
put in and read back, and what a consumer group has not done yet.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from local.read_manifests import read_topics

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

    Record: TypeAlias = ConsumerRecord[bytes | None, bytes | None]

ROOT = Path(__file__).parent.parent.parent
TOPICS = list(read_topics(ROOT / "infra/kubernetes/base/topics"))
NAMES = [topic.name for topic in TOPICS]


class Log:
    """One broker with TaskFlow's topics."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[Any]:
        client = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await client.start()
        try:
            yield client
        finally:
            await client.close()

    async def create_topics(self) -> None:
        """Raises ValueError where they exist: somebody's records are in them."""
        made = [NewTopic(one.name, one.partitions, 1, topic_configs=one.config) for one in TOPICS]
        async with self._admin() as admin:
            if present := set(NAMES) & set(await admin.list_topics()):
                raise ValueError(
                    f"{self.bootstrap} has TaskFlow's topics already ({min(present)}): these tests"
                    " fill and delete them, so TASKFLOW_KAFKA must name a Kafka without them."
                )
            await admin.create_topics(made)

    async def delete_topics(self) -> None:
        await self.close()
        async with self._admin() as admin:
            await admin.delete_topics(NAMES)

    async def accept(self, size: int, topics: Sequence[str]) -> None:
        """Lets these topics take records of `size` bytes, as an installation may."""
        changed = {"max.message.bytes": str(size)}
        async with self._admin() as admin:
            await admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, name, changed) for name in topics]
            )

    async def producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap, acks="all", max_request_size=16 << 20
            )
            await self._producer.start()
        return self._producer

    async def send(
        self, topic: str, *values: bytes, key: bytes | None = None, partition: int | None = None
    ) -> None:
        """Puts records into the log, in this order, in one go."""
        producer = await self.producer()
        sent = [await producer.send(topic, v, key=key, partition=partition) for v in values]
        await asyncio.gather(*sent)

    async def read(self, topic: str) -> "list[Record]":
        """Everything that is in a topic now, each partition in order."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        async with consumer:
            places = places_of(topic)
            consumer.assign(places)
            starts = await consumer.beginning_offsets(places)
            ends = await consumer.end_offsets(places)
            found: list[Record] = []
            for place in places:
                consumer.seek(place, starts[place])
                while await consumer.position(place) < ends[place]:
                    for records in (await consumer.getmany(place, timeout_ms=100)).values():
                        found += records
        return found

    async def lag(self, group: str, topic: str) -> int:
        """Records of the topic that the group has not committed."""
        ends = await self._ends(topic)
        async with self._admin() as admin:
            done = await admin.list_consumer_group_offsets(group)
        offsets = {place: max(0, done[place].offset) for place in ends if place in done}
        return sum(end - offsets.get(place, 0) for place, end in ends.items())

    async def _ends(self, topic: str) -> dict[TopicPartition, int]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        async with consumer:
            found: dict[TopicPartition, int] = await consumer.end_offsets(places_of(topic))
            return found

    async def close(self) -> None:
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None


def places_of(topic: str) -> list[TopicPartition]:
    count = next(one.partitions for one in TOPICS if one.name == topic)
    return [TopicPartition(topic, number) for number in range(count)]
