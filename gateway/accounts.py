"""Accounts: how a person signs up, logs in, proves an address, gets a lost password back, changes
and leaves.
"""

import unicodedata
from typing import Annotated, TypeAlias
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col, select

from gateway.channels import Channel, confirm_own_channel, own_channel
from gateway.context import Context, Ctx
from gateway.digests import set_digest_timer
from gateway.identity import (
    Body,
    Email,
    Holder,
    Identity,
    Line,
    User,
    UserView,
    Who,
    accounts_of,
    read_line,
    unauthenticated,
)
from gateway.letters import (
    Link,
    check_link,
    read_subject,
    send_reset,
    send_verification,
    spent_link,
)
from gateway.outbox import Writing, announcing
from gateway.repeats import Repeatable
from gateway.sessions import Caller, Client, SessionAnswer, open_session, revoke_sessions
from taskflow.errors import Refused, invalid
from taskflow.events import (
    AccountDeleted,
    AccountUpdated,
    FollowZone,
    LoggedIn,
    LogInFailed,
    SignedUp,
)
from taskflow.mail import email_key
from taskflow.zone import InvalidZone, find_zone

router = APIRouter(tags=["accounts"], route_class=Repeatable)

VERIFY, RESET = "verify", "reset"
# Whose log-in fails when the address is nobody's.
NOBODY = str(UUID(int=0))

MARK_DELETED = """
UPDATE users SET deleted_at = :now, email = '', email_key = 'deleted:' || id, name = '',
    password_hash = NULL
WHERE id = :id AND deleted_at IS NULL
"""
# What goes with an account at once; its own facts, still on their way out, do not. Who is on hold
# leaves like everybody, but for the addresses of their channels.
LEAVE = (
    "UPDATE sessions SET revoked_at = :now WHERE user_id = :id AND revoked_at IS NULL",
    "UPDATE api_tokens SET revoked_at = :now WHERE user_id = :id AND revoked_at IS NULL",
    "DELETE FROM channels WHERE user_id = :id AND user_id NOT IN (SELECT user_id FROM audit_holds)",
    "DELETE FROM views WHERE user_id = :id AND user_id NOT IN (SELECT user_id FROM audit_holds)",
    "DELETE FROM repeats WHERE user_id = :id",
    "DELETE FROM timers WHERE user_id = :id AND topic <> 'account-events'",
)
LOCK_ZONE = "SELECT timezone FROM users WHERE id = :id AND deleted_at IS NULL FOR UPDATE"
SET_PASSWORD = """
UPDATE users SET password_hash = :new
WHERE id = :id AND password_hash IS NOT DISTINCT FROM :old AND deleted_at IS NULL
"""
SET_VERIFIED = """
UPDATE users SET email_verified = true WHERE id = :id AND NOT email_verified AND deleted_at IS NULL
"""


def _check_zone(name: str) -> str:
    try:
        return find_zone(name).key
    except InvalidZone as error:
        raise PydanticCustomError("zone", "{reason}", {"reason": error.message}) from error


def _normalize_password(given: str) -> str:
    """NFC (RFC 8265): the same password typed on another keyboard is the same password."""
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in given):
        raise PydanticCustomError("password", "must not hold NUL or lone surrogates")
    return unicodedata.normalize("NFC", given)


Name: TypeAlias = Annotated[str, AfterValidator(read_line), StringConstraints(max_length=200)]
Zone: TypeAlias = Annotated[str, StringConstraints(max_length=64), AfterValidator(_check_zone)]
AnyPassword: TypeAlias = Annotated[
    str, StringConstraints(max_length=1024), AfterValidator(_normalize_password)
]
NewPassword: TypeAlias = Annotated[
    str, StringConstraints(min_length=8, max_length=1024), AfterValidator(_normalize_password)
]
LinkToken: TypeAlias = Annotated[str, StringConstraints(max_length=2048)]


class SignUp(Body):
    email: Email
    password: NewPassword
    name: Name = ""
    timezone: Zone = "UTC"


class LogIn(Body):
    email: Line
    password: AnyPassword


class Verify(Body):
    """Either the `token` of a letter, or the `email` that another letter shall go to."""

    token: LinkToken | None = None
    email: Email | None = None


class Reset(Body):
    """Either the `email` that a letter shall go to, or its `token` with the new `password`."""

    email: Email | None = None
    token: LinkToken | None = None
    password: NewPassword | None = None


class ChangePassword(Body):
    current_password: AnyPassword
    password: NewPassword


class ChangeMe(Body):
    """What is sent is changed; null clears a name and makes a time zone UTC."""

    name: Name | None = None
    timezone: Zone | None = None


# --- rows --------------------------------------------------------------------------------------


async def find_user(db: AsyncConnection, condition: ColumnElement[bool]) -> User | None:
    """A living account."""
    query = select(User).where(condition, col(User.deleted_at).is_(None))
    row = (await db.execute(query)).first()
    return User(**row._mapping) if row else None


async def find_user_by_email(db: AsyncConnection, email: str) -> User | None:
    return await find_user(db, col(User.email_key) == email_key(email))


async def add_user(writing: Writing, user: User) -> bool:
    """Whether the account was added, with its own address as its first channel: not if another
    account has the address."""
    add = insert(User).values(user.model_dump()).on_conflict_do_nothing()
    if not (await writing.db.execute(add)).rowcount:
        return False
    await writing.db.execute(insert(Channel).values(own_channel(user).model_dump()))
    told = SignedUp(user_id=str(user.id), actor_id=str(user.id), timestamp=writing.now)
    writing.announce(told)
    return True


def show_user(user: User) -> UserView:
    return UserView.model_validate(user, from_attributes=True)


# --- signing up and logging in -----------------------------------------------------------------


@router.post("/v1/auth/signup", status_code=201, response_model_exclude_none=True)
async def sign_up(body: SignUp, context: Ctx, caller: Client) -> SessionAnswer:
    """A new account, logged in."""
    hashed = await accounts_of(context).passwords.hash(body.password)
    user = User(
        id=uuid4(),
        email=body.email,
        email_key=email_key(body.email),
        name=body.name,
        timezone=body.timezone,
        password_hash=hashed,
        roles=["user"],
        email_verified=not context.settings.verify,
        created_at=context.clock(),
    )
    async with announcing(context) as writing:
        if not await add_user(writing, user):
            detail = "This address has an account: log in, or reset its password."
            raise Refused("email_taken", detail, status=409, errors={"email": "is taken"})
        answer = await open_session(writing, user, caller)
    if not user.email_verified:
        send_verification(context, user.email, _verification(user))
    return answer


@router.post("/v1/auth/login", response_model_exclude_none=True)
async def log_in(body: LogIn, context: Ctx, caller: Client) -> SessionAnswer:
    """A new session for an address and its password."""
    state, key = accounts_of(context), f"{email_key(body.email)} {caller.address}"
    state.log_ins.take(key, context.clock())
    async with context.engine.connect() as db:
        user = await find_user_by_email(db, body.email)
    hashed = user.password_hash if user else None
    right, better = await state.passwords.check(body.password, hashed)
    if user is None or not right:
        raise await _note_failure(context, user, caller)
    state.log_ins.clear(key)
    async with announcing(context) as writing:
        if better:
            values = {"id": user.id, "old": hashed, "new": better}
            await writing.db.execute(text(SET_PASSWORD), values)
        writing.announce(
            LoggedIn(
                user_id=str(user.id),
                actor_id=str(user.id),
                timestamp=writing.now,
                detail={"client": caller.address},
            )
        )
        return await open_session(writing, user, caller)


async def _note_failure(context: Context, user: User | None, caller: Caller) -> Refused:
    """The refusal: the same whether the address or the password was wrong."""
    user_id = str(user.id) if user else NOBODY
    async with announcing(context) as writing:
        writing.announce(
            LogInFailed(
                user_id=user_id,
                actor_id=user_id,
                timestamp=writing.now,
                detail={"client": caller.address},
            )
        )
    return unauthenticated("The address or the password is wrong.", given=False)


# --- proving an address, and a lost password ---------------------------------------------------


def _verification(user: User) -> Link:
    return Link(VERIFY, user.id, f"{user.email} {user.email_verified}")


def _reset(user: User) -> Link:
    return Link(RESET, user.id, f"{user.email} {user.password_hash}")


@router.post("/v1/auth/verify", status_code=204)
async def verify_email(body: Verify, context: Ctx, caller: Client) -> None:
    """Proves an address by the token of its letter, or has another letter sent; whether the
    address is anybody's is not told."""
    if body.token is not None and body.email is None:
        await _verify(context, body.token)
    elif body.email is not None and body.token is None:
        user = await _find_addressee(context, body.email, caller)
        if user is not None and not user.email_verified:
            send_verification(context, user.email, _verification(user))
    else:
        raise invalid("token", "send a token, or an email to send another letter to")


async def _verify(context: Context, token: str) -> None:
    async with announcing(context) as writing:
        user = await _find_subject(writing, VERIFY, token)
        check_link(context, _verification(user), token)
        if not (await writing.db.execute(text(SET_VERIFIED), {"id": user.id})).rowcount:
            raise spent_link()
        await confirm_own_channel(writing, user)
        writing.announce(_updated(writing, user.id, "email_verified"))
    accounts_of(context).identities.forget(str(user.id))


async def _find_subject(writing: Writing, purpose: str, token: str) -> User:
    subject = read_subject(writing.context, purpose, token)
    user = await find_user(writing.db, col(User.id) == subject)
    if user is None:
        raise spent_link()
    return user


async def _find_addressee(context: Context, email: str, caller: Caller) -> User | None:
    """Who gets a letter; counted for addresses that are nobody's too, so that nothing is told."""
    limit = accounts_of(context).letters
    limit.take(f"{email_key(email)} {caller.address}", context.clock())
    async with context.engine.connect() as db:
        return await find_user_by_email(db, email)


@router.post("/v1/auth/reset", status_code=204)
async def reset_password(body: Reset, context: Ctx, caller: Client) -> None:
    """Has a letter sent, or with its token sets a new password and ends all sessions; whether the
    address is anybody's is not told."""
    if body.token is not None and body.password is not None and body.email is None:
        await _reset_password(context, body.token, body.password)
    elif body.email is not None and body.token is None and body.password is None:
        user = await _find_addressee(context, body.email, caller)
        if user is not None:
            send_reset(context, user.email, _reset(user))
    else:
        raise invalid("email", "send an email, or the token of its letter with a new password")


async def _reset_password(context: Context, token: str, password: str) -> None:
    read_subject(context, RESET, token)
    new = await accounts_of(context).passwords.hash(password)
    async with announcing(context) as writing:
        user = await _find_subject(writing, RESET, token)
        check_link(context, _reset(user), token)
        if not await _set_password(writing, user, new):
            raise spent_link()
        await revoke_sessions(writing, user.id)


async def _set_password(writing: Writing, user: User, new: str) -> bool:
    """Whether it was set: not if somebody else was faster."""
    values = {"id": user.id, "old": user.password_hash, "new": new}
    done = bool((await writing.db.execute(text(SET_PASSWORD), values)).rowcount)
    if done:
        writing.announce(_updated(writing, user.id, "password"))
    return done


@router.post("/v1/auth/password", status_code=204)
async def change_password(body: ChangePassword, who: Holder, context: Ctx, caller: Client) -> None:
    """A new password for one that is known; all other sessions end."""
    state = accounts_of(context)
    state.log_ins.take(key := f"{who.user_id} {caller.address}", context.clock())
    async with context.engine.connect() as db:
        user = await find_user(db, col(User.id) == UUID(who.user_id))
    if user is None:
        raise unauthenticated("The account was deleted.")
    if not (await state.passwords.check(body.current_password, user.password_hash))[0]:
        raise invalid("current_password", "is wrong")
    state.log_ins.clear(key)
    new = await state.passwords.hash(body.password)
    async with announcing(context) as writing:
        if not await _set_password(writing, user, new):
            raise invalid("current_password", "was changed meanwhile")
        await revoke_sessions(writing, user.id, but=who.session_id)


# --- oneself -----------------------------------------------------------------------------------


@router.get("/v1/me")
async def read_me(who: Who, context: Ctx) -> UserView:
    """Who is asking, as the database has it now."""
    async with context.engine.connect() as db:
        return show_user(await _find_self(db, who))


async def _find_self(db: AsyncConnection, who: Identity) -> User:
    user = await find_user(db, col(User.id) == UUID(who.user_id))
    if user is None:
        raise unauthenticated("The account was deleted.")
    return user


@router.patch("/v1/me")
async def change_me(body: ChangeMe, who: Holder, context: Ctx) -> UserView:
    """Changes what is sent."""
    cleared = {"name": "", "timezone": "UTC"}
    changes = {name: getattr(body, name) or cleared[name] for name in body.model_fields_set}
    async with announcing(context) as writing:
        if changes:
            await _change_self(writing, who, changes)
        user = await _find_self(writing.db, who)
    accounts_of(context).identities.forget(who.user_id)
    return show_user(user)


async def _change_self(writing: Writing, who: Identity, changes: dict[str, str]) -> None:
    """A person who changes zones takes along what floats: asked for with the change itself."""
    mine = {"id": UUID(who.user_id)}
    former = (await writing.db.execute(text(LOCK_ZONE), mine)).scalar()
    await writing.db.execute(update(User).where(col(User.id) == mine["id"]).values(changes))
    writing.announce(_updated(writing, mine["id"], *sorted(changes)))
    if former is not None and changes.get("timezone", former) != former:
        await set_digest_timer(writing.db, who.user_id, writing.now)
        me = who.user_id
        writing.announce(FollowZone(user_id=me, actor_id=me, stream=me, former=former))


def _updated(writing: Writing, user_id: UUID, *changed: str) -> AccountUpdated:
    return AccountUpdated(
        user_id=str(user_id),
        actor_id=str(user_id),
        timestamp=writing.now,
        detail={"changed": list(changed)},
    )


@router.delete("/v1/me", status_code=204)
async def delete_me(who: Holder, context: Ctx, caller: Client) -> None:
    """Leaves: nobody can log in again, nothing is sent again, the address is free again."""
    async with announcing(context) as writing:
        values = {"id": UUID(who.user_id), "now": writing.now}
        if not (await writing.db.execute(text(MARK_DELETED), values)).rowcount:
            raise unauthenticated("The account was deleted.")
        for sql in LEAVE:
            await writing.db.execute(text(sql), values)
        writing.announce(
            AccountDeleted(user_id=who.user_id, actor_id=who.user_id, timestamp=writing.now)
        )
    accounts_of(context).identities.forget(who.user_id)
    caller.drop_cookie()
