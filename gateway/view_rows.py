"""Views as the database has them: found for their owner only, each name once."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Column, DateTime, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel, col, select

from gateway.commands import read_version
from gateway.identity import Identity
from gateway.outbox import Writing
from gateway.task_query import TaskChoice
from taskflow.errors import Refused, not_found
from taskflow.read_task import read_task_id

MOST_VIEWS = 100
LAST_POSITION = 1_000_000


class ViewRow(SQLModel, table=True):
    __tablename__ = "views"

    id: UUID = Field(primary_key=True)
    user_id: UUID
    name: str
    name_key: str
    query: dict[str, Any] = Field(sa_column=Column(JSONB))
    position: int
    version: int = 1
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


class View(BaseModel):
    """A view as the API shows it; its `query` holds what is asked for and nothing else."""

    id: UUID
    name: str
    query: TaskChoice
    position: int
    created_at: datetime
    updated_at: datetime


def show_view(row: Any) -> View:
    return View.model_validate(row, from_attributes=True)


async def find_view(
    db: AsyncConnection,
    who: Identity,
    view_id: str,
    if_match: str | None = None,
    *,
    lock: bool = False,
) -> ViewRow:
    """The person's view, as it is wanted. Raises Refused: 404, or 412 with the present view."""
    missing = not_found(f"The view {view_id[:64]!r}")
    name = UUID(read_task_id(view_id, missing))
    query = select(ViewRow).where(
        col(ViewRow.id) == name, col(ViewRow.user_id) == UUID(who.user_id)
    )
    found = (await db.execute(query.with_for_update() if lock else query)).first()
    if found is None:
        raise missing
    row, wanted = ViewRow(**found._mapping), read_version(if_match)
    if wanted not in (None, row.version):
        current = show_view(row).model_dump(mode="json", exclude_unset=True)
        detail = f"The view is at version {row.version}; read it again and repeat the change."
        raise Refused("version_conflict", detail, status=412, more={"current": current})
    return row


async def find_place(writing: Writing, who: Identity, wanted: int | None) -> int:
    """Where a new view stands. Raises Refused where there are too many."""
    query = select(func.count(), func.max(col(ViewRow.position))).where(
        col(ViewRow.user_id) == UUID(who.user_id)
    )
    count, last = (await writing.db.execute(query)).one()
    if count >= MOST_VIEWS:
        raise Refused("invalid", f"There are {MOST_VIEWS} views; delete one first.")
    if wanted is not None:
        return wanted
    return 0 if last is None else min(last + 1, LAST_POSITION)


async def write_view(writing: Writing, statement: Any) -> None:
    """Raises Refused where another view has the name."""
    try:
        await writing.db.execute(statement)
    except IntegrityError as error:
        if "views_name_taken" not in str(error):
            raise
        detail = "Another view has this name; names differ in more than case."
        raise Refused("name_taken", detail, status=409, errors={"name": "is taken"}) from error
