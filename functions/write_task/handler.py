"""Commands in, facts out: the only writer of tasks. A command that was seen before changes nothing
and emits the same events again, so that an unacknowledged command is the outbox.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, structs

from functions.write_task.effects import SOURCE, Effects, follow_facts
from functions.write_task.follow_zone import find_followers, follow_zone
from functions.write_task.state import Settled, load_state, store_state
from taskflow.database import Connection
from taskflow.decide import Decision, State, decide, refusal
from taskflow.errors import Refused
from taskflow.events import (
    CancelTask,
    Command,
    CompleteTask,
    CreateTask,
    DeleteTask,
    Event,
    FollowZone,
    ImportTask,
    Notice,
    Operation,
    RefusedLine,
    ReopenTask,
    TaskCommand,
    TaskFact,
    UpdateTask,
    WriteTasks,
    derive_events,
    encode,
)
from taskflow.ledger import read_emitted
from taskflow.task import TaskInput

OLDEST = timedelta(days=45)
LARGEST_HINT = 4_000


class Result(Struct, omit_defaults=True):
    """What one command, or one operation of a batch, came to. A task is shown by the index of the
    event that holds it or, told to a gateway, as the body itself. `refused`: beside the first of a
    batch, the lines that never were operations."""

    status: int
    position: int = 0
    event: int | None = None
    body: Any = None
    refused: list[RefusedLine] = []


class Told(Struct):
    """The outcome of one command on its way to the gateway that waits for it."""

    id: str
    fingerprint: str
    results: list[Result]


class Done(Struct):
    """A command with its results and the events that follow from it."""

    command: Event[Command]
    results: list[Result]
    events: list[Event[Any]]


async def write_task(
    events: list[Event[Command]], db: Connection, now: datetime
) -> Sequence[Event[Any] | Notice]:
    """Decides new commands in order, in one transaction; repeats what older ones emitted."""
    commands = list({event.id: event for event in events}.values())
    state, known = await load_state(db, commands)
    effects = Effects()
    new = [command for command in commands if command.id not in known]
    done = [await carry_out(command, state, effects, db, now) for command in new]
    if done:
        await store_state(db, effects, [keep(one) for one in done])
    repeated = [command for command in commands if command.id in known]
    emitted = await read_emitted(db, [command.id for command in repeated])
    emitted += [event for one in done for event in one.events]
    hints = [*((c, c.id) for c in repeated), *((one.command, tell(one)) for one in done)]
    return [*emitted, *(Notice(channel=c.replyto, hints=[hint]) for c, hint in hints if c.replyto)]


def keep(done: Done) -> Settled:
    """What the ledger keeps of a command."""
    return Settled(done.command, encode(done.results).decode(), encode(done.events).decode())


def tell(done: Done) -> str:
    """The hint for the gateway that waits: the outcome itself where it is small, or its id."""
    if len(done.results) > 1:
        return done.command.id
    results = [
        one
        if one.event is None
        else structs.replace(one, event=None, body=done.events[one.event].data.task_data)
        for one in done.results
    ]
    told = encode(Told(done.command.id, done.command.data.fingerprint, results))
    return told.decode() if len(told) < LARGEST_HINT else done.command.id


async def carry_out(
    command: Event[Command], state: State, effects: Effects, db: Connection, now: datetime
) -> Done:
    """What a new command comes to; a change of zone, to commands for the tasks that follow it."""
    if not isinstance(command.data, FollowZone):
        return settle(command, state, effects, now)
    found = await find_followers(db, command.data, state.zones, now)
    return Done(command, [Result(200)], follow_zone(command, command.data, found, effects))


def settle(command: Event[Command], state: State, effects: Effects, now: datetime) -> Done:
    """The outcome of one command, its effects noted in `effects`."""
    results: list[Result] = []
    facts: list[TaskFact] = []
    replanned: list[TaskFact] = []
    for position, part in split_command(command.data):
        result, decision = attempt(part, state, command.time, now)
        result.position = position
        if decision.facts:
            result.event = len(facts) if result.status != 204 else None
            result.body = None
        facts += decision.facts
        replanned += decision.replanned
        effects.series |= {series.id: series for series in decision.series}
        results.append(result)
    if isinstance(command.data, WriteTasks) and results:
        results[0].refused = command.data.refused
    emitted = derive_events(command, facts, source=SOURCE)
    if facts or replanned:
        emitted += follow_facts(command, facts, state, effects, replanned)
    return Done(command, results, emitted)


def attempt(
    command: TaskCommand, state: State, at: datetime, now: datetime
) -> tuple[Result, Decision]:
    """A decision, or the refusal as its result."""
    try:
        if at < now - OLDEST:
            detail = f"A command older than {OLDEST.days} days is not carried out; send it anew."
            raise Refused("superseded", detail, status=409)
        decision = decide(command, state, at)
        return Result(decision.status, body=decision.task), decision
    except Refused as refused:
        stored = state.tasks.get(command.task_id)
        body = refusal(refused, stored.task if stored else None)
        return Result(refused.status, body=body), Decision(refused.status)


OPERATIONS: dict[str, type[TaskCommand]] = {
    "create": CreateTask,
    "update": UpdateTask,
    "complete": CompleteTask,
    "reopen": ReopenTask,
    "cancel": CancelTask,
    "delete": DeleteTask,
    "import": ImportTask,
}


def split_command(command: Command) -> list[tuple[int, TaskCommand]]:
    """The single commands in a batch, each with its place; or the command itself."""
    if isinstance(command, WriteTasks):
        return [(one.position, _single(command, one)) for one in command.operations]
    if isinstance(command, TaskCommand):
        return [(0, command)]
    raise TypeError(f"{command.type} is no command about tasks")


def _single(batch: WriteTasks, operation: Operation) -> TaskCommand:
    content = {"create": "task", "update": "changes"}.get(operation.op)
    given: dict[str, Any] = {content: operation.task or TaskInput()} if content else {}
    if operation.imported is not None:
        given = {"imported": operation.imported}
    return OPERATIONS[operation.op](
        user_id=batch.user_id,
        actor_id=batch.actor_id,
        stream=batch.stream,
        task_id=operation.task_id,
        **given,
    )
