"""What became of a write: of a batch one of whose parts was given up, too."""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from msgspec import structs

from functions.keep_dead_letter.main import main as keep_dead_letter
from functions.write_task.main import main as write_task
from taskflow.database import Database
from taskflow.dialects import Entry
from taskflow.events import Event, encode
from taskflow.publish import ListPublisher
from taskflow.serve import Main, Worker
from taskflow.settings import Settings
from tests.gateway.log import LiveLog

Client = httpx.AsyncClient
OFFSETS = itertools.count()


@pytest.fixture
async def functions(settings: Settings) -> AsyncIterator[dict[str, Worker]]:
    """Functions that work when a test says so."""
    found = {main.function.name: _open(main, settings) for main in (write_task, keep_dead_letter)}
    yield found
    for worker in found.values():
        await worker.close()


def _open(main: Main, settings: Settings) -> Worker:
    role = f"taskflow_{main.function.name}"
    own = Settings(database=settings.database, database_role=role, secret=settings.secret)
    return Worker(main.function, database=Database(own), publisher=ListPublisher(), settings=own)


@pytest.fixture
async def batch(paris: Client, live_log: LiveLog) -> dict[str, Any]:
    """A batch of three parts, none of which is carried out by itself: two tasks that exist are
    changed, and new ones made between the lines."""
    tasks = [(await paris.post("/v1/tasks", json={"title": t})).json()["id"] for t in "ab"]
    await live_log.idle()
    live_log.running.clear()
    change, new = {"task": {"priority": "high"}}, {"op": "create", "task": {"title": "new"}}
    lines = [new, *({"op": "update", "id": name, **change} for name in tasks), new]
    return {"operations": lines}


async def parts(live_log: LiveLog) -> list[Event[Any]]:
    """The commands of the batch, once they are on the log: the new tasks', then each other's."""
    while True:
        found = [event for event in live_log.events if hasattr(event.data, "operations")]
        if found:
            assert len(found) == 3
            return found
        await asyncio.sleep(0.01)


async def carry_out(functions: dict[str, Worker], *events: Event[Any]) -> None:
    entries = [Entry(event.id, b"", event=event) for event in events]
    assert set(await functions["write_task"].handle(entries)) <= {"SUCCESS"}


async def bury(functions: dict[str, Worker], event: Event[Any]) -> None:
    """As Dapr delivers the record of a command that was given up."""
    headers = {"__topic": "task-commands", "__partition": "0", "__offset": str(next(OFFSETS))}
    value = base64.b64encode(encode(event)).decode()
    body = encode({"topic": "write-task-dead-letters", "data_base64": value})
    assert (await functions["keep_dead_letter"].answer(headers, body)).status == 204


async def send_away(client: Client, batch: dict[str, Any]) -> str:
    headers = {"Prefer": "respond-async"}
    answer = await client.post("/v1/tasks/batch", json=batch, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


async def test_a_batch_with_a_dead_part_has_failed_and_says_which(
    paris: Client, batch: dict[str, Any], live_log: LiveLog, functions: dict[str, Worker]
) -> None:
    place = await send_away(paris, batch)
    new, first, second = await parts(live_log)
    await carry_out(functions, new)
    await bury(functions, second)
    assert (await paris.get(place)).json()["status"] == "pending"
    await carry_out(functions, first)
    shown = (await paris.get(place)).json()
    assert (shown["status"], shown["problem"]["code"]) == ("failed", "failed")
    told = shown["problem"]
    assert (told["part"], told["parts"], told["operations"]) == (3, 3, [2])
    assert "Part 3 of 3" in told["detail"] and "dead letter" in told["detail"]


async def test_a_batch_whose_every_part_is_dead_has_failed(
    paris: Client, batch: dict[str, Any], live_log: LiveLog, functions: dict[str, Worker]
) -> None:
    place = await send_away(paris, batch)
    for event in await parts(live_log):
        assert (await paris.get(place)).json()["status"] == "pending"
        await bury(functions, event)
    shown = (await paris.get(place)).json()
    assert (shown["status"], shown["problem"]["parts"]) == ("failed", 3)


async def test_a_part_that_was_put_back_is_awaited_again_one_that_was_discarded_is_not(
    paris: Client,
    batch: dict[str, Any],
    live_log: LiveLog,
    functions: dict[str, Worker],
    owner: Any,
) -> None:
    place = await send_away(paris, batch)
    new, first, second = await parts(live_log)
    await carry_out(functions, new, first)
    await bury(functions, second)
    await owner.execute("UPDATE dead_letters SET state = 'discarded'")
    shown = (await paris.get(place)).json()
    assert shown["status"] == "failed" and "discarded" in shown["problem"]["detail"]
    await owner.execute("UPDATE dead_letters SET state = 'redriven'")
    assert (await paris.get(place)).json()["status"] == "pending"
    await carry_out(functions, second)
    shown = (await paris.get(place)).json()
    assert (shown["status"], len(shown["body"]["results"])) == ("done", 4)


async def test_the_request_that_waits_learns_which_of_its_lines_failed(
    paris: Client, batch: dict[str, Any], live_log: LiveLog, functions: dict[str, Worker]
) -> None:
    headers = {"Prefer": "wait=30"}
    waiting = asyncio.create_task(paris.post("/v1/tasks/batch", json=batch, headers=headers))
    new, first, second = await parts(live_log)
    await carry_out(functions, second)
    await bury(functions, new)
    await carry_out(functions, first)
    results = (await waiting).json()["results"]
    assert [one["status"] for one in results] == [500, 200, 200, 500]
    assert results[0]["problem"] == results[3]["problem"]
    assert results[0]["problem"]["operations"] == [0, 3]


# Lines that the gateway itself refuses, with those that it sends between them.
SHAPELESS = [
    {"op": "cancel", "id": "nonsense"},
    {"op": "create", "task": {"title": "one"}},
    {"op": "create", "task": {"title": "two", "colour": "red"}},
    {"op": "create", "task": {"title": ""}},
    {"op": "update", "id": "0190b6c8-0000-7000-8000-000000000000", "task": {"title": "none"}},
    {"op": "create"},
]
STATUSES = [422, 201, 422, 422, 404, 422]


def list_statuses(body: dict[str, Any]) -> list[int]:
    return [one["status"] for one in body["results"]]


async def test_each_line_has_its_result_whichever_way_it_is_learnt(
    paris: Client, live_log: LiveLog
) -> None:
    """The place of the outcome, the same request once more, and a request that waits."""
    batch, headers = {"operations": SHAPELESS}, {"Idempotency-Key": "k", "Prefer": "respond-async"}
    sent = await paris.post("/v1/tasks/batch", json=batch, headers=headers)
    assert sent.status_code == 202, sent.text
    await live_log.idle()
    shown = (await paris.get(sent.headers["location"])).json()
    again = await paris.post("/v1/tasks/batch", json=batch, headers=headers)
    direct = await paris.post("/v1/tasks/batch", json=batch)
    assert (again.status_code, direct.status_code, shown["http_status"]) == (200, 200, 200)
    for body in (shown["body"], again.json(), direct.json()):
        assert list_statuses(body) == STATUSES
        assert body["results"][0]["problem"]["errors"][0]["field"] == "id"
        assert body["results"][2]["problem"]["errors"][0]["field"] == "colour"
    assert shown["body"] == again.json()


async def test_an_older_function_loses_no_line_for_who_waits(
    paris: Client, live_log: LiveLog, functions: dict[str, Worker]
) -> None:
    """It leaves out what it does not know; whoever asks for the outcome later sees what it did."""
    live_log.running.clear()
    batch, headers = {"operations": SHAPELESS}, {"Idempotency-Key": "k", "Prefer": "wait=30"}
    waiting = asyncio.create_task(paris.post("/v1/tasks/batch", json=batch, headers=headers))
    while not (sent := [one for one in live_log.events if hasattr(one.data, "operations")]):
        await asyncio.sleep(0.01)
    assert [len(one.data.refused) for one in sent] == [3, 0]
    old = [structs.replace(one, data=structs.replace(one.data, refused=[])) for one in sent]
    await carry_out(functions, *old)
    assert list_statuses((await waiting).json()) == STATUSES
    again = await paris.post("/v1/tasks/batch", json=batch, headers=headers)
    assert again.json() == waiting.result().json()


async def test_lines_of_many_words_leave_the_command_its_size(
    paris: Client, live_log: LiveLog
) -> None:
    """All are told of; the last of them in fewer words than the direct answer has."""
    live_log.running.clear()
    lines: list[dict[str, Any]] = [{"op": "create", "task": {"x" * 900: n}} for n in range(996)]
    lines += [{"op": "create", "task": {"title": "big", "notes": "x" * 60_000}}] * 3
    batch, headers = {"operations": [*lines, SHAPELESS[0]]}, {"Prefer": "respond-async"}
    sent = await paris.post("/v1/tasks/batch", json=batch, headers=headers)
    assert sent.status_code == 202, sent.text
    (command,) = [one for one in live_log.events if hasattr(one.data, "operations")]
    assert len(encode(command)) < 512 * 1024
    live_log.running.set()
    await live_log.idle()
    results = (await paris.get(sent.headers["location"])).json()["body"]["results"]
    assert [one["status"] for one in results] == [422] * 996 + [201] * 3 + [422]
    assert results[0]["problem"]["errors"] and not results[995]["problem"]["errors"]
    assert "send this line again" in results[995]["problem"]["detail"]


async def test_a_batch_of_refused_lines_alone_is_answered_at_once(
    paris: Client, live_log: LiveLog
) -> None:
    headers = {"Idempotency-Key": "k", "Prefer": "respond-async"}
    lines = {"operations": [SHAPELESS[0], SHAPELESS[2]]}
    answers = [await paris.post("/v1/tasks/batch", json=lines, headers=headers) for _ in "12"]
    assert [(one.status_code, list_statuses(one.json())) for one in answers] == [
        (200, [422] * 2)
    ] * 2
    assert [one for one in live_log.events if one.data.topic == "task-commands"] == []


async def test_a_record_that_lies_about_its_batch_is_a_dead_command_all_the_same(
    paris: Client, live_log: LiveLog, functions: dict[str, Worker], owner: Any
) -> None:
    live_log.running.clear()
    headers = {"Prefer": "respond-async"}
    answer = await paris.post("/v1/tasks", json={"title": "x"}, headers=headers)
    (event,) = [one for one in live_log.events if one.data.topic == "task-commands"]
    await bury(functions, event)
    for value in (
        b"\xff no JSON",
        b'{"data": {"batch_id": "5f0c0000-0000-4000-8000-000000000009", "parts": 3}}',
        b'{"data": {"batch_id": "5f0c0000-0000-4000-8000-000000000009", "parts": 999999999}}',
    ):
        await owner.execute("UPDATE dead_letters SET value = $1", value)
        shown = (await paris.get(answer.headers["location"])).json()
        assert (shown["status"], "part" in shown["problem"]) == ("failed", False)
