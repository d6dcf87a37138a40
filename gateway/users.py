"""Other people's accounts, for admins: who there is, and who may do what."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, StringConstraints
from sqlalchemy import any_, func, literal, tuple_, update
from sqlmodel import Field, col, select
from sqlmodel.sql.expression import SelectOfScalar

from gateway.accounts import find_user, show_user
from gateway.context import Context, Ctx
from gateway.identity import Admin, Body, User, UserView, accounts_of
from gateway.outbox import Writing, announcing
from gateway.pages import page, read_cursor, read_limit, write_cursor
from gateway.repeats import Repeatable
from gateway.task_query import Printable
from taskflow.errors import Refused, not_found
from taskflow.events import AdminRead, RolesChanged
from taskflow.read_task import read_task_id

router = APIRouter(prefix="/v1/users", tags=["accounts"], route_class=Repeatable)

USERS = "users"
ADMIN = "admin"
# Unicode's own folding, whatever the database's locale.
UNICODE = "pg_unicode_fast"

Role: TypeAlias = Literal["user", "auditor", "admin"]
Sought: TypeAlias = Annotated[Printable, StringConstraints(max_length=320)]


class ChangeUser(Body):
    """Roles replace the old ones; everybody keeps `user`."""

    roles: Annotated[list[Role], Field(max_length=3)]


class UserPage(BaseModel):
    items: list[UserView]
    next_cursor: str | None


class UserQuery(Body):
    """Whom an admin looks for: `q` is part of an address or a name."""

    q: Sought = ""
    role: Role | None = None
    limit: str | None = None
    cursor: str | None = None


@router.get("")
async def list_users(wanted: Annotated[UserQuery, Query()], who: Admin, context: Ctx) -> UserPage:
    """Accounts, the newest first; that an admin looked is audited."""
    size = read_limit(wanted.limit)
    async with announcing(context) as writing:
        rows = (await writing.db.execute(_select(wanted, context).limit(size + 1))).all()
        writing.announce(
            AdminRead(
                user_id=who.user_id,
                actor_id=who.user_id,
                timestamp=writing.now,
                detail={"what": USERS},
            )
        )
    users = [User(**row._mapping) for row in rows[:size]]
    more = len(rows) > size
    last = write_cursor(context, USERS, users[-1].created_at, str(users[-1].id)) if more else None
    return UserPage(**page([show_user(user) for user in users], last))


def _select(wanted: UserQuery, context: Context) -> SelectOfScalar[User]:
    query = select(User).where(col(User.deleted_at).is_(None))
    if wanted.role is not None:
        query = query.where(literal(wanted.role) == any_(col(User.roles)))
    if sought := wanted.q.strip():
        written = func.concat(User.email, " ", User.name)
        folded, part = (func.casefold(one.collate(UNICODE)) for one in (written, literal(sought)))
        query = query.where(func.strpos(folded, part) > 0)
    if wanted.cursor is not None:
        after = tuple(read_cursor(context, wanted.cursor, USERS))
        query = query.where(tuple_(col(User.created_at), col(User.id)) < after)
    return query.order_by(col(User.created_at).desc(), col(User.id).desc())


@router.patch("/{user_id}")
async def change_user(user_id: str, body: ChangeUser, who: Admin, context: Ctx) -> UserView:
    """Gives and takes roles; they hold within 30 s on every gateway."""
    missing = not_found(f"The user {user_id[:64]!r}")
    name = UUID(read_task_id(user_id, missing))
    roles: list[str] = ["user", *sorted(set(body.roles) - {"user"})]
    async with announcing(context) as writing:
        if ADMIN not in roles:
            await _keep_an_admin(writing, name)
        user = await find_user(writing.db, col(User.id) == name)
        if user is None:
            raise missing
        await writing.db.execute(update(User).where(col(User.id) == name).values(roles=roles))
        writing.announce(
            RolesChanged(
                user_id=str(name),
                actor_id=who.user_id,
                timestamp=writing.now,
                detail={"before": user.roles, "after": roles},
            )
        )
    accounts_of(context).identities.forget(str(name))
    return show_user(User(**user.model_dump(exclude={"roles"}), roles=roles))


async def _keep_an_admin(writing: Writing, leaving: UUID) -> None:
    """Refuses to take the role from the last who has it. Locked, so that of two admins who take it
    from each other at once the second is refused."""
    query = select(col(User.id)).where(
        literal(ADMIN) == any_(col(User.roles)), col(User.deleted_at).is_(None)
    )
    locked = query.order_by(col(User.id)).with_for_update()
    admins = set((await writing.db.execute(locked)).scalars())
    if admins == {leaving}:
        detail = "This is the last admin; give the role to somebody else first."
        raise Refused("last_admin", detail, status=409, errors={"roles": "must keep admin"})
