"""Timers on a real database: each fires at its instant, once or again as the same event."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import pytest
from msgspec import structs

from functions.fire_timer.handler import AT_ONCE, SHARE, STEP_ASIDE, open_alarm
from functions.fire_timer.main import main
from taskflow.database import Database
from taskflow.dialects import Entry, Outcome
from taskflow.events import (
    CompleteTask,
    Event,
    Payload,
    ReminderTriggered,
    SignedUp,
    Tick,
    encode,
    new_event,
)
from taskflow.publish import ListPublisher
from taskflow.serve import Worker
from taskflow.settings import Settings
from tests.sidecar import Loopback, serve_sidecar

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Open: TypeAlias = Callable[..., Worker]

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
PUT = "INSERT INTO timers (id, due_at, topic, user_id, event) VALUES ($1, $2, $3, $4, $5)"
LEFT = "SELECT id::text, due_at, lease, leased_until FROM timers ORDER BY due_at, id"


class Clock:
    """Stands at an instant, or goes from there with the event loop."""

    def __init__(self, goes: bool = False) -> None:
        self.start = NOW
        self._origin = asyncio.get_running_loop().time() if goes else None

    def __call__(self) -> datetime:
        if self._origin is None:
            return self.start
        return self.start + timedelta(seconds=asyncio.get_running_loop().time() - self._origin)


class NotingPublisher(ListPublisher):
    """Notes when each event left, and may stop the world right after."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.left: list[datetime] = []
        self.calls = 0
        self.published = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def publish(self, topic: str, events: Sequence[Event[Any]]) -> set[str]:
        failed = await super().publish(topic, events)
        self.calls += 1
        self.left += [self.clock()] * (len(events) - len(failed))
        self.published.set()
        await self.goes_on.wait()
        return failed


@pytest.fixture
async def open_clock(settings: Settings) -> AsyncIterator[Open]:
    """Opens workers of `fire_timer` in its own role."""
    opened: list[Worker] = []

    def open_one(clock: Clock | None = None, /, **changes: Any) -> Worker:
        chosen = clock or Clock()
        own = structs.replace(settings, database_role="taskflow_fire_timer", **changes)
        worker = Worker(
            main.function,
            database=Database(own),
            publisher=NotingPublisher(chosen),
            settings=own,
            clock=chosen,
        )
        opened.append(worker)
        return worker

    yield open_one
    for worker in opened:
        await worker.close()


def publisher(worker: Worker) -> NotingPublisher:
    assert isinstance(worker.publisher, NotingPublisher)
    return worker.publisher


def fired(worker: Worker) -> list[str]:
    return [event.id for event in publisher(worker).events]


async def tick(worker: Worker) -> Outcome:
    look = new_event(Tick(), id="tick", source="clock", time=NOW)
    (outcome,) = await worker.handle([Entry("", b"", event=look)])
    return outcome


def reminder(stream: str = "s") -> ReminderTriggered:
    return ReminderTriggered(
        task_id="t", title="Pay rent", remind_at=NOW, user_id="u", reminder_id="r", stream=stream
    )


async def put_timer(
    owner: Owner, after: float, payload: Payload | None = None, number: int | None = None
) -> str:
    """A timer due some seconds after NOW; its id."""
    # The nil UUID is the retention's.
    name = str(uuid4()) if number is None else str(UUID(int=number + 1))
    due_at = NOW + timedelta(seconds=after)
    event = new_event(payload or reminder(), id=name, source="test", time=due_at)
    text = encode(event).decode()
    await owner.execute(PUT, name, due_at, event.data.topic, str(uuid4()), text)
    return name


# --- when --------------------------------------------------------------------------------------


async def test_a_tick_of_the_binding_fires_what_is_due(owner: Owner, open_clock: Open) -> None:
    name = await put_timer(owner, -1)
    worker = open_clock()

    answer = await worker.answer({"content-type": "application/json"}, b"{}")
    assert answer.status < 300
    assert fired(worker) == [name]


async def test_each_timer_fires_at_its_instant(owner: Owner, open_clock: Open) -> None:
    late = await put_timer(owner, -3600)
    soon = [await put_timer(owner, seconds) for seconds in (0.15, 0.3)]
    await put_timer(owner, 3600)
    worker = open_clock(Clock(goes=True))

    assert await tick(worker) == "SUCCESS"
    assert fired(worker) == [late, *soon]
    offsets = [(left - NOW).total_seconds() for left in publisher(worker).left]
    assert all(left >= due - 0.001 for left, due in zip(offsets[1:], (0.15, 0.3), strict=True))
    assert len(await owner.fetch(LEFT)) == 1


async def test_what_is_due_later_stays(owner: Owner, open_clock: Open) -> None:
    later = await put_timer(owner, 2.5)
    worker = open_clock()

    assert await tick(worker) == "SUCCESS"
    (left,) = await owner.fetch(LEFT)
    assert (left["id"], left["lease"], fired(worker)) == (later, None, [])


async def test_1200_due_timers_all_go_in_order_and_together(owner: Owner, open_clock: Open) -> None:
    names = [await put_timer(owner, number - 1200, number=number) for number in range(1200)]
    worker = open_clock()

    assert await tick(worker) == "SUCCESS"
    assert fired(worker) == names
    assert await owner.fetch(LEFT) == []


async def test_what_is_late_goes_in_one_call_for_all_streams(
    owner: Owner, open_clock: Open
) -> None:
    for number in range(300):
        await put_timer(owner, number - 300, reminder(f"s{number}"), number)
    worker = open_clock()

    await tick(worker)
    assert len(fired(worker)) == 300
    assert publisher(worker).calls == 1


# --- for everybody -----------------------------------------------------------------------------


async def put_flood(owner: Owner, after: float, count: int) -> str:
    """So many timers of one person, all due some seconds after NOW; the person."""
    person, due_at = str(uuid4()), NOW + timedelta(seconds=after)
    names = [str(uuid4()) for _ in range(count)]
    events = [new_event(reminder(name), id=name, source="test", time=due_at) for name in names]
    rows = [
        (event.id, due_at, event.data.topic, person, encode(event).decode()) for event in events
    ]
    await owner.executemany(PUT, rows)
    return person


async def test_a_flood_of_one_person_keeps_nobody_else(owner: Owner, open_clock: Open) -> None:
    """What is due later of another person leaves in the same tick, the flood in its own time."""
    await put_flood(owner, -600, 2 * SHARE + 200)
    theirs = [await put_timer(owner, -1), await put_timer(owner, -2)]
    worker = open_clock()

    await tick(worker)
    assert set(theirs) < set(fired(worker)) and len(fired(worker)) == SHARE + 2
    await tick(worker)
    newcomer = await put_timer(owner, -1)
    await tick(worker)
    assert newcomer in fired(worker)
    assert len(fired(worker)) == len(set(fired(worker))) == 2 * SHARE + 200 + 3
    assert await owner.fetch(LEFT) == []


async def test_two_floods_share_a_tick(owner: Owner, open_clock: Open) -> None:
    people = {await put_flood(owner, -600, SHARE + 100), await put_flood(owner, -500, SHARE + 100)}
    worker = open_clock()

    await tick(worker)
    left = await owner.fetch("SELECT user_id::text, count(*) FROM timers GROUP BY user_id")
    assert {row[0] for row in left} == people and {row[1] for row in left} == {100}


# --- once or again -----------------------------------------------------------------------------


async def test_it_publishes_before_it_deletes(owner: Owner, open_clock: Open) -> None:
    name = await put_timer(owner, 0)
    worker = open_clock()
    publisher(worker).goes_on.clear()
    firing = asyncio.create_task(tick(worker))
    await publisher(worker).published.wait()

    (still,) = await owner.fetch(LEFT)
    assert (still["id"], still["leased_until"]) == (name, NOW + timedelta(seconds=60))
    publisher(worker).goes_on.set()
    assert await firing == "SUCCESS"
    assert await owner.fetch(LEFT) == []


async def test_a_crash_after_publishing_repeats_the_same_event(
    owner: Owner, open_clock: Open
) -> None:
    await put_timer(owner, 0)
    dying = open_clock()
    publisher(dying).goes_on.clear()
    firing = asyncio.create_task(tick(dying))
    await publisher(dying).published.wait()
    firing.cancel()
    await asyncio.gather(firing, return_exceptions=True)

    clock = Clock()
    survivor = open_clock(clock)
    assert await tick(survivor) == "SUCCESS"
    assert fired(survivor) == [], "the lease is still alive"
    clock.start = NOW + timedelta(seconds=61)
    await tick(survivor)
    assert publisher(survivor).events == publisher(dying).events
    assert await owner.fetch(LEFT) == []


async def test_what_another_worker_holds_is_left_to_it(owner: Owner, open_clock: Open) -> None:
    held, free = await put_timer(owner, -2), await put_timer(owner, -1)
    await owner.execute(
        "UPDATE timers SET lease = gen_random_uuid(), leased_until = $2 WHERE id = $1",
        held,
        NOW + timedelta(seconds=30),
    )
    worker = open_clock()

    await tick(worker)
    assert fired(worker) == [free]
    assert [row["id"] for row in await owner.fetch(LEFT)] == [held]


async def test_workers_that_tick_together_share_the_timers(owner: Owner, open_clock: Open) -> None:
    names = {await put_timer(owner, -1, number=number) for number in range(700)}
    workers = [open_clock() for _ in range(3)]

    assert await asyncio.gather(*(tick(worker) for worker in workers)) == ["SUCCESS"] * 3
    together = [name for worker in workers for name in fired(worker)]
    assert len(together) == 700
    assert set(together) == names


async def test_what_the_log_does_not_take_is_given_back(owner: Owner, open_clock: Open) -> None:
    refused = await put_timer(owner, -2, reminder("down"))
    taken = await put_timer(owner, -1, reminder("up"))
    clock = Clock()
    worker = open_clock(clock)
    publisher(worker).refuses = {"down"}

    assert await tick(worker) == "SUCCESS"
    assert fired(worker) == [taken]
    (left,) = await owner.fetch(LEFT)
    assert (left["id"], left["lease"]) == (refused, None)
    publisher(worker).refuses = set()
    clock.start = NOW + STEP_ASIDE + timedelta(seconds=1)
    await tick(worker)
    assert fired(worker) == [taken, refused]
    assert await owner.fetch(LEFT) == []


async def test_a_log_that_takes_nothing_ends_the_tick(owner: Owner, open_clock: Open) -> None:
    for number in range(AT_ONCE + 1):
        await put_timer(owner, -1, reminder("down"), number)
    worker = open_clock()
    publisher(worker).refuses = {"down"}

    assert await tick(worker) == "SUCCESS"
    assert publisher(worker).calls == 1
    assert len(await owner.fetch(LEFT)) == AT_ONCE + 1


async def test_a_part_of_the_log_that_is_down_keeps_nobody_else(
    owner: Owner, open_clock: Open
) -> None:
    for number in range(AT_ONCE):
        await put_timer(owner, -9, reminder("down"), number)
    behind = await put_timer(owner, -1, reminder("up"))
    worker = open_clock()
    publisher(worker).refuses = {"down"}

    await tick(worker)
    await tick(worker)
    assert fired(worker) == [behind]


# --- what nobody can fire ----------------------------------------------------------------------


@pytest.mark.parametrize("text", ["{", '{"type": "taskflow.unknown.v9"}'])
async def test_an_unreadable_timer_is_set_aside_and_blocks_nobody(
    owner: Owner, open_clock: Open, text: str
) -> None:
    bad = str(uuid4())
    await owner.execute(PUT, bad, NOW - timedelta(days=1), "reminders", str(uuid4()), text)
    good = await put_timer(owner, -1)
    worker = open_clock()

    assert await tick(worker) == "SUCCESS"
    assert fired(worker) == [good]
    query = "SELECT id::text FROM timers WHERE due_at = 'infinity' AND lease IS NULL"
    assert [row["id"] for row in await owner.fetch(query)] == [bad]


async def test_what_a_newer_gateway_has_to_tell_of_an_account_leaves(
    owner: Owner, open_clock: Open
) -> None:
    """The outbox of a gateway that died stands under the clock of the version before it."""
    fact = new_event(
        SignedUp(user_id="u", actor_id="u", timestamp=NOW), id="moved", source="test", time=NOW
    )
    newer = structs.replace(fact, type="taskflow.account.moved.v1")
    text = encode(newer).decode()
    await owner.execute(PUT, str(uuid4()), NOW, "account-events", str(uuid4()), text)
    worker = open_clock()

    assert await tick(worker) == "SUCCESS"
    (left,) = publisher(worker).events
    assert encode(left) == encode(newer)


async def test_a_timer_for_a_command_is_set_aside(owner: Owner, open_clock: Open) -> None:
    command = CompleteTask(user_id="u", actor_id="u", stream="s", task_id="t")
    await put_timer(owner, -2, command)
    fact = SignedUp(user_id="u", actor_id="u", timestamp=NOW)
    good = await put_timer(owner, -1, fact)
    worker = open_clock()

    await tick(worker)
    assert fired(worker) == [good]
    assert len(await owner.fetch("SELECT 1 FROM timers WHERE due_at = 'infinity'")) == 1


# --- the second clock --------------------------------------------------------------------------


@pytest.fixture
def sidecar() -> Iterator[Loopback]:
    with serve_sidecar() as server:
        yield server
        open_alarm(server.address("taskflow")).close()


def alarms(sidecar: Loopback) -> list[float]:
    """The seconds after NOW at which a job rings."""
    instants = [datetime.fromisoformat(job["dueTime"]) for job in sidecar.memory.jobs.values()]
    return [(instant - NOW).total_seconds() for instant in instants]


def by_jobs(sidecar: Loopback) -> dict[str, str]:
    return {"clock": "jobs", "publish": sidecar.address("taskflow")}


async def test_a_job_rings_a_second_before_the_next_timer(
    owner: Owner, open_clock: Open, sidecar: Loopback
) -> None:
    due = await put_timer(owner, -1)
    for later in (90.6, 61.5, 3600):
        await put_timer(owner, later)
    worker = open_clock(**by_jobs(sidecar))

    assert [await tick(worker) for _ in range(3)] == ["SUCCESS"] * 3
    assert fired(worker) == [due]
    assert alarms(sidecar) == [60.0]
    assert len(sidecar.memory.asked) == 1, "what is set already asks for nothing"
    await put_timer(owner, 30)
    await tick(worker)
    assert alarms(sidecar) == [60.0, 29.0]


async def test_the_call_of_a_job_is_a_tick_that_waits_for_the_instant(
    owner: Owner, open_clock: Open, sidecar: Loopback
) -> None:
    soon = await put_timer(owner, 0.3)
    worker = open_clock(Clock(goes=True), **by_jobs(sidecar))

    answer = await worker.answer({"content-type": "application/json"}, b"")
    assert answer.status < 300
    assert fired(worker) == [soon]
    assert publisher(worker).left[0] >= NOW + timedelta(seconds=0.299)


async def test_what_stepped_aside_rings_when_it_comes_back(
    owner: Owner, open_clock: Open, sidecar: Loopback
) -> None:
    await put_timer(owner, -1, reminder("down"))
    worker = open_clock(**by_jobs(sidecar))
    publisher(worker).refuses = {"down"}

    await tick(worker)
    assert alarms(sidecar) == [STEP_ASIDE.total_seconds() - 1]
    await put_timer(owner, 3)
    await tick(worker)
    assert alarms(sidecar)[1:] == [2.0], "what is due before that is not forgotten"


async def test_nothing_to_come_rings_never(
    owner: Owner, open_clock: Open, sidecar: Loopback
) -> None:
    await owner.execute(PUT, str(uuid4()), NOW, "reminders", str(uuid4()), "{")
    worker = open_clock(**by_jobs(sidecar))

    assert [await tick(worker), await tick(worker)] == ["SUCCESS"] * 2
    assert sidecar.memory.asked == []


async def test_the_first_clock_asks_for_no_jobs(
    owner: Owner, open_clock: Open, sidecar: Loopback
) -> None:
    await put_timer(owner, 60)
    await tick(open_clock(publish=sidecar.address("taskflow")))
    assert sidecar.memory.asked == []


async def test_without_a_scheduler_the_ticks_go_on(
    owner: Owner, open_clock: Open, sidecar: Loopback
) -> None:
    sidecar.memory.mode = "breaks"
    due = await put_timer(owner, -1)
    await put_timer(owner, 60)
    worker = open_clock(**by_jobs(sidecar))

    assert await tick(worker) == "SUCCESS"
    assert fired(worker) == [due]
