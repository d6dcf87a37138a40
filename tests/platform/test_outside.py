"""Programs that are none of ours at the same log: Dapr's own SDK publishes to our doors and reads
what we tell everybody, and Knative's way of delivery finds the same function.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cloudevents.conversion import to_binary
from cloudevents.http import from_json
from dapr.aio.clients import DaprClient
from dapr.clients.grpc._request import BulkPublishEntry
from msgspec import structs

from taskflow.events import RealtimeUpdate, encode
from tests.functions.commands import create, send, update
from tests.platform.blocks.sidecars import (
    Place,
    give_values,
    open_sdk,
    read_resource,
    run_sidecar,
    until_ready,
)
from tests.platform.log import Log
from tests.platform.pods import ROOT, Pod, Program, read_program
from tests.platform.stage import Stage, staged, surround, until

CLOUDEVENT = "application/cloudevents+json"
PUBSUB = "taskflow"
TITLES = "SELECT title FROM tasks WHERE user_id = $1 ORDER BY title"
FEED = "SELECT seq, task_id::text, type FROM feed WHERE user_id = $1 ORDER BY seq"
LETTERS = "SELECT count(*) FROM dead_letters WHERE consumer = 'write-task'"


@pytest.fixture(scope="module")
async def stage(log: Log, database: str, daprd: Path, folder: Path) -> AsyncIterator[Stage]:
    around = surround(daprd, folder, log.bootstrap, database, {})
    functions = ("write-task", "fan-out-update", "keep-dead-letter")
    async with staged(log, database, around, *functions) as running:
        yield running


@pytest.fixture(scope="module")
async def outside(daprd: Path, folder: Path, log: Log) -> AsyncIterator[DaprClient]:
    """A program of somebody else, with a sidecar of its own and no word about our topics."""
    component = give_values(read_resource("dapr/publish.taskflow"), brokers=log.bootstrap)
    place = Place(daprd, folder / "outside")
    async with run_sidecar(place, "outside", [component]) as sidecar:
        await until_ready(sidecar)
        async with open_sdk(sidecar) as client:
            yield client


async def test_our_door_takes_what_dapr_s_own_sdk_publishes(
    stage: Stage, outside: DaprClient
) -> None:
    """One event at a time and in bulk; what is no event of ours is set aside with its reason."""
    person = await stage.add_person()
    commands = [send(create(person, title=f"task {number}")) for number in range(4)]
    sent = [
        (encode(one), {"partitionKey": one.partitionkey, "rawPayload": "false"}) for one in commands
    ]
    ((before,),) = await stage.fetch(LETTERS)
    for data, told in sent[:2]:
        await outside.publish_event(
            PUBSUB, "task-commands", data, data_content_type=CLOUDEVENT, publish_metadata=told
        )
    entries = [
        BulkPublishEntry(data, content_type=CLOUDEVENT, metadata=told) for data, told in sent[2:]
    ]
    answer = await outside.publish_events(PUBSUB, "task-commands", entries)
    assert not answer.failed_entries
    await outside.publish_event(PUBSUB, "task-commands", b'{"title": "just JSON"}')

    async def are_written() -> bool:
        return await stage.fetch(TITLES, person) == [(f"task {number}",) for number in range(4)]

    await until(are_written, "a task for each command")

    async def is_set_aside() -> bool:
        return await stage.fetch(LETTERS) == [(before + 1,)]

    await until(is_set_aside, "a dead letter for what is no command")


async def test_dapr_s_own_sdk_reads_what_we_tell_everybody(
    stage: Stage, outside: DaprClient
) -> None:
    """A plain subscription, with nothing said of raw records, finds whole CloudEvents."""
    person = await stage.add_person()
    first = create(person, title="0")
    changes = [send(update(person, first.task_id, title=str(step))) for step in range(1, 4)]
    await stage.send([send(first), *changes])
    found: list[Any] = []
    subscription = await outside.subscribe(PUBSUB, "task-updates")
    async for message in subscription:
        await subscription.respond_success(message)
        if message.extensions().get("partitionkey") == person:
            found.append(message)
        if len(found) == 4:
            break
    await subscription.close()
    assert {one.type() for one in found} == {RealtimeUpdate.type}
    assert {one.source() for one in found} == {"/taskflow/fan_out_update"}
    found.sort(key=lambda one: one.data()["cursor"])
    told = [
        (one.data()["cursor"], one.data()["task_id"], one.data()["event_type"]) for one in found
    ]
    assert told == await stage.fetch(FEED, person)
    assert [one.data()["task"]["title"] for one in found] == ["0", "1", "2", "3"]


# --- Knative Eventing ----------------------------------------------------------------------------


def read_eventing() -> Program:
    """The function as knative/eventing/ starts it; nobody there has a token to show."""
    manifest = (ROOT / "knative/eventing/task-events.fan-out-update.yaml").read_text()
    (service,) = (
        one
        for one in yaml.safe_load_all(manifest)
        if one["apiVersion"].startswith("serving.knative.dev/")
    )
    return read_program(service["spec"]["template"])


async def test_the_same_function_is_served_by_knative_s_source(
    stage: Stage, daprd: Path, folder: Path
) -> None:
    """A KafkaSource takes a record with this content type for an event and posts it in binary mode,
    one a request; the answer is a status: 5xx comes again, 422 goes to the dead letters."""
    await stage.pods["fan-out-update"].stop()
    person = await stage.add_person()
    await stage.send([send(create(person, title="by Knative"))])
    await stage.until_done(("write-task", "task-commands"))
    around = surround(daprd, folder / "knative", stage.log.bootstrap, stage.database, {})
    pod = Pod(read_eventing(), structs.replace(around, token=""))
    await pod.start()
    (record,) = [
        one for one in await stage.log.read("task-events") if person.encode() in (one.value or b"")
    ]
    assert ("content-type", CLOUDEVENT.encode()) in record.headers
    event = from_json(record.value)
    headers, body = to_binary(event)
    async with httpx.AsyncClient(base_url=pod.url, trust_env=False) as client:
        assert (await client.get("/health/liveness")).status_code == 200
        for _ in range(2):
            answer = await client.post("/", headers=headers, content=body)
            assert (answer.status_code, answer.content) == (204, b"")
        headers, body = to_binary(type(event)(event.get_attributes() | {"type": "x"}, event.data))
        assert (await client.post("/", headers=headers, content=body)).status_code == 422
    await pod.stop()
    ((_, task, kind),) = await stage.fetch(FEED, person)
    assert (task, kind) == (json.loads(record.value)["subject"], "created")
