"""A function and its database that leave spans of what they do (OpenTelemetry's conventions for
messaging, databases and FaaS, 1.44). They stand in for the plain ones where a collector is named,
so that everybody else pays nothing: no import, no branch.
"""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from taskflow.database import Connection, Database
from taskflow.dialects import DEAD_LETTERS, Answer, Entry, Headers, Outcome
from taskflow.errors import Unreadable
from taskflow.events import Envelope, Event, Record, read_envelope
from taskflow.export import Exporter, open_exporter
from taskflow.serve import Worker
from taskflow.settings import Settings
from taskflow.spans import Kind, Parent, Span, Value, name_span, read_parent
from taskflow.traced_publisher import FAILED, NOW, TracedPublisher, Work, describe_message

T = TypeVar("T")
TRANSACTION: dict[str, Value] = {
    "db.system.name": "postgresql",
    "db.operation.name": "transaction",
    "db.namespace": "taskflow",
}


# What the delivery itself said: its transport's trace, and the place of each event in the log.
TRANSPORT: ContextVar[Parent | None] = ContextVar("taskflow.transport", default=None)
PLACES: ContextVar[Mapping[str, Mapping[str, str]] | None] = ContextVar(
    "taskflow.places", default=None
)


@contextmanager
def watched(
    exporter: Exporter, name: str, causes: Iterable[Span], told: dict[str, Value]
) -> Iterator[None]:
    """The work within as a span below each of its causes."""
    spans = [
        Span(name=name, kind=Kind.CLIENT, trace=one.trace, parent=one.id, attributes=told)
        for one in causes
    ]
    error = ""
    try:
        yield
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        for span in spans:
            exporter.add(span.end(error))


class TracedDatabase(Database):
    """A transaction is one span, from waiting for a connection to the commit."""

    def __init__(self, settings: Settings, exporter: Exporter) -> None:
        super().__init__(settings)
        self._exporter = exporter

    def _watched(self) -> AbstractContextManager[None]:
        work = NOW.get()
        causes = list(work.spans.values()) if work else []
        return watched(self._exporter, "transaction taskflow", causes, TRANSACTION)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        with self._watched():
            async with super().transaction() as db:
                yield db

    async def repeat(
        self, work: Callable[[Connection], Awaitable[T]], then: Callable[[T], str] = lambda _: ""
    ) -> T:
        with self._watched():
            return await super().repeat(work, then)


def begin_process(worker: Worker, event: Event[Any], many: int) -> Span | None:
    """The span of an event that is handled here: under the one that put it into the log."""
    topic, envelope = read_origin(event)
    start = read_parent(envelope.traceparent)
    if start is None:
        return None
    told = describe_message("process", topic, envelope)
    told["messaging.consumer.group.name"] = worker.function.app_id
    told["faas.trigger"] = "pubsub"
    if many > 1:
        told["messaging.batch.message_count"] = many
    transport = TRANSPORT.get()
    return Span(
        name=f"process {topic}",
        kind=Kind.CONSUMER,
        trace=start.trace,
        parent=name_span(envelope.id) or start.span,
        attributes=told | describe_place(event.id),
        links=[transport] if transport else [],
    )


def read_origin(event: Event[Any]) -> tuple[str, Event[Any] | Envelope]:
    """The topic that an event came by, and the event; of a dead letter the one that it was."""
    if not isinstance(event.data, Record):
        return event.data.topic, event
    topic = event.data.consumer + DEAD_LETTERS
    try:
        return topic, read_envelope(event.data.value)
    except Unreadable:
        return topic, event


def describe_place(event_id: str) -> dict[str, Value]:
    """Where the event stood in the log, as far as its delivery said so."""
    place = (PLACES.get() or {}).get(event_id, {})
    told: dict[str, Value] = {}
    if "__partition" in place:
        told["messaging.destination.partition.id"] = place["__partition"]
    if "__offset" in place:
        told["messaging.kafka.offset"] = int(place["__offset"])
    return told


class TracedWorker(Worker):
    """A function at work, each of its events a span."""

    exporter: Exporter
    cold = True

    async def answer(self, headers: Headers, body: bytes) -> Answer:
        TRANSPORT.set(read_parent(headers.get("traceparent")))
        return await super().answer(headers, body)

    async def handle(self, entries: Sequence[Entry]) -> list[Outcome]:
        PLACES.set({one.envelope.id: one.place for one in entries if one.envelope and one.place})
        return await super().handle(entries)

    async def _call(self, events: list[Event[Any]]) -> set[str]:
        begun = {event.id: begin_process(self, event, len(events)) for event in events}
        work = Work({name: span for name, span in begun.items() if span})
        for span in work.spans.values():
            span.attributes["faas.coldstart"] = self.cold
        self.cold = False
        token = NOW.set(work)
        try:
            failed = await super()._call(events)
        except BaseException as error:
            self._end(work, set(work.spans), type(error).__name__)
            raise
        finally:
            NOW.reset(token)
        self._end(work, failed, FAILED)
        return failed

    def _end(self, work: Work, failed: set[str], error: str) -> None:
        for name, span in work.spans.items():
            self.exporter.add(span.end(error if name in failed else ""))

    def watch_effect(self, event: Event[Any], name: str) -> AbstractContextManager[None]:
        cause = (NOW.get() or Work()).spans.get(event.id)
        return watched(self.exporter, name, [cause] if cause else [], {})


def trace_worker(worker: Worker) -> TracedWorker:
    """The same function, with spans."""
    exporter = open_exporter(worker.settings, worker.function.app_id)
    traced = TracedWorker(
        worker.function,
        database=TracedDatabase(worker.settings, exporter),
        publisher=TracedPublisher(worker.publisher, exporter),
        settings=worker.settings,
        clock=worker.clock,
    )
    traced.exporter = exporter
    return traced
