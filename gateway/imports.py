"""Taking in what an export or a calendar holds: it becomes commands in parts, as every write does,
and a repetition of it finds everything there already.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from msgspec import structs

from gateway.bodies import JSON, read_bytes, read_kind, write_json
from gateway.commands import Intent, pending, read_intent, submit
from gateway.context import Context, Ctx
from gateway.ics_import import LARGEST as LARGEST_CALENDAR
from gateway.ics_import import read_calendar
from gateway.identity import Identity, Who
from gateway.import_document import Brought, Line, read_document
from gateway.outcomes import MOST_PARTS, Outcome, Result, name_parts
from gateway.task_batch import PART_BYTES, PART_OPERATIONS, make_part
from taskflow.errors import Refused, problem
from taskflow.events import ImportTask, Operation, WriteTasks, encode
from taskflow.import_task import imported_series, imported_task, restate_series

router = APIRouter(prefix="/v1/me/import", tags=["accounts"])

LARGEST = 16 * 1024 * 1024
CALENDAR = "text/calendar"
KINDS = (JSON, CALENDAR)

DESCRIBED = {
    "requestBody": {
        "required": True,
        "description": "The document of `GET /v1/me/export`, or parts of it (at most 16 MiB and"
        " 10,000 tasks); or a calendar file (at most 1 MiB and 1,000 entries)",
        "content": {
            JSON: {"schema": {"type": "object"}},
            CALENDAR: {"schema": {"type": "string"}},
        },
    }
}


@router.post("", openapi_extra=DESCRIBED)
async def import_account(request: Request, who: Who, context: Ctx) -> Response:
    """Makes what is not there: `taken`, `there`, `refused` count, `results` say it of each task
    that was taken or refused, `left_out` what an import does not make. What exists stays."""
    is_calendar = read_kind(request) == CALENDAR
    body = await read_bytes(request, LARGEST_CALENDAR if is_calendar else LARGEST, KINDS)
    intent = read_intent(request, who, body)
    if is_calendar:
        brought = await asyncio.to_thread(read_calendar, body, who.user_id, who.timezone)
    else:
        brought = await asyncio.to_thread(read_document, body, who.user_id)
    return await take_in(context, who, intent, brought)


async def take_in(context: Context, who: Identity, intent: Intent, brought: Brought) -> Response:
    """Sends what was brought, and tells what came of it. Raises Refused."""
    await asyncio.to_thread(check_lines, brought.lines, who, context)
    good = [line for line in brought.lines if line.refused is None]
    parts = await asyncio.to_thread(plan_parts, who, intent, good)
    outcomes = await submit(context, who, intent, parts) if parts else []
    if outcomes is None:
        return pending(context, who, intent.command_id, None)
    return write_json(show_import(brought, outcomes))


def check_lines(lines: Sequence[Line], who: Identity, context: Context) -> None:
    """Refuses here already what would be refused later."""
    at = context.clock()
    for line in lines:
        came = line.imported
        if came is None:
            continue
        command = ImportTask(
            user_id=who.user_id,
            actor_id=who.user_id,
            stream=came.series_id or line.task_id,
            task_id=line.task_id,
            imported=came,
        )
        try:
            imported_task(command, who.timezone, at, None)
            if came.series is not None:
                series, model = imported_series(command, who.timezone, at)
                whole = restate_series(came.series, series, model)
                line.imported = structs.replace(came, series=whole)
        except Refused as refused:
            line.refused = refused


def plan_parts(
    who: Identity, intent: Intent, lines: Sequence[Line]
) -> list[tuple[str, WriteTasks]]:
    """The commands, the same for the same document: what belongs to one series goes in order, small
    things travel together. So a task that is there may be met outside of its stream; its row is
    locked, and consumers compare versions. Raises Refused for more than can be waited for."""
    groups: dict[str, list[Operation]] = {}
    for line in lines:
        came = line.imported
        if came is not None:
            one = Operation(
                position=line.position, op="import", task_id=line.task_id, imported=came
            )
            groups.setdefault(came.series_id or line.task_id, []).append(one)
    chunks = list(cut_groups(groups))
    if len(chunks) > MOST_PARTS:
        detail = f"This makes {len(chunks)} parts, at most {MOST_PARTS}: send it in several."
        raise Refused("too_large", detail, status=413)
    names = name_parts(intent.command_id, len(chunks))
    return [
        (name, make_part(who, intent, stream, chunk, len(chunks)))
        for name, (stream, chunk) in zip(names, chunks, strict=True)
    ]


def cut_groups(groups: dict[str, list[Operation]]) -> Iterator[tuple[str, list[Operation]]]:
    """Pieces that fit into an event, each with its stream. A series that fits into one stays in
    one."""
    small: list[list[Operation]] = []
    for stream, operations in groups.items():
        if _fits(operations):
            small.append(operations)
        else:
            yield from ((stream, piece) for piece in _pack([one] for one in operations))
    yield from ((piece[0].task_id, piece) for piece in _pack(small))


def _measure(operations: Sequence[Operation]) -> int:
    return sum(len(encode(one)) for one in operations)


def _fits(operations: Sequence[Operation]) -> bool:
    return len(operations) <= PART_OPERATIONS and _measure(operations) <= PART_BYTES


def _pack(groups: Iterable[Sequence[Operation]]) -> Iterator[list[Operation]]:
    """Pieces of whole groups, as many as fit; one that is larger alone."""
    piece: list[Operation] = []
    filled = 0
    for group in groups:
        size = _measure(group)
        if piece and (len(piece) + len(group) > PART_OPERATIONS or filled + size > PART_BYTES):
            yield piece
            piece, filled = [], 0
        piece += group
        filled += size
    if piece:
        yield piece


# --- what is told ------------------------------------------------------------------------------

TOLD = {201: "taken", 204: "taken", 200: "there"}


def show_import(brought: Brought, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How many were taken, were there, and were refused; and each of the document's tasks."""
    results = {one.position: one for outcome in outcomes for one in outcome.results}
    shown = [_show_line(line, results.get(line.position)) for line in brought.lines]
    counts = Counter(TOLD.get(one["status"], "refused") for one in shown)
    told = {name: counts[name] for name in ("taken", "there", "refused")}
    return {**told, "left_out": brought.left_out, "results": shown}


def _show_line(line: Line, result: Result | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"position": line.position, "id": line.id}
    if line.refused is not None:
        return {**shown, "status": line.refused.status, "problem": problem(line.refused)}
    assert result is not None
    shown |= {"task_id": line.task_id, "status": result.status}
    if line.not_taken:
        shown["not_taken"] = line.not_taken
    return {**shown, "problem": result.body} if result.status >= 400 else shown
