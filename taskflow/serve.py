"""The one way in: turns a handler (events in, events out) into a function that a platform can call,
and alone decides what is repeated, what is acknowledged and what is poison (DESIGN.md, section 3).
"""

import asyncio
import hmac
import inspect
import logging
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast, runtime_checkable

from msgspec import Struct

from taskflow.attempts import body_key, count_attempt, event_key
from taskflow.database import Connection, Database, quote_text
from taskflow.dialects import (
    DEAD_LETTERS,
    Answer,
    Delivery,
    Entry,
    Headers,
    Outcome,
    read_delivery,
    read_record,
    write_answer,
)
from taskflow.door import Door
from taskflow.errors import LeaseHeld, Unavailable, Unreadable
from taskflow.events import (
    Event,
    Notice,
    Payload,
    Record,
    Tick,
    derive_id,
    new_event,
    read_data,
)
from taskflow.logs import TRACE, write_logs
from taskflow.publish import Publisher, open_publisher, publish_events
from taskflow.settings import Settings, read_settings

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

T = TypeVar("T")
Handler: TypeAlias = Callable[..., Awaitable[Sequence[Event[Any] | Notice]]]
Clock: TypeAlias = Callable[[], datetime]

LAST_ATTEMPT = 5
NOTIFY_BYTES = 7_900
CHANNEL = re.compile(r"[\w-]{1,63}", re.ASCII)

log = logging.getLogger("taskflow")


class Within(Enum):
    """What `serve` puts around a handler."""

    nothing = "no database"
    transaction = "one transaction, committed before publishing"
    lease = "short transactions of its own around an effect on the world"


nothing, transaction, lease = Within.nothing, Within.transaction, Within.lease


class Function(Struct, frozen=True):
    """The label on a function's door."""

    name: str
    handler: Handler
    wakes_on: tuple[type[Payload], ...]
    emits: tuple[type[Payload], ...]
    within: Within
    batch: bool

    @property
    def app_id(self) -> str:
        """Its Dapr app-id, which is its consumer group too."""
        return self.name.replace("_", "-")


@runtime_checkable
class Closing(Protocol):
    """What a function remembers that must be left in order when its process ends."""

    async def close(self) -> None: ...


class Lease:
    """What a function needs that acts on the world between two short transactions."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self.settings = worker.settings

    def now(self) -> datetime:
        return self._worker.clock()

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        return self._worker.database.transaction()

    async def publish(self, events: Iterable[Event[Any]]) -> set[str]:
        """The ids that failed; refuses what the function may not emit."""
        return await publish_events(self._worker.publisher, self._worker.allowed(events))

    def remember(self, make: Callable[[], T]) -> T:
        """What `make` makes, the same one each time for as long as the process lives."""
        memory = self._worker.memory
        if make not in memory:
            memory[make] = make()
        return cast(T, memory[make])

    def watch(self, event: Event[Any], name: str) -> AbstractContextManager[None]:
        """Around an effect on the world that `event` has: a span, where somebody records them."""
        return self._worker.watch_effect(event, name)

    def finish_later(self, task: "asyncio.Task[Any]") -> None:
        """The process waits for `task` before it ends, and nobody else does."""
        self._worker.unfinished.add(task)
        task.add_done_callback(self._worker.unfinished.discard)


class Worker:
    """A function at work: its handler with the database, the way out and the clock it is given."""

    def __init__(
        self,
        function: Function,
        *,
        database: Database,
        publisher: Publisher,
        settings: Settings,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self.function = function
        self.database = database
        self.publisher = publisher
        self.settings = settings
        self.clock = clock
        self._wants = set(inspect.signature(function.handler).parameters)
        self.memory: dict[Callable[[], object], object] = {}
        self.unfinished: set[asyncio.Task[Any]] = set()

    async def wake(self) -> None:
        """Opens the database; ends the process if no sidecar comes, for nothing would ever reach
        it. Raises SystemExit, which the server's loop lets through."""
        await self.healthy()
        try:
            await self.publisher.wait(self.settings.sidecar_patience)
        except Unavailable as error:
            raise SystemExit(f"{self.function.name} ends: {error}") from error

    async def answer(self, headers: Headers, body: bytes) -> Answer:
        """The answer to one request, in its caller's dialect."""
        if not self._is_trusted(headers):
            return Answer(401)
        try:
            delivery = self._read(headers, body)
        except Unreadable as error:
            log.warning("unreadable request: %s", error)
            return Answer(422)
        outcomes = await self.handle(delivery.entries)
        outcomes = await self._set_aside(delivery.entries, outcomes)
        return write_answer(delivery.dialect, delivery.entries, outcomes)

    async def _set_aside(
        self, entries: Sequence[Entry], outcomes: Sequence[Outcome]
    ) -> list[Outcome]:
        """The outcomes, after what a raw batch drops was put among the dead letters from here, or
        RETRY where the log did not take it: Dapr sets aside the wrong record of a batch, or dies,
        once a part of the batch came again, and never asks whether it arrived (1.18)."""
        topic = self.function.app_id + DEAD_LETTERS
        settled = list(outcomes)
        for number, entry in enumerate(entries):
            if entry.place and outcomes[number] == "DROP":
                kept = await self.publisher.set_aside(topic, entry.body, entry.place)
                settled[number] = "SUCCESS" if kept else "RETRY"
        return settled

    def _is_trusted(self, headers: Headers) -> bool:
        """Whether the caller has the delivery token, where one is set; told in constant time."""
        wanted = self.settings.delivery_token.encode()
        return hmac.compare_digest(wanted, headers.get("dapr-api-token", "").encode()) or not wanted

    def _read(self, headers: Headers, body: bytes) -> Delivery:
        if Record in self.function.wakes_on:
            record = record_event(read_record(headers, body), self.clock())
            return Delivery("dapr", [Entry(record.id, body, event=record)])
        delivery = read_delivery(headers, body)
        if delivery.dialect == "binding" and Tick in self.function.wakes_on:
            tick = new_event(Tick(), id="tick", source="clock", time=self.clock())
            return Delivery("binding", [Entry("", body, event=tick)])
        if delivery.dialect == "binding":
            raise Unreadable("No CloudEvent, no Dapr bulk delivery.")
        return delivery

    async def handle(self, entries: Sequence[Entry]) -> list[Outcome]:
        """What each entry came to, in order."""
        outcomes: dict[int, Outcome] = {}
        events: dict[int, Event[Any]] = {}
        for place, entry in enumerate(entries):
            try:
                event = self._event(entry)
            except Unreadable as error:
                outcomes[place] = await self._drop_unreadable(entry, error)
                continue
            if event is None:
                outcomes[place] = "SUCCESS"
            else:
                events[place] = event
        outcomes |= await self._run(events)
        return [outcomes[place] for place in range(len(entries))]

    def _event(self, entry: Entry) -> Event[Any] | None:
        """The event to handle, or None for one that is acknowledged unseen."""
        if entry.event is not None:
            return entry.event
        if entry.envelope is None:
            raise Unreadable(entry.problem)
        if entry.envelope.redrivefor not in (None, self.function.app_id):
            return None
        event = read_data(entry.envelope)
        return event if isinstance(event.data, self.function.wakes_on) else None

    async def _run(self, events: dict[int, Event[Any]]) -> dict[int, Outcome]:
        if self.function.batch and len(events) > 1:
            try:
                failed = await self._call(list(events.values()))
                return {p: _outcome(event.id in failed) for p, event in events.items()}
            except (Unavailable, LeaseHeld) as error:
                log.warning("%s waits: %s", self.function.name, error)
                return dict.fromkeys(events, "RETRY")
            except Exception:
                log.exception("a batch of %s failed, its events go one by one", self.function.name)
        if self.function.within is lease:
            return await self._run_streams(events)
        return await self._run_singly(events)

    async def _run_streams(self, events: dict[int, Event[Any]]) -> dict[int, Outcome]:
        """One by one within a stream, the streams at once: nobody waits for another's slow mail."""
        streams: dict[str, dict[int, Event[Any]]] = defaultdict(dict)
        for place, event in events.items():
            streams[event.partitionkey][place] = event
        outcomes: dict[int, Outcome] = {}
        for done in await asyncio.gather(*map(self._run_singly, streams.values())):
            outcomes |= done
        return outcomes

    async def _run_singly(self, events: dict[int, Event[Any]]) -> dict[int, Outcome]:
        """One by one; after the first RETRY of a stream every later event of it is RETRY too."""
        outcomes: dict[int, Outcome] = {}
        waiting: set[str] = set()
        for place, event in events.items():
            if event.partitionkey in waiting:
                outcomes[place] = "RETRY"
                continue
            outcomes[place] = await self._run_one(event)
            if outcomes[place] == "RETRY" and event.partitionkey:
                waiting.add(event.partitionkey)
        return outcomes

    async def _run_one(self, event: Event[Any]) -> Outcome:
        TRACE.set(event.traceparent)
        try:
            failed = await self._call([event])
        except (Unavailable, LeaseHeld) as error:
            log.warning("%s waits: %s", self.function.name, error)
            return "RETRY"
        except Exception as error:
            return await self._count(event_key(event.source, event.id), error, LAST_ATTEMPT)
        return _outcome(bool(failed))

    async def _call(self, events: list[Event[Any]]) -> set[str]:
        """The ids of the events whose effects were not all published."""
        if self.function.within is transaction:
            results = await self.database.repeat(lambda db: self._handle(events, db=db), notify)
        elif self.function.within is lease:
            results = await self._handle(events, lease=Lease(self))
        else:
            results = await self._handle(events)
        return await self._emit({event.id for event in events}, results)

    async def _handle(
        self, events: list[Event[Any]], **given: object
    ) -> Sequence[Event[Any] | Notice]:
        given |= {"now": self.clock(), "settings": self.settings}
        wanted = {name: value for name, value in given.items() if name in self._wants}
        results = await self.function.handler(
            events if self.function.batch else events[0], **wanted
        )
        self.allowed(result for result in results if isinstance(result, Event))
        return results

    async def _emit(self, causes: set[str], results: Sequence[Event[Any] | Notice]) -> set[str]:
        """Publishes, and names the causes whose events did not leave."""
        events = [result for result in results if isinstance(result, Event)]
        lost = await publish_events(self.publisher, events)
        blamed = {event.causationid or "" for event in events if event.id in lost}
        return blamed if blamed <= causes else causes

    def allowed(self, events: Iterable[Event[Any]]) -> list[Event[Any]]:
        """The same events. Raises TypeError for one that the function does not declare."""
        checked = list(events)
        for event in checked:
            if not isinstance(event.data, self.function.emits):
                raise TypeError(f"{self.function.name} may not emit {event.type}: see its main.py")
        return checked

    async def _drop_unreadable(self, entry: Entry, error: Unreadable) -> Outcome:
        envelope = entry.envelope
        key = (
            event_key(envelope.source, envelope.id)
            if envelope is not None
            else body_key(entry.body)
        )
        return await self._count(key, error, 1)

    def watch_effect(self, event: Event[Any], name: str) -> AbstractContextManager[None]:
        """Nobody watches."""
        return nullcontext()

    async def healthy(self) -> bool:
        """Whether deliveries make sense now: not while the database is away."""
        return self.function.within is nothing or await self.database.answers()

    async def close(self) -> None:
        await asyncio.gather(*self.unfinished, return_exceptions=True)
        for one in self.memory.values():
            if isinstance(one, Closing):
                await one.close()
        await self.publisher.close()
        await self.database.close()

    async def _count(self, key: str, error: Exception, last: int) -> Outcome:
        """DROP once this was the last attempt; the count stands outside the failed transaction."""
        try:
            async with self.database.connection() as db:
                count = await count_attempt(db, self.function.app_id, key, error, self.clock())
        except Unavailable:
            return "RETRY"
        log.error("%s attempt %d of %s", self.function.name, count, key, exc_info=error)
        return "DROP" if count >= last else "RETRY"


def _outcome(failed: bool) -> Outcome:
    return "RETRY" if failed else "SUCCESS"


def record_event(record: Record, now: datetime) -> Event[Record]:
    """A dead letter as an event, named by its consumer and its place in the log."""
    place = f"{record.consumer}/{record.record_topic}/{record.partition}/{record.offset}"
    return new_event(record, id=derive_id(place, record.type), source=record.consumer, time=now)


def notify(results: Iterable[Event[Any] | Notice]) -> str:
    """The SQL that tells the gateways what a transaction has committed."""
    notices = (result for result in results if isinstance(result, Notice))
    return "".join(
        f"SELECT pg_notify({quote_text(channel)}, {quote_text(payload)});"
        for channel, payload in split_notices(notices)
    )


def split_notices(notices: Iterable[Notice]) -> list[tuple[str, str]]:
    """(channel, payload) pairs: a line for each hint, no payload beyond NOTIFY's limit. What no
    channel or payload can be, for its length or a NUL, is nobody's hint and is left out."""
    channels: dict[str, list[bytes]] = defaultdict(list)
    for notice in notices:
        if not CHANNEL.fullmatch(notice.channel):
            continue
        lines = channels[notice.channel]
        for hint in (one.encode() for one in notice.hints if "\0" not in one):
            if lines and len(lines[-1]) + 1 + len(hint) < NOTIFY_BYTES:
                lines[-1] += b"\n" + hint
            elif len(hint) < NOTIFY_BYTES:
                lines.append(hint)
    return [(channel, line.decode()) for channel, lines in channels.items() for line in lines]


class Main(Protocol):
    """What a platform calls: functions-framework as a function, an ASGI server as `.door`."""

    function: Function
    door: Door

    def __call__(self, request: "Request") -> Awaitable["Response"]: ...


def serve(
    handler: Handler,
    *,
    wakes_on: tuple[type[Payload], ...],
    emits: tuple[type[Payload], ...] = (),
    within: Within = nothing,
    batch: bool = False,
) -> Main:
    """The function's door; reads the environment at the first request or start, not before."""
    function = Function(handler.__name__, handler, wakes_on, emits, within, batch)
    door = Door(partial(open_worker, function))

    async def main(request: "Request") -> "Response":
        from starlette.responses import Response

        if request.method == "POST":
            status, body = await door.answer(request.headers, await request.body())
        else:
            status, body = await door.look(request.method, request.url.path)
        return Response(body, status, media_type="application/json" if body else None)

    plug = cast(Main, main)
    plug.function, plug.door = function, door
    return plug


def open_worker(function: Function) -> Worker:
    """The worker of this process, as its environment says."""
    write_logs()
    settings = read_settings()
    worker = Worker(
        function,
        database=Database(settings),
        publisher=open_publisher(settings.publish),
        settings=settings,
    )
    if not settings.otlp:
        return worker
    # Only where a collector is named: nobody else loads or asks anything of it.
    from taskflow.traced_worker import trace_worker

    return trace_worker(worker)
