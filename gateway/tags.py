"""Tags, counted from the tasks that carry them; to rename one is to change those tasks."""

from uuid import UUID, uuid5

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Struct, structs
from sqlalchemy import func
from sqlmodel import col, select

from gateway.bodies import read_bytes, read_json, write_json
from gateway.commands import Intent, find_parts, pending, read_intent, submit
from gateway.context import Context, Ctx
from gateway.identity import Identity, Who
from gateway.pages import page
from gateway.schemas import accepts
from gateway.tables import TaskRow
from taskflow.events import Command, UpdateTask
from taskflow.read_task import read_tags
from taskflow.task import TaskInput

router = APIRouter(prefix="/v1/tags", tags=["tags"])


class Rename(Struct, forbid_unknown_fields=True):
    name: str


_RENAME = msgspec.json.Decoder(Rename)


@router.get("")
async def list_tags(who: Who, context: Ctx) -> Response:
    """Every tag with the number of tasks that carry it; the spelling used most."""
    spelled = func.unnest(col(TaskRow.tags)).label("name")
    keyed = func.unnest(col(TaskRow.tag_keys)).label("key")
    tags = (
        select(spelled, keyed)
        .where(TaskRow.user_id == UUID(who.user_id), col(TaskRow.deleted_at).is_(None))
        .subquery()
    )
    query = (
        select(func.mode().within_group(tags.c.name).label("name"), func.count().label("count"))
        .group_by(tags.c.key)
        .order_by(tags.c.key)
    )
    async with context.engine.connect() as db:
        rows = (await db.execute(query)).mappings().all()
    return write_json(page([dict(row) for row in rows], None))


@router.patch("/{name}", openapi_extra=accepts(Rename))
async def rename_tag(name: str, request: Request, who: Who, context: Ctx) -> Response:
    """Renames a tag on every task; a name that exists merges the two."""
    body = await read_bytes(request)
    wanted = read_tags([read_json(body, _RENAME).name])[0]
    return await _replace(context, who, read_intent(request, who, body), name, wanted)


@router.delete("/{name}")
async def delete_tag(name: str, request: Request, who: Who, context: Ctx) -> Response:
    """Takes a tag off every task."""
    return await _replace(context, who, read_intent(request, who, b""), name, None)


async def _replace(
    context: Context, who: Identity, intent: Intent, name: str, wanted: str | None
) -> Response:
    known = await find_parts(context, intent)
    if known and len(known) >= known[0].parts:
        return write_json({"name": wanted, "changed": len(known)})
    key = name.strip().casefold()
    query = select(TaskRow.id, TaskRow.stream, TaskRow.tags).where(
        TaskRow.user_id == UUID(who.user_id),
        col(TaskRow.tag_keys).contains([key]),
        col(TaskRow.deleted_at).is_(None),
    )
    async with context.engine.connect() as db:
        rows = (await db.execute(query)).all()
    count = known[0].parts if known else len(rows)
    parts: list[tuple[str, Command]] = []
    for task_id, stream, tags in rows:
        changed = [wanted if tag.casefold() == key else tag for tag in tags]
        kept = read_tags([tag for tag in changed if tag is not None])
        # Named for its task, so that a part that was lost is sent again as what it was.
        name_of_part = str(uuid5(UUID(intent.command_id), str(task_id)))
        command = _retag(who, intent, str(task_id), kept)
        parts.append((name_of_part, structs.replace(command, stream=str(stream), parts=count)))
    outcomes = await submit(context, who, intent, parts) if parts else []
    if outcomes is None:
        return pending(context, who, intent.command_id, None)
    return write_json({"name": wanted, "changed": len(known) + len(outcomes)})


def _retag(who: Identity, intent: Intent, task_id: str, tags: list[str]) -> UpdateTask:
    """A part of the rename, which is known like a batch by its Idempotency-Key."""
    return UpdateTask(
        user_id=who.user_id,
        actor_id=who.user_id,
        stream=task_id,
        fingerprint=intent.fingerprint,
        batch_id=intent.command_id,
        task_id=task_id,
        changes=TaskInput(tags=tags),
    )
