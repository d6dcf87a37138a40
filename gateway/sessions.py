"""Sessions: a log-in on one device, its tokens or its cookie, their renewal and their end; apart
from accounts, because every way in (sign-up, log-in, renewal) opens the same door.
"""

import secrets
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from sqlalchemy import DateTime, text
from sqlmodel import Field, SQLModel, col, insert, select

from gateway.context import Ctx
from gateway.identity import (
    Body,
    Holder,
    User,
    UserView,
    accounts_of,
    cookie_name,
    hash_token,
    is_local,
    sign_cookie,
    sign_token,
    unauthenticated,
)
from gateway.outbox import Writing, announcing
from gateway.repeats import Repeatable
from taskflow.events import LoggedOut, TokenReused

router = APIRouter(tags=["accounts"], route_class=Repeatable)

ACCESS_LIFETIME = timedelta(minutes=15)
SESSION_LIFETIME = timedelta(days=30)

SPEND = """
UPDATE refresh_tokens SET used_at = :now WHERE hash = :hash AND used_at IS NULL
RETURNING session_id
"""
REVOKE_FAMILY = """
UPDATE sessions s SET revoked_at = :now FROM refresh_tokens r
WHERE r.hash = :hash AND s.id = r.session_id AND s.revoked_at IS NULL
RETURNING s.id, s.user_id
"""
EXTEND = """
UPDATE sessions SET expires_at = :expires_at
WHERE id = :id AND revoked_at IS NULL AND expires_at > :now RETURNING user_id
"""
REVOKE = "UPDATE sessions SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL"
REVOKE_ALL = """
UPDATE sessions SET revoked_at = :now
WHERE user_id = :user_id AND revoked_at IS NULL AND id IS DISTINCT FROM CAST(:but AS uuid)
"""
SWEEP = "DELETE FROM sessions WHERE user_id = :user_id AND expires_at < :now"


class Session(SQLModel, table=True):
    """A log-in on one device: the family of its refresh tokens."""

    __tablename__ = "sessions"

    id: UUID = Field(primary_key=True)
    user_id: UUID
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class RefreshToken(SQLModel, table=True):
    """One link of a family; a used one is kept, so that its reuse is noticed."""

    __tablename__ = "refresh_tokens"

    hash: bytes = Field(primary_key=True)
    session_id: UUID
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class SessionAnswer(BaseModel):
    """Who has logged in, and the tokens, unless they are a cookie; `expires_in` is in seconds."""

    user: UserView
    access_token: str | None = None
    refresh_token: str | None = None
    token_type: Literal["bearer"] = "bearer"
    expires_in: int


class Refresh(Body):
    refresh_token: str


class Caller:
    """The client's end of a log-in: where it is, and how it wants its token."""

    def __init__(self, request: Request, response: Response) -> None:
        self._request = request
        self._response = response

    @property
    def address(self) -> str:
        return self._request.client.host if self._request.client else ""

    @property
    def wants_cookie(self) -> bool:
        return self._request.headers.get("x-taskflow-session") == "cookie"

    def drop_cookie(self) -> None:
        if cookie_name(self._request) in self._request.cookies:
            self.set_cookie("", timedelta())

    def set_cookie(self, token: str, lifetime: timedelta) -> None:
        self._response.set_cookie(
            cookie_name(self._request),
            token,
            max_age=int(lifetime.total_seconds()),
            path="/",
            secure=not is_local(self._request),
            httponly=True,
            samesite="strict",
        )


Client: TypeAlias = Annotated[Caller, Depends(Caller)]


# --- opening -----------------------------------------------------------------------------------


async def open_session(writing: Writing, user: User, caller: Caller) -> SessionAnswer:
    """A new session and what its client is given; sessions that have ended are swept away."""
    session = Session(
        id=uuid4(),
        user_id=user.id,
        created_at=writing.now,
        expires_at=writing.now + SESSION_LIFETIME,
    )
    await writing.db.execute(text(SWEEP), {"user_id": user.id, "now": writing.now})
    await writing.db.execute(insert(Session).values(session.model_dump()))
    return await _answer(writing, user, session.id, caller)


async def _answer(writing: Writing, user: User, session_id: UUID, caller: Caller) -> SessionAnswer:
    view = UserView.model_validate(user, from_attributes=True)
    if caller.wants_cookie:
        cookie = sign_cookie(writing.context, user.id, session_id, SESSION_LIFETIME)
        caller.set_cookie(cookie, SESSION_LIFETIME)
        return SessionAnswer(user=view, expires_in=int(SESSION_LIFETIME.total_seconds()))
    return SessionAnswer(
        user=view,
        access_token=sign_token(writing.context, user.id, session_id, ACCESS_LIFETIME),
        refresh_token=await _new_refresh_token(writing, session_id),
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
    )


async def _new_refresh_token(writing: Writing, session_id: UUID) -> str:
    token = secrets.token_urlsafe(32)
    row = RefreshToken(hash=hash_token(token), session_id=session_id, created_at=writing.now)
    await writing.db.execute(insert(RefreshToken).values(row.model_dump()))
    return token


# --- renewing ----------------------------------------------------------------------------------


@router.post("/v1/auth/refresh", response_model_exclude_none=True)
async def refresh_session(body: Refresh, context: Ctx, caller: Client) -> SessionAnswer:
    """New tokens for a refresh token, which works once; its reuse ends the session."""
    async with announcing(context) as writing:
        answer = await _renew(writing, hash_token(body.refresh_token), caller)
    if answer is None:
        raise unauthenticated("The refresh token is not valid, or not any more; log in.")
    return answer


async def _renew(writing: Writing, token_hash: bytes, caller: Caller) -> SessionAnswer | None:
    values = {"hash": token_hash, "now": writing.now}
    session_id = (await writing.db.execute(text(SPEND), values)).scalar()
    if session_id is None:
        await _punish_reuse(writing, token_hash)
        return None
    user = await _extend(writing, session_id)
    return await _answer(writing, user, session_id, caller) if user else None


async def _extend(writing: Writing, session_id: UUID) -> User | None:
    values = {
        "id": session_id,
        "now": writing.now,
        "expires_at": writing.now + SESSION_LIFETIME,
    }
    user_id = (await writing.db.execute(text(EXTEND), values)).scalar()
    query = select(User).where(col(User.id) == user_id, col(User.deleted_at).is_(None))
    row = (await writing.db.execute(query)).first()
    return User(**row._mapping) if row else None


async def _punish_reuse(writing: Writing, token_hash: bytes) -> None:
    """A spent refresh token came back: one of its two holders stole it, so both lose it."""
    values = {"hash": token_hash, "now": writing.now}
    family = (await writing.db.execute(text(REVOKE_FAMILY), values)).first()
    if family is None:
        return
    accounts_of(writing.context).identities.forget(str(family.user_id))
    writing.announce(
        TokenReused(
            user_id=str(family.user_id),
            actor_id=str(family.user_id),
            timestamp=writing.now,
            detail={"session_id": str(family.id)},
        )
    )


# --- ending ------------------------------------------------------------------------------------


async def revoke_sessions(writing: Writing, user_id: UUID, but: str | None = None) -> None:
    """Ends a person's sessions, all or all `but` one."""
    values: dict[str, Any] = {"user_id": user_id, "now": writing.now, "but": but and UUID(but)}
    await writing.db.execute(text(REVOKE_ALL), values)
    accounts_of(writing.context).identities.forget(str(user_id))


@router.post("/v1/auth/logout", status_code=204)
async def log_out(who: Holder, context: Ctx, caller: Client) -> None:
    """Ends this session. A token of an outside issuer has none here: it ends by itself."""
    async with announcing(context) as writing:
        if who.session_id is not None:
            values = {"id": UUID(who.session_id), "now": writing.now}
            await writing.db.execute(text(REVOKE), values)
        writing.announce(_logged_out(who.user_id, writing.now, who.session_id))
    accounts_of(context).identities.forget(who.user_id)
    caller.drop_cookie()


@router.delete("/v1/sessions", status_code=204)
async def log_out_everywhere(who: Holder, context: Ctx, caller: Client) -> None:
    """Ends all sessions of this person."""
    async with announcing(context) as writing:
        await revoke_sessions(writing, UUID(who.user_id))
        writing.announce(_logged_out(who.user_id, writing.now, "all"))
    accounts_of(context).identities.forget(who.user_id)
    caller.drop_cookie()


def _logged_out(user_id: str, now: datetime, session: str | None) -> LoggedOut:
    detail = {"session_id": session}
    return LoggedOut(user_id=user_id, actor_id=user_id, timestamp=now, detail=detail)
