"""Tasks over HTTP: writes become commands, reads come from PostgreSQL."""

from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Struct

from gateway.bodies import read_bytes, read_json, write_json
from gateway.commands import Intent, answer_write, read_intent
from gateway.context import Context, Ctx
from gateway.identity import Identity, Who
from gateway.schemas import TaskPage, accepts, answers, task_answer
from gateway.task_query import describe_query, read_query
from gateway.task_rows import find_stream, find_task
from gateway.task_search import search_tasks
from taskflow.decide import new_task
from taskflow.errors import invalid
from taskflow.events import (
    CancelTask,
    CompleteTask,
    CreateTask,
    DeleteTask,
    ReopenTask,
    SkipOccurrence,
    SnoozeTask,
    TaskCommand,
    UpdateTask,
    derive_id,
)
from taskflow.read_task import read_task_id
from taskflow.read_times import read_instant
from taskflow.reminder import read_duration
from taskflow.task import Scope, TaskInput

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])

_INPUT = msgspec.json.Decoder(TaskInput)


class Snooze(Struct, forbid_unknown_fields=True, rename={"duration": "for"}):
    """Until an instant, or for a duration."""

    until: str | None = None
    duration: str | None = None


_SNOOZE = msgspec.json.Decoder(Snooze)


@router.post("", status_code=201, responses=task_answer(201), openapi_extra=accepts(TaskInput))
async def create_task(request: Request, who: Who, context: Ctx) -> Response:
    body = await read_bytes(request)
    given = read_json(body, _INPUT)
    intent = read_intent(request, who, body)
    command = create_command(given, who, intent, context.clock())
    return await answer_write(context, who, intent, command, command.task_id)


def name_task(given: TaskInput, intent: Intent, position: int = 0) -> str:
    """The id that a new task was given, or gets. Raises Refused."""
    if given.id is msgspec.UNSET or given.id is None:
        return derive_id(intent.command_id, "task", position)
    return read_task_id(given.id, invalid("id", "must be a UUID"))


def create_command(given: TaskInput, who: Identity, intent: Intent, now: datetime) -> CreateTask:
    """The command for a new task, refused here already where it would be refused later."""
    task_id = name_task(given, intent)
    command = CreateTask(
        user_id=who.user_id,
        actor_id=who.user_id,
        stream=task_id,
        fingerprint=intent.fingerprint,
        task_id=task_id,
        task=given,
    )
    new_task(command, who.timezone, now)
    return command


@router.get(
    "",
    responses=answers(TaskPage, "A page of tasks"),
    openapi_extra={"parameters": describe_query()},
)
async def list_tasks(request: Request, who: Who, context: Ctx) -> Response:
    return await search_tasks(context, who, read_query(request))


@router.get("/{task_id}", responses=task_answer(200))
async def read_task(task_id: str, who: Who, context: Ctx) -> Response:
    task = await find_task(context, who.user_id, read_task_id(task_id))
    headers = {"ETag": f'"{task["version"]}"'}
    return write_json(task, headers=headers)


@router.patch("/{task_id}", responses=task_answer(200), openapi_extra=accepts(TaskInput))
async def update_task(
    task_id: str, request: Request, who: Who, context: Ctx, scope: Scope = "this"
) -> Response:
    body = await read_bytes(request)
    changes = read_json(body, _INPUT)
    return await _command(
        UpdateTask, task_id, request, who, context, body, changes=changes, scope=scope
    )


@router.delete("/{task_id}", status_code=204)
async def delete_task(
    task_id: str, request: Request, who: Who, context: Ctx, scope: Scope = "this"
) -> Response:
    return await _command(DeleteTask, task_id, request, who, context, b"", scope=scope)


@router.post("/{task_id}/complete", responses=task_answer(200))
async def complete_task(task_id: str, request: Request, who: Who, context: Ctx) -> Response:
    return await _command(CompleteTask, task_id, request, who, context)


@router.post("/{task_id}/reopen", responses=task_answer(200))
async def reopen_task(task_id: str, request: Request, who: Who, context: Ctx) -> Response:
    return await _command(ReopenTask, task_id, request, who, context)


@router.post("/{task_id}/cancel", responses=task_answer(200))
async def cancel_task(task_id: str, request: Request, who: Who, context: Ctx) -> Response:
    return await _command(CancelTask, task_id, request, who, context)


@router.post("/{task_id}/skip", responses=task_answer(200))
async def skip_occurrence(task_id: str, request: Request, who: Who, context: Ctx) -> Response:
    return await _command(SkipOccurrence, task_id, request, who, context)


@router.post("/{task_id}/snooze", responses=task_answer(200), openapi_extra=accepts(Snooze))
async def snooze_task(task_id: str, request: Request, who: Who, context: Ctx) -> Response:
    body = await read_bytes(request)
    until = _read_until(read_json(body, _SNOOZE), who, context.clock())
    return await _command(SnoozeTask, task_id, request, who, context, body, until=until)


def _read_until(snooze: Snooze, who: Identity, now: datetime) -> datetime:
    if (snooze.until is None) == (snooze.duration is None):
        raise invalid("until", "give either until (an instant) or for (a duration)")
    if snooze.until is not None:
        return read_instant("until", snooze.until, who.timezone)
    try:
        return now + read_duration(snooze.duration or "")
    except (msgspec.ValidationError, OverflowError) as error:
        raise invalid("for", "must be an ISO 8601 duration such as PT1H") from error


async def _command(
    kind: type[TaskCommand],
    task_id: str,
    request: Request,
    who: Identity,
    context: Context,
    body: bytes | None = None,
    **more: Any,
) -> Response:
    """Sends a command of `kind` about one task, in the stream of its series."""
    name = read_task_id(task_id)
    body = await read_bytes(request) if body is None else body
    intent = read_intent(request, who, body)
    command = kind(
        user_id=who.user_id,
        actor_id=who.user_id,
        stream=await find_stream(context, who.user_id, name),
        fingerprint=intent.fingerprint,
        task_id=name,
        if_version=intent.if_version,
        **more,
    )
    return await answer_write(context, who, intent, command, name)
