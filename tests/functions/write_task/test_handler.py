"""Every write, once: on a real database, under the function's own role, behind its door."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from msgspec import structs

from functions.write_task.main import main
from taskflow.events import (
    CancelTask,
    Command,
    CreateOccurrence,
    DeleteTask,
    Event,
    Operation,
    RefusedLine,
    ReopenTask,
    SkipOccurrence,
    SnoozeTask,
    WriteTasks,
    encode,
    occurrence_id,
)
from tests.functions.commands import (
    NOW,
    complete,
    create,
    deliver,
    kinds,
    make_command,
    make_input,
    published,
    send,
    take,
    update,
)
from tests.functions.conftest import OpenWorker, Owner

DUE = "2026-12-31T09:00:00Z"


async def results(owner: Owner, command: Event[Any]) -> list[dict[str, Any]]:
    """The stored outcome of a command."""
    outcome = await owner.fetchval("SELECT outcome FROM commands WHERE id = $1", command.id)
    found: list[dict[str, Any]] = msgspec.json.decode(outcome)
    return found


async def status(owner: Owner, command: Event[Any]) -> int:
    (result,) = await results(owner, command)
    found: int = result["status"]
    return found


async def count(owner: Owner, table: str) -> int:
    found: int = await owner.fetchval(f"SELECT count(*) FROM {table}")
    return found


# --- one effect --------------------------------------------------------------------------------


async def test_a_task_its_outcome_and_its_event_agree(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    command = send(
        create(user_id, title=" Pay ", notes="n", tags=["Home"], due_at=DUE, priority="high")
    )
    assert await deliver(worker, command) == "S"
    (event,) = published(worker)
    task = event.data.task_data
    assert event.causationid == event.correlationid == command.id
    assert (event.partitionkey, event.subject) == (task.id, task.id)
    row = await owner.fetchrow("SELECT * FROM tasks")
    assert row is not None
    assert (str(row["id"]), row["title"], row["version"]) == (task.id, "Pay", 1)
    assert (row["tags"], row["tag_keys"]) == (["Home"], ["home"])
    assert row["due_at"] == row["due_sort"] == task.due_at
    assert row["due_local"].isoformat() == "2026-12-31T10:00:00"
    assert (row["timezone"], row["created_at"]) == ("Europe/Paris", NOW)
    assert await results(owner, command) == [{"status": 201, "event": 0}]
    stored = await owner.fetchval("SELECT events FROM commands")
    assert stored.encode() == encode([event])


async def test_what_is_stored_is_what_was_said(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    """An update that changes nothing proves that every field came back as it was written."""
    worker = open_worker(main)
    task_id = str(uuid4())
    command = create(
        user_id,
        task_id,
        notes="ü\n",
        tags=["a", 'b"{'],
        due_at=DUE,
        recurrence={"frequency": "monthly", "until": "2027-12-31"},
        reminders=[{"before": "PT1H"}, {"at": "2026-12-30T18:00:00.5Z"}],
    )
    again = send(command)
    assert await deliver(worker, send(command)) == "S"
    first = take(worker)[0]
    assert await deliver(worker, again) == "S"
    assert take(worker) == []
    (result,) = await results(owner, again)
    assert result["status"] == 201
    assert result["body"] == msgspec.to_builtins(first.data.task_data)


async def test_instants_are_utc_whatever_the_server_says(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Kolkata'")
    worker = open_worker(main)
    task_id = str(uuid4())
    await deliver(worker, send(create(user_id, task_id, due_at=DUE)))
    await deliver(worker, send(update(user_id, task_id, title="Pay the rent")))
    data = msgspec.to_builtins(published(worker)[-1].data.task_data)
    assert (data["due_at"], data["created_at"]) == (DUE, "2026-12-01T08:00:00.123456Z")


async def test_a_redelivered_command_writes_nothing_and_says_the_same(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    commands = [
        send(create(user_id, due_at=DUE, reminders=[{"before": "P1D"}, {"before": "PT1H"}])),
        send(create(user_id, due_at=DUE, recurrence={"frequency": "daily"})),
    ]
    assert await deliver(worker, *commands) == "SS"
    first = take(worker)
    before = [await owner.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES]
    assert await deliver(open_worker(main, now=NOW + timedelta(days=1)), *commands) == "SS"
    assert await deliver(worker, *commands) == "SS"
    again = take(worker)
    assert [encode(event) for event in again] == [encode(event) for event in first]
    assert sorted(kinds(again)) == ["ReminderScheduled"] * 2 + ["TaskCreated"] * 2
    assert [await owner.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES] == before


TABLES = ("tasks", "series", "occurrences", "commands", "timers")


async def test_a_redelivery_keeps_the_order_of_the_log(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    """Clocks of gateways differ and ids are random: only the delivery knows the order."""
    worker = open_worker(main)
    task_id = str(uuid4())
    ids = sorted(str(uuid4()) for _ in range(4))
    commands = [
        send(create(user_id, task_id), id=ids[3]),
        send(update(user_id, task_id, title="2"), id=ids[2]),
        send(update(user_id, task_id, title="3"), id=ids[1], at=NOW - timedelta(seconds=1)),
        send(complete(user_id, task_id), id=ids[0]),
    ]
    for _ in range(2):
        assert await deliver(worker, *commands) == "SSSS"
        assert [event.data.task_data.version for event in take(worker)] == [1, 2, 3, 4]


async def test_a_command_twice_in_a_batch_counts_once(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    one, two = send(create(user_id)), send(create(user_id))
    assert await deliver(worker, one, two, one, one, two) == "SSSSS"
    assert kinds(published(worker)) == ["TaskCreated", "TaskCreated"]
    assert await count(owner, "tasks") == 2


async def test_one_batch_at_two_workers(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    workers = [open_worker(main), open_worker(main)]
    commands = [send(create(user_id, due_at=DUE, reminders=[{"before": "P1D"}])) for _ in range(9)]
    answers = await asyncio.gather(*(deliver(worker, *commands) for worker in workers))
    assert answers == ["S" * 9, "S" * 9]
    one, two = ([encode(event) for event in published(worker)] for worker in workers)
    assert sorted(one) == sorted(two) and len(one) == 18
    assert await count(owner, "tasks") == await count(owner, "timers") == 9


async def test_opposite_orders_of_locks_both_end(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    """Each lets the other wait for what it holds: one is ended as a deadlock, and repeated."""
    first, second = open_worker(main), open_worker(main)
    a, b = sorted(str(uuid4()) for _ in range(2))
    await deliver(first, send(create(user_id, a)), send(create(user_id, b)))
    rival = await asyncpg.connect(await url_of(owner))
    await rival.execute("SET deadlock_timeout = '20s'")
    async with rival.transaction():
        await rival.execute("SELECT 1 FROM tasks WHERE id = $1 FOR UPDATE", b)
        work = asyncio.create_task(
            deliver(second, send(complete(user_id, a)), send(complete(user_id, b)))
        )
        await until_waiting(owner)
        await rival.execute("SELECT 1 FROM tasks WHERE id = $1 FOR UPDATE", a)
    assert await work == "SS"
    await rival.close()
    assert await owner.fetchval("SELECT count(*) FROM tasks WHERE status = 'done'") == 2
    assert await count(owner, "attempts") == 0


async def url_of(owner: Owner) -> str:
    name = await owner.fetchval("SELECT current_database()")
    folder = (await owner.fetchval("SHOW unix_socket_directories")).partition(",")[0]
    return f"postgresql://postgres:@/{name}?host={folder}"


async def until_waiting(owner: Owner) -> None:
    """Until another session waits for a lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    while not await owner.fetchval(waiting):
        await asyncio.sleep(0.01)


async def test_two_people_create_one_id(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    other = str(uuid4())
    await owner.execute(
        "INSERT INTO users (id, email, email_key, created_at) VALUES ($1, 'o', 'o', now())", other
    )
    task_id = str(uuid4())
    commands = [send(create(user_id, task_id)), send(create(other, task_id))]
    workers = [open_worker(main), open_worker(main)]
    pairs = zip(workers, commands, strict=True)
    assert await asyncio.gather(*(deliver(*pair) for pair in pairs)) == ["S", "S"]
    assert sorted([await status(owner, one) for one in commands]) == [201, 409]
    events = [event for worker in workers for event in published(worker)]
    owner_of = await owner.fetchval("SELECT user_id::text FROM tasks")
    assert [event.data.user_id for event in events] == [owner_of]


# --- the outbox --------------------------------------------------------------------------------


async def test_death_between_commit_and_publish(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    doomed, other = send(create(user_id)), send(create(user_id))
    worker.publisher.refuses = {doomed.partitionkey}  # type: ignore[attr-defined]
    assert await deliver(worker, doomed, other) == "RS"
    assert await count(owner, "tasks") == 2 and len(take(worker)) == 1
    worker.publisher.refuses = set()  # type: ignore[attr-defined]
    assert await deliver(worker, doomed) == "S"
    assert [event.causationid for event in published(worker)] == [doomed.id]
    assert await count(owner, "attempts") == 0


async def test_an_event_that_did_not_leave_holds_back_its_stream_alone(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    task_id, free = str(uuid4()), str(uuid4())
    commands = [
        send(create(user_id, task_id)),
        send(create(user_id, free)),
        send(complete(user_id, task_id)),
        send(complete(user_id, free)),
    ]
    worker.publisher.refuses = {task_id}  # type: ignore[attr-defined]
    assert await deliver(worker, *commands) == "RSRS"
    assert {event.partitionkey for event in take(worker)} == {free}


# --- refusals are outcomes ---------------------------------------------------------------------


async def test_a_refusal_is_an_outcome_and_stops_nobody(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    good = send(create(user_id))
    bad = [
        send(create(user_id, title=" ")),
        send(complete(user_id, str(uuid4()))),
        send(create(str(uuid4()))),
        send(create(user_id), at=NOW - timedelta(days=45, seconds=1)),
        send(make_command(SkipOccurrence, user_id, good.data.task_id)),
    ]
    assert await deliver(worker, good, *bad) == "SSSSSS"
    found = [(await results(owner, command))[0] for command in bad]
    codes = [(one["status"], one["body"]["code"]) for one in found]
    assert codes == [
        (422, "invalid"),
        (404, "not_found"),
        (404, "not_found"),
        (409, "superseded"),
        (409, "invalid_transition"),
    ]
    assert kinds(published(worker)) == ["TaskCreated"]
    assert await count(owner, "attempts") == 0


async def test_a_deleted_account_is_404(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    task_id = str(uuid4())
    await deliver(worker, send(create(user_id, task_id)))
    await owner.execute("UPDATE users SET deleted_at = now()")
    commands = [send(complete(user_id, task_id)), send(create(user_id))]
    assert await deliver(worker, *commands) == "SS"
    assert [await status(owner, one) for one in commands] == [404, 404]
    assert await count(owner, "tasks") == 1


async def test_a_version_conflict_shows_the_task(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    task_id = str(uuid4())
    stale = send(update(user_id, task_id, version=1, title="stale"))
    await deliver(worker, send(create(user_id, task_id)), send(update(user_id, task_id, title="b")))
    assert await deliver(worker, stale) == "S"
    (result,) = await results(owner, stale)
    assert (result["status"], result["body"]["current"]["title"]) == (412, "b")


async def test_an_unreadable_command_is_counted_then_given_up(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    poison, good = send(create("nobody")), send(create(user_id))
    assert [await deliver(worker, poison, good) for _ in range(5)] == ["RS"] * 4 + ["DS"]
    assert await count(owner, "tasks") == 1


# --- batches of one person ---------------------------------------------------------------------


def batch(user_id: str, *operations: dict[str, Any]) -> Event[WriteTasks]:
    lines = [Operation(position=place, **one) for place, one in enumerate(operations)]
    command = WriteTasks(
        user_id=user_id,
        actor_id=user_id,
        stream=lines[0].task_id,
        batch_id=str(uuid4()),
        operations=lines,
    )
    return send(command)


async def test_a_batch_is_done_in_order_and_each_line_fails_alone(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    one, two, none = (str(uuid4()) for _ in range(3))
    command = batch(
        user_id,
        {"op": "create", "task_id": one, "task": make_input(title="One")},
        {"op": "create", "task_id": two, "task": make_input(title="")},
        {"op": "update", "task_id": one, "task": make_input(title="Uno")},
        {"op": "complete", "task_id": one},
        {"op": "complete", "task_id": none},
        {"op": "complete", "task_id": one},
        {"op": "reopen", "task_id": one},
        {"op": "cancel", "task_id": one},
        {"op": "delete", "task_id": one},
    )
    assert await deliver(worker, command) == "S"
    found = await results(owner, command)
    assert [one["status"] for one in found] == [201, 422, 200, 200, 404, 200, 200, 200, 204]
    assert [one.get("event") for one in found] == [0, None, 1, 2, None, None, 3, 4, None]
    assert [one.get("position", 0) for one in found] == list(range(9))
    assert [event.data.task_data.version for event in take(worker)] == [1, 2, 3, 4, 5, 6]
    assert await deliver(worker, command) == "S"
    assert kinds(published(worker)) == [
        "TaskCreated",
        "TaskUpdated",
        "TaskCompleted",
        "TaskReopened",
        "TaskCancelled",
        "TaskDeleted",
    ]
    assert await owner.fetchval("SELECT deleted_at IS NOT NULL FROM tasks") is True


async def test_the_outcome_of_a_batch_keeps_the_lines_that_were_refused_before(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    """Beside the first of its results, where a gateway that does not know them sees none twice."""
    worker = open_worker(main)
    lines = [{"op": "create", "task_id": str(uuid4()), "task": make_input(title=t)} for t in "ab"]
    command = batch(user_id, *lines)
    refused = [RefusedLine(position=7, status=422, problem={"code": "invalid", "detail": "no"})]
    command = structs.replace(command, data=structs.replace(command.data, refused=refused))
    assert await deliver(worker, command, command) == "SS"
    first, second = await results(owner, command)
    assert first["refused"] == msgspec.to_builtins(refused) and "refused" not in second
    assert (first["status"], second["status"]) == (201, 201)


# --- timers and reminders ----------------------------------------------------------------------


async def timers(owner: Owner) -> list[tuple[str, str]]:
    rows = await owner.fetch("SELECT topic, due_at, event FROM timers ORDER BY due_at, topic")
    assert all(msgspec.json.decode(row["event"])["time"] for row in rows)
    return [(row["topic"], f"{row['due_at']:%m-%d %H:%M}") for row in rows]


def reminders(events: list[Event[Any]]) -> list[tuple[str, str]]:
    found = [event.data for event in events if type(event.data).topic == "reminders"]
    return sorted((one.event_type, f"{one.remind_at:%m-%d %H:%M}") for one in found)


async def test_reminders_follow_the_task(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    task_id = str(uuid4())
    both = [{"before": "P1D"}, {"at": "2026-12-20T08:00:00Z"}]
    await deliver(worker, send(create(user_id, task_id, due_at=DUE, reminders=both)))
    assert reminders(take(worker)) == [("scheduled", "12-20 08:00"), ("scheduled", "12-30 09:00")]
    assert await timers(owner) == [("reminders", "12-20 08:00"), ("reminders", "12-30 09:00")]

    await deliver(worker, send(update(user_id, task_id, due_at="2027-01-02T09:00:00Z")))
    assert reminders(take(worker)) == [("cancelled", "12-30 09:00"), ("scheduled", "01-01 09:00")]
    assert await timers(owner) == [("reminders", "12-20 08:00"), ("reminders", "01-01 09:00")]

    await deliver(worker, send(complete(user_id, task_id)))
    assert reminders(take(worker)) == [("cancelled", "01-01 09:00"), ("cancelled", "12-20 08:00")]
    assert await timers(owner) == []

    await deliver(worker, send(make_command(ReopenTask, user_id, task_id)))
    assert reminders(take(worker)) == [("scheduled", "01-01 09:00"), ("scheduled", "12-20 08:00")]

    until = NOW + timedelta(hours=1)
    await deliver(worker, send(make_command(SnoozeTask, user_id, task_id, until=until)))
    assert reminders(take(worker)) == [("scheduled", "12-01 09:00")]
    await deliver(worker, send(make_command(DeleteTask, user_id, task_id)))
    assert len(reminders(take(worker))) == 3 and await timers(owner) == []


async def test_a_reminder_born_late_is_said_and_never_sent(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    late = [{"at": "2026-11-30T08:00:00Z"}]
    await deliver(worker, send(create(user_id, reminders=late)))
    (event,) = [e for e in published(worker) if type(e.data).topic == "reminders"]
    assert event.data.born_late and await timers(owner) == []


async def test_a_timer_holds_the_newest_words(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    task_id = str(uuid4())
    await deliver(worker, send(create(user_id, task_id, due_at=DUE, reminders=[{"before": "P1D"}])))
    before = await owner.fetchval("SELECT id FROM timers")
    assert reminders(take(worker)) == [("scheduled", "12-30 09:00")]
    await deliver(worker, send(update(user_id, task_id, title="Pay all")))
    assert kinds(take(worker)) == ["TaskUpdated"]
    event = msgspec.json.decode(await owner.fetchval("SELECT event FROM timers"))
    assert (event["data"]["title"], event["id"]) == ("Pay all", str(before))


async def test_a_series_wakes_when_its_time_passes(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    timed, all_day = str(uuid4()), str(uuid4())
    daily = {"frequency": "daily"}
    await deliver(
        worker,
        send(create(user_id, timed, due_at=DUE, recurrence=daily)),
        send(create(user_id, all_day, due_on="2026-12-31", recurrence=daily)),
        send(create(user_id, due_at=DUE)),
    )
    # Each when the day of the next one begins; both days begin in Paris.
    assert await timers(owner) == [("task-events", "12-31 23:00")] * 2
    past = create(user_id, due_at="2026-11-01T09:00:00Z", recurrence=daily)
    await deliver(worker, send(past))
    assert (await timers(owner))[0] == ("task-events", "11-01 23:00")
    await deliver(worker, send(make_command(CancelTask, user_id, timed)))
    assert (await timers(owner)).count(("task-events", "12-31 23:00")) == 1


async def test_occurrences_note_how_they_ended(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    ways: dict[str, Callable[..., Command]] = {
        "done": complete,
        "cancelled": lambda *who: make_command(CancelTask, *who),
        "skipped": lambda *who: make_command(SkipOccurrence, *who),
        "missed": lambda *who: make_command(SkipOccurrence, *who, missed=True),
        "deleted": lambda *who: make_command(DeleteTask, *who),
    }
    passed = datetime.fromisoformat(DUE)
    for end in ways.values():
        task_id = str(uuid4())
        first = create(user_id, task_id, due_at=DUE, recurrence={"frequency": "daily"})
        await deliver(worker, send(first), send(end(user_id, task_id), at=passed))
    rows = await owner.fetch("SELECT ended_how, ended_at FROM occurrences")
    assert sorted(row["ended_how"] for row in rows) == sorted(ways)
    assert {row["ended_at"] for row in rows} == {passed}
    await deliver(worker, send(make_command(ReopenTask, user_id, await done_task(owner))))
    assert await owner.fetchval("SELECT count(*) FROM occurrences WHERE ended_at IS NULL") == 1


async def test_who_moves_to_a_date_takes_it_from_who_went_with_the_old_rule(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    """Or the date would be made again beside it, once an earlier occurrence ends."""
    worker = open_worker(main)
    first = create(user_id, due_at=DUE, recurrence={"frequency": "daily"})
    await deliver(worker, send(first))
    made = [born(user_id, first.task_id, day) for day in ("2027-01-01", "2027-01-02")]
    for one in made:
        await deliver(worker, send(one))
    moved = update(user_id, made[0].task_id, "all", due_at="2027-01-02T09:00:00Z")
    await deliver(worker, send(moved))
    rows = await owner.fetch(NOTED + "AND recurrence_id > '2027-01-02'", first.task_id)
    assert [tuple(row) for row in rows] == [(made[0].task_id, None)]
    again = send(structs.replace(made[1], series_version=2))
    await deliver(worker, again)
    assert (await status(owner, again), await count(owner, "tasks")) == (200, 3)


NOTED = "SELECT task_id::text, ended_how FROM occurrences WHERE series_id = $1 "


def born(user_id: str, series_id: str, day: str) -> CreateOccurrence:
    name = f"{day}T10:00:00"
    return make_command(
        CreateOccurrence,
        user_id,
        occurrence_id(series_id, name),
        stream=series_id,
        series_id=series_id,
        series_version=1,
        recurrence_id=name,
        due_at=datetime.fromisoformat(f"{day}T09:00:00Z"),
        due_on=None,
    )


async def done_task(owner: Owner) -> str:
    found: str = await owner.fetchval("SELECT id::text FROM tasks WHERE status = 'done'")
    return found


# --- notices -----------------------------------------------------------------------------------


async def test_who_waits_is_told_after_the_commit(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    heard: asyncio.Queue[tuple[list[str], int]] = asyncio.Queue()
    reader = await asyncpg.connect(await url_of(owner))

    async def hear(payload: str) -> None:
        settled = await reader.fetchval("SELECT count(*) FROM commands WHERE outcome IS NOT NULL")
        heard.put_nowait((payload.split("\n"), settled))

    listening: set[asyncio.Task[None]] = set()
    await owner.add_listener(
        "gateway-1", lambda *got: listening.add(asyncio.create_task(hear(got[3])))
    )
    silent = send(create(user_id))
    waited = [send(create(user_id, title=title), replyto="gateway-1") for title in ("a", "")]
    large = send(create(user_id, notes="long " * 900), replyto="gateway-1")
    assert await deliver(worker, silent, *waited, large) == "SSSS"
    (made, refused, unsaid), settled = await heard.get()
    assert (unsaid, settled) == (large.id, 4)
    told = [msgspec.json.decode(line) for line in (made, refused)]
    assert [one["id"] for one in told] == [one.id for one in waited]
    assert told[0]["results"][0]["body"]["title"] == "a"
    assert [one["results"][0]["status"] for one in told] == [201, 422]
    assert await deliver(worker, silent) == "S"
    assert await deliver(worker, waited[0]) == "S"
    assert await heard.get() == ([waited[0].id], 4)
    assert heard.empty()
    await reader.close()


async def test_a_notice_that_cannot_be_sent_costs_nothing(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    command = send(create(user_id), replyto="x" * 99)
    assert await deliver(worker, command) == "S"
    assert await count(owner, "attempts") == 0
    assert kinds(published(worker)) == ["TaskCreated"]


# --- rights ------------------------------------------------------------------------------------


BEYOND_ITS_RIGHTS = [
    "DELETE FROM tasks",
    "DELETE FROM commands",
    "SELECT email FROM users",
    "UPDATE users SET timezone = 'UTC'",
    "SELECT * FROM audit_entries",
    "INSERT INTO feed_heads VALUES (gen_random_uuid(), 1)",
]


async def test_the_role_may_do_no_more(open_worker: OpenWorker) -> None:
    async with open_worker(main).database.connection() as db:
        for sql in BEYOND_ITS_RIGHTS:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await db.execute(sql)


async def test_a_role_is_one_functions_alone(open_worker: OpenWorker) -> None:
    worker = open_worker(main)
    assert structs.asdict(worker.settings)["database_role"] == "taskflow_write_task"
    async with worker.database.connection() as db:
        assert await db.fetchval("SELECT current_user") == "taskflow_write_task"
