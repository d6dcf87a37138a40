"""A way out that leaves a span of each event, named by the event once the log has acknowledged it;
apart from what traces a function, because the gateway has this alone.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from msgspec import Struct, field

from taskflow.events import Envelope, Event
from taskflow.export import Exporter
from taskflow.publish import Publisher
from taskflow.spans import Kind, Span, Value, name_span, read_parent

FAILED = "not_acknowledged"


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


class TracedPublisher:
    """Another publisher, watched; closes the exporter too."""

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


def describe_message(operation: str, topic: str, event: Event[Any] | Envelope) -> dict[str, Value]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": topic,
        "messaging.message.id": event.id,
        "messaging.kafka.message.key": event.partitionkey,
        "cloudevents.event_id": event.id,
        "cloudevents.event_type": event.type,
        "cloudevents.event_source": event.source,
    }
