"""One promise, on the real log: what a publisher says it has published is there, and every door is
handed what is there in each of Dapr's ways, single, in bulk, raw and by the clock.
"""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cloudevents.http import from_json
from msgspec import structs

from taskflow.events import CompleteTask, Event, encode, new_event
from taskflow.publish import Publisher, open_publisher
from tests.functions.commands import NOW, complete, create, send
from tests.platform.log import Log
from tests.platform.pods import ROOT, Program, read_programs
from tests.platform.stage import Stage, staged, surround, until

TOPIC = "task-updates"
TASKS = "SELECT title, status, version FROM tasks WHERE user_id = $1 ORDER BY created_at, id"
LETTERS = "SELECT count(*) FROM dead_letters"


@pytest.fixture(scope="module")
async def stage(log: Log, database: str, daprd: Path, folder: Path) -> AsyncIterator[Stage]:
    around = surround(daprd, folder, log.bootstrap, database, {})
    async with staged(log, database, around, "write-task") as running:
        yield running


# --- publishers ----------------------------------------------------------------------------------


@pytest.fixture(params=["dapr", "kafka"])
async def publisher(request: pytest.FixtureRequest, stage: Stage) -> AsyncIterator[Publisher]:
    announced = {"DAPR_HTTP_PORT": str(stage.pods["write-task"].sidecar_port)}
    address = {"dapr": "dapr://127.0.0.1/taskflow", "kafka": f"kafka://{stage.log.bootstrap}"}
    opened = open_publisher(address[request.param], announced)
    yield opened
    await opened.close()


def make_event(number: int, stream: str, note: str = "") -> Event[CompleteTask]:
    command = CompleteTask(user_id="u", actor_id="u", stream=stream, task_id="t", fingerprint=note)
    return new_event(command, id=f"{stream}-{number}", source="test", time=NOW)


async def arrived(stage: Stage, stream: str) -> list[dict[str, Any]]:
    """The events of one key, in the order of the log."""
    records = await stage.log.read(TOPIC)
    return [json.loads(one.value or b"") for one in records if one.key == stream.encode()]


async def test_events_arrive_whole_and_in_order(
    publisher: Publisher, stage: Stage, request: pytest.FixtureRequest
) -> None:
    note = "\u0000<&\U0001f600ü\u2028"
    streams = [f"{request.node.callspec.id} {number}" for number in range(3)]
    waves = [[make_event(n, stream, note * n) for stream in streams] for n in range(7)]
    assert await publisher.reachable()
    for wave in waves:
        assert await publisher.publish(TOPIC, wave) == set()
    for number, stream in enumerate(streams):
        found = await arrived(stage, stream)
        for event, wave in zip(found, waves, strict=True):
            sent = {k: v for k, v in msgspec.to_builtins(wave[number]).items() if v is not None}
            assert sent.items() <= event.items()
            assert from_json(json.dumps(event))["id"] == sent["id"]


async def test_a_thousand_at_once_and_one_of_the_greatest_size(
    publisher: Publisher, stage: Stage, request: pytest.FixtureRequest
) -> None:
    stream = f"many {request.node.callspec.id}"
    many = [make_event(number, stream) for number in range(1000)]
    largest = make_event(1000, stream, "x" * 4_000_000)
    assert await publisher.publish(TOPIC, many) == set()
    assert await publisher.publish(TOPIC, [largest]) == set()
    ids = [event["id"] for event in await arrived(stage, stream)]
    assert sorted(ids) == sorted(event.id for event in [*many, largest])


async def test_an_event_that_came_twice_is_no_failure(
    publisher: Publisher, stage: Stage, request: pytest.FixtureRequest
) -> None:
    stream = f"twice {request.node.callspec.id}"
    first, second = (make_event(number, stream) for number in range(2))
    assert await publisher.publish(TOPIC, [first, second, first]) == set()
    ids = {event["id"] for event in await arrived(stage, stream)}
    assert ids == {first.id, second.id}


async def test_what_is_set_aside_arrives_byte_for_byte_with_its_place(
    publisher: Publisher, stage: Stage, request: pytest.FixtureRequest
) -> None:
    value, key = b"\x00\xff no JSON", f"aside {request.node.callspec.id}"
    place = {"__topic": "task-commands", "__partition": "3", "__offset": "17", "__key": key}
    assert await publisher.set_aside(TOPIC, value, place)
    (record,) = [one for one in await stage.log.read(TOPIC) if one.key == key.encode()]
    assert record.value == value
    headers = {name: text.decode() for name, text in record.headers}
    assert place.items() <= headers.items()


# --- doors ---------------------------------------------------------------------------------------


def under_framework(program: Program) -> Program:
    """The same function as the functions-framework command serves it."""
    source = ROOT / program.command[-3].partition(":")[0].replace(".", "/")
    framework = str(Path(sys.executable).with_name("functions-framework"))
    options = ["--target", "main", "--asgi", "--host", "127.0.0.1", "--port", "$(PORT)"]
    command = [framework, "--source", f"{source}.py", *options]
    return structs.replace(program, command=command)


@pytest.fixture(params=["image", "functions-framework"])
async def served(
    request: pytest.FixtureRequest, stage: Stage, daprd: Path, folder: Path
) -> AsyncIterator[Stage]:
    """The writer and the keeper of dead letters behind one kind of door, and no other writer."""
    await stage.pods["write-task"].stop()
    around = surround(daprd, folder / request.param, stage.log.bootstrap, stage.database, {})
    programs = [read_programs()[name] for name in ("write-task", "keep-dead-letter")]
    if request.param != "image":
        programs = [under_framework(program) for program in programs]
    served = Stage(stage.log, stage.database, around)
    try:
        await served.start(programs)
        yield served
    finally:
        await served.stop()


async def test_every_door_is_handed_bulk_and_raw_records(served: Stage) -> None:
    """Commands in bulk, in order; what nobody can read goes raw to the keeper, with its reason."""
    person = await served.add_person()
    first = create(person, title="Buy milk")
    orders = [send(first), send(complete(person, first.task_id))]
    nonsense = [b"\x8f\x00 noise", b'{"specversion":"1.0"}', b"[]"]
    ((before,),) = await served.fetch(LETTERS)
    await served.log.send("task-commands", *nonsense, *map(encode, orders), partition=0)

    async def is_done() -> bool:
        return await served.fetch(TASKS, person) == [("Buy milk", "done", 2)]

    await until(is_done, "created and completed")

    async def are_kept() -> bool:
        return await served.fetch(LETTERS) == [(before + len(nonsense),)]

    await until(are_kept, "a row for each that nobody can read")
