"""Views: lists of tasks that a person keeps under a name."""

from typing import Annotated, Any, TypeAlias
from uuid import UUID, uuid4

from fastapi import APIRouter, Header, Response
from pydantic import AfterValidator, BaseModel, StringConstraints
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, col, delete, select, update

from gateway.context import Ctx
from gateway.identity import Body, Who, read_line
from gateway.outbox import Writing, announcing
from gateway.pages import page
from gateway.repeats import Repeatable
from gateway.task_query import TaskChoice
from gateway.task_search import check_choice
from gateway.view_rows import (
    LAST_POSITION,
    View,
    ViewRow,
    find_place,
    find_view,
    show_view,
    write_view,
)
from taskflow.events import AccountFact, ViewCreated, ViewDeleted, ViewUpdated

router = APIRouter(prefix="/v1/views", tags=["views"], route_class=Repeatable)

Name: TypeAlias = Annotated[
    str, AfterValidator(read_line), StringConstraints(min_length=1, max_length=100)
]
Position: TypeAlias = Annotated[int, Field(ge=0, le=LAST_POSITION)]
ViewFact: TypeAlias = type[ViewCreated] | type[ViewUpdated] | type[ViewDeleted]
IfMatch: TypeAlias = Annotated[str | None, Header()]


class ViewPage(BaseModel):
    items: list[View]
    next_cursor: str | None


class NewView(Body):
    """`position` is where it stands among the others; without one it is the last."""

    name: Name
    query: TaskChoice
    position: Position | None = None


class ChangeView(Body):
    """What is sent is changed."""

    name: Name | None = None
    query: TaskChoice | None = None
    position: Position | None = None


@router.get("", response_model_exclude_unset=True)
async def list_views(who: Who, context: Ctx) -> ViewPage:
    """A person's views in their order; at most 100 exist, so all are on one page."""
    mine = select(ViewRow).where(col(ViewRow.user_id) == UUID(who.user_id))
    ordered = mine.order_by(*map(col, (ViewRow.position, ViewRow.created_at, ViewRow.id)))
    async with context.engine.connect() as db:
        rows = (await db.execute(ordered)).all()
    return ViewPage(**page([show_view(row) for row in rows], None))


@router.post("", status_code=201, response_model_exclude_unset=True)
async def create_view(body: NewView, who: Who, context: Ctx, response: Response) -> View:
    check_choice(body.query, context.clock(), who.timezone)
    async with announcing(context) as writing:
        row = ViewRow(
            id=uuid4(),
            user_id=UUID(who.user_id),
            **_values(body),
            position=await find_place(writing, who, body.position),
            created_at=writing.now,
            updated_at=writing.now,
        )
        await write_view(writing, insert(ViewRow).values(row.model_dump()))
        writing.announce(_tell(ViewCreated, writing, row))
    response.headers["Location"] = f"/v1/views/{row.id}"
    return _answer(row, response)


@router.get("/{view_id}", response_model_exclude_unset=True)
async def read_view(view_id: str, who: Who, context: Ctx, response: Response) -> View:
    async with context.engine.connect() as db:
        return _answer(await find_view(db, who, view_id), response)


@router.patch("/{view_id}", response_model_exclude_unset=True)
async def change_view(
    view_id: str,
    body: ChangeView,
    who: Who,
    context: Ctx,
    response: Response,
    if_match: IfMatch = None,
) -> View:
    """Changes what is sent; a `query` is replaced whole."""
    if body.query is not None:
        check_choice(body.query, context.clock(), who.timezone)
    async with announcing(context) as writing:
        row = await find_view(writing.db, who, view_id, if_match, lock=True)
        changes = {name: value for name, value in _values(body).items() if value is not None}
        if body.position is not None:
            changes["position"] = body.position
        changes |= {"version": row.version + 1, "updated_at": writing.now}
        await write_view(writing, update(ViewRow).where(col(ViewRow.id) == row.id).values(changes))
        new = ViewRow(**{**row.model_dump(), **changes})
        writing.announce(_tell(ViewUpdated, writing, new))
    return _answer(new, response)


@router.delete("/{view_id}", status_code=204)
async def delete_view(view_id: str, who: Who, context: Ctx, if_match: IfMatch = None) -> None:
    async with announcing(context) as writing:
        row = await find_view(writing.db, who, view_id, if_match, lock=True)
        await writing.db.execute(delete(ViewRow).where(col(ViewRow.id) == row.id))
        writing.announce(_tell(ViewDeleted, writing, row))


# --- rows --------------------------------------------------------------------------------------


def _values(body: NewView | ChangeView) -> dict[str, Any]:
    """The columns that a body speaks of; None where it does not."""
    query = body.query
    return {
        "name": body.name,
        "name_key": body.name and body.name.casefold(),
        "query": query and query.model_dump(mode="json", exclude_unset=True, exclude_none=True),
    }


def _tell(kind: ViewFact, writing: Writing, row: ViewRow) -> AccountFact:
    owner = str(row.user_id)
    detail = {"view_id": str(row.id), "name": row.name, "query": row.query}
    return kind(user_id=owner, actor_id=owner, timestamp=writing.now, detail=detail)


def _answer(row: ViewRow, response: Response) -> View:
    response.headers["ETag"] = f'"{row.version}"'
    return show_view(row)
