"""What nobody could do becomes a row; what was done after all is said again."""

import asyncio
import base64
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from functions.keep_dead_letter.main import main
from functions.write_task.main import main as write_main
from taskflow.events import Event, encode
from taskflow.serve import Worker
from tests.functions.commands import NOW, create, deliver, published, send, take
from tests.functions.conftest import OpenWorker, Owner

STRANGE_ID = "not an id"


async def bury(
    worker: Worker, value: bytes, *, offset: int = 7, topic: str = "task-commands"
) -> int:
    """The answer to one record of write-task's dead-letter topic, as Dapr delivers it raw."""
    headers = {"__topic": topic, "__partition": "3", "__offset": str(offset), "__key": "k"}
    body = {"topic": "write-task-dead-letters", "data_base64": base64.b64encode(value).decode()}
    return (await worker.answer(headers, encode(body))).status


async def rows(owner: Owner) -> list[dict[str, Any]]:
    return [dict(row) for row in await owner.fetch("SELECT * FROM dead_letters ORDER BY kept_at")]


@pytest.fixture
def keeper(open_worker: OpenWorker) -> Worker:
    return open_worker(main)


async def test_a_row_says_where_what_and_why(
    keeper: Worker, open_worker: OpenWorker, owner: Owner
) -> None:
    poison = send(create("nobody"))
    writer = open_worker(write_main)
    for _ in range(5):
        await deliver(writer, poison)
    assert await bury(keeper, encode(poison)) == 204
    (row,) = await rows(owner)
    place = ("write-task", "task-commands", 3, 7, "k")
    names = ("consumer", "record_topic", "partition", "record_offset", "record_key")
    assert tuple(row[name] for name in names) == place
    assert (row["value"], row["state"], row["kept_at"]) == (encode(poison), "kept", NOW)
    assert (row["event_id"], row["event_type"]) == (poison.id, poison.type)
    assert row["attempts"] == 5 and row["reason"].startswith("DataError")
    assert "load_state" in row["trace"]
    assert published(keeper) == []


async def test_a_record_is_kept_once(keeper: Worker, owner: Owner) -> None:
    value = encode(send(create(str(uuid4()))))
    for offset in (7, 7, 8):
        assert await bury(keeper, value, offset=offset) == 204
    assert [row["record_offset"] for row in await rows(owner)] == [7, 8]


async def test_what_the_sidecar_dropped_has_a_reason_too(keeper: Worker, owner: Owner) -> None:
    await bury(keeper, encode(send(create(str(uuid4())))))
    (row,) = await rows(owner)
    assert row["attempts"] == 0 and "sidecar" in row["reason"]


async def test_a_command_that_committed_says_its_events_again(
    keeper: Worker, open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    writer = open_worker(write_main)
    command = send(create(user_id, due_at="2026-12-31T09:00:00Z", reminders=[{"before": "P1D"}]))
    await deliver(writer, command)
    said = take(writer)
    assert await bury(keeper, encode(command)) == 204
    assert [encode(event) for event in published(keeper)] == [encode(event) for event in said]
    assert len(said) == 2 and len(await rows(owner)) == 1


async def test_events_that_do_not_leave_are_repeated(
    keeper: Worker, open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    command = send(create(user_id))
    await deliver(open_worker(write_main), command)
    keeper.publisher.refuses = {command.partitionkey}  # type: ignore[attr-defined]
    assert await bury(keeper, encode(command)) == 503
    keeper.publisher.refuses = set()  # type: ignore[attr-defined]
    assert await bury(keeper, encode(command)) == 204
    assert len(published(keeper)) == len(await rows(owner)) == 1


async def test_who_waits_for_a_dead_command_is_told(keeper: Worker, owner: Owner) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    await owner.add_listener("gateway-1", lambda *got: heard.put_nowait(got[3]))
    command = send(create(str(uuid4())), replyto="gateway-1")
    assert await bury(keeper, encode(command)) == 204
    assert await heard.get() == command.id
    assert len(await rows(owner)) == 1 and published(keeper) == []


async def test_a_dead_fact_is_only_kept(
    keeper: Worker, open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    writer = open_worker(write_main)
    await deliver(writer, send(create(user_id)))
    (fact,) = published(writer)
    assert await bury(keeper, encode(fact), topic="task-events") == 204
    assert published(keeper) == [] and len(await rows(owner)) == 1


def strange(**fields: Any) -> bytes:
    event: Event[Any] = send(create(str(uuid4())))
    return encode(msgspec.to_builtins(event) | fields)


STRANGE = [
    b"",
    b"\x00\xff no JSON",
    b"[]",
    b'{"specversion":"1.0"}',
    strange(id=STRANGE_ID),
    strange(id="a\0b", type="c\0d"),
    strange(id="".join(map(str, range(5000))), replyto="gateway-1"),
    strange(id=STRANGE_ID, replyto="x" * 99),
    strange(source="\0", type="".join(map(str, range(5000)))),
    strange(time="2026-12-01T08:00:00"),
    strange().replace(b'"data":{', b'"data":{"more":' + b"[" * 9999 + b"]" * 9999 + b","),
]


@pytest.mark.parametrize("value", STRANGE, ids=range(len(STRANGE)))
async def test_no_record_is_too_strange_to_keep(
    keeper: Worker, open_worker: OpenWorker, owner: Owner, value: bytes
) -> None:
    headers = {"content-type": "application/cloudevents+json"}
    for _ in range(5):
        await open_worker(write_main).answer(headers, value)
    assert await bury(keeper, value) == 204
    (row,) = await rows(owner)
    assert row["value"] == value
    assert row["attempts"] in (1, 5) and row["trace"]
