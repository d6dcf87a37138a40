"""Waits for what becomes of commands: registers before they are published, is told by NOTIFY, and
looks again by itself, because a hint may be lost.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID, uuid4, uuid5

import asyncpg
import msgspec
from msgspec import Meta, Raw, Struct, field
from starlette.responses import Response

from taskflow.database import AWAY, BY_KEY
from taskflow.errors import Refused, problem
from taskflow.events import RefusedLine
from taskflow.feed import FEED_CHANNEL
from taskflow.settings import Settings

LOOK_AGAIN = 0.25
RECONNECT = 0.5
# A batch has no more parts than operations.
MOST_PARTS = 1_000

SETTLED = """
SELECT id::text, batch_id::text, parts, fingerprint, outcome, events FROM commands
WHERE id = ANY($1::uuid[]) AND outcome IS NOT NULL
"""
SETTLED_BATCH = """
SELECT id::text, batch_id::text, parts, fingerprint, outcome, events FROM commands
WHERE batch_id = $1 AND outcome IS NOT NULL
"""
# What was put back on its topic is on its way again; what was discarded stays dead.
DEAD = """
SELECT DISTINCT ON (event_id) event_id, reason, state, value FROM dead_letters
WHERE event_id = ANY($1::text[]) AND consumer = 'write-task' AND state <> 'redriven'
ORDER BY event_id, kept_at DESC
"""
OTHER_USE = """
SELECT EXISTS (SELECT FROM commands WHERE id = $1 AND fingerprint <> $2)
    OR EXISTS (SELECT FROM commands WHERE batch_id = $1 AND fingerprint <> $2)
    OR EXISTS (SELECT FROM repeats WHERE id = $1 AND created_at > $3)
"""

log = logging.getLogger("taskflow.gateway")


class _Result(Struct):
    status: int
    position: int = 0
    event: int | None = None
    body: Raw = Raw(b"null")
    refused: list[RefusedLine] = []


class _Told(Struct):
    id: str
    fingerprint: str
    results: list[_Result]


class _Data(Struct):
    task_data: Raw


class _Event(Struct):
    data: _Data


class _Version(Struct):
    version: int = 0


class _Line(Struct):
    position: int


class _Dead(Struct):
    """What a dead command says of the batch that it is a part of."""

    batch_id: UUID | None = None
    parts: Annotated[int, Meta(ge=1, le=MOST_PARTS)] = 1
    operations: list[_Line] = []


class _DeadEvent(Struct):
    data: _Dead


class Result(Struct):
    """What one operation came to; `body` is the JSON of the task or the problem, or null."""

    status: int
    position: int
    body: Raw

    def response(self, created: str | None = None) -> Response:
        """The final answer; `created` is the id to put into Location."""
        if self.status == 204:
            return Response(status_code=204)
        if self.status >= 400:
            return Response(bytes(self.body), self.status, media_type="application/problem+json")
        headers = {"ETag": f'"{_VERSION.decode(self.body).version}"'}
        if created and self.status == 201:
            headers["Location"] = f"/v1/tasks/{created}"
        return Response(bytes(self.body), self.status, headers, "application/json")

    def as_item(self) -> dict[str, Any]:
        """The line of a batch's answer."""
        if self.status >= 400:
            return {"status": self.status, "problem": self.body}
        return {"status": self.status, "task": self.body}


class Outcome(Struct):
    """What one command came to; `problem` is set when it was given up. `refused`: the lines of its
    batch that no command has, for they were refused before."""

    id: str
    fingerprint: str
    results: list[Result] = field(default_factory=list)
    problem: dict[str, Any] | None = None
    parts: int = 1
    refused: list[Result] = field(default_factory=list)


_TOLD = msgspec.json.Decoder(_Told)
_RESULTS = msgspec.json.Decoder(list[_Result])
_EVENTS = msgspec.json.Decoder(list[Raw])
_EVENT = msgspec.json.Decoder(_Event)
_VERSION = msgspec.json.Decoder(_Version)
_DEAD = msgspec.json.Decoder(_DeadEvent)


def read_outcome(row: asyncpg.Record) -> Outcome:
    """An outcome from its row; a task that an event holds is cut out of it."""
    results = _RESULTS.decode(row["outcome"])
    events = _EVENTS.decode(row["events"]) if any(r.event is not None for r in results) else []
    shown = [
        Result(
            r.status,
            r.position,
            r.body if r.event is None else _EVENT.decode(events[r.event]).data.task_data,
        )
        for r in results
    ]
    refused = _read_refused(results)
    return Outcome(row["id"], row["fingerprint"], shown, parts=row["parts"], refused=refused)


def read_told(line: str) -> Outcome:
    """An outcome that came with its hint."""
    told = _TOLD.decode(line)
    results = [Result(one.status, one.position, one.body) for one in told.results]
    return Outcome(told.id, told.fingerprint, results, refused=_read_refused(told.results))


def _read_refused(results: Sequence[_Result]) -> list[Result]:
    """Not among the results: a gateway that does not know them adds its own to those, and would
    show each twice."""
    return [
        Result(one.status, one.position, Raw(msgspec.json.encode(one.problem)))
        for result in results
        for one in result.refused
    ]


def name_parts(command_id: str, parts: int) -> list[str]:
    """The command ids of the parts of a batch, in order."""
    return [str(uuid5(UUID(command_id), str(number))) for number in range(parts)]


def failed_outcome(row: asyncpg.Record) -> Outcome:
    """A command that its function gave up: a person can redrive it. With a part of a batch, all of
    the operations in it have failed."""
    part = _read_dead(row["value"])
    positions = [line.position for line in part.operations]
    kept = "discarded" if row["state"] == "discarded" else "kept"
    subject, more = "This write", {}
    names = name_parts(str(part.batch_id), part.parts) if part.batch_id else []
    if row["event_id"] in names:
        number = names.index(row["event_id"]) + 1
        subject = f"Part {number} of {part.parts} of this batch"
        more = {"part": number, "parts": part.parts, "operations": positions}
    detail = f"{subject} was given up and {kept} as a dead letter: {row['reason']}"
    told = problem(Refused("failed", detail, status=500), **more)
    body = Raw(msgspec.json.encode(told))
    results = [Result(500, position, body) for position in positions or [0]]
    return Outcome(row["event_id"], "", results, told, part.parts)


def _read_dead(value: bytes) -> _Dead:
    try:
        return _DEAD.decode(value).data
    except msgspec.DecodeError:
        return _Dead()


class Expected:
    """The outcomes that one request waits for."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = ids
        self.found: dict[str, Outcome] = {}
        self._loop = asyncio.get_running_loop()
        self._complete: asyncio.Future[bool] = self._loop.create_future()

    def put(self, outcome: Outcome) -> None:
        self.found[outcome.id] = outcome
        if len(self.found) == len(self.ids):
            self._end(complete=True)

    def _end(self, *, complete: bool) -> None:
        if not self._complete.done():
            self._complete.set_result(complete)

    async def wait(self, seconds: float) -> list[Outcome] | None:
        """All outcomes in order, or None if they are not known in time."""
        if seconds <= 0:
            return None
        alarm = self._loop.call_later(seconds, partial(self._end, complete=False))
        try:
            complete = await self._complete
        finally:
            alarm.cancel()
        return [self.found[name] for name in self.ids] if complete else None


class Outcomes:
    """One connection that listens, and the requests that wait."""

    def __init__(self, settings: Settings, on_feed: Callable[[Sequence[str]], None]) -> None:
        self.channel = f"taskflow_gateway_{uuid4().hex}"
        self._settings = settings
        self._on_feed = on_feed
        self._waiting: dict[str, list[Expected]] = {}
        self._ready: set[str] = set()
        self._wake = asyncio.Event()
        self._db: asyncpg.Connection[asyncpg.Record] | None = None
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._keep_looking())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._db is not None:
            await self._db.close()

    @contextlib.contextmanager
    def expect(self, ids: Sequence[str]) -> Iterator[Expected]:
        """Registers before anything is published, so that no hint can come too early."""
        expected = Expected(ids)
        for name in ids:
            self._waiting.setdefault(name, []).append(expected)
        try:
            yield expected
        finally:
            for name in ids:
                self._waiting[name].remove(expected)
                if not self._waiting[name]:
                    del self._waiting[name]

    async def look(self, ids: Sequence[str]) -> list[Outcome]:
        """The outcomes that are known now, in the order of `ids`."""
        async with self._turn:
            db = await self._connection()
            found = {row["id"]: read_outcome(row) for row in await db.fetch(SETTLED, list(ids))}
            missing = [name for name in ids if name not in found]
            dead = await db.fetch(DEAD, missing) if missing else []
        found |= {row["event_id"]: failed_outcome(row) for row in dead}
        return [found[name] for name in ids if name in found]

    async def look_parts(self, command_id: str) -> list[Outcome]:
        """The outcomes of those parts of a batch that are known now."""
        async with self._turn:
            db = await self._connection()
            return [read_outcome(row) for row in await db.fetch(SETTLED_BATCH, command_id)]

    async def look_batch(self, command_id: str) -> list[Outcome] | None:
        """The outcomes of all parts of a batch; None while one is not known."""
        async with self._turn:
            db = await self._connection()
            rows = await db.fetch(SETTLED_BATCH, command_id)
            found = [read_outcome(row) for row in rows]
            parts = found[0].parts if found else MOST_PARTS
            if len(found) < parts:
                missing = set(name_parts(command_id, parts)) - {one.id for one in found}
                found += map(failed_outcome, await db.fetch(DEAD, list(missing)))
        return found if found and len(found) == found[0].parts else None

    async def has_other_use(self, command_id: str, fingerprint: str, since: datetime) -> bool:
        """Whether an Idempotency-Key, by the command id that it gives, stands for another request:
        a command, or since that instant something that the gateway wrote itself."""
        async with self._turn:
            db = await self._connection()
            return bool(await db.fetchval(OTHER_USE, command_id, fingerprint, since))

    async def _connection(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._db is None or self._db.is_closed():
            role = self._settings.database_role
            self._db = await asyncpg.connect(
                self._settings.database,
                timeout=5,
                command_timeout=5,
                server_settings={**BY_KEY, **({"role": role} if role else {})},
            )
            await self._db.add_listener(self.channel, self._hear_outcomes)
            await self._db.add_listener(FEED_CHANNEL, self._hear_feed)
            self._ready |= self._waiting.keys()
            self._on_feed([])
        return self._db

    def _hear_outcomes(self, _db: object, _pid: int, _channel: str, payload: object) -> None:
        for line in str(payload).split("\n"):
            if line.startswith("{"):
                self._settle(read_told(line))
            elif line in self._waiting:
                self._ready.add(line)
                self._wake.set()

    def _settle(self, outcome: Outcome) -> None:
        for expected in self._waiting.get(outcome.id, ()):
            expected.put(outcome)

    def _hear_feed(self, _db: object, _pid: int, _channel: str, payload: object) -> None:
        self._on_feed(str(payload).split("\n"))

    async def _keep_looking(self) -> None:
        looked = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._wake.wait()
            self._wake.clear()
            if (now := asyncio.get_running_loop().time()) >= looked + LOOK_AGAIN:
                looked = now
                self._ready |= self._waiting.keys()
            ready, self._ready = list(self._ready), set()
            try:
                await self._resolve(ready)
            except AWAY as error:
                log.warning("outcomes cannot be read now: %s", error)
                await asyncio.sleep(RECONNECT)

    async def _resolve(self, ids: Sequence[str]) -> None:
        if not ids:
            if self._db is None or self._db.is_closed():
                async with self._turn:
                    await self._connection()
            return
        for outcome in await self.look(ids):
            self._settle(outcome)
