"""What comes next: tables for one fact alone, then both functions hand in hand, for real."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from msgspec import structs

from functions.expand_recurrence.handler import expand
from functions.expand_recurrence.main import main as expand_main
from functions.write_task.main import main as write_main
from taskflow.decide import State, decide
from taskflow.events import (
    CancelTask,
    Command,
    CreateOccurrence,
    DeleteTask,
    Event,
    Payload,
    ReopenTask,
    SeriesDue,
    SkipOccurrence,
    TaskCompleted,
    TaskFact,
    TaskUpdated,
    read_event,
)
from taskflow.serve import Worker
from tests.functions.commands import (
    NOW,
    complete,
    create,
    deliver,
    make_command,
    send,
    take,
    update,
)
from tests.functions.conftest import OpenWorker, Owner
from tests.functions.expand_recurrence.world import World

USER = str(uuid4())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fact_about(
    kind: type[TaskFact], due: str, rule: dict[str, Any], /, done: str | None = None
) -> TaskFact:
    """A fact about the first occurrence of a series that began on its due date, in Paris."""
    moment = at(done or due)
    state = State(zones={USER: "Europe/Paris"}, tasks={}, series={}, occurrences={})
    field = "due_at" if "T" in due else "due_on"
    fields: dict[str, Any] = {field: due, "recurrence": rule}
    command = create(USER, **fields)
    (fact,) = decide(command, state, moment - timedelta(days=1)).facts
    if kind is TaskCompleted:
        (fact,) = decide(complete(USER, fact.task_id), state, moment).facts
    same = {n: getattr(fact, n) for n in TaskFact.__struct_fields__ if n != "event_type"}
    return kind(**same)


def asked(payloads: list[Payload]) -> list[str]:
    """+ what is to be created, - what is to be ended, by recurrence id."""
    return [
        f"{'+' if isinstance(one, CreateOccurrence) else '-'}{one.recurrence_id}"
        for one in payloads
        if isinstance(one, (CreateOccurrence, SkipOccurrence))
    ]


MONTHLY, DAILY, WEEKLY = ({"frequency": f} for f in ("monthly", "daily", "weekly"))
COMPLETION = {"repeat_from": "completion"}

FOLLOWING: list[tuple[str, dict[str, Any], str | None, str | None, str | None]] = [
    ("2026-01-31T10:00:00", MONTHLY, None, "2026-02-28T10:00:00", "2026-02-28T09:00:00Z"),
    ("2028-01-31T10:00:00", MONTHLY, None, "2028-02-29T10:00:00", "2028-02-29T09:00:00Z"),
    (
        "2026-01-31T10:00:00",
        MONTHLY | {"short_months": "forward"},
        None,
        "2026-03-01T10:00:00",
        "2026-03-01T09:00:00Z",
    ),
    (
        "2026-01-31T10:00:00",
        MONTHLY | {"short_months": "omit"},
        None,
        "2026-03-31T10:00:00",
        "2026-03-31T08:00:00Z",
    ),
    ("2026-03-28T02:30:00", DAILY, None, "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
    ("2026-03-28T10:00:00", DAILY, None, "2026-03-29T10:00:00", "2026-03-29T08:00:00Z"),
    ("2026-10-24T02:30:00", DAILY, None, "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
    ("2026-03-28", DAILY, None, "2026-03-29", None),
    ("2026-01-05T10:00:00", DAILY | {"count": 1}, None, None, None),
    ("2026-01-05T10:00:00", DAILY | {"until": "2026-01-05"}, None, None, None),
    (
        "2026-01-05T10:00:00",
        DAILY | {"until": "2026-01-06"},
        None,
        "2026-01-06T10:00:00",
        "2026-01-06T09:00:00Z",
    ),
    (
        "2026-01-05T10:00:00",
        WEEKLY,
        "2026-02-18T07:00:00",
        "2026-01-12T10:00:00",
        "2026-01-12T09:00:00Z",
    ),
    (
        "2026-01-05T10:00:00",
        WEEKLY | COMPLETION,
        "2026-02-18T07:00:00",
        "2026-02-25T10:00:00",
        "2026-02-25T09:00:00Z",
    ),
    (
        "2026-01-05T10:00:00",
        WEEKLY | COMPLETION | {"count": 1},
        "2026-02-18T07:00:00",
        None,
        None,
    ),
]


@pytest.mark.parametrize(("due", "rule", "done", "rid", "instant"), FOLLOWING)
def test_what_follows_an_end(
    due: str, rule: dict[str, Any], done: str | None, rid: str | None, instant: str | None
) -> None:
    fact = fact_about(TaskCompleted, due, rule, done=done)
    commands = expand(fact, fact.series, NOW)  # type: ignore[arg-type]
    assert asked(commands) == ([f"+{rid}"] if rid else [])
    for command in commands:
        assert isinstance(command, CreateOccurrence) and fact.series is not None
        assert msgspec.to_builtins(command.due_at) == instant
        assert command.series_version == fact.series.version and command.key == fact.key


PASSED: list[tuple[str, str, list[str]]] = [
    ("keep_latest", "2026-01-05T10:00", []),
    ("keep_all", "2026-01-05T10:00", []),
    ("skip_to_next", "2026-01-05T10:00", ["+06", "-05"]),
    ("keep_latest", "2026-01-05T22:59", []),
    ("keep_latest", "2026-01-05T23:00", ["+06", "-05"]),
    ("keep_all", "2026-01-05T23:00", ["+06"]),
    ("keep_latest", "2026-01-08T12:00", ["+08", "-05"]),
    ("keep_latest", "2026-01-08T23:00", ["+09", "-05"]),
    ("keep_all", "2026-01-08T12:00", ["+06", "+07", "+08"]),
    ("skip_to_next", "2026-01-08T12:00", ["+09", "-05"]),
]


@pytest.mark.parametrize(("missed", "now", "wanted"), PASSED)
def test_what_a_passed_time_asks_for(missed: str, now: str, wanted: list[str]) -> None:
    fact = fact_about(SeriesDue, "2026-01-05T10:00:00", DAILY | {"missed": missed})
    found = asked(expand(fact, fact.series, at(now)))  # type: ignore[arg-type]
    assert found == [f"{one[0]}2026-01-{one[1:]}T10:00:00" for one in wanted]


def test_a_reminder_of_the_day_before_needs_its_occurrence_the_day_before() -> None:
    first = fact_about(SeriesDue, "2026-01-05T10:00:00", DAILY)
    assert first.series is not None
    template = first.series.template | {"reminders": [{"before": "PT12H", "channels": ["email"]}]}
    early = structs.replace(first.series, template=template)
    assert asked(expand(first, early, at("2026-01-05T20:59"))) == []
    assert asked(expand(first, early, at("2026-01-05T21:00"))) == ["+2026-01-06T10:00:00"]


def test_several_a_day_take_turns_at_their_times() -> None:
    fact = fact_about(SeriesDue, "2026-01-05T10:00:00", {"frequency": "hourly"})
    assert fact.series is not None
    assert asked(expand(fact, fact.series, at("2026-01-05T09:59"))) == []
    found = asked(expand(fact, fact.series, at("2026-01-05T10:00")))
    assert found == ["+2026-01-05T11:00:00", "-2026-01-05T10:00:00"]


def test_catching_up_ends_at_a_hundred() -> None:
    fact = fact_about(SeriesDue, "2020-01-05T10:00:00", DAILY | {"missed": "keep_all"})
    found = asked(expand(fact, fact.series, at("2026-01-05T12:00")))  # type: ignore[arg-type]
    assert len(found) == 100 and found[-1] == "+2026-01-05T10:00:00"


def test_what_lies_before_a_series_was_never_missed() -> None:
    fact = fact_about(SeriesDue, "2026-01-05T10:00:00", DAILY | {"missed": "keep_all"})
    assert fact.series is not None
    young = structs.replace(fact.series, created_at=at("2026-01-08T00:00"))
    found = asked(expand(fact, young, at("2026-01-09T12:00")))
    assert found == [f"+2026-01-{day}T10:00:00" for day in ("08", "09")]


def test_repeating_from_completion_waits_for_it() -> None:
    fact = fact_about(SeriesDue, "2026-01-05T10:00:00", DAILY | COMPLETION)
    assert expand(fact, fact.series, at("2026-02-01T00:00")) == []  # type: ignore[arg-type]


def test_a_plain_change_asks_for_nothing() -> None:
    fact = fact_about(TaskUpdated, "2026-01-05T10:00:00", DAILY)
    assert expand(fact, fact.series, at("2026-01-01T00:00")) == []  # type: ignore[arg-type]
    used = structs.replace(fact.series, used=2)  # type: ignore[type-var]
    assert expand(fact, used, at("2026-02-01T00:00")) == []  # type: ignore[arg-type]


# --- hand in hand ------------------------------------------------------------------------------


class Platform:
    """Carries events between both functions until nothing is left, and lets time pass."""

    def __init__(self, writer: Worker, expander: Worker, owner: Owner, user_id: str) -> None:
        self.writer, self.expander, self.owner, self.user_id = writer, expander, owner, user_id
        self.now = NOW
        for worker in (writer, expander):
            worker.clock = lambda: self.now

    async def do(self, command: Command) -> list[Event[Any]]:
        """Every fact that follows from a command."""
        return await self._carry([send(command, at=self.now)])

    async def _carry(self, commands: list[Event[Any]]) -> list[Event[Any]]:
        facts: list[Event[Any]] = []
        while commands:
            assert set(await deliver(self.writer, *commands)) == {"S"}
            new = [event for event in take(self.writer) if event.data.topic == "task-events"]
            facts += new
            commands = await self.expand(*new)
        return facts

    async def expand(self, *facts: Event[Any]) -> list[Event[Any]]:
        if facts:
            assert set(await deliver(self.expander, *facts)) == {"S"}
        return take(self.expander)

    async def pass_until(self, moment: datetime) -> None:
        """Fires every timer of a series that comes due, each at its instant."""
        due = (
            "DELETE FROM timers WHERE id = (SELECT id FROM timers WHERE topic = 'task-events'"
            " AND due_at <= $1 ORDER BY due_at LIMIT 1) RETURNING due_at, event"
        )
        while row := await self.owner.fetchrow(due, moment):
            self.now = max(self.now, row["due_at"])
            await self._carry(await self.expand(read_event(row["event"].encode())))
        self.now = moment

    async def tasks(self, where: str = "true") -> list[tuple[str, str]]:
        rows = await self.owner.fetch(
            "SELECT recurrence_id, CASE WHEN deleted_at IS NULL THEN status ELSE 'deleted' END AS s"
            f" FROM tasks WHERE {where} ORDER BY recurrence_id"
        )
        return [(row["recurrence_id"], row["s"]) for row in rows]

    async def latest(self) -> str:
        """The open occurrence that comes last."""
        found: str = await self.owner.fetchval(
            "SELECT id::text FROM tasks WHERE status = 'open' AND deleted_at IS NULL"
            " ORDER BY recurrence_id DESC LIMIT 1"
        )
        return found


@pytest.fixture
def platform(open_worker: OpenWorker, owner: Owner, user_id: str) -> Platform:
    return Platform(open_worker(write_main), open_worker(expand_main), owner, user_id)


async def begin(platform: Platform, rule: dict[str, Any], **fields: Any) -> str:
    task_id = str(uuid4())
    fields = {"due_at": "2026-12-07T10:00:00", "recurrence": rule, **fields}
    await platform.do(create(platform.user_id, task_id, **fields))
    return task_id


async def test_the_next_one_comes_when_one_is_done(platform: Platform) -> None:
    first = await begin(platform, WEEKLY)
    facts = await platform.do(complete(platform.user_id, first))
    done, born = facts
    assert [fact.data.event_type for fact in facts] == ["completed", "created"]
    assert born.correlationid == done.correlationid and born.partitionkey == first
    assert born.data.task_data.recurrence_id == "2026-12-14T10:00:00"


async def test_one_end_a_hundred_times_makes_one_occurrence(platform: Platform) -> None:
    first = await begin(platform, WEEKLY)
    done, _ = await platform.do(complete(platform.user_id, first))
    commands = await platform.expand(*[done] * 100)
    assert len(commands) == 100 and len({command.id for command in commands}) == 1
    assert set(await deliver(platform.writer, *commands)) == {"S"}
    assert len(take(platform.writer)) == 1
    again = await platform.do(make_command(ReopenTask, platform.user_id, first))
    assert [fact.data.event_type for fact in again] == ["reopened"]
    assert len(await platform.do(complete(platform.user_id, first))) == 1
    assert await platform.tasks() == [
        ("2026-12-07T10:00:00", "done"),
        ("2026-12-14T10:00:00", "open"),
    ]


ENDS: dict[str, Callable[..., Command]] = {
    "done": complete,
    "cancelled": lambda *who: make_command(CancelTask, *who),
    "skipped": lambda *who: make_command(SkipOccurrence, *who),
    "deleted": lambda *who: make_command(DeleteTask, *who),
}


async def test_five_are_five_however_they_end(platform: Platform) -> None:
    await begin(platform, DAILY | {"count": 5})
    for how in ("done", "deleted", "skipped", "cancelled", "done"):
        await platform.do(ENDS[how](platform.user_id, await platform.latest()))
    found = await platform.tasks()
    assert [rid[8:10] for rid, _ in found] == ["07", "08", "09", "10", "11"]
    assert [how for _, how in found] == ["done", "deleted", "cancelled", "cancelled", "done"]


async def test_five_from_completion_are_five(platform: Platform) -> None:
    await begin(platform, DAILY | COMPLETION | {"count": 5})
    for _ in range(5):
        await platform.do(complete(platform.user_id, await platform.latest()))
    assert [how for _, how in await platform.tasks()] == ["done"] * 5


async def test_the_31st_never_drifts(platform: Platform) -> None:
    await begin(platform, MONTHLY, due_at="2027-01-31T10:00:00")
    for _ in range(12):
        await platform.do(complete(platform.user_id, await platform.latest()))
    found = [rid[5:10] for rid, _ in await platform.tasks()]
    assert found == (
        "01-31 02-28 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-31 01-31".split()
    )


MISSED = {
    "keep_latest": ["missed", "missed", None],
    "keep_all": [None, None, None],
    "skip_to_next": ["missed", "missed", "missed", None],
}


@pytest.mark.parametrize("asleep", [False, True])
@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize(("missed", "ended"), MISSED.items())
async def test_untouched_occurrences(
    platform: Platform,
    owner: Owner,
    missed: str,
    ended: list[str | None],
    changed: bool,
    asleep: bool,
) -> None:
    """The same is open whether each time was noticed at its instant or all of them days later; and
    whether the rule is the first one or a changed one."""
    first = await begin(platform, WEEKLY if changed else DAILY | {"missed": missed})
    if changed:
        rule = DAILY | {"missed": missed}
        await platform.do(update(platform.user_id, first, recurrence=rule))
    late = datetime(2026, 12, 9, 12, tzinfo=UTC)
    if asleep:
        platform.now = late
    await platform.pass_until(late)
    rows = await owner.fetch("SELECT ended_how FROM occurrences ORDER BY recurrence_id")
    wanted = ended if not asleep or missed == "keep_all" else ["missed", None]
    assert [row["ended_how"] for row in rows] == wanted


async def test_a_new_rule_goes_on_from_what_is_done(platform: Platform) -> None:
    """Nothing but the change itself can wake the new rule: its occurrence has ended before."""
    first = await begin(platform, WEEKLY)
    await platform.do(complete(platform.user_id, first))
    await platform.do(update(platform.user_id, first, "all", title="All"))
    assert await platform.tasks("title = 'All'") == [
        ("2026-12-07T10:00:00", "done"),
        ("2026-12-14T10:00:00", "open"),
    ]
    await platform.do(update(platform.user_id, first, recurrence=DAILY))
    assert await platform.tasks("status = 'open'") == [
        ("2026-12-08T10:00:00", "open"),
        ("2026-12-14T10:00:00", "deleted"),
    ]


@pytest.mark.parametrize("scope", ["following", "all"])
@pytest.mark.parametrize(
    "due", [{"due_at": "2026-12-07T10:00:00"}, {"due_at": None, "due_on": "2026-12-07"}]
)
async def test_a_change_of_an_overdue_one_keeps_what_comes(
    platform: Platform, scope: str, due: dict[str, Any]
) -> None:
    first = await begin(platform, WEEKLY, **due)
    await platform.pass_until(datetime(2026, 12, 9, tzinfo=UTC))
    for title in ("One", "Two"):
        await platform.do(update(platform.user_id, first, scope, title=title))
    await platform.pass_until(datetime(2026, 12, 14, 12, tzinfo=UTC))
    found = await platform.tasks("title = 'Two'")
    assert [(rid[:10], how) for rid, how in found] == [
        ("2026-12-07", "cancelled"),
        ("2026-12-14", "open"),
    ]


async def test_what_was_done_early_does_not_end_the_series(platform: Platform) -> None:
    first = await begin(platform, WEEKLY)
    await platform.do(complete(platform.user_id, first))
    await platform.do(complete(platform.user_id, await platform.latest()))
    await platform.do(make_command(ReopenTask, platform.user_id, first))
    await platform.do(update(platform.user_id, first, "all", title="All"))
    assert await platform.tasks() == [
        ("2026-12-07T10:00:00", "open"),
        ("2026-12-14T10:00:00", "done"),
        ("2026-12-21T10:00:00", "open"),
    ]


async def test_a_series_that_moves_comes_once_a_week(platform: Platform) -> None:
    first = await begin(platform, WEEKLY)
    moved = update(platform.user_id, first, "all", due_at="2026-12-09T11:00:00")
    await platform.do(moved)
    await platform.do(complete(platform.user_id, first))
    assert await platform.tasks() == [
        ("2026-12-09T11:00:00", "done"),
        ("2026-12-16T11:00:00", "open"),
    ]


async def test_an_occurrence_of_the_old_rule_comes_too_late(platform: Platform) -> None:
    first = await begin(platform, WEEKLY)
    command = send(complete(platform.user_id, first))
    await deliver(platform.writer, command)
    stale = await platform.expand(*take(platform.writer))
    await platform.do(update(platform.user_id, first, recurrence=DAILY))
    await deliver(platform.writer, *stale)
    assert await platform.tasks() == [
        ("2026-12-07T10:00:00", "done"),
        ("2026-12-08T10:00:00", "open"),
    ]


@pytest.mark.parametrize("scope", ["following", "all"])
async def test_deleting_a_series_is_its_end(platform: Platform, scope: str) -> None:
    first = await begin(platform, WEEKLY)
    await platform.do(complete(platform.user_id, first))
    await platform.do(
        make_command(DeleteTask, platform.user_id, await platform.latest(), scope=scope)
    )
    await platform.do(make_command(ReopenTask, platform.user_id, first))
    await platform.pass_until(datetime(2027, 2, 1, tzinfo=UTC))
    await platform.do(complete(platform.user_id, first))
    assert await platform.tasks() == [
        ("2026-12-07T10:00:00", "done"),
        ("2026-12-14T10:00:00", "deleted"),
    ]
    assert await platform.owner.fetchval("SELECT count(*) FROM timers") == 0


STEPS: dict[str, Callable[..., Command]] = {
    **ENDS,
    "reopened": lambda *who: make_command(ReopenTask, *who),
    "renamed": lambda *who: update(*who, title="Other"),
    "moved": lambda *who: update(*who, due_at="2026-12-20T18:00:00"),
    "all": lambda *who: update(*who, "all", title="All"),
    "following": lambda *who: update(*who, "following", notes="From here"),
    "daily": lambda *who: update(*who, "following", recurrence=DAILY | {"missed": "keep_all"}),
}


@pytest.mark.parametrize("seed", range(6))
async def test_the_database_keeps_what_the_rules_say(platform: Platform, seed: int) -> None:
    """The same steps by the same person in memory and on PostgreSQL end in the same tasks."""
    dice, world = Random(seed), World()
    world.user_id, world.now = platform.user_id, NOW
    world.state.zones = {platform.user_id: "Europe/Paris"}
    first = str(uuid4())
    rule = dice.choice([DAILY, WEEKLY, DAILY | {"count": 6}, DAILY | {"missed": "keep_all"}])
    steps: list[Command | timedelta] = [
        create(platform.user_id, first, due_at="2026-12-07T10:00:00", recurrence=rule)
    ]
    for _ in range(14):
        for side in (world, platform):
            for step in steps:
                if isinstance(step, timedelta) and isinstance(side, World):
                    side.pass_time(step)
                elif isinstance(step, timedelta) and isinstance(side, Platform):
                    await side.pass_until(side.now + step)
                elif isinstance(side, World):
                    side.do(step)
                elif not isinstance(step, timedelta):
                    await side.do(step)
        known = sorted(one.task.id for one in world.existing() if not one.deleted)
        kind = dice.choice([*STEPS, "time", "time", "time"])
        steps = [timedelta(hours=dice.randrange(1, 60))]
        if kind in STEPS and known:
            steps = [STEPS[kind](platform.user_id, dice.choice(known))]
    rows = await platform.owner.fetch(
        "SELECT id::text, series_id::text, recurrence_id, title, status, due_at,"
        " deleted_at IS NOT NULL AS gone FROM tasks ORDER BY id"
    )
    tasks = [world.state.tasks[name] for name in sorted(world.state.tasks)]
    assert [tuple(row) for row in rows] == [
        (one.task.id, one.task.series_id, one.task.recurrence_id, one.task.title,
         one.task.status, one.task.due_at, one.deleted)
        for one in tasks
    ]  # fmt: skip
