"""A home for functions, on the real Kafka of the session."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from local.kafka import Kafka
from taskflow.settings import Settings
from tests.local.home import Home


@pytest.fixture(scope="session")
async def admin(kafka: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await client.start()
    yield client
    await client.close()


@pytest.fixture(scope="session")
async def producer(kafka: Kafka) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as sending:
        yield sending


@pytest.fixture
async def home(admin: AIOKafkaAdminClient, producer: AIOKafkaProducer, settings: Settings) -> Home:
    quick = msgspec.structs.replace(settings, cooldown=0.4, retry_ceiling=0.1)
    return Home(admin, producer, quick)
