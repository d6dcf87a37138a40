"""A person's feed, read from a cursor: the same items for clients that poll and for streams."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from msgspec import Raw, Struct
from sqlmodel import col, select

from gateway.bodies import write_json
from gateway.context import Context, Ctx
from gateway.identity import Who
from gateway.pages import read_cursor, read_limit, write_cursor
from gateway.tables import FeedHeadRow, FeedRow

router = APIRouter(tags=["live"])

KIND = "feed"
USUAL = 50


class Changes(Struct):
    """A piece of a feed; `resync` says that the cursor is too old and all must be read anew."""

    items: list[dict[str, Any]]
    cursor: str
    resync: bool = False
    more: bool = False

    def shown(self) -> dict[str, Any]:
        if self.resync:
            return {"resync": True, "cursor": self.cursor}
        return {"items": self.items, "cursor": self.cursor}


def read_since(context: Context, since: str) -> int:
    """The number that a cursor stands for. Raises Refused."""
    (seq,) = read_cursor(context, since, KIND)
    if not isinstance(seq, int):
        raise TypeError("a feed's cursor holds a number")
    return seq


async def read_changes(
    context: Context, user_id: str, since: int | None, limit: int = USUAL
) -> tuple[Changes, int]:
    """What came after `since`, and the number to go on from; without one, where the feed is now."""
    person = UUID(user_id)
    head = select(FeedHeadRow.seq, FeedHeadRow.purged_to).where(FeedHeadRow.user_id == person)
    async with context.engine.connect() as db:
        found = (await db.execute(head)).first()
        newest, purged_to = (found[0], found[1]) if found else (0, 0)
        if since is None or since >= newest or since < purged_to:
            stale = since is not None and since < purged_to
            return Changes([], write_cursor(context, KIND, newest), resync=stale), newest
        # With how far it is purged at this very moment: it may have been since the head was read.
        purged = select(FeedHeadRow.purged_to).where(FeedHeadRow.user_id == person)
        query = (
            select(FeedRow.seq, FeedRow.type, FeedRow.task_id, FeedRow.task)
            .where(FeedRow.user_id == person, FeedRow.seq > since)
            .order_by(col(FeedRow.seq))
            .limit(limit)
            .add_columns(purged.scalar_subquery())
        )
        rows = (await db.execute(query)).all()
    if rows and rows[0][4] > since:
        return Changes([], write_cursor(context, KIND, newest), resync=True), newest
    items = [_item(context, *row[:4]) for row in rows]
    last = rows[-1][0] if rows else newest
    cursor = items[-1]["cursor"] if items else write_cursor(context, KIND, newest)
    return Changes(items, cursor, more=last < newest), last


def _item(context: Context, seq: int, kind: str, task_id: UUID, task: str | None) -> dict[str, Any]:
    return {
        "cursor": write_cursor(context, KIND, seq),
        "type": kind,
        "task_id": str(task_id),
        "task": Raw(task.encode()) if task else None,
    }


@router.get("/v1/changes")
async def list_changes(
    who: Who, context: Ctx, since: str | None = None, limit: str | None = None
) -> Response:
    """What changed since a cursor; without one, the present cursor."""
    start = None if since is None else read_since(context, since)
    changes, _ = await read_changes(context, who.user_id, start, read_limit(limit))
    body = {"items": changes.items, "cursor": changes.cursor, "resync": changes.resync}
    return write_json(body)
