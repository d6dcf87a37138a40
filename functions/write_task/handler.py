"""Commands in, facts out: the only writer of tasks. A command that was seen before changes nothing
and emits the same events again, so that an unacknowledged command is the outbox.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from functions.write_task.effects import SOURCE, Effects, follow_facts
from functions.write_task.ledger import claim_commands, settle_commands
from functions.write_task.state import load_state, store_state
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
    Notice,
    Operation,
    ReopenTask,
    TaskCommand,
    TaskFact,
    UpdateTask,
    WriteTasks,
    derive_events,
)
from taskflow.ledger import read_emitted
from taskflow.task import TaskInput

OLDEST = timedelta(days=45)


class Result(Struct, omit_defaults=True):
    """What one command, or one operation of a batch, came to; a task is shown by the index of the
    event that holds it."""

    status: int
    position: int = 0
    event: int | None = None
    body: Any = None


class Settled(Struct):
    """A command with its results and the events that follow from it."""

    command: Event[Command]
    results: list[Result]
    events: list[Event[Any]]


async def write_task(
    events: list[Event[Command]], db: Connection, now: datetime
) -> Sequence[Event[Any] | Notice]:
    """Decides new commands in order, in one transaction; repeats what older ones emitted."""
    commands = list({event.id: event for event in events}.values())
    claimed = await claim_commands(db, commands)
    repeated = await read_emitted(db, [c.id for c in commands if c.id not in claimed])
    fresh = [command for command in commands if command.id in claimed]
    if fresh:
        state = await load_state(db, [command.data for command in fresh])
        effects = Effects()
        settled = [settle(command, state, effects, now) for command in fresh]
        await store_state(db, effects)
        await settle_commands(db, settled)
        repeated += [event for one in settled for event in one.events]
    return [*repeated, *notices(commands)]


def notices(commands: Sequence[Event[Command]]) -> list[Notice]:
    """One hint for each command that a gateway waits for."""
    return [Notice(channel=c.replyto, ids=[c.id]) for c in commands if c.replyto]


def settle(command: Event[Command], state: State, effects: Effects, now: datetime) -> Settled:
    """The outcome of one command, its effects noted in `effects`."""
    results: list[Result] = []
    facts: list[TaskFact] = []
    for position, part in split_command(command.data):
        result, decision = attempt(part, state, command.time, now)
        result.position = position
        if decision.facts:
            result.event = len(facts) if result.status != 204 else None
            result.body = None
        facts += decision.facts
        effects.series |= {series.id: series for series in decision.series}
        results.append(result)
    emitted = derive_events(command, facts, source=SOURCE)
    if facts:
        emitted += follow_facts(command, facts, state.zones[command.data.user_id], effects)
    return Settled(command, results, emitted)


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
    return OPERATIONS[operation.op](
        user_id=batch.user_id,
        actor_id=batch.actor_id,
        stream=batch.stream,
        task_id=operation.task_id,
        **given,
    )
