"""Single tasks as the database has them: found for their owner only."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from gateway.context import Context
from gateway.tables import TaskRow
from taskflow.errors import not_found
from taskflow.task import Task

ROW: Any = TaskRow
SHOWN: list[Any] = [getattr(TaskRow, name) for name in Task.__struct_fields__]
FIND = select(*SHOWN)


async def find_task(context: Context, user_id: str, task_id: str) -> dict[str, Any]:
    """The task. Raises Refused (404) for one that is not there or somebody else's."""
    query = FIND.where(
        ROW.id == UUID(task_id), ROW.user_id == UUID(user_id), ROW.deleted_at.is_(None)
    )
    async with context.engine.connect() as db:
        row = (await db.execute(query)).mappings().first()
    if row is None:
        raise not_found(f"The task {task_id}")
    return dict(row)


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
