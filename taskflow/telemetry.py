"""A function, a database and a way out that leave spans of what they do (OpenTelemetry's
conventions for messaging, databases and FaaS, 1.44). They stand in for the plain ones where a
collector is named, so that everybody else pays nothing: no import, no branch.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from msgspec import Struct, field

from taskflow.database import Connection, Database
from taskflow.dialects import Answer, Entry, Headers, Outcome
from taskflow.errors import Unreadable
from taskflow.events import Event, Record, read_envelope
from taskflow.export import Exporter, open_exporter
from taskflow.publish import Publisher
from taskflow.serve import Worker
from taskflow.settings import Settings
from taskflow.spans import Kind, Parent, Span, Value, name_span, read_parent

T = TypeVar("T")
FAILED = "not_acknowledged"
LOG = {"messaging.system": "kafka"}
TRANSACTION: dict[str, Value] = {
    "db.system.name": "postgresql",
    "db.operation.name": "transaction",
    "db.namespace": "taskflow",
}


class Work(Struct):
    """What is being processed now: the span of each event that belongs to a recorded trace."""

    spans: dict[str, Span] = field(default_factory=dict)

    def find(self, event: Event[Any], trace: str) -> Span | None:
        """The span that caused an event; at least one of its trace."""
        cause = self.spans.get(event.causationid or "")
        if cause is not None and cause.trace == trace:
            return cause
        return next((one for one in self.spans.values() if one.trace == trace), None)


NOW: ContextVar[Work | None] = ContextVar("taskflow.work", default=None)
# What the delivery itself said: its transport's trace, and the place of each event in the log.
TRANSPORT: ContextVar[Parent | None] = ContextVar("taskflow.transport", default=None)
PLACES: ContextVar[Mapping[str, Mapping[str, str]] | None] = ContextVar(
    "taskflow.places", default=None
)


@contextmanager
def child_spans(
    exporter: Exporter, name: str, kind: Kind, given: dict[str, Value]
) -> Iterator[None]:
    """The work within, once in each trace that it is done for."""
    work = NOW.get()
    spans = [
        Span(name=name, kind=kind, trace=one.trace, parent=one.id, attributes=given)
        for one in (work.spans.values() if work else ())
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
        return child_spans(self._exporter, "transaction taskflow", Kind.CLIENT, TRANSACTION)

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


class TracedPublisher:
    """Each event that leaves is a span, named by the event once the log has acknowledged it."""

    def __init__(self, inner: Publisher, exporter: Exporter) -> None:
        self._inner = inner
        self._exporter = exporter

    async def publish(self, topic: str, events: Sequence[Event[Any]]) -> set[str]:
        spans = [(event.id, span) for event in events if (span := begin_send(topic, event))]
        failed = await self._inner.publish(topic, events)
        for name, span in spans:
            if name not in failed:
                span.id = name_span(name) or span.id
            self._exporter.add(span.end(FAILED if name in failed else ""))
        return failed

    async def set_aside(self, topic: str, value: bytes, headers: Mapping[str, str]) -> bool:
        return await self._inner.set_aside(topic, value, headers)

    async def reachable(self) -> bool:
        return await self._inner.reachable()

    async def wait(self, patience: float) -> None:
        await self._inner.wait(patience)

    async def close(self) -> None:
        await self._inner.close()
        await self._exporter.close()


def begin_send(topic: str, event: Event[Any]) -> Span | None:
    """The span of an event on its way out: under what caused it here, or under where its trace
    began; None if nobody records the trace."""
    start = read_parent(event.traceparent)
    if start is None:
        return None
    work = NOW.get()
    cause = work.find(event, start.trace) if work else None
    return Span(
        name=f"send {topic}",
        kind=Kind.PRODUCER,
        trace=start.trace,
        parent=cause.id if cause else start.span,
        attributes=describe_message("send", topic, event),
    )


def begin_process(worker: Worker, event: Event[Any], many: int) -> Span | None:
    """The span of an event that is handled here: under the one that put it into the log."""
    envelope = read_original(event)
    start = read_parent(envelope.traceparent)
    if start is None:
        return None
    told = describe_message("process", event.data.topic, envelope)
    told["messaging.consumer.group.name"] = worker.function.app_id
    told["faas.trigger"] = "pubsub"
    if many > 1:
        told["messaging.batch.message_count"] = many
    transport = TRANSPORT.get()
    return Span(
        name=f"process {told['messaging.destination.name']}",
        kind=Kind.CONSUMER,
        trace=start.trace,
        parent=name_span(envelope.id) or start.span,
        attributes=told | describe_place(event.id),
        links=[transport] if transport else [],
    )


def read_original(event: Event[Any]) -> Any:
    """The event itself, or the one that a dead letter was."""
    if not isinstance(event.data, Record):
        return event
    try:
        return read_envelope(event.data.value)
    except Unreadable:
        return event


def describe_message(operation: str, topic: str, event: Any) -> dict[str, Value]:
    return {
        **LOG,
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": topic,
        "messaging.message.id": event.id,
        "messaging.kafka.message.key": event.partitionkey,
        "cloudevents.event_id": event.id,
        "cloudevents.event_type": event.type,
        "cloudevents.event_source": event.source,
    }


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
        span = (NOW.get() or Work()).spans.get(event.id)
        return self._watch(span, name)

    @contextmanager
    def _watch(self, cause: Span | None, name: str) -> Iterator[None]:
        token = NOW.set(Work({"": cause} if cause else {}))
        try:
            with child_spans(self.exporter, name, Kind.CLIENT, {}):
                yield
        finally:
            NOW.reset(token)


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
