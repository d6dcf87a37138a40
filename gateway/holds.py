"""Legal holds: while a person is on hold nothing of theirs goes, neither after its time nor after
their account. Placing and lifting is on record, about whoever did it.
"""

from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, StringConstraints
from sqlalchemy import RowMapping, text

from gateway.context import Ctx
from gateway.identity import Admin, Body, Identity, Line, read_line
from gateway.outbox import Writing, announcing
from gateway.pages import page, read_cursor, read_limit, write_cursor
from gateway.repeats import Repeatable
from taskflow.errors import Refused, invalid, not_found
from taskflow.events import AccountFact, AdminRead, HoldLifted, HoldPlaced
from taskflow.mail import email_key
from taskflow.read_task import read_task_id

router = APIRouter(prefix="/v1/audit/holds", tags=["audit"], route_class=Repeatable)

HOLDS = "holds"
SHOWN = "user_id, email, reason, placed_at, placed_by"

FIND = "SELECT id, email FROM users WHERE id = :id OR (email_key = :key AND deleted_at IS NULL)"
LIST = f"""
SELECT {SHOWN} FROM audit_holds WHERE lifted_at IS NULL
    AND (CAST(:at AS timestamptz) IS NULL OR (placed_at, user_id) < (:at, CAST(:name AS uuid)))
ORDER BY placed_at DESC, user_id DESC LIMIT :limit
"""
PLACE = f"""
INSERT INTO audit_holds AS h (user_id, email, reason, placed_at, placed_by)
VALUES (:id, :email, :reason, :now, :by)
ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, reason = excluded.reason,
    placed_at = excluded.placed_at, placed_by = excluded.placed_by, lifted_at = NULL
WHERE h.lifted_at IS NOT NULL
RETURNING {SHOWN}
"""
LIFT = "UPDATE audit_holds SET lifted_at = :now WHERE user_id = :id AND lifted_at IS NULL"

Reason: TypeAlias = Annotated[
    str, AfterValidator(read_line), StringConstraints(min_length=1, max_length=500)
]


class PlaceHold(Body):
    """Of whom, by address or id: an account that was deleted has no address any more."""

    email: Line | None = None
    user_id: UUID | None = None
    reason: Reason


class Hold(BaseModel):
    """`placed_by` is null where the person at the host did it."""

    user_id: UUID
    email: str
    reason: str
    placed_at: datetime
    placed_by: UUID | None


class HoldPage(BaseModel):
    items: list[Hold]
    next_cursor: str | None


@router.get("")
async def list_holds(
    who: Admin, context: Ctx, limit: str | None = None, cursor: str | None = None
) -> HoldPage:
    """Who is on hold, the latest first; that an admin looked is audited."""
    size = read_limit(limit)
    at, name = read_cursor(context, cursor, HOLDS) if cursor is not None else (None, None)
    values = {"at": at, "name": name, "limit": size + 1}
    async with announcing(context) as writing:
        rows = (await writing.db.execute(text(LIST), values)).mappings().all()
        _announce(writing, who, AdminRead, {"what": HOLDS})
    last = rows[size - 1] if len(rows) > size else None
    place = (last["placed_at"], str(last["user_id"])) if last else None
    following = write_cursor(context, HOLDS, *place) if place else None
    return HoldPage(**page([Hold(**row) for row in rows[:size]], following))


@router.post("", status_code=201)
async def place_hold(body: PlaceHold, who: Admin, context: Ctx) -> Hold:
    """Keeps what belongs to a person until the hold is lifted."""
    if (body.email is None) == (body.user_id is None):
        raise invalid("email", "send either email or user_id")
    async with announcing(context) as writing:
        person = await _find(writing, body)
        values = {**person, "reason": body.reason, "now": writing.now, "by": UUID(who.user_id)}
        row = (await writing.db.execute(text(PLACE), values)).mappings().first()
        if row is None:
            reason = "This person is on hold; lift that hold before you place another."
            raise Refused("invalid_transition", reason, status=409)
        detail = {"user_id": str(person["id"]), "reason": body.reason}
        _announce(writing, who, HoldPlaced, detail)
    return Hold(**row)


async def _find(writing: Writing, body: PlaceHold) -> RowMapping:
    values = {"id": body.user_id, "key": email_key(body.email or "")}
    row = (await writing.db.execute(text(FIND), values)).mappings().first()
    if row is None:
        raise not_found(f"The account {body.email or body.user_id}")
    return row


@router.delete("/{user_id}", status_code=204)
async def lift_hold(user_id: str, who: Admin, context: Ctx) -> None:
    """Ends a hold: the next night's retention takes what has had its time."""
    missing = not_found(f"The hold of {user_id[:64]!r}")
    person = UUID(read_task_id(user_id, missing))
    async with announcing(context) as writing:
        values = {"id": person, "now": writing.now}
        if not (await writing.db.execute(text(LIFT), values)).rowcount:
            raise missing
        _announce(writing, who, HoldLifted, {"user_id": str(person)})


def _announce(
    writing: Writing, who: Identity, kind: type[AccountFact], detail: dict[str, Any]
) -> None:
    writing.announce(
        kind(  # type: ignore[call-arg]
            user_id=who.user_id, actor_id=who.user_id, timestamp=writing.now, detail=detail
        )
    )
