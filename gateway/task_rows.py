"""Single tasks as the database has them: found for their owner only."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import UNSET, Raw
from msgspec.structs import fields
from sqlalchemy import ColumnElement, Text, cast, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import NullType

from gateway.context import Context
from gateway.tables import TaskRow
from taskflow.errors import not_found
from taskflow.task import Task

# Plain columns: a mapped attribute costs the ORM's compilation on every statement.
ROW: Any = TaskRow.__table__.c  # type: ignore[attr-defined]
NAMES = Task.__struct_fields__
SOMETIMES = [one.name for one in fields(Task) if one.default is UNSET]
TEXTS = [name for name in NAMES if isinstance(ROW[name].type, JSONB)]


def _as_sent(name: str) -> ColumnElement[Any]:
    """A column whose value goes into JSON as the driver gives it, JSON itself as its text: to turn
    each value of each row into another object was half of a list's time."""
    if name in TEXTS:
        return cast(ROW[name], Text).label(name)
    return type_coerce(ROW[name], NullType()).label(name)


SHOWN = [_as_sent(name) for name in NAMES]
FIND = select(*SHOWN)


def as_task(row: Sequence[Any]) -> dict[str, Any]:
    """A row that begins with SHOWN, as API.md shows it."""
    task = dict(zip(NAMES, row, strict=False))
    for name in TEXTS:
        task[name] = task[name] and Raw(task[name])
    for name in SOMETIMES:
        if task[name] is None:
            del task[name]
    return task


async def find_task(context: Context, user_id: str, task_id: str) -> dict[str, Any]:
    """The task. Raises Refused (404) for one that is not there or somebody else's."""
    query = FIND.where(
        ROW.id == UUID(task_id), ROW.user_id == UUID(user_id), ROW.deleted_at.is_(None)
    )
    async with context.engine.connect() as db:
        row = (await db.execute(query)).first()
    if row is None:
        raise not_found(f"The task {task_id}")
    return as_task(row)


async def find_stream(context: Context, user_id: str, task_id: str) -> str:
    """What keeps the task's changes in order; its own id where it is not written yet."""
    return (await find_streams(context, user_id, [task_id])).get(task_id, task_id)


async def find_streams(context: Context, user_id: str, ids: Sequence[str]) -> dict[str, str]:
    """The streams of the person's tasks among `ids`."""
    query = select(ROW.id, ROW.stream).where(
        ROW.id.in_([UUID(name) for name in ids]), ROW.user_id == UUID(user_id)
    )
    async with context.engine.connect() as db:
        return {str(row.id): str(row.stream) for row in await db.execute(query)}
