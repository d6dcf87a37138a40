"""The clock and the function that sends, for tests of what the gateway has them do."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from functions.fire_timer.main import main as fire_timer
from functions.send_reminder.main import main as send_reminder
from taskflow.database import Database
from taskflow.dialects import Entry
from taskflow.events import Event, Tick, new_event
from taskflow.publish import ListPublisher, Publisher
from taskflow.serve import Main, Worker
from taskflow.settings import Settings


class Relay(ListPublisher):
    """Carries what the clock publishes to the function that sends."""

    def __init__(self, sender: Worker) -> None:
        super().__init__()
        self.sender = sender

    async def publish(self, topic: str, events: Sequence[Event[Any]]) -> set[str]:
        if topic == "reminders":
            await self.sender.handle([Entry(event.id, b"", event=event) for event in events])
        return await super().publish(topic, events)


class Platform:
    """The clock and the function that sends, awake while a test wants it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sender = self._open(send_reminder, ListPublisher())
        self.clock = self._open(fire_timer, Relay(self.sender))
        self.ticking: asyncio.Task[None] | None = None

    def _open(self, main: Main, publisher: Publisher) -> Worker:
        role = f"taskflow_{main.function.name}"
        own = structs.replace(self.settings, database_role=role)
        return Worker(main.function, database=Database(own), publisher=publisher, settings=own)

    def wake(self) -> None:
        self.ticking = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            tick = new_event(Tick(), id="tick", source="clock", time=datetime.now(UTC))
            await self.clock.handle([Entry("", b"", event=tick)])
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        if self.ticking is not None:
            self.ticking.cancel()
            await asyncio.gather(self.ticking, return_exceptions=True)
        for worker in (self.clock, self.sender):
            await worker.close()
