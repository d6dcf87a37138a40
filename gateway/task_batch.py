"""Many operations in one request: what belongs to one stream stays in order, new tasks travel
together, and each failure stands alone.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from gateway.bodies import LARGEST, LARGEST_BATCH, read_bytes, read_json, too_large, write_json
from gateway.commands import Intent, pending, read_intent, show_results, submit
from gateway.context import Context, Ctx
from gateway.identity import Identity, Who
from gateway.outcomes import MOST_PARTS, Result, name_parts
from gateway.schemas import accepts
from gateway.task_rows import find_streams
from gateway.tasks import name_task
from taskflow.errors import Refused, invalid, problem
from taskflow.events import Operation, RefusedLine, WriteTasks, encode
from taskflow.read_task import read_task_id
from taskflow.task import TaskInput

router = APIRouter(tags=["tasks"])

MOST = MOST_PARTS
PART_OPERATIONS = 250
PART_BYTES = 200_000
# Beside a part, and a thousand lines that say no more than this, it is an event's size.
REFUSED_BYTES = 100_000
WORDLESS = "Refused for its shape; send this line again to learn why."


class BatchOperation(Struct, forbid_unknown_fields=True):
    """One line of a batch. `task` is read later, so that a bad one fails alone."""

    op: Literal["create", "update", "complete", "reopen", "cancel", "delete"]
    id: str | None = None
    task: msgspec.Raw | UnsetType = UNSET


class Batch(Struct, forbid_unknown_fields=True):
    operations: Annotated[list[BatchOperation], Meta(min_length=1, max_length=MOST)]


_BATCH = msgspec.json.Decoder(Batch)
_INPUT = msgspec.json.Decoder(TaskInput)


@router.post("/v1/tasks/batch", openapi_extra=accepts(Batch))
async def write_tasks(request: Request, who: Who, context: Ctx) -> Response:
    """Up to 1,000 operations; the results stand in their order."""
    body = await read_bytes(request, LARGEST_BATCH)
    batch = read_json(body, _BATCH)
    intent = read_intent(request, who, body)
    operations, refused = read_operations(batch, intent)
    parts = await plan_parts(context, who, intent, operations, keep_refused(refused))
    outcomes = await submit(context, who, intent, parts) if parts else []
    if outcomes is None:
        return pending(context, who, intent.command_id, None)
    return write_json({"results": show_results(outcomes, refused)})


def read_operations(batch: Batch, intent: Intent) -> tuple[list[Operation], list[Result]]:
    """The operations that can be sent, and the answers of those that cannot. What only makes no
    sense, `write_task` refuses line by line: to ask twice would take as long as all else here."""
    operations: list[Operation] = []
    refused: list[Result] = []
    for position, line in enumerate(batch.operations):
        try:
            task = _read_task(line)
            if line.op == "create" and task is not None:
                task_id = name_task(task, intent, position)
            else:
                task_id = read_task_id(line.id or "", invalid("id", "must be the UUID of a task"))
            operations.append(Operation(position=position, op=line.op, task_id=task_id, task=task))
        except Refused as error:
            refused.append(Result(error.status, position, msgspec.Raw(encode(problem(error)))))
    return operations, refused


def keep_refused(refused: Sequence[Result]) -> list[RefusedLine]:
    """The refused lines as they travel with a part. What they say may quote a person at any length:
    once it has filled its room, the others only say that they were refused."""
    room = REFUSED_BYTES
    lines: list[RefusedLine] = []
    for one in refused:
        told = msgspec.json.decode(one.body)
        room -= len(bytes(one.body))
        if room < 0:
            told = problem(Refused(told["code"], WORDLESS, status=one.status))
        lines.append(RefusedLine(position=one.position, status=one.status, problem=told))
    return lines


def _read_task(line: BatchOperation) -> TaskInput | None:
    if line.op not in ("create", "update"):
        if line.task is not UNSET:
            raise invalid("task", f"does not go with {line.op}")
        return None
    if line.task is UNSET:
        raise invalid("task", "is required")
    content = bytes(line.task)
    if len(content) > LARGEST:
        raise too_large(LARGEST)
    task = read_json(content, _INPUT)
    if line.op == "create" and line.id is not None and task.id is UNSET:
        task = msgspec.structs.replace(task, id=line.id)
    return task


async def plan_parts(
    context: Context,
    who: Identity,
    intent: Intent,
    operations: Sequence[Operation],
    refused: list[RefusedLine],
) -> list[tuple[str, WriteTasks]]:
    """The commands of a batch. A task that the batch creates goes with its creation, what is not to
    be done with the first part."""
    created = {one.task_id for one in operations if one.op == "create"}
    others = sorted({one.task_id for one in operations} - created)
    streams = await find_streams(context, who.user_id, others) if others else {}
    groups: dict[str, list[Operation]] = {}
    for one in operations:
        stream = "" if one.task_id in created else streams.get(one.task_id, one.task_id)
        groups.setdefault(stream, []).append(one)
    chunks = [*_cut(groups.pop("", [])), *groups.items()]
    names = name_parts(intent.command_id, len(chunks))
    parts = [make_part(who, intent, *chunk, len(chunks)) for chunk in chunks]
    parts[:1] = [structs.replace(one, refused=refused) for one in parts[:1]]
    return list(zip(names, parts, strict=True))


def make_part(
    who: Identity, intent: Intent, stream: str, operations: list[Operation], parts: int
) -> WriteTasks:
    """One of so many commands of a batch."""
    return WriteTasks(
        user_id=who.user_id,
        actor_id=who.user_id,
        stream=stream,
        fingerprint=intent.fingerprint,
        batch_id=intent.command_id,
        parts=parts,
        operations=operations,
    )


def _cut(operations: Sequence[Operation]) -> Iterator[tuple[str, list[Operation]]]:
    """New tasks in pieces that fit into an event; all lines of one task stay in one piece."""
    lines: dict[str, list[Operation]] = {}
    for one in operations:
        lines.setdefault(one.task_id, []).append(one)
    chunk: list[Operation] = []
    size = 0
    for same_task in lines.values():
        length = sum(len(encode(one)) for one in same_task)
        if chunk and (size + length > PART_BYTES or len(chunk) >= PART_OPERATIONS):
            yield chunk[0].task_id, chunk
            chunk, size = [], 0
        chunk, size = chunk + same_task, size + length
    if chunk:
        yield chunk[0].task_id, chunk
