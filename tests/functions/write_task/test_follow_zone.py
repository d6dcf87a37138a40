"""A person changes zones, or a zone changes its rules: on a real database, behind the function's
door, with whatever the log delivers twice.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

from functions.expand_recurrence.handler import expand_recurrence
from functions.write_task import follow_zone
from functions.write_task.main import main
from taskflow.events import (
    Command,
    Event,
    FollowZone,
    ReminderCancelled,
    ReminderScheduled,
    ReminderTriggered,
    ReopenTask,
    SeriesDue,
    TaskReopened,
    TaskUpdated,
    read_event,
)
from taskflow.serve import Worker
from taskflow.zone_rules import VERSION, follow_rules
from tests.functions.commands import (
    NOW,
    complete,
    create,
    deliver,
    kinds,
    make_command,
    send,
    take,
    update,
)
from tests.functions.conftest import OpenWorker, Owner

PARIS, TOKYO, NEW_YORK = "Europe/Paris", "Asia/Tokyo", "America/New_York"
WALL = "2026-12-31T09:00:00"
IN_PARIS = datetime(2026, 12, 31, 8, tzinfo=UTC)
IN_TOKYO = datetime(2026, 12, 31, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def settle(worker: Worker, *commands: Event[Any]) -> list[Event[Any]]:
    """What came of commands and of those that followed from them, each delivered on its own."""
    emitted: list[Event[Any]] = []
    waiting = list(commands)
    while waiting:
        assert await deliver(worker, waiting.pop(0)) == "S"
        came = take(worker)
        emitted += came
        waiting += [event for event in came if isinstance(event.data, Command)]
    return emitted


async def move(owner: Owner, user_id: str, zone: str) -> Event[FollowZone]:
    """The person is in another zone, and the command that the gateway writes with it."""
    former = await owner.fetchval("SELECT timezone FROM users WHERE id = $1", user_id)
    await owner.execute("UPDATE users SET timezone = $2 WHERE id = $1", user_id, zone)
    return send(FollowZone(user_id=user_id, actor_id=user_id, stream=user_id, former=former))


async def make(worker: Worker, user_id: str, **fields: Any) -> str:
    task_id = str(uuid4())
    await settle(worker, send(create(user_id, task_id, **fields)))
    return task_id


def facts(events: Sequence[Event[Any]], kind: type[Any]) -> list[Any]:
    return [event.data for event in events if isinstance(event.data, kind)]


async def look(owner: Owner, task_id: str) -> Any:
    return await owner.fetchrow("SELECT * FROM tasks WHERE id = $1", task_id)


async def timers(owner: Owner, kind: type[Any]) -> list[datetime]:
    rows = await owner.fetch("SELECT due_at, event FROM timers ORDER BY due_at")
    return [row["due_at"] for row in rows if kind.type in row["event"]]


async def test_t4_what_floats_moves_with_its_reminders_and_nothing_else(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    hour = [{"before": "PT1H"}]
    floats = await make(worker, user_id, due_at=WALL, start_at="2026-12-31T08:00", reminders=hour)
    others = [
        await make(worker, user_id, due_at=WALL, timezone=PARIS, reminders=hour),
        await make(worker, user_id, due_at="2026-12-31T08:00Z", reminders=hour),
        await make(worker, user_id, due_on="2026-12-31"),
        await make(worker, user_id),
    ]
    done = await make(worker, user_id, due_at=WALL)
    await settle(worker, send(complete(user_id, done)))
    before = [await look(owner, task_id) for task_id in (*others, done)]

    emitted = await settle(worker, await move(owner, user_id, TOKYO))

    (fact,) = facts(emitted, TaskUpdated)
    assert (fact.task_id, fact.task_data.version, fact.before) == (
        floats,
        2,
        {
            "due_at": "2026-12-31T08:00:00Z",
            "start_at": "2026-12-31T07:00:00Z",
            "timezone": PARIS,
        },
    )
    row = await look(owner, floats)
    assert (row["due_at"], row["start_at"], row["timezone"]) == (IN_TOKYO, IN_TOKYO - HOUR, TOKYO)
    assert row["due_local"].isoformat() == WALL and row["due_sort"] == IN_TOKYO
    assert [await look(owner, task_id) for task_id in (*others, done)] == before
    (gone,), (come,) = facts(emitted, ReminderCancelled), facts(emitted, ReminderScheduled)
    assert (gone.remind_at, come.remind_at) == (IN_PARIS - HOUR, IN_TOKYO - HOUR)
    fixed = IN_PARIS - HOUR
    assert await timers(owner, ReminderTriggered) == [IN_TOKYO - HOUR, fixed, fixed]


async def test_t4_moved_again_and_delivered_again_it_moves_once(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    task_id = await make(worker, user_id, due_at=WALL)
    first, second = await move(owner, user_id, TOKYO), await move(owner, user_id, NEW_YORK)
    emitted = await settle(worker, second, first)
    assert len(facts(emitted, TaskUpdated)) == 1
    again = await settle(worker, first, second)
    assert {event.id for event in again} == {event.id for event in emitted}
    row = await look(owner, task_id)
    assert (row["timezone"], row["version"]) == (NEW_YORK, 2)
    home = await settle(worker, await move(owner, user_id, PARIS))
    assert [f.task_data.due_at for f in facts(home, TaskUpdated)] == [IN_PARIS]


async def test_t4_a_series_moves_whole(open_worker: OpenWorker, owner: Owner, user_id: str) -> None:
    """Its rule, every open occurrence, and when each next one comes to be; its names stay."""
    worker = open_worker(main)
    rule = {"frequency": "daily", "until": "2027-01-03", "missed": "keep_all"}
    series_id = await make(
        worker, user_id, due_at=WALL, recurrence=rule, start_at="2026-12-31T08:30"
    )
    wakes = await timers(owner, SeriesDue)

    emitted = await settle(worker, await move(owner, user_id, TOKYO))

    (fact,) = facts(emitted, TaskUpdated)
    assert (fact.task_data.due_at, fact.task_data.recurrence_id) == (IN_TOKYO, WALL)
    assert fact.task_data.recurrence == fact.series.recurrence
    series = await owner.fetchrow("SELECT * FROM series WHERE id = $1", series_id)
    assert series is not None
    assert (series["timezone"], series["version"], series["anchor"]) == (TOKYO, 1, WALL)
    recurrence = msgspec.json.decode(series["recurrence"])
    assert recurrence["until"] == "2027-01-03" and "UNTIL=20270103T145959Z" in recurrence["rule"]
    assert await timers(owner, SeriesDue) == [one - 8 * HOUR for one in wakes]


async def test_t4_an_occurrence_asked_for_before_the_move_comes_where_the_person_is(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    task_id = await make(worker, user_id, due_at=WALL, recurrence={"frequency": "daily"})
    (done,) = await settle(worker, send(complete(user_id, task_id)))
    (asked,) = await expand_recurrence(done, NOW)
    await settle(worker, await move(owner, user_id, TOKYO), asked)
    born = await owner.fetchrow("SELECT * FROM tasks WHERE status = 'open'")
    assert born is not None and born["timezone"] == PARIS

    (second,) = await owner.fetch("SELECT event FROM timers WHERE topic = 'task-commands'")
    emitted = await settle(worker, read_event(second["event"].encode()))

    (fact,) = facts(emitted, TaskUpdated)
    assert (fact.task_data.due_at, fact.series.timezone) == (IN_TOKYO + 24 * HOUR, TOKYO)
    assert await timers(owner, FollowZone) == [NOW + timedelta(minutes=1)]


async def test_t4_an_occurrence_that_was_fixed_alone_stays(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    task_id = await make(worker, user_id, due_at=WALL, recurrence={"frequency": "daily"})
    await settle(worker, send(update(user_id, task_id, timezone=PARIS)))
    emitted = await settle(worker, await move(owner, user_id, TOKYO))
    assert facts(emitted, TaskUpdated) == []
    assert (await look(owner, task_id))["due_at"] == IN_PARIS


async def test_t4_what_is_reopened_follows_then(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    task_id = await make(worker, user_id, due_at=WALL)
    await settle(worker, send(complete(user_id, task_id)))
    assert facts(await settle(worker, await move(owner, user_id, TOKYO)), TaskUpdated) == []
    emitted = await settle(worker, send(make_command(ReopenTask, user_id, task_id)))
    (fact,) = facts(emitted, TaskReopened)
    assert (fact.task_data.due_at, fact.task_data.timezone) == (IN_TOKYO, TOKYO)


async def test_t4_all_day_reminders_go_by_the_new_clock(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    rule = {"frequency": "daily"}
    one = await make(worker, user_id, due_on="2026-12-31", reminders=[{"before": "P0D"}])
    await make(worker, user_id, due_on="2026-12-31", recurrence=rule)
    wakes = await timers(owner, SeriesDue)
    emitted = await settle(worker, await move(owner, user_id, TOKYO))
    assert facts(emitted, TaskUpdated) == [] and (await look(owner, one))["version"] == 1
    (gone,), (come,) = facts(emitted, ReminderCancelled), facts(emitted, ReminderScheduled)
    assert (gone.remind_at, come.remind_at) == (IN_PARIS, IN_TOKYO)
    assert await timers(owner, SeriesDue) == [wake - 8 * HOUR for wake in wakes]


async def test_t4_a_journey_to_the_east_loses_no_reminder(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    """At 09:00 in Paris it is 17:00 in Tokyo: what was to come at noon is late there, and comes."""
    worker = open_worker(main)
    sent = {"due_at": "2026-12-01T12:00", "reminders": [{"before": "P0D"}]}
    floats = await make(worker, user_id, **sent)
    passed = await make(worker, user_id, due_at="2026-12-01T08:00", reminders=[{"before": "P0D"}])
    emitted = await settle(worker, await move(owner, user_id, TOKYO))
    late = datetime(2026, 12, 1, 3, tzinfo=UTC)
    found = {fact.task_id: fact for fact in facts(emitted, ReminderScheduled)}
    assert (found[floats].remind_at, found[floats].born_late) == (late, False)
    assert found[passed].born_late is True
    rows = await owner.fetch("SELECT due_at FROM timers WHERE topic = 'reminders'")
    assert [row["due_at"] for row in rows] == [late]


async def test_t4_many_tasks_go_in_portions_each_in_its_own_stream(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    many = 2 * follow_zone.PORTION + 3
    made = [send(create(user_id, due_at=WALL)) for _ in range(many)]
    assert await deliver(worker, *made) == "S" * many
    take(worker)
    command = await move(owner, user_id, TOKYO)
    assert await deliver(worker, command) == "S"
    first = take(worker)
    assert kinds(first) == ["ResolveTimes"] * follow_zone.PORTION + ["FollowZone"]
    assert all(event.partitionkey == event.data.task_id for event in first[:-1])
    assert first[-1].partitionkey == user_id
    emitted = await settle(worker, first[-1])
    moved = {
        event.data.task_id for event in (*first, *emitted) if kinds([event]) == ["ResolveTimes"]
    }
    assert len(moved) == many
    # A crash before the acknowledgement: the same commands once more, and nothing else.
    assert await deliver(worker, command) == "S"
    assert [event.id for event in take(worker)] == [event.id for event in first]


async def test_t4_nobody_follows_who_is_gone(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    await make(worker, user_id, due_at=WALL)
    command = await move(owner, user_id, TOKYO)
    await owner.execute("UPDATE users SET deleted_at = now()")
    assert await settle(worker, command) == []
    assert await timers(owner, FollowZone) == []


# --- new rules ---------------------------------------------------------------------------------

OLD_RULES = "UPDATE time_zones SET digest = 'old' WHERE name = ANY($1::text[])"


async def know_rules(owner: Owner, url: str) -> None:
    """As after the first release with this: everybody has been looked at once."""
    assert await follow_rules(url, NOW) == 1
    await owner.execute("DELETE FROM timers")


async def ask(owner: Owner, url: str, zones: list[str]) -> list[Event[Any]]:
    """What is asked for when these zones come with new rules."""
    await owner.execute(OLD_RULES, [*zones, VERSION])
    count = await follow_rules(url, NOW)
    rows = await owner.fetch("DELETE FROM timers WHERE topic = 'task-commands' RETURNING *")
    assert count == len(rows) and {row["due_at"] for row in rows} <= {NOW + timedelta(minutes=10)}
    assert await follow_rules(url, NOW) == 0
    return [read_event(row["event"].encode()) for row in rows]


async def test_t4_new_rules_change_future_instants_alone(
    open_worker: OpenWorker, owner: Owner, user_id: str, database_url: str
) -> None:
    worker = open_worker(main)
    await know_rules(owner, database_url)
    sent = {"timezone": NEW_YORK, "reminders": [{"before": "PT1H"}]}
    future = await make(worker, user_id, due_at=WALL, **sent)
    past = await make(worker, user_id, due_at="2026-11-30T09:00", **sent)
    elsewhere = await make(worker, user_id, due_at=WALL, timezone=TOKYO)
    # As the instants were by rules that had another offset there.
    await owner.execute("UPDATE tasks SET due_at = due_at + interval '1 hour'")
    before = [await look(owner, task_id) for task_id in (past, elsewhere)]

    emitted = await settle(worker, *await ask(owner, database_url, [NEW_YORK]))

    (fact,) = facts(emitted, TaskUpdated)
    nine = datetime(2026, 12, 31, 14, tzinfo=UTC)
    assert (fact.task_id, fact.task_data.due_at) == (future, nine)
    assert fact.before == {"due_at": "2026-12-31T15:00:00Z"}
    assert [one.remind_at for one in facts(emitted, ReminderScheduled)] == [nine - HOUR]
    assert [one.remind_at for one in facts(emitted, ReminderCancelled)] == [nine]
    assert [await look(owner, task_id) for task_id in (past, elsewhere)] == before


async def test_t4_new_rules_reach_all_day_reminders_of_people_there(
    open_worker: OpenWorker, owner: Owner, user_id: str, database_url: str
) -> None:
    worker = open_worker(main)
    await know_rules(owner, database_url)
    await make(worker, user_id, due_on="2026-12-31", reminders=[{"before": "P0D"}])
    await owner.execute("DELETE FROM timers")
    assert await ask(owner, database_url, [TOKYO]) == []
    await settle(worker, *await ask(owner, database_url, [PARIS]))
    assert await owner.fetchval("SELECT due_at FROM timers") == IN_PARIS


async def test_t4_the_clock_outlives_a_change_of_something_else(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    """Between a release and its recomputation a new title must not make a new wall clock."""
    worker = open_worker(main)
    task_id = await make(worker, user_id, due_at=WALL, timezone=NEW_YORK)
    await owner.execute("UPDATE tasks SET due_at = due_at + interval '1 hour'")
    await settle(worker, send(update(user_id, task_id, title="New")))
    assert (await look(owner, task_id))["due_local"].isoformat() == WALL
