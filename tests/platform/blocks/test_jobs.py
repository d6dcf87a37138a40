"""The Jobs API as the clock of `fire_timer`: its real handler and database, a real sidecar and a
real Scheduler, and no other tick than the first.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from dapr.clients.exceptions import DaprGrpcError
from msgspec import structs

from functions.fire_timer.handler import open_alarm
from functions.fire_timer.main import main
from local.http import Server
from local.process import choose_port
from taskflow.database import Database
from taskflow.door import Door
from taskflow.events import ReminderTriggered, encode, new_event
from taskflow.publish import ListPublisher
from taskflow.serve import Worker
from taskflow.settings import Settings
from tests.platform.blocks.sidecars import (
    Place,
    find_beside,
    open_sdk,
    run_scheduler,
    run_sidecar,
    until_ready,
)
from tests.platform.stage import until

PUT = "INSERT INTO timers (id, due_at, topic, user_id, event) VALUES ($1, $2, 'reminders', $1, $3)"
TOKEN = "a token of this delivery"

pytestmark = pytest.mark.skipif(
    find_beside("dapr-scheduler") is None, reason="there is no dapr-scheduler beside daprd"
)


class NotingPublisher(ListPublisher):
    """Notes when each event left."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[datetime] = []

    async def publish(self, topic: str, events: object) -> set[str]:
        self.left.append(datetime.now(UTC))
        return await super().publish(topic, events)  # type: ignore[arg-type]


class Clockwork:
    """`fire_timer` behind its door, its sidecar, and the Scheduler that keeps its jobs."""

    def __init__(
        self, worker: Worker, publisher: NotingPublisher, owner: asyncpg.Connection
    ) -> None:
        self.worker, self.publisher, self.owner = worker, publisher, owner

    async def put_timer(self, seconds: float) -> tuple[str, datetime]:
        """A timer due that much later: its id and its instant."""
        name, due_at = str(uuid4()), datetime.now(UTC) + timedelta(seconds=seconds)
        fact = ReminderTriggered(
            task_id="t", title="x", remind_at=due_at, user_id="u", reminder_id="r", stream=name
        )
        event = new_event(fact, id=name, source="test", time=due_at)
        await self.owner.execute(PUT, name, due_at, encode(event).decode())
        return name, due_at

    async def tick(self) -> None:
        """What the cron binding does, once."""
        answer = await self.worker.answer({"dapr-api-token": TOKEN}, b"")
        assert answer.status < 300

    async def fired(self, *names: str) -> None:
        async def has_fired() -> bool:
            return {event.id for event in self.publisher.events} == set(names)

        await until(has_fired, f"{names} fired")


@pytest.fixture
async def clockwork(
    place: Place, settings: Settings, owner: asyncpg.Connection
) -> AsyncIterator[Clockwork]:
    listener = socket.create_server(("127.0.0.1", 0))
    app_port = listener.getsockname()[1]
    publisher = NotingPublisher()
    async with run_scheduler(place.folder) as scheduler:
        flags = {"app_port": app_port, "scheduler_host_address": scheduler}
        env = {"APP_API_TOKEN": TOKEN}
        async with run_sidecar(place, "fire-timer", env=env, allows=["jobs"], **flags) as sidecar:
            own = structs.replace(
                settings,
                database_role="taskflow_fire_timer",
                clock="jobs",
                publish=sidecar.address("taskflow"),
                delivery_token=TOKEN,
            )
            worker = Worker(
                main.function, database=Database(own), publisher=publisher, settings=own
            )
            server = Server(Door(lambda: worker), listener)
            await server.start()
            await until_ready(sidecar)
            yield Clockwork(worker, publisher, owner)
            open_alarm(own.publish).close()
        await server.stop()
    listener.close()


async def test_jobs_tick_at_every_instant_after_one_first_tick(clockwork: Clockwork) -> None:
    """Each call of a job fires what is due and sets the job of the next; a row that is gone by then
    has no effect, whatever rings for it."""
    timers = [await clockwork.put_timer(seconds) for seconds in (4.2, 4.7, 8.1)]
    gone, _ = await clockwork.put_timer(6)
    await clockwork.tick()
    assert clockwork.publisher.events == []
    await clockwork.owner.execute("DELETE FROM timers WHERE id = $1", gone)

    await clockwork.fired(*(name for name, _ in timers))
    assert [event.id for event in clockwork.publisher.events] == [name for name, _ in timers]
    early = [
        due_at - left for left, (_, due_at) in zip(clockwork.publisher.left, timers, strict=True)
    ]
    assert max(early) < timedelta(milliseconds=2), "nothing fires before its instant"
    assert await clockwork.owner.fetchval("SELECT count(*) FROM timers") == 0


async def test_dapr_s_own_client_sees_the_job_that_the_alarm_has_set(place: Place) -> None:
    at = datetime(2100, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    async with run_scheduler(place.folder) as scheduler:
        flags = {"app_port": choose_port(), "scheduler_host_address": scheduler}
        async with run_sidecar(place, "fire-timer", allows=["jobs"], **flags) as sidecar:
            alarm = open_alarm(sidecar.address("taskflow"))
            async with open_sdk(sidecar) as client:

                async def is_set() -> bool:
                    """A sidecar has to find its Scheduler first."""
                    await alarm.set(at)
                    with suppress(DaprGrpcError):
                        job = await client.get_job(f"alarm-{int(at.timestamp())}")
                        return bool(job.due_time == "2100-01-02T03:04:05+00:00")
                    return False

                await until(is_set, "the job as it was set")
            alarm.close()
