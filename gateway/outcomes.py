"""Waits for what becomes of commands: registers before they are published, is told by NOTIFY, and
looks again by itself, because a hint may be lost.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
from msgspec import Raw, Struct, field
from starlette.responses import Response

from taskflow.database import AWAY
from taskflow.feed import FEED_CHANNEL
from taskflow.settings import Settings

LOOK_AGAIN = 0.25
RECONNECT = 0.5

SETTLED = """
SELECT id::text, batch_id::text, parts, fingerprint, outcome, events FROM commands
WHERE id = ANY($1::uuid[]) AND outcome IS NOT NULL
"""
SETTLED_BATCH = """
SELECT id::text, batch_id::text, parts, fingerprint, outcome, events FROM commands
WHERE batch_id = $1 AND outcome IS NOT NULL
"""
DEAD = """
SELECT event_id, reason FROM dead_letters
WHERE event_id = ANY($1::text[]) AND consumer = 'write-task' AND state = 'kept'
"""

log = logging.getLogger("taskflow.gateway")


class _Result(Struct):
    status: int
    position: int = 0
    event: int | None = None
    body: Raw = Raw(b"null")


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
    """What one command came to; `problem` is set when it was given up."""

    id: str
    fingerprint: str
    results: list[Result] = field(default_factory=list)
    problem: dict[str, Any] | None = None
    parts: int = 1


_TOLD = msgspec.json.Decoder(_Told)
_RESULTS = msgspec.json.Decoder(list[_Result])
_EVENTS = msgspec.json.Decoder(list[Raw])
_EVENT = msgspec.json.Decoder(_Event)
_VERSION = msgspec.json.Decoder(_Version)


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
    return Outcome(row["id"], row["fingerprint"], shown, parts=row["parts"])


def read_told(line: str) -> Outcome:
    """An outcome that came with its hint."""
    told = _TOLD.decode(line)
    results = [Result(one.status, one.position, one.body) for one in told.results]
    return Outcome(told.id, told.fingerprint, results)


def failed_outcome(command_id: str, reason: str) -> Outcome:
    """A command that its function gave up: a person can redrive it."""
    problem = {
        "type": "urn:taskflow:problem:failed",
        "title": "Failed",
        "status": 500,
        "detail": f"This write was given up and kept as a dead letter: {reason}",
        "code": "failed",
        "errors": [],
    }
    body = Raw(msgspec.json.encode(problem))
    return Outcome(command_id, "", [Result(500, 0, body)], problem)


class Expected:
    """The outcomes that one request waits for."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = ids
        self.found: dict[str, Outcome] = {}
        self.done = asyncio.Event()

    def put(self, outcome: Outcome) -> None:
        self.found[outcome.id] = outcome
        if len(self.found) == len(self.ids):
            self.done.set()

    async def wait(self, seconds: float) -> list[Outcome] | None:
        """All outcomes in order, or None if they are not known in time."""
        if seconds <= 0:
            return None
        try:
            async with asyncio.timeout(seconds):
                await self.done.wait()
        except TimeoutError:
            return None
        return [self.found[name] for name in self.ids]


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
        found |= {row["event_id"]: failed_outcome(row["event_id"], row["reason"]) for row in dead}
        return [found[name] for name in ids if name in found]

    async def look_whole(self, command_id: str) -> list[Outcome] | None:
        """The outcome of a command, or of all parts of a batch; None while one is missing."""
        single = await self.look([command_id])
        if single:
            return single
        async with self._turn:
            db = await self._connection()
            rows = await db.fetch(SETTLED_BATCH, command_id)
        complete = bool(rows) and len(rows) == rows[0]["parts"]
        return [read_outcome(row) for row in rows] if complete else None

    async def _connection(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._db is None or self._db.is_closed():
            role = self._settings.database_role
            self._db = await asyncpg.connect(
                self._settings.database,
                timeout=5,
                command_timeout=5,
                server_settings={"role": role} if role else {},
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
