"""Spans of a function: what they say, whose children they are, and what becomes of them when the
collector does not answer.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec import structs

from taskflow.database import Connection
from taskflow.errors import InvalidSetting
from taskflow.events import CreateTask, Event, SignedUp, encode, new_event
from taskflow.publish import ListPublisher
from taskflow.serve import Function, Worker, transaction
from taskflow.settings import Settings
from taskflow.spans import name_span
from taskflow.traced_worker import TracedWorker, trace_worker
from tests.collector import Collector, Seen, collecting
from tests.functions.commands import create

ROOT = Path(__file__).parents[2]
TRACE, START = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{START}-01", f"00-{TRACE}-{START}-00"
PERSON = "0197a0a0-0000-7000-8000-000000000001"
NOW = datetime(2026, 12, 1, tzinfo=UTC)


async def answer_with_facts(events: list[Event[CreateTask]], db: Connection) -> list[Event[Any]]:
    """Each command becomes a fact; a title may ask for an error."""
    if any(event.data.task.title == "break" for event in events):
        raise RuntimeError("asked for")
    await db.fetchval("SELECT 1")
    fact = SignedUp(user_id=PERSON, actor_id=PERSON, timestamp=NOW)
    return [
        new_event(fact, id=str(uuid4()), source="test", time=NOW, cause=event) for event in events
    ]


FUNCTION = Function("answer", answer_with_facts, (CreateTask,), (SignedUp,), transaction, True)


@pytest.fixture
def collector() -> Any:
    with collecting() as running:
        yield running


@pytest.fixture
async def worker(settings: Settings, collector: Collector) -> AsyncIterator[TracedWorker]:
    watched = structs.replace(settings, otlp=collector.endpoint)
    from taskflow.database import Database

    plain = Worker(
        FUNCTION, database=Database(watched), publisher=ListPublisher(), settings=watched
    )
    traced = trace_worker(plain)
    yield traced
    await traced.close()


def command(traceparent: str | None = SAMPLED, title: str = "x") -> Event[CreateTask]:
    data = create(PERSON, title=title)
    return new_event(data, id=str(uuid4()), source="gateway", time=NOW, traceparent=traceparent)


async def deliver(worker: Worker, events: Sequence[Event[Any]], **headers: str) -> int:
    body = b"[" + b",".join(map(encode, events)) + b"]"
    kind = {"content-type": "application/cloudevents-batch+json"}
    return (await worker.answer(kind | headers, body)).status


def only(spans: Sequence[Seen], name: str) -> Seen:
    (found,) = [span for span in spans if span.name == name]
    return found


async def test_an_event_its_transaction_and_what_follows(
    worker: TracedWorker, collector: Collector
) -> None:
    event = command()
    assert await deliver(worker, [event]) == 204
    await worker.close()
    process = only(collector.spans, "process task-commands")
    assert (process.kind, process.parent) == ("CONSUMER", name_span(event.id))
    assert process.trace == TRACE and process.service == "answer" and not process.failed
    assert (
        process.attributes
        | {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": "task-commands",
            "messaging.consumer.group.name": "answer",
            "messaging.message.id": event.id,
            "cloudevents.event_type": event.type,
            "faas.trigger": "pubsub",
            "faas.coldstart": True,
        }
        == process.attributes
    )
    work = only(collector.spans, "transaction taskflow")
    assert (work.kind, work.parent) == ("CLIENT", process.id)
    sent = only(collector.spans, "send account-events")
    assert (sent.kind, sent.parent) == ("PRODUCER", process.id)
    (published,) = worker.publisher._inner.events  # type: ignore[attr-defined]
    assert sent.id == name_span(published.id) and published.traceparent == SAMPLED
    assert process.begun <= work.begun <= work.ended <= sent.begun <= sent.ended <= process.ended


async def test_each_event_of_a_batch_is_in_its_own_trace(
    worker: TracedWorker, collector: Collector
) -> None:
    other = SAMPLED.replace(TRACE, "a" * 32)
    await deliver(worker, [command(), command(other), command(UNSAMPLED), command(None)])
    await worker.close()
    assert {span.trace for span in collector.spans} == {TRACE, "a" * 32}
    for trace in (TRACE, "a" * 32):
        spans = collector.of_trace(trace)
        process = only(spans, "process task-commands")
        assert process.attributes["messaging.batch.message_count"] == 4
        assert {span.parent for span in spans if span != process} == {process.id}
        assert len(spans) == 3


async def test_only_the_first_is_a_cold_start(worker: TracedWorker, collector: Collector) -> None:
    for _ in range(2):
        await deliver(worker, [command()])
    await worker.close()
    found = [span for span in collector.spans if span.kind == "CONSUMER"]
    assert [span.attributes["faas.coldstart"] for span in found] == [True, False]


async def test_an_error_is_named(worker: TracedWorker, collector: Collector) -> None:
    assert await deliver(worker, [command(title="break")]) == 503
    await worker.close()
    for name in ("process task-commands", "transaction taskflow"):
        span = only(collector.spans, name)
        assert span.failed and span.attributes["error.type"] == "RuntimeError"


async def test_what_the_log_does_not_take_is_nobody_s_parent(
    worker: TracedWorker, collector: Collector
) -> None:
    publisher = worker.publisher._inner  # type: ignore[attr-defined]
    publisher.refuses = {PERSON}
    event = command()
    assert await deliver(worker, [event]) == 503
    publisher.refuses = set()
    assert await deliver(worker, [event]) == 204
    await worker.close()
    first, second = (s for s in collector.spans if s.name == "send account-events")
    assert first.failed and first.attributes["error.type"] == "not_acknowledged"
    assert not second.failed and second.id == name_span(publisher.events[0].id) != first.id


async def test_the_trace_of_the_transport_is_a_link(
    worker: TracedWorker, collector: Collector
) -> None:
    """A sidecar records under a trace of its own."""
    await deliver(worker, [command()], traceparent=f"00-{'b' * 32}-{'c' * 16}-01")
    await deliver(worker, [command()], traceparent="nonsense")
    await worker.close()
    found = [span.links for span in collector.spans if span.kind == "CONSUMER"]
    assert found == [[("b" * 32, "c" * 16)], []]


async def test_an_unreadable_traceparent_is_no_trace(
    worker: TracedWorker, collector: Collector
) -> None:
    assert await deliver(worker, [command("00-nonsense")]) == 204
    await worker.close()
    assert collector.spans == []


async def test_a_collector_that_is_away_is_in_nobody_s_way(
    worker: TracedWorker, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 503
    for _ in range(2):
        assert await deliver(worker, [command()]) == 204
        while (sending := worker.exporter._sending) is not None and not sending.done():
            await asyncio.sleep(0.01)
    told = [one.message for one in caplog.records if "the collector at" in one.message]
    assert len(told) == 1 and "busy (503)" in told[0]
    collector.status = 200
    await worker.close()
    assert len(collector.spans) == 6


async def test_of_too_many_the_newest_are_lost(
    worker: TracedWorker,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("taskflow.export.MOST_WAITING", 4)
    await deliver(worker, [command(), command()])
    await worker.close()
    assert (len(collector.spans), worker.exporter.lost) == (4, 2)
    assert [one.message for one in caplog.records] == [
        "spans are lost: 4 wait for the collector already"
    ]


async def test_spans_that_are_refused_are_not_sent_again(
    worker: TracedWorker, collector: Collector
) -> None:
    collector.status = 400
    await deliver(worker, [command()])
    await worker.close()
    assert collector.requests == 1 and collector.spans == []


def test_a_collector_must_be_near() -> None:
    from taskflow.export import read_endpoint

    assert read_endpoint("http://c") == ("c", 4318, "/v1/traces")
    assert read_endpoint("http://c:1/x/") == ("c", 1, "/x/v1/traces")
    for wrong in ("https://c:4318", "c:4318", "grpc://c"):
        with pytest.raises(InvalidSetting, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
            read_endpoint(wrong)


LOADED = """
import sys
from functions.write_task.main import main
worker = main.door.worker
print(*sorted(sys.modules), sep="\\n")
"""


def modules(**env: str) -> set[str]:
    given = {"PATH": "", "TASKFLOW_PUBLISH": "dapr://127.0.0.1/taskflow", **env}
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, env=given, capture_output=True, check=True
    )
    return set(done.stdout.decode().split())


def test_who_names_no_collector_loads_nothing_of_it() -> None:
    """And who does loads four modules of ours and nothing of anybody else's."""
    off, on = modules(), modules(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318")
    extra = {
        "taskflow.spans",
        "taskflow.export",
        "taskflow.traced_worker",
        "taskflow.traced_publisher",
    }
    assert not off & extra
    assert {name for name in on - off if name.startswith("taskflow")} - {"taskflow.trace"} == extra
    assert not any(name.startswith(("opentelemetry", "google", "prometheus")) for name in on - off)
