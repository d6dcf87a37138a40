"""Every form of delivery and every answer, by small functions with a real database."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from taskflow.attempts import body_key
from taskflow.database import Database
from taskflow.dialects import read_delivery
from taskflow.errors import LeaseHeld, Unavailable, Unreadable
from taskflow.events import (
    CompleteTask,
    DeleteTask,
    Event,
    Notice,
    Payload,
    Record,
    ReopenTask,
    Tick,
    derive_events,
    encode,
    new_event,
)
from taskflow.publish import ListPublisher
from taskflow.serve import (
    NOTIFY_BYTES,
    Function,
    Lease,
    Within,
    Worker,
    lease,
    nothing,
    serve,
    split_notices,
    transaction,
)
from taskflow.settings import Settings

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Handled: TypeAlias = Sequence[Event[Any] | Notice]
OpenWorker: TypeAlias = Callable[..., Worker]

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
JSON = {"content-type": "application/json"}


def ask(stream: str = "a", id: str | None = None) -> Event[CompleteTask]:
    command = CompleteTask(user_id="u", actor_id="u", stream=stream, task_id="t")
    return new_event(command, id=id or str(uuid4()), source="gateway", time=NOW)


def follow(event: Event[Any]) -> Event[Payload]:
    """Something that follows from an event, in its stream."""
    data = event.data
    payload = ReopenTask(user_id="u", actor_id="u", stream=data.stream, task_id="t")
    return derive_events(event, [payload], source="echo")[0]


async def echo(event: Event[Any]) -> Handled:
    return [follow(event)]


async def echo_all(events: list[Event[Any]]) -> Handled:
    return [follow(event) for event in events]


class Fails:
    """A handler of single events that raises `error` for the streams in `streams`."""

    def __init__(self, error: Exception, *streams: str) -> None:
        self.error, self.streams = error, streams
        self.seen: list[str] = []

    async def __call__(self, event: Event[Any]) -> Handled:
        self.seen.append(event.id)
        if event.data.stream in self.streams:
            raise self.error
        return [follow(event)]


class FailsAll(Fails):
    """The same for batches."""

    async def __call__(self, events: list[Event[Any]]) -> Handled:  # type: ignore[override]
        self.seen.append(",".join(event.data.stream for event in events))
        if any(event.data.stream in self.streams for event in events):
            raise self.error
        return [follow(event) for event in events]


def make_function(
    handler: Callable[..., Awaitable[Handled]],
    within: Within = nothing,
    *,
    wakes_on: tuple[type[Payload], ...] = (CompleteTask,),
    emits: tuple[type[Payload], ...] = (ReopenTask,),
) -> Function:
    batch = handler is echo_all or isinstance(handler, FailsAll)
    return Function("echo", handler, wakes_on, emits, within, batch)


@pytest.fixture
async def open_worker(settings: Settings) -> AsyncIterator[OpenWorker]:
    opened: list[Worker] = []

    def open_one(handler: Any, within: Within = nothing, **more: Any) -> Worker:
        own = structs.replace(settings, **more.pop("settings", {}))
        function = make_function(handler, within, **more)
        worker = Worker(
            function,
            database=Database(own),
            publisher=ListPublisher(),
            settings=own,
            clock=lambda: NOW,
        )
        opened.append(worker)
        return worker

    yield open_one
    for worker in opened:
        await worker.close()


def sent(worker: Worker) -> list[str | None]:
    """The causes of what was published."""
    assert isinstance(worker.publisher, ListPublisher)
    return [event.causationid for event in worker.publisher.events]


def bulk(*events: object) -> bytes:
    return encode({"entries": [{"entryId": f"e{n}", "event": e} for n, e in enumerate(events)]})


async def deliver(worker: Worker, *events: object) -> str:
    answer = await worker.answer(JSON, bulk(*events))
    assert answer.status == 200
    statuses = msgspec.json.decode(answer.body)["statuses"]
    assert [one["entryId"] for one in statuses] == [f"e{n}" for n in range(len(events))]
    return "".join(one["status"][0] for one in statuses)


async def attempts(owner: Owner) -> list[tuple[str, int]]:
    rows = await owner.fetch("SELECT event_key, count FROM attempts ORDER BY event_key")
    return [(row["event_key"], row["count"]) for row in rows]


def from_sidecar(event: Event[Any], **more: Any) -> bytes:
    return encode({**msgspec.to_builtins(event), "pubsubname": "taskflow", "topic": "t", **more})


def binary(event: Event[Any]) -> dict[str, str]:
    whole = msgspec.to_builtins(event)
    del whole["data"], whole["datacontenttype"]
    return {"content-type": "application/json", **{f"ce-{k}": str(v) for k, v in whole.items()}}


# --- every form of delivery --------------------------------------------------------------------


async def test_structured(open_worker: OpenWorker) -> None:
    worker, event = open_worker(echo), ask()
    answer = await worker.answer(STRUCTURED, encode(event))
    assert (answer.status, answer.body, sent(worker)) == (204, b"", [event.id])


async def test_binary(open_worker: OpenWorker) -> None:
    worker, event = open_worker(echo), ask()
    answer = await worker.answer(binary(event), encode(event.data))
    assert (answer.status, answer.body, sent(worker)) == (204, b"", [event.id])


async def test_both_modes_give_the_same_event(open_worker: OpenWorker) -> None:
    seen: list[Event[Any]] = []

    async def keep(event: Event[Any]) -> Handled:
        seen.append(event)
        return []

    worker, event = open_worker(keep), structs.replace(ask(), traceparent="00-1-2-01")
    await worker.answer(binary(event), encode(event.data))
    await worker.answer(STRUCTURED, encode(event))
    assert seen == [event, event]


async def test_batched(open_worker: OpenWorker) -> None:
    worker, events = open_worker(echo), [ask(), ask("b")]
    answer = await worker.answer(BATCH, encode(events))
    assert (answer.status, sent(worker)) == (204, [event.id for event in events])


async def test_dapr_single(open_worker: OpenWorker) -> None:
    worker, event = open_worker(echo), ask()
    answer = await worker.answer(STRUCTURED, from_sidecar(event, traceid="x", expiration="y"))
    assert (answer.status, sent(worker)) == (204, [event.id])


async def test_dapr_bulk(open_worker: OpenWorker) -> None:
    worker, events = open_worker(echo), [ask(), ask("b")]
    assert await deliver(worker, *events) == "SS"
    assert sent(worker) == [event.id for event in events]


async def test_a_tick_of_the_clock(open_worker: OpenWorker) -> None:
    seen: list[type[Payload]] = []

    async def look(event: Event[Tick]) -> Handled:
        seen.append(type(event.data))
        return []

    worker = open_worker(look, wakes_on=(Tick,))
    for headers, body in (({}, b""), (JSON, b""), (JSON, b"{}")):
        assert (await worker.answer(headers, body)).status == 204
    assert seen == [Tick] * 3
    assert (await open_worker(echo).answer(JSON, b"{}")).status == 422


PLACE = {"__topic": "task-commands", "__partition": "3", "__offset": "42", "__key": "k"}


async def test_a_raw_record(open_worker: OpenWorker) -> None:
    seen: list[Record] = []

    async def keep(event: Event[Record]) -> Handled:
        seen.append(event.data)
        return []

    worker = open_worker(keep, wakes_on=(Record,))
    body = {"topic": "write-task-dead-letters", "data_base64": base64.b64encode(b"\0\xff").decode()}
    assert (await worker.answer(PLACE, encode(body))).status == 204
    place = {"record_topic": "task-commands", "partition": 3, "offset": 42, "record_key": "k"}
    assert seen == [Record(value=b"\0\xff", consumer="write-task", **place)]  # type: ignore[arg-type]
    for headers, wrong in (
        ({}, body),
        (PLACE, {"topic": "x"}),
        (PLACE, {**body, "data_base64": "?"}),
    ):
        assert (await worker.answer(headers, encode(wrong))).status == 422


# --- raw batches, as a sidecar hands them over --------------------------------------------------


def raw_bulk(*values: bytes) -> bytes:
    """What Dapr makes of records of one partition for a bulk subscription with rawPayload."""
    entries = [
        {
            "entryId": str(number),
            "event": base64.b64encode(value).decode(),
            "contentType": "application/octet-stream",
            "metadata": {**PLACE, "__offset": str(number), "__timestamp": "1"},
        }
        for number, value in enumerate(values)
    ]
    return encode({"entries": entries})


async def deliver_raw(worker: Worker, *values: bytes) -> str:
    answer = await worker.answer(JSON, raw_bulk(*values))
    statuses = msgspec.json.decode(answer.body)["statuses"]
    assert [one["entryId"] for one in statuses] == [str(n) for n in range(len(values))]
    return "".join(one["status"][0] for one in statuses)


def aside(worker: Worker) -> list[tuple[str, bytes, dict[str, str]]]:
    assert isinstance(worker.publisher, ListPublisher)
    return worker.publisher.aside


async def test_a_raw_batch_drops_nothing_but_sets_it_aside_with_its_place(
    open_worker: OpenWorker, owner: Owner
) -> None:
    worker = open_worker(echo_all)
    noise = b"\x00\xff noise"
    good = [ask("a"), ask("b")]
    assert await deliver_raw(worker, noise, encode(good[0]), b"{}", encode(good[1])) == "SSSS"
    assert sent(worker) == [event.id for event in good]
    topic = "echo-dead-letters"
    assert aside(worker) == [
        (topic, noise, {**PLACE, "__offset": "0"}),
        (topic, b"{}", {**PLACE, "__offset": "2"}),
    ]
    assert sorted(await attempts(owner)) == sorted((body_key(value), 1) for value in (noise, b"{}"))


async def test_what_the_log_does_not_take_aside_comes_again(open_worker: OpenWorker) -> None:
    worker = open_worker(echo_all)
    assert isinstance(worker.publisher, ListPublisher)
    worker.publisher.refuses = {PLACE["__key"]}
    assert await deliver_raw(worker, b"noise", encode(ask("a"))) == "RS"
    worker.publisher.refuses = set()
    assert await deliver_raw(worker, b"noise") == "S"
    assert [value for _, value, _ in aside(worker)] == [b"noise"]


async def test_the_fifth_try_of_a_raw_record_sets_it_aside(open_worker: OpenWorker) -> None:
    worker = open_worker(FailsAll(ValueError("a bug"), "bad"))
    values = [encode(ask("good")), encode(ask("bad"))]
    assert [await deliver_raw(worker, *values) for _ in range(5)] == ["SR"] * 4 + ["SS"]
    assert [value for _, value, _ in aside(worker)] == [values[1]]


async def test_what_is_no_base64_is_unreadable(open_worker: OpenWorker) -> None:
    entry = {"entryId": "0", "event": "?", "contentType": "application/octet-stream"}
    answer = await open_worker(echo).answer(JSON, encode({"entries": [entry]}))
    assert answer.body == b'{"statuses":[{"entryId":"0","status":"DROP"}]}'


async def test_a_single_event_with_its_place_in_the_headers_is_daprs(
    open_worker: OpenWorker,
) -> None:
    strange = structs.replace(ask(), type="taskflow.task.complete.v99")
    answer = await open_worker(echo).answer({**STRUCTURED, **PLACE}, encode(strange))
    assert (answer.status, answer.body) == (200, b'{"status":"DROP"}')


# --- every answer ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "write", "retried", "dropped"),
    [
        (STRUCTURED, encode, (503, b""), (422, b"")),
        (BATCH, lambda event: encode([event]), (503, b""), (422, b"")),
        (STRUCTURED, from_sidecar, (503, b""), (200, b'{"status":"DROP"}')),
        (
            JSON,
            bulk,
            (200, b'{"statuses":[{"entryId":"e0","status":"RETRY"}]}'),
            (200, b'{"statuses":[{"entryId":"e0","status":"DROP"}]}'),
        ),
    ],
)
async def test_each_answers_in_its_dialect(
    open_worker: OpenWorker,
    headers: dict[str, str],
    write: Callable[[Event[Any]], bytes],
    retried: tuple[int, bytes],
    dropped: tuple[int, bytes],
) -> None:
    away = open_worker(Fails(Unavailable("away"), "a"))
    answer = await away.answer(headers, write(ask()))
    assert (answer.status, answer.body) == retried
    strange = structs.replace(ask(), type="taskflow.task.complete.v99")
    answer = await open_worker(echo).answer(headers, write(strange))
    assert (answer.status, answer.body) == dropped


@pytest.mark.parametrize(
    ("token", "status"), [(None, 401), ("", 401), ("wrong", 401), ("tökn", 401), ("secret", 204)]
)
async def test_the_token(open_worker: OpenWorker, token: str | None, status: int) -> None:
    worker = open_worker(echo, settings={"delivery_token": "secret"})
    headers = STRUCTURED | ({} if token is None else {"dapr-api-token": token})
    assert (await worker.answer(headers, encode(ask()))).status == status
    assert len(sent(worker)) == (1 if status == 204 else 0)


# --- what nobody can read ----------------------------------------------------------------------


BROKEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "no object": lambda event: "text",
    "nothing": lambda event: None,
    "no id": lambda event: {k: v for k, v in event.items() if k != "id"},
    "another version of CloudEvents": lambda event: event | {"specversion": "0.3"},
    "an unknown type": lambda event: event | {"type": "taskflow.task.vanish.v1"},
    "an unknown version": lambda event: event | {"type": "taskflow.task.complete.v2"},
    "no data": lambda event: {k: v for k, v in event.items() if k != "data"},
    "data of another shape": lambda event: event | {"data": {"user_id": 5}},
    "an id with NUL": lambda event: event | {"id": "a\0b", "type": "x"},
    "an id without end": lambda event: event | {"id": "".join(map(str, range(9999))), "type": "x"},
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_nobody_can_read_is_dropped_at_once_with_its_reason(
    open_worker: OpenWorker, owner: Owner, name: str
) -> None:
    worker, good = open_worker(echo), ask()
    broken = BROKEN[name](msgspec.to_builtins(ask(id="broken")))
    assert await deliver(worker, broken, good) == "DS"
    row = await owner.fetchrow("SELECT * FROM attempts")
    assert row is not None and (row["consumer"], row["count"]) == ("echo", 1)
    assert row["reason"].startswith("Unreadable: ") and "Unreadable" in row["trace"]
    assert sent(worker) == [good.id]


async def test_a_body_without_an_id_is_named_by_its_bytes(
    open_worker: OpenWorker, owner: Owner
) -> None:
    worker = open_worker(echo)
    assert (await worker.answer(STRUCTURED, b"{}")).status == 422
    assert await attempts(owner) == [(body_key(b"{}"), 1)]


@pytest.mark.parametrize("headers", [BATCH, JSON, {}, {"content-type": "text/plain"}])
async def test_a_body_without_entries(open_worker: OpenWorker, headers: dict[str, str]) -> None:
    for body in (b"", b"{", b"\xff", b"{}", b'{"entries":[{}]}'):
        assert (await open_worker(echo).answer(headers, body)).status == 422


BINARY = ["ce-id", "ce-source", "ce-type", "ce-specversion", "ce-time", "content-type"]


@given(st.dictionaries(st.sampled_from(BINARY), st.text(max_size=20)), st.binary(max_size=40))
def test_no_request_breaks_the_reader(headers: dict[str, str], body: bytes) -> None:
    try:
        delivery = read_delivery(headers, body)
    except Unreadable:
        return
    assert all(entry.envelope or entry.problem for entry in delivery.entries)


# --- acknowledged unseen -----------------------------------------------------------------------


async def test_a_known_type_that_wakes_nobody_is_acknowledged(
    open_worker: OpenWorker, owner: Owner
) -> None:
    worker = open_worker(echo)
    other = new_event(
        DeleteTask(user_id="u", actor_id="u", stream="a", task_id="t"),
        id="d",
        source="gateway",
        time=NOW,
    )
    assert await deliver(worker, other, ask()) == "SS"
    assert len(sent(worker)) == 1 and await attempts(owner) == []


async def test_a_redrive_is_for_one_consumer(open_worker: OpenWorker) -> None:
    worker = open_worker(echo)
    ours = structs.replace(ask(), redrivefor="echo")
    theirs = structs.replace(ask(), redrivefor="write-audit")
    assert await deliver(worker, ours, theirs) == "SS"
    assert sent(worker) == [ours.id]


# --- an outage poisons nothing -----------------------------------------------------------------


@pytest.mark.parametrize("error", [Unavailable("away"), LeaseHeld("held")])
@pytest.mark.parametrize("kind", [Fails, FailsAll])
async def test_what_is_away_is_repeated_without_limit(
    open_worker: OpenWorker, owner: Owner, kind: type[Fails], error: Exception
) -> None:
    worker = open_worker(kind(error, "a"))
    for _ in range(7):
        assert await deliver(worker, ask("a", "1"), ask("a", "2")) == "RR"
    assert await attempts(owner) == []


async def read_database(events: list[Event[Any]], db: Any) -> Handled:
    await db.fetchval("SELECT 1")
    return [follow(event) for event in events]


@pytest.mark.parametrize("url", ["postgresql://postgres@127.0.0.1:1/x", "postgresql:///?host=/no"])
async def test_no_database(open_worker: OpenWorker, url: str) -> None:
    worker = open_worker(FailsAll(ValueError(), "a"), transaction, settings={"database": url})
    for _ in range(6):
        assert await deliver(worker, ask("a"), ask("b")) == "RR"
    strange = {**msgspec.to_builtins(ask()), "type": "x"}
    assert await deliver(worker, strange) == "R"
    assert not await worker.healthy()
    assert await open_worker(echo, settings={"database": url}).healthy()


async def test_a_connection_that_ends_midway(open_worker: OpenWorker, owner: Owner) -> None:
    ended: list[int] = []

    async def end(event: Event[Any], db: Any) -> Handled:
        if len(ended) < 3:
            ended.append(await db.fetchval("SELECT pg_backend_pid()"))
            await owner.fetchval("SELECT pg_terminate_backend($1, 5000)", ended[-1])
        await db.execute("INSERT INTO feed_heads VALUES (gen_random_uuid(), 1)")
        return [follow(event)]

    worker, event = open_worker(end, transaction), ask()
    assert [await deliver(worker, event) for _ in range(4)] == ["R", "R", "R", "S"]
    assert len(set(ended)) == 3 and await attempts(owner) == []
    assert await owner.fetchval("SELECT count(*) FROM feed_heads") == 1


async def test_a_connection_that_ended_while_idle(open_worker: OpenWorker, owner: Owner) -> None:
    async def read(event: Event[Any], db: Any) -> Handled:
        pids.append(await db.fetchval("SELECT pg_backend_pid()"))
        return []

    pids: list[int] = []
    worker = open_worker(read, transaction)
    assert await deliver(worker, ask()) == "S"
    await owner.fetchval("SELECT pg_terminate_backend($1, 5000)", pids[0])
    answers = [await deliver(worker, ask()) for _ in range(2)]
    assert answers[-1] == "S" and set(answers) <= {"R", "S"}
    assert await attempts(owner) == []


# --- poison blocks nobody ----------------------------------------------------------------------


async def test_the_fifth_failure_is_the_last(open_worker: OpenWorker, owner: Owner) -> None:
    handler = Fails(ValueError("no such\0thing"), "a")
    worker, event = open_worker(handler), ask("a", "poison")
    answers = [(await worker.answer(STRUCTURED, from_sidecar(event))).status for _ in range(4)]
    assert answers == [503] * 4
    answer = await worker.answer(STRUCTURED, from_sidecar(event))
    assert (answer.status, answer.body) == (200, b'{"status":"DROP"}')
    row = await owner.fetchrow("SELECT * FROM attempts")
    assert row is not None
    assert (row["event_key"], row["count"]) == ("/taskflow/gateway#poison", 5)
    assert row["reason"] == "ValueError: no suchthing" and "raise self.error" in row["trace"]
    assert row["updated_at"] == NOW


@pytest.mark.parametrize("kind", [Fails, FailsAll])
async def test_only_the_bad_one_of_a_bulk_is_dropped(
    open_worker: OpenWorker, owner: Owner, kind: type[Fails]
) -> None:
    worker = open_worker(kind(ValueError("bad"), "b"))
    one, bad, two = ask("a"), ask("b", "bad"), ask("c")
    answers = [await deliver(worker, one, bad, two) for _ in range(5)]
    assert answers == ["SRS"] * 4 + ["SDS"]
    assert await attempts(owner) == [("/taskflow/gateway#bad", 5)]
    assert sent(worker) == [one.id, two.id] * 5


async def test_the_count_stands_outside_the_failed_transaction(
    open_worker: OpenWorker, owner: Owner
) -> None:
    async def fail(event: Event[Any], db: Any) -> Handled:
        await db.execute("INSERT INTO feed_heads VALUES (gen_random_uuid(), 1)")
        raise ValueError("after the write")

    worker = open_worker(fail, transaction)
    assert await deliver(worker, ask()) == "R"
    assert await owner.fetchval("SELECT count(*) FROM feed_heads") == 0
    assert [count for _, count in await attempts(owner)] == [1]


async def test_after_a_retry_its_stream_waits_and_others_go_on(open_worker: OpenWorker) -> None:
    handler = Fails(ValueError("bad"), "a")
    worker = open_worker(handler)
    events = [ask("b"), ask("a"), ask("b"), ask("a"), ask("c"), ask("a")]
    assert await deliver(worker, *events) == "SRSRSR"
    assert handler.seen == [events[n].id for n in (0, 1, 2, 4)]


async def test_after_the_last_failure_its_stream_goes_on(open_worker: OpenWorker) -> None:
    class FailsOnce(Fails):
        async def __call__(self, event: Event[Any]) -> Handled:
            if event.id == "bad":
                raise ValueError
            return await super().__call__(event)

    worker = open_worker(FailsOnce(ValueError()))
    answers = [await deliver(worker, ask("a", "bad"), ask("a", "next")) for _ in range(5)]
    assert answers == ["RR"] * 4 + ["DS"]


async def test_an_event_that_is_not_declared_is_refused(
    open_worker: OpenWorker, owner: Owner
) -> None:
    async def write(event: Event[Any], db: Any) -> Handled:
        await db.execute("INSERT INTO feed_heads VALUES (gen_random_uuid(), 1)")
        return [follow(event)]

    worker = open_worker(write, transaction, emits=(DeleteTask,))
    assert await deliver(worker, ask()) == "R"
    assert sent(worker) == []
    assert await owner.fetchval("SELECT count(*) FROM feed_heads") == 0
    assert "echo may not emit" in await owner.fetchval("SELECT reason FROM attempts")


# --- what did not leave ------------------------------------------------------------------------


@pytest.mark.parametrize("handler", [echo, echo_all])
async def test_a_failed_publish_is_repeated_for_its_cause_alone(
    open_worker: OpenWorker, owner: Owner, handler: Any
) -> None:
    worker = open_worker(handler, transaction)
    events = [ask("a"), ask("b"), ask("c"), ask("b")]
    worker.publisher.refuses = {"b"}  # type: ignore[attr-defined]
    assert await deliver(worker, *events) == "SRSR"
    worker.publisher.refuses = set()  # type: ignore[attr-defined]
    assert await deliver(worker, events[1], events[3]) == "SS"
    assert sent(worker) == [events[n].id for n in (0, 2, 1, 3)]
    assert await attempts(owner) == []


async def test_what_names_no_cause_of_this_batch_blames_all(open_worker: OpenWorker) -> None:
    async def repeat(events: list[Event[Any]]) -> Handled:
        return [structs.replace(follow(ask("b")), causationid=None)]

    function = Function("echo", repeat, (CompleteTask,), (ReopenTask,), nothing, True)
    worker = open_worker(echo)
    worker.function, worker.publisher.refuses = function, {"b"}  # type: ignore[attr-defined]
    assert await deliver(worker, ask("a"), ask("c")) == "RR"


# --- what a handler is given -------------------------------------------------------------------


async def test_a_handler_gets_what_it_names(open_worker: OpenWorker, settings: Settings) -> None:
    given: dict[str, object] = {}

    async def name_all(event: Event[Any], db: Any, now: datetime, settings: Settings) -> Handled:
        given.update(now=now, settings=settings, one=await db.fetchval("SELECT 1"))
        return []

    assert await deliver(open_worker(name_all, transaction), ask()) == "S"
    assert given == {"now": NOW, "settings": settings, "one": 1}


async def test_a_lease_commits_as_it_goes(open_worker: OpenWorker, owner: Owner) -> None:
    async def act(event: Event[Any], lease: Lease) -> Handled:
        async with lease.transaction() as db:
            await db.execute("INSERT INTO feed_heads VALUES (gen_random_uuid(), 1)")
        seen.append(await owner.fetchval("SELECT count(*) FROM feed_heads"))
        assert await lease.publish([follow(event)]) == set()
        assert lease.now() == NOW
        raise LeaseHeld("of another worker")

    seen: list[int] = []
    worker, event = open_worker(act, lease), ask()
    assert await deliver(worker, event) == "R"
    assert (seen, sent(worker)) == ([1], [event.id])


async def test_what_was_remembered_is_left_in_order_when_the_process_ends(
    open_worker: OpenWorker,
) -> None:
    class Connection:
        def __init__(self) -> None:
            opened.append(self)
            self.closed = False

        async def close(self) -> None:
            self.closed = True

    async def act(event: Event[Any], lease: Lease) -> Handled:
        lease.remember(Connection)
        lease.remember(dict)
        return []

    opened: list[Connection] = []
    worker = open_worker(act, lease)
    assert await deliver(worker, ask("a", "1"), ask("a", "2")) == "SS"
    await worker.close()
    assert [one.closed for one in opened] == [True]


# --- notices -----------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from("ab"), st.lists(st.integers(1, 9_999)))))
def test_notices_fit_and_lose_nothing(given: list[tuple[str, list[int]]]) -> None:
    hints = [(c, ["é" * (n // 2) + "i" * (n % 2) for n in ns]) for c, ns in given]
    notices = [Notice(channel=c, hints=texts) for c, texts in hints]
    pairs = split_notices(notices)
    for channel in "ab":
        wanted = [n for c, ns in given if c == channel for n in ns if n < NOTIFY_BYTES]
        lines = [line for c, payload in pairs if c == channel for line in payload.split("\n")]
        assert [len(line.encode()) for line in lines] == wanted
    assert all(len(payload.encode()) < NOTIFY_BYTES for _, payload in pairs)


async def test_a_notice_is_heard_after_the_commit(open_worker: OpenWorker, owner: Owner) -> None:
    async def tell(event: Event[Any], db: Any) -> Handled:
        await db.execute("INSERT INTO feed_heads VALUES (gen_random_uuid(), 1)")
        return [Notice(channel="hint", hints=[event.id])]

    heard: asyncio.Queue[str] = asyncio.Queue()
    await owner.add_listener("hint", lambda *got: heard.put_nowait(got[3]))
    event = ask()
    assert await deliver(open_worker(tell, transaction), event) == "S"
    assert await heard.get() == event.id
    assert await owner.fetchval("SELECT count(*) FROM feed_heads") == 1


# --- the plug ----------------------------------------------------------------------------------


async def test_a_plug_names_itself_and_reads_nothing_yet() -> None:
    main = serve(echo, wakes_on=(CompleteTask,), emits=(ReopenTask,))
    assert main.function == Function("echo", echo, (CompleteTask,), (ReopenTask,), nothing, False)
    assert main.function.app_id == "echo"
    assert serve(echo_all, wakes_on=(), batch=True).function.app_id == "echo-all"
