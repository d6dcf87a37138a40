"""Dead letters for the people who mend them: read, put back on their topic, or discarded."""

from collections.abc import Iterator
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from fastapi import APIRouter, Response
from sqlalchemy import func, select, text

from gateway.bodies import write_json
from gateway.context import Context, Ctx
from gateway.identity import Identity, Who, require
from gateway.outbox import Writing, announcing
from gateway.pages import page, read_cursor, read_limit, write_cursor
from gateway.repeats import Repeatable
from gateway.tables import DeadLetterRow, TaskRow
from taskflow.attempts import event_key
from taskflow.errors import Refused, Unreadable, not_found
from taskflow.events import (
    Command,
    DeadLetterDiscarded,
    DeadLetterRedriven,
    Event,
    TaskCommand,
    WriteTasks,
    read_event,
)
from taskflow.read_task import read_task_id

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"], route_class=Repeatable)

ROW: Any = DeadLetterRow
TASK: Any = TaskRow
KIND = "dead-letters"
# Read from the record as it is, which may be anything: an attribute is never found inside a text,
# for there its quotes are escaped.
TRACE_ID = func.substring(
    func.encode(ROW.value, "escape"),
    r'"traceparent"\s*:\s*"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-',
)
SHOWN: list[Any] = [
    *(getattr(DeadLetterRow, name) for name in DeadLetterRow.model_fields if name != "value"),
    TRACE_ID.label("trace_id"),
]

Settlement: TypeAlias = type[DeadLetterRedriven] | type[DeadLetterDiscarded]
COMMAND_IDS = ("user_id", "task_id", "series_id", "batch_id")
STATES: dict[Settlement, str] = {DeadLetterRedriven: "redriven", DeadLetterDiscarded: "discarded"}

FORGET_ATTEMPTS = text(
    "UPDATE attempts SET count = 0 WHERE consumer = :consumer AND event_key = :key"
)
SETTLE = text(
    "UPDATE dead_letters SET state = :state, settled_at = :now, settled_by = :by WHERE id = :id"
)


@router.get("")
async def list_dead_letters(
    who: Who, context: Ctx, limit: str | None = None, cursor: str | None = None
) -> Response:
    """Those that wait for a person, newest first."""
    require(who, "admin")
    size = read_limit(limit)
    query = select(*SHOWN).where(ROW.state == "kept")
    if cursor is not None:
        at, name = read_cursor(context, cursor, KIND)
        query = query.where(
            text("(kept_at, id) < (:at, :id)").bindparams(at=at, id=UUID(str(name)))
        )
    query = query.order_by(ROW.kept_at.desc(), ROW.id.desc())
    async with context.engine.connect() as db:
        rows = (await db.execute(query.limit(size + 1))).mappings().all()
    items = [dict(row) for row in rows[:size]]
    last = items[-1] if len(rows) > size else None
    following = write_cursor(context, KIND, last["kept_at"], str(last["id"])) if last else None
    return write_json(page(items, following))


@router.get("/{dead_letter_id}")
async def read_dead_letter(dead_letter_id: str, who: Who, context: Ctx) -> Response:
    """One, with the record as it was."""
    require(who, "admin")
    row = await _find(context, dead_letter_id)
    shown = {**row, "value": row["value"].decode(errors="replace")}
    return write_json(shown)


async def _find(context: Context, name: str) -> dict[str, Any]:
    missing = not_found(f"The dead letter {name[:64]}")
    try:
        wanted = UUID(name)
    except ValueError:
        raise missing from None
    query = select(*SHOWN, ROW.value).where(ROW.id == wanted)
    async with context.engine.connect() as db:
        row = (await db.execute(query)).mappings().first()
    if row is None:
        raise missing
    return dict(row)


@router.post("/{dead_letter_id}/redrive")
async def redrive_dead_letter(
    dead_letter_id: str, who: Who, context: Ctx, force: bool = False
) -> Response:
    """Puts the record back on its topic, for the consumer that gave it up alone."""
    require(who, "admin")
    row = await _find(context, dead_letter_id)
    event = _read(row)
    if not force:
        await _refuse_superseded(context, event)
    again = msgspec.structs.replace(event, redrivefor=row["consumer"])
    attempts = {"consumer": row["consumer"], "key": event_key(event.source, event.id)}
    async with announcing(context) as writing:
        await writing.db.execute(FORGET_ATTEMPTS, attempts)
        await _settle(writing, who, row, DeadLetterRedriven)
        if await context.publisher.publish(row["record_topic"], [again]):
            detail = "The log did not take the record; nothing has changed; try again."
            raise Refused("log_unavailable", detail, status=503)
    return write_json({"id": row["id"], "state": STATES[DeadLetterRedriven]})


def _read(row: dict[str, Any]) -> Event[Any]:
    try:
        event = read_event(row["value"])
    except Unreadable as error:
        detail = f"This record cannot be read, so it can only be discarded: {error}"
        raise Refused("invalid", detail) from error
    for place, name in _list_ids(event):
        detail = f"{place} {name[:64]!r} is no UUID, so this command can only be discarded."
        read_task_id(name, Refused("invalid", detail))
    return event


def _list_ids(event: Event[Any]) -> Iterator[tuple[str, str]]:
    """Where a command says by which ids `write_task` shall ask the database, which would refuse
    them at each redrive anew."""
    if not isinstance(event.data, Command):
        return
    yield "id", event.id
    for field in COMMAND_IDS:
        if (name := getattr(event.data, field, None)) is not None:
            yield f"data.{field}", name
    if isinstance(event.data, WriteTasks):
        for number, one in enumerate(event.data.operations):
            yield f"data.operations[{number}].task_id", one.task_id


async def _refuse_superseded(context: Context, event: Event[Any]) -> None:
    """A command whose task has changed since would undo what came later."""
    if not isinstance(event.data, TaskCommand):
        return
    query = select(TASK.updated_at).where(TASK.id == UUID(event.data.task_id))
    async with context.engine.connect() as db:
        updated_at = (await db.execute(query)).scalar()
    if updated_at is not None and updated_at > event.time:
        detail = "The task has changed since this command; redrive with force=true to do it anyway."
        raise Refused("superseded", detail, status=409)


@router.delete("/{dead_letter_id}", status_code=204)
async def discard_dead_letter(dead_letter_id: str, who: Who, context: Ctx) -> Response:
    """Decides that nothing shall become of it."""
    require(who, "admin")
    row = await _find(context, dead_letter_id)
    async with announcing(context) as writing:
        await _settle(writing, who, row, DeadLetterDiscarded)
    return Response(status_code=204)


async def _settle(writing: Writing, who: Identity, row: dict[str, Any], kind: Settlement) -> None:
    settled = {"state": STATES[kind], "now": writing.now, "by": UUID(who.user_id), "id": row["id"]}
    await writing.db.execute(SETTLE, settled)
    writing.announce(
        kind(
            user_id=who.user_id,
            actor_id=who.user_id,
            timestamp=writing.now,
            detail={"dead_letter_id": str(row["id"]), "consumer": row["consumer"]},
        )
    )
