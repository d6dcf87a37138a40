"""The rows that commands meet and leave: loaded and locked in key order, written set by set. The
ledger of commands is written with the tasks: the promise "one effect, however often it is sent"
hangs on that one statement.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec
from msgspec import Struct

from functions.write_task.effects import Effects
from taskflow.database import Connection, StaleRead
from taskflow.decide import State, Stored
from taskflow.events import (
    Command,
    CreateOccurrence,
    DeleteTask,
    Event,
    ResolveTimes,
    SkipOccurrence,
    TaskCommand,
    TaskDeleted,
    TaskFact,
    UpdateTask,
    WriteTasks,
    encode,
)
from taskflow.read_times import local_due, local_start
from taskflow.task import Imported, Series, Task

STORED = """
SELECT json_strip_nulls(json_build_object(
    'user_id', user_id, 'stream', stream, 'deleted', deleted_at IS NOT NULL,
    'due_local', due_local, 'start_local', start_local,
    'task', json_build_object(
        'id', id, 'title', title, 'notes', notes, 'status', status, 'priority', priority,
        'tags', tags, 'due_at', due_at, 'due_on', due_on, 'start_at', start_at,
        'start_on', start_on, 'timezone', timezone, 'floating', floating,
        'recurrence', recurrence, 'reminders', reminders, 'series_id', series_id,
        'recurrence_id', recurrence_id, 'version', version, 'created_at', created_at,
        'updated_at', updated_at, 'completed_at', completed_at, 'created_by', created_by
    ))) AS stored
FROM tasks
"""
TASKS = STORED + "WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
OPEN_OF_SERIES = (
    STORED
    + """WHERE series_id = ANY($1::uuid[]) AND status = 'open' AND deleted_at IS NULL
ORDER BY id FOR UPDATE"""
)

# One round trip for what nearly every batch needs, and all that a batch of new tasks needs.
MET = f"""
SELECT json_build_object(
    'known', ARRAY(SELECT id FROM commands WHERE id = ANY($2::uuid[])),
    'zones', (SELECT coalesce(json_object_agg(id, timezone), '{{}}') FROM users
              WHERE id = ANY($3::uuid[]) AND deleted_at IS NULL),
    'tasks', (SELECT coalesce(json_agg(stored), '[]') FROM ({TASKS}) AS locked))::text
"""

SERIES = """
SELECT row_to_json(series)::text FROM series WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE
"""

OCCURRENCES = """
SELECT DISTINCT o.series_id::text, o.recurrence_id, o.task_id::text, o.ended_how
FROM occurrences AS o JOIN unnest($1::uuid[], $2::text[]) AS wanted (series_id, recurrence_id)
ON o.series_id = wanted.series_id AND o.recurrence_id >= wanted.recurrence_id
"""

# What another delivery of a command wrote meanwhile is not written again: the counts tell. What the
# clock shows stays until the instant changes, for the rules of its zone may have changed since.
PUT_TASKS_AND_COMMANDS = """
WITH written AS (
INSERT INTO tasks (id, user_id, stream, title, notes, status, priority, tags, tag_keys, due_at,
    due_on, due_local, due_sort, start_at, start_on, start_local, timezone, floating, recurrence,
    reminders, series_id, recurrence_id, version, created_at, updated_at, completed_at, created_by,
    deleted_at)
SELECT id, user_id, stream, title, notes, status, priority, tags, tag_keys, due_at,
    due_on, due_local, due_sort, start_at, start_on, start_local, timezone, floating, recurrence,
    reminders, series_id, recurrence_id, version, created_at, updated_at, completed_at, created_by,
    deleted_at
FROM json_populate_recordset(NULL::tasks, $1::json)
ORDER BY id
ON CONFLICT (id) DO UPDATE SET
    title = excluded.title, notes = excluded.notes, status = excluded.status,
    priority = excluded.priority, tags = excluded.tags, tag_keys = excluded.tag_keys,
    due_local = CASE WHEN tasks.due_at = excluded.due_at AND tasks.timezone = excluded.timezone
        THEN tasks.due_local ELSE excluded.due_local END,
    start_local = CASE WHEN tasks.start_at = excluded.start_at
        AND tasks.timezone = excluded.timezone THEN tasks.start_local ELSE excluded.start_local END,
    due_at = excluded.due_at, due_on = excluded.due_on, due_sort = excluded.due_sort,
    start_at = excluded.start_at, start_on = excluded.start_on, timezone = excluded.timezone,
    floating = excluded.floating, recurrence = excluded.recurrence, reminders = excluded.reminders,
    series_id = excluded.series_id, recurrence_id = excluded.recurrence_id,
    version = excluded.version, updated_at = excluded.updated_at,
    completed_at = excluded.completed_at, deleted_at = excluded.deleted_at
WHERE tasks.version < excluded.version AND tasks.user_id = excluded.user_id
RETURNING 1
), settled AS (
INSERT INTO commands (id, user_id, fingerprint, batch_id, parts, created_at, outcome, events)
SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::int[], $7::timestamptz[],
    $8::text[], $9::text[])
ON CONFLICT (id) DO NOTHING
RETURNING 1
)
SELECT (SELECT count(*) FROM written) AS tasks, (SELECT count(*) FROM settled) AS commands
"""

PUT_SERIES = """
INSERT INTO series SELECT * FROM json_populate_recordset(NULL::series, $1::json)
ON CONFLICT (id) DO UPDATE SET
    version = excluded.version, recurrence = excluded.recurrence, anchor = excluded.anchor,
    timezone = excluded.timezone, template = excluded.template, used = excluded.used,
    floating = excluded.floating, lead = excluded.lead
"""

# An open task that moved with its series to the date of another one stands there now.
PUT_OCCURRENCES = """
INSERT INTO occurrences (series_id, recurrence_id, task_id, ended_how, ended_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[])
ON CONFLICT (series_id, recurrence_id) DO UPDATE SET
    task_id = excluded.task_id, ended_how = excluded.ended_how, ended_at = excluded.ended_at
WHERE occurrences.task_id = excluded.task_id OR excluded.ended_how IS NULL
"""

CANCEL_TIMERS = "DELETE FROM timers WHERE id = ANY($1::uuid[])"

PUT_TIMERS = """
INSERT INTO timers (id, due_at, topic, user_id, event)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::uuid[], $5::text[])
ON CONFLICT (id) DO UPDATE SET event = excluded.event
"""


class Settled(Struct):
    """A command with its outcome and the events that follow from it, as the ledger keeps them."""

    command: Event[Command]
    outcome: str
    events: str


class _Met(Struct):
    known: set[str]
    zones: dict[str, str]
    tasks: list[Stored]


_MET = msgspec.json.Decoder(_Met)
_STORED = msgspec.json.Decoder(Stored)
_SERIES = msgspec.json.Decoder(Series)


async def load_state(db: Connection, events: Sequence[Event[Command]]) -> tuple[State, set[str]]:
    """Everything that these commands may read or change, locked; and the ids of those that were
    settled before."""
    commands = [event.data for event in events]
    singles = sorted(set(_task_ids(commands)))
    people = sorted({command.user_id for command in commands})
    met = _MET.decode(await db.fetchval(MET, singles, [event.id for event in events], people))
    tasks = {stored.task.id: stored for stored in met.tasks}
    state = State(zones=met.zones, tasks=tasks, series={}, occurrences={})
    await _load_occurrences(db, commands, state)
    await _load_series(db, commands, state)
    return state, met.known


async def _load_occurrences(db: Connection, commands: Sequence[Command], state: State) -> None:
    """What a series made of a date and of later ones, with the tasks; what went with an older rule
    counts as never made."""
    wanted = {
        (c.series_id, c.recurrence_id)
        for c in commands
        if isinstance(c, (CreateOccurrence, SkipOccurrence)) and c.series_id and c.recurrence_id
    }
    # A split must know what has ended after it, or the part that follows would make it again.
    split = (
        state.tasks[c.task_id].task
        for c in commands
        if isinstance(c, UpdateTask) and c.scope == "following" and c.task_id in state.tasks
    )
    wanted |= {(t.series_id, t.recurrence_id) for t in split if t.series_id and t.recurrence_id}
    wanted |= set(_find_earliest(commands).items())
    if not wanted:
        return
    rows = await db.fetch(OCCURRENCES, *zip(*sorted(wanted), strict=True))
    made = {(row[0], row[1]): row["task_id"] for row in rows if row["ended_how"] != "superseded"}
    state.occurrences |= made
    unseen = {row["task_id"] for row in rows} - state.tasks.keys()
    if unseen:
        state.tasks |= await _load_tasks(db, TASKS, sorted(unseen))


def _find_earliest(commands: Sequence[Command]) -> dict[str, str]:
    """By series, the earliest of the dates that an import brings."""
    earliest: dict[str, str] = {}
    for came in _imported(commands):
        if came.series_id and came.recurrence_id:
            known = earliest.get(came.series_id, came.recurrence_id)
            earliest[came.series_id] = min(known, came.recurrence_id)
    return earliest


def _imported(commands: Sequence[Command]) -> Iterable[Imported]:
    for command in commands:
        if isinstance(command, WriteTasks):
            yield from (one.imported for one in command.operations if one.imported is not None)


def _task_ids(commands: Sequence[Command]) -> Iterable[str]:
    for command in commands:
        if isinstance(command, WriteTasks):
            yield from (operation.task_id for operation in command.operations)
        elif isinstance(command, TaskCommand):
            yield command.task_id


async def _load_tasks(db: Connection, query: str, ids: Sequence[str]) -> dict[str, Stored]:
    rows = [_STORED.decode(row[0]) for row in await db.fetch(query, ids)]
    return {stored.task.id: stored for stored in rows}


async def _load_series(db: Connection, commands: Sequence[Command], state: State) -> None:
    born = [c for c in commands if isinstance(c, CreateOccurrence)]
    changed = [c for c in commands if isinstance(c, (UpdateTask, WriteTasks))]
    ids = {c.series_id for c in born} | {
        stored.task.series_id for stored in state.tasks.values() if stored.task.series_id
    }
    ids |= state.tasks.keys() if changed else set()
    brought = {came.series_id for came in _imported(commands) if came.series_id}
    ids |= brought
    if not ids:
        return
    for row in await db.fetch(SERIES, sorted(ids)):
        series = _SERIES.decode(row[0])
        state.series[series.id] = series
    if brought or any(isinstance(c, WIDE) and _is_wide(c) for c in commands):
        others = await _load_tasks(db, OPEN_OF_SERIES, sorted(ids))
        state.tasks = {**others, **state.tasks}


WIDE = (UpdateTask, DeleteTask, ResolveTimes)


def _is_wide(command: UpdateTask | DeleteTask | ResolveTimes) -> bool:
    """Whether other occurrences may be changed with this one."""
    if isinstance(command, ResolveTimes):
        return True
    return command.scope != "this" or (
        isinstance(command, UpdateTask) and "recurrence" in command.changes.given()
    )


async def store_state(db: Connection, effects: Effects, settled: Sequence[Settled]) -> None:
    """Writes what the commands came to and every row of `effects`. Raises StaleRead if another
    writer was faster."""
    await _put_tasks(db, list(effects.facts.values()), settled)
    if effects.series:
        await db.execute(PUT_SERIES, encode(list(effects.series.values())).decode())
    if effects.ended:
        rows = [
            (*key, one.task_id, one.how, one.at if one.how else None)
            for key, one in sorted(effects.ended.items())
        ]
        await db.execute(PUT_OCCURRENCES, *zip(*rows, strict=True))
    if effects.cancelled:
        await db.execute(CANCEL_TIMERS, sorted(effects.cancelled))
    if effects.timers:
        await _put_timers(db, effects)


async def _put_tasks(db: Connection, facts: Sequence[TaskFact], settled: Sequence[Settled]) -> None:
    rows = encode([_row(fact) for fact in facts]).decode()
    ledger = [_ledger_row(one) for one in sorted(settled, key=lambda one: one.command.id)]
    done = await db.fetchrow(PUT_TASKS_AND_COMMANDS, rows, *zip(*ledger, strict=True))
    if done is None or (done["tasks"], done["commands"]) != (len(facts), len(settled)):
        raise StaleRead("a command was carried out, or a task written, by somebody else meanwhile")


def _ledger_row(settled: Settled) -> tuple[Any, ...]:
    command, data = settled.command, settled.command.data
    place = (data.batch_id, data.parts, command.time)
    return (command.id, data.user_id, data.fingerprint, *place, settled.outcome, settled.events)


def _row(fact: TaskFact) -> dict[str, Any]:
    task = fact.task_data
    return {
        **task.shown(),
        "user_id": fact.user_id,
        "stream": fact.stream,
        "tag_keys": [tag.casefold() for tag in task.tags],
        "due_local": _wall_clock(local_due(task)),
        "start_local": _wall_clock(local_start(task)),
        "due_sort": _due_sort(task),
        "deleted_at": fact.timestamp if isinstance(fact, TaskDeleted) else None,
    }


def _wall_clock(local: datetime | date | None) -> datetime | None:
    return local if isinstance(local, datetime) else None


def _due_sort(task: Task) -> datetime | None:
    """Where a due date stands among due times: at the start of its day in UTC."""
    if task.due_on is not None:
        return datetime.combine(task.due_on, time(), UTC)
    return task.due_at


async def _put_timers(db: Connection, effects: Effects) -> None:
    rows = [
        (name, timer.due_at, timer.payload.topic, event.data.user_id, encode(event).decode())
        for name, (timer, event) in sorted(effects.timers.items())
    ]
    await db.execute(PUT_TIMERS, *zip(*rows, strict=True))
