"""A small world to send reminders in: the real functions on the real database under one clock that
a test moves, a real mail server and a real endpoint for webhooks.
"""

import asyncio
import email
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from typing import Any, TypeAlias
from uuid import uuid4

import asyncpg
from aiosmtpd.smtp import SMTP, Envelope, Session
from msgspec import structs

from functions.fire_timer.handler import AHEAD
from functions.fire_timer.main import main as fire_timer
from functions.send_reminder.main import main as send_reminder
from functions.write_task.main import main as write_task
from taskflow.database import Database
from taskflow.dialects import Entry, Outcome
from taskflow.events import CreateTask, Event, ReminderFact, TaskCommand, Tick, encode, new_event
from taskflow.publish import ListPublisher
from taskflow.serve import Main, Worker
from taskflow.settings import Settings
from taskflow.task import TaskInput

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
DUE = NOW + timedelta(hours=2)
REMIND_AT = NOW + timedelta(hours=1)
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

DELIVERIES = """
SELECT id::text, reminder_id::text, task_id::text, user_id::text, channel_id::text, channel, due_at,
    remind_at, next_at, state, attempts, sent_at, late_by_seconds, reason, receipt, leased_until,
    lease
FROM deliveries ORDER BY due_at, channel, id
"""


@dataclass
class Clock:
    """The time of every worker of a test."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class World:
    """The functions of a reminder's path, one person, and what they published."""

    settings: Settings
    owner: Owner
    user_id: str
    clock: Clock = field(default_factory=Clock)
    workers: list[Worker] = field(default_factory=list)

    def start(self, main: Main, **changes: Any) -> Worker:
        """A worker in its function's own role."""
        role = f"taskflow_{main.function.name}"
        settings = structs.replace(self.settings, database_role=role, **changes)
        worker = Worker(
            main.function,
            database=Database(settings),
            publisher=ListPublisher(),
            settings=settings,
            clock=self.clock,
        )
        self.workers.append(worker)
        return worker

    def start_sender(self, **changes: Any) -> Worker:
        return self.start(send_reminder, **changes)

    async def run(self, main: Main, event: Event[Any]) -> list[Event[ReminderFact]]:
        """Hands an event to the one worker of `main`; the reminder events that it published."""
        worker = next((one for one in self.workers if one.function is main.function), None)
        worker = worker or self.start(main)
        published = worker.publisher
        assert isinstance(published, ListPublisher)
        published.events.clear()
        assert await deliver(worker, [event]) == ["SUCCESS"]
        return [event for event in published.events if isinstance(event.data, ReminderFact)]

    async def close(self) -> None:
        for worker in self.workers:
            await worker.close()

    async def choose(self, **choices: Any) -> None:
        """What the person wants for all of their reminders."""
        text = encode(choices).decode()
        await self.owner.execute("UPDATE users SET reminder_choices = $1", text)

    async def answer(self, verb: str, delivery: dict[str, Any]) -> None:
        """The person answers one delivery, as the gateway writes it down."""
        await self.owner.execute(
            "INSERT INTO reminder_answers (delivery_id, verb, user_id, task_id, reminder_id,"
            " remind_at, at) SELECT id, $1, user_id, task_id, reminder_id, remind_at, $2"
            " FROM deliveries WHERE id = $3",
            *(verb, self.clock.now, delivery["id"]),
        )

    async def channel(self, kind: str) -> dict[str, Any]:
        row = await self.owner.fetchrow("SELECT * FROM channels WHERE kind = $1", kind)
        assert row is not None
        return dict(row)

    async def add_channel(
        self, kind: str, at: str, confirmed: bool = True, secret: str | None = None
    ) -> str:
        name = str(uuid4())
        await self.owner.execute(
            "INSERT INTO channels (id, user_id, kind, address, secret, confirmed_at, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7)",
            name,
            self.user_id,
            kind,
            at,
            SECRET if kind == "webhook" else secret,
            NOW if confirmed else None,
            NOW,
        )
        return name

    async def create(self, **fields: Any) -> "Reminded":
        """A task with one reminder an hour before it is due, unless `fields` say otherwise."""
        name = str(uuid4())
        channels = fields.pop("channels", ["email"])
        given = {
            "title": "Pay rent",
            "notes": "To the new account.",
            "due_at": DUE.isoformat(),
            "reminders": [{"before": "PT1H", "channels": channels}],
        }
        task = TaskInput(**{**given, **fields})
        events = await self.write(CreateTask, name, task=task)
        return Reminded(name, events)

    async def write(
        self, kind: type[TaskCommand], task_id: str, **fields: Any
    ) -> list[Event[ReminderFact]]:
        """Carries a command out; the reminder events that `write_task` published for it."""
        command = kind(
            user_id=self.user_id, actor_id=self.user_id, stream=task_id, task_id=task_id, **fields
        )
        event = new_event(command, id=str(uuid4()), source="test", time=self.clock.now)
        return await self.run(write_task, event)

    async def fire(self, at: datetime) -> list[Event[ReminderFact]]:
        """Moves the clock and fires what is due; the reminder events that came of it."""
        self.clock.now = at
        return await self.run(fire_timer, new_event(Tick(), id="tick", source="clock", time=at))

    async def fire_next(self) -> list[Event[ReminderFact]]:
        """Fires the next timer, at the instant of the last of those that follow it so closely that
        the clock would wait for each."""
        at, *later = await self.timers()
        for due_at in later:
            at = due_at if due_at - at <= AHEAD else at
        return await self.fire(at)

    async def deliveries(self) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.owner.fetch(DELIVERIES)]

    async def delivery(self, channel: str = "email") -> dict[str, Any]:
        (found,) = [one for one in await self.deliveries() if one["channel"] == channel]
        return found

    async def timers(self) -> list[datetime]:
        """When timers for reminders are due."""
        query = "SELECT due_at FROM timers WHERE topic = 'reminders' ORDER BY due_at"
        return [row["due_at"] for row in await self.owner.fetch(query)]


@dataclass
class Reminded:
    """A task that was made, and the reminder events that its creation published."""

    id: str
    scheduled: list[Event[ReminderFact]]


async def deliver(worker: Worker, events: Sequence[Event[Any]]) -> list[Outcome]:
    """Hands events to a worker, as the platform does."""
    return await worker.handle([Entry(event.id, b"", event=event) for event in events])


# --- the other sides ---------------------------------------------------------------------------


@dataclass
class Postbox:
    """An aiosmtpd handler that keeps mails; refuses as it is told, and may hold its answer back."""

    at_recipient: str = "250 OK"
    at_data: str = "250 queued as 4711"
    taken: list[EmailMessage] = field(default_factory=list)
    attempts: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.answers.set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.attempts += 1
        if self.at_recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.at_recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.at_data.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.taken.append(email.message_from_bytes(content, policy=policy.default))
        self.came.set()
        await self.answers.wait()
        return self.at_data


@asynccontextmanager
async def serve_postbox(postbox: Postbox) -> AsyncIterator[str]:
    """The URL of a mail server on a free port of the loopback."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(postbox, loop=loop), "127.0.0.1", 0)
    async with server:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@dataclass
class Endpoint:
    """A stranger's server: keeps each webhook's headers, answers as told, when it may; by its
    headers where `decide` says so."""

    status: str = "204 No Content"
    decide: Callable[[dict[str, str]], str] | None = None
    headers: str = ""
    requests: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    def __post_init__(self) -> None:
        self.answers.set()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head)}
        self.bodies.append(await reader.readexactly(int(headers["content-length"])))
        self.requests.append(headers)
        self.came.set()
        await self.answers.wait()
        status = self.decide(headers) if self.decide else self.status
        writer.write(f"HTTP/1.1 {status}\r\n{self.headers}Content-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def serve_endpoint(endpoint: Endpoint) -> AsyncIterator[Endpoint]:
    """The endpoint, listening on a free port of the loopback."""
    server = await asyncio.start_server(endpoint.converse, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server:
        yield endpoint
