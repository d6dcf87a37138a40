"""A log in memory that carries what is published to the real functions on the real database, in
order and in batches, as the platform does.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from functions.expand_recurrence.main import main as expand_recurrence
from functions.fan_out_update.main import main as fan_out_update
from functions.write_audit.main import main as write_audit
from functions.write_task.main import main as write_task
from taskflow.database import Database
from taskflow.dialects import Entry
from taskflow.events import Event
from taskflow.serve import Main, Worker
from taskflow.settings import Settings

FUNCTIONS: tuple[Main, ...] = (write_task, expand_recurrence, fan_out_update, write_audit)


class LiveLog:
    """A publisher whose topics are consumed at once; `down` refuses all, `refuses` some keys, and
    while `running` is not set it only keeps."""

    def __init__(self, settings: Settings) -> None:
        self.events: list[Event[Any]] = []
        self.down = False
        self.refuses: set[str] = set()
        self.running = asyncio.Event()
        self.running.set()
        self._queue: asyncio.Queue[Event[Any]] = asyncio.Queue()
        self._workers = [self._worker(main, settings) for main in FUNCTIONS]
        self._consuming: asyncio.Task[None] | None = None

    def _worker(self, main: Main, settings: Settings) -> Worker:
        role = f"taskflow_{main.function.name}"
        own = Settings(
            database=settings.database, database_role=role, database_pool=1, secret=settings.secret
        )
        return Worker(main.function, database=Database(own), publisher=self, settings=own)

    async def publish(self, topic: str, events: Sequence[Event[Any]]) -> set[str]:
        if self.down:
            return {event.id for event in events}
        self._consuming = self._consuming or asyncio.create_task(self._consume())
        taken = [event for event in events if event.partitionkey not in self.refuses]
        self.events += taken
        for event in taken:
            self._queue.put_nowait(event)
        return {event.id for event in events} - {event.id for event in taken}

    async def _consume(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self.running.wait()
            for worker in self._workers:
                await self._deliver(worker, batch)
            for _ in batch:
                self._queue.task_done()

    async def _deliver(self, worker: Worker, batch: Sequence[Event[Any]]) -> None:
        wanted = [e for e in batch if isinstance(e.data, worker.function.wakes_on)]
        entries = [Entry(event.id, b"", event=event) for event in wanted]
        while entries:
            outcomes = await worker.handle(entries)
            if "DROP" in outcomes:
                raise AssertionError(f"{worker.function.name} answered {outcomes}")
            entries = [e for e, o in zip(entries, outcomes, strict=True) if o == "RETRY"]
            await asyncio.sleep(0.01 if entries else 0)

    async def idle(self) -> None:
        """Until everything that was published has had its effects."""
        await self._queue.join()

    async def reachable(self) -> bool:
        return not self.down

    async def close(self) -> None:
        if self._consuming is not None:
            self._consuming.cancel()
        for worker in self._workers:
            await worker.database.close()
