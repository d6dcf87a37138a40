"""The producer: who comes while records are on their way goes with the next request, and everybody
is told of their own.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from local.kafka import Kafka
from taskflow.outlet import MOST_BYTES, TOO_LARGE, UNANSWERED, Failures, Outgoing, Outlet


class Counted(Outlet):
    """Notes how many records went with each request."""

    def __init__(self, bootstrap: str, timeout: float = 10) -> None:
        super().__init__(bootstrap, timeout)
        self.requests: list[int] = []

    async def _write(self, topic: str, records: Sequence[Outgoing]) -> Failures:
        self.requests.append(len(records))
        return await super()._write(topic, records)


@pytest.fixture
async def topic(kafka: Kafka) -> str:
    name = f"notes-{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1)])
    await admin.close()
    return name


@pytest.fixture
async def outlet(kafka: Kafka) -> AsyncIterator[Counted]:
    opened = Counted(kafka.bootstrap)
    yield opened
    await opened.close()


async def read_values(kafka: Kafka, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
    )
    async with consumer:
        return [(await consumer.getone()).value for _ in range(count)]


async def test_who_comes_meanwhile_goes_with_the_next_request_in_order(
    kafka: Kafka, outlet: Counted, topic: str
) -> None:
    values = [b"%d" % number for number in range(50)]
    answers = await asyncio.gather(
        *(outlet.publish(topic, [(b"k", value, [])]) for value in values)
    )
    assert answers == [[None]] * 50
    assert await read_values(kafka, topic, 50) == values
    assert (sum(outlet.requests), len(outlet.requests) <= 2) == (50, True)


async def test_a_lone_caller_waits_for_nobody(outlet: Counted, topic: str) -> None:
    for number in range(3):
        assert await outlet.publish(topic, [(None, b"%d" % number, [])]) == [None]
    assert outlet.requests == [1, 1, 1]


async def test_everybody_is_told_of_their_own_failures(
    kafka: Kafka, outlet: Counted, topic: str
) -> None:
    fits, large = (b"k", b"fits", []), (b"k", b"x" * (MOST_BYTES + 1), [])
    told = await asyncio.gather(
        outlet.publish(topic, [fits]),
        outlet.publish(topic, [large, fits]),
        outlet.publish(topic, [fits, large]),
    )
    assert told == [[None], [TOO_LARGE, None], [None, TOO_LARGE]]
    assert await read_values(kafka, topic, 3) == [b"fits"] * 3


async def test_a_caller_that_went_away_takes_nobody_with_it(
    kafka: Kafka, outlet: Counted, topic: str
) -> None:
    gone = asyncio.create_task(outlet.publish(topic, [(b"k", b"gone", [])]))
    stays = asyncio.create_task(outlet.publish(topic, [(b"k", b"stays", [])]))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == [None]
    assert (await read_values(kafka, topic, 1))[0] in (b"gone", b"stays")


async def test_while_the_log_is_away_everybody_is_told_in_time() -> None:
    """Whoever waits behind one that waits in vain does not wait twice as long."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    host, port = silent.sockets[0].getsockname()
    away = Counted(f"{host}:{port}", timeout=0.2)
    told = await asyncio.gather(*(away.publish("notes", [(None, b"x", [])]) for _ in range(3)))
    assert told == [[UNANSWERED]] * 3
    await away.close()
    silent.close()
    await silent.wait_closed()


async def test_an_error_of_ours_ends_one_request_and_not_the_topic(
    kafka: Kafka, topic: str
) -> None:
    class Stumbling(Counted):
        async def _write(self, topic: str, records: Sequence[Outgoing]) -> Failures:
            failures = await super()._write(topic, records)
            if len(self.requests) == 1:
                raise ValueError("what nobody foresaw")
            return failures

    outlet = Stumbling(kafka.bootstrap, timeout=1)
    assert await outlet.publish(topic, [(None, b"first", [])]) == [UNANSWERED]
    assert await outlet.publish(topic, [(None, b"second", [])]) == [None]
    await outlet.close()
