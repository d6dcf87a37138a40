"""What a function may ask of its sidecar, asked by the publisher that functions use."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from local.fleet import Fleet
from local.manifests import Topic
from taskflow.events import Event, Payload, SignedUp, new_event
from taskflow.publish import DaprPublisher
from tests.local.home import Home

TOO_LARGE = 5 << 20


@pytest.fixture
async def fleet(home: Home) -> AsyncIterator[Fleet]:
    """A platform without functions: its API alone."""
    async with home.running([], []) as running:
        yield running


@pytest.fixture
async def client(fleet: Fleet) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{fleet.port}", timeout=30) as made:
        yield made


async def read(home: Home, topic: Topic, count: int) -> list[Any]:
    async with AIOKafkaConsumer(
        topic.name, bootstrap_servers=home.bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        return [await consumer.getone() for _ in range(count)]


def make_event(number: int, user: str = "u", **detail: Any) -> Event[Payload]:
    now = datetime.now(UTC)
    fact = SignedUp(user_id=user, actor_id=user, timestamp=now, detail=detail)
    return new_event(fact, id=str(number), source="test", time=now)


async def test_functions_publish_through_it(home: Home, fleet: Fleet) -> None:
    (topic,) = await home.topics(3)
    publisher = DaprPublisher("127.0.0.1", fleet.port, "taskflow")
    assert await publisher.reachable()
    events = [make_event(number, user=f"user {number % 4}") for number in range(20)]
    assert await publisher.publish(topic.name, events) == set()
    await publisher.close()
    records = await read(home, topic, 20)
    assert {json.loads(one.value)["id"] for one in records} == {str(n) for n in range(20)}
    assert {one.key for one in records} == {b"user 0", b"user 1", b"user 2", b"user 3"}
    assert {one.headers for one in records} == {
        (("content-type", b"application/cloudevents+json"),)
    }


async def test_of_many_only_what_failed_is_named(home: Home, fleet: Fleet) -> None:
    (topic,) = await home.topics(1)
    publisher = DaprPublisher("127.0.0.1", fleet.port, "taskflow")
    events = [make_event(0), make_event(1, padding="x" * TOO_LARGE), make_event(2)]
    assert await publisher.publish(topic.name, events) == {"1"}
    await publisher.close()
    assert [json.loads(one.value)["id"] for one in await read(home, topic, 2)] == ["0", "2"]


async def test_an_event_reaches_the_log_byte_for_byte(
    home: Home, client: httpx.AsyncClient
) -> None:
    (topic,) = await home.topics(1)
    odd = '{ "b" : 1.0, "a":"\\u00e9", "a": 2 }'
    entry = f'{{"entryId":"1","event":{odd},"contentType":"x","metadata":{{}}}}'
    answer = await client.post(f"/v1.0/publish/bulk/taskflow/{topic.name}", content=f"[{entry}]")
    assert (answer.status_code, answer.content) == (204, b"")
    url = f"/v1.0/publish/taskflow/{topic.name}?metadata.partitionKey=a%20b"
    assert (await client.post(url, content=odd)).status_code == 204
    first, second = await read(home, topic, 2)
    assert (first.value, first.key) == (odd.encode(), None)
    assert (second.value, second.key) == (odd.encode(), b"a b")


async def test_what_cannot_be_published_is_refused(home: Home, client: httpx.AsyncClient) -> None:
    (topic,) = await home.topics(1)
    for url, content, status in (
        (f"/v1.0/publish/bulk/other/{topic.name}", b"[]", 404),
        (f"/v1.0/publish/other/{topic.name}", b"{}", 404),
        (f"/v1.0/publish/bulk/taskflow/{topic.name}", b"{}", 400),
        (f"/v1.0/publish/taskflow/{topic.name}", b"x" * TOO_LARGE, 500),
        ("/v1.0/state/taskflow", b"", 404),
    ):
        assert (await client.post(url, content=content)).status_code == status


async def test_a_log_that_is_away_is_no_way_out(home: Home) -> None:
    home.bootstrap = "127.0.0.1:1"
    async with (
        home.running([], []) as fleet,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{fleet.port}") as client,
    ):
        assert (await client.get("/v1.0/healthz/outbound")).status_code == 500
        entry = {"entryId": "1", "event": {}, "contentType": "x", "metadata": {}}
        answer = await client.post("/v1.0/publish/bulk/taskflow/notes", json=[entry])
        assert answer.status_code == 500
        assert [one["entryId"] for one in answer.json()["failedEntries"]] == ["1"]


async def test_the_state_is_told(client: httpx.AsyncClient) -> None:
    assert (await client.get("/state")).json() == {"functions": []}
    assert (await client.get("/v1.0/healthz/outbound")).status_code == 204
