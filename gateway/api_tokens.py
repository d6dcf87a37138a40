"""API tokens: long-lived keys for scripts, each with its scopes and its end, shown once."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError
from sqlalchemy import ARRAY, Column, DateTime, Text, func
from sqlmodel import Field, SQLModel, col, insert, select, update

from gateway.context import Ctx
from gateway.identity import API_TOKEN_PREFIX, Body, Holder, accounts_of, hash_token, read_line
from gateway.outbox import Writing, announcing
from gateway.pages import page
from gateway.repeats import Repeatable
from taskflow.errors import Refused, invalid, not_found
from taskflow.events import ApiTokenCreated, ApiTokenRevoked
from taskflow.read_task import read_task_id

router = APIRouter(tags=["accounts"], route_class=Repeatable)

MOST_TOKENS = 100
LONGEST_LIFE = timedelta(days=3660)

Scope: TypeAlias = Literal["read", "write"]


class ApiToken(SQLModel, table=True):
    """A token's row; a revoked one is kept as a witness."""

    __tablename__ = "api_tokens"

    id: UUID = Field(primary_key=True)
    user_id: UUID
    name: str
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text)))
    hash: bytes
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class ApiTokenView(BaseModel):
    """A token as the API shows it: never the token itself."""

    id: UUID
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None


class NewApiTokenView(ApiTokenView):
    """A token just made: the one time that it is shown."""

    token: str


class ApiTokenPage(BaseModel):
    items: list[ApiTokenView]
    next_cursor: str | None


def _refuse_numbers(given: Any) -> Any:
    """Pydantic would take a number as seconds or milliseconds since 1970, whichever fits."""
    if given is not None and not isinstance(given, str):
        raise PydanticCustomError("instant", "must be an instant: 2027-01-31T08:00:00Z")
    return given


class NewApiToken(Body):
    """`read` allows GET, `write` everything else; neither allows to administer the account."""

    name: Annotated[str, AfterValidator(read_line), StringConstraints(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=2)]
    expires_at: Annotated[AwareDatetime | None, BeforeValidator(_refuse_numbers)] = None


@router.get("/v1/tokens")
async def list_api_tokens(who: Holder, context: Ctx) -> ApiTokenPage:
    """A person's tokens, the newest first; at most 100 exist, so all are on one page."""
    query = (
        select(ApiToken)
        .where(col(ApiToken.user_id) == UUID(who.user_id), col(ApiToken.revoked_at).is_(None))
        .order_by(col(ApiToken.created_at).desc(), col(ApiToken.id).desc())
    )
    async with context.engine.connect() as db:
        rows = (await db.execute(query)).all()
    items = [ApiTokenView.model_validate(row, from_attributes=True) for row in rows]
    return ApiTokenPage(**page(items, None))


@router.post("/v1/tokens", status_code=201)
async def create_api_token(body: NewApiToken, who: Holder, context: Ctx) -> NewApiTokenView:
    """A new token; the answer is the only place where it can be read."""
    token = API_TOKEN_PREFIX + secrets.token_urlsafe(32)
    async with announcing(context) as writing:
        row = ApiToken(
            id=uuid4(),
            user_id=UUID(who.user_id),
            name=body.name,
            scopes=sorted(set(body.scopes)),
            hash=hash_token(token),
            created_at=writing.now,
            expires_at=_read_end(body.expires_at, writing.now),
        )
        await _require_room(writing, row.user_id)
        await writing.db.execute(insert(ApiToken).values(row.model_dump()))
        writing.announce(_created(row))
    return NewApiTokenView(token=token, **row.model_dump(include=set(ApiTokenView.model_fields)))


def _read_end(end: datetime | None, now: datetime) -> datetime | None:
    if end is None:
        return None
    if not now < end <= now + LONGEST_LIFE:
        raise invalid("expires_at", "must be in the future, and within ten years")
    return end.astimezone(UTC)


async def _require_room(writing: Writing, user_id: UUID) -> None:
    query = select(func.count()).where(
        col(ApiToken.user_id) == user_id, col(ApiToken.revoked_at).is_(None)
    )
    if (await writing.db.execute(query)).scalar_one() >= MOST_TOKENS:
        raise Refused("invalid", f"There are {MOST_TOKENS} tokens; revoke one first.")


def _created(row: ApiToken) -> ApiTokenCreated:
    return ApiTokenCreated(
        user_id=str(row.user_id),
        actor_id=str(row.user_id),
        timestamp=row.created_at,
        detail={"token_id": str(row.id), "name": row.name, "scopes": row.scopes},
    )


@router.delete("/v1/tokens/{token_id}", status_code=204)
async def revoke_api_token(token_id: str, who: Holder, context: Ctx) -> None:
    """Ends a token: at once here, within 30 s on every gateway."""
    missing = not_found(f"The token {token_id[:64]!r}")
    name = UUID(read_task_id(token_id, missing))
    mine = (col(ApiToken.id) == name, col(ApiToken.user_id) == UUID(who.user_id))
    async with announcing(context) as writing:
        revoke = update(ApiToken).where(*mine, col(ApiToken.revoked_at).is_(None))
        done = await writing.db.execute(revoke.values(revoked_at=writing.now))
        if done.rowcount == 0:
            raise missing
        writing.announce(
            ApiTokenRevoked(
                user_id=who.user_id,
                actor_id=who.user_id,
                timestamp=writing.now,
                detail={"token_id": str(name)},
            )
        )
    accounts_of(context).identities.forget(who.user_id)
