"""Channels: where a person's reminders may go, and the proof that they may go there."""

import asyncio
import base64
import secrets
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID, uuid4

from fastapi import APIRouter, Response
from pydantic import BaseModel, SerializerFunctionWrapHandler, StringConstraints, model_serializer
from pydantic_core import PydanticCustomError
from sqlalchemy import DateTime, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, SQLModel, col, delete, select

from gateway.context import Context, Ctx
from gateway.identity import Body, Identity, User, Who, accounts_of, read_email
from gateway.letters import Link, check_link, send_confirmation
from gateway.outbox import Writing, announcing
from gateway.pages import page
from gateway.repeats import Repeatable
from taskflow.apprise_address import open_service, read_service
from taskflow.errors import Refused, invalid, not_found
from taskflow.events import ChannelAdded, ChannelRemoved, ChannelUpdated
from taskflow.mail import email_key
from taskflow.read_task import read_task_id
from taskflow.web_push import public_key, read_subscription, write_keys
from taskflow.webhook_address import AddressRefused, read_networks, resolve_public

router = APIRouter(tags=["channels"], route_class=Repeatable)

MOST_CHANNELS = 50
PURPOSE = "confirm"
# How long an old secret signs beside the new one: time to change it on the other side.
ROTATION = timedelta(hours=24)
Kind: TypeAlias = Literal["email", "webhook", "web_push", "apprise"]

CONFIRM = """
UPDATE channels SET confirmed_at = :now WHERE id = :id AND confirmed_at IS NULL
"""
CONFIRM_OWN = """
UPDATE channels SET confirmed_at = :now
WHERE user_id = :user_id AND kind = 'email' AND address = :address AND confirmed_at IS NULL
"""
# Whoever adds a channel again wants it: a browser's keys may be new, and what was off is on.
RENEW = """
UPDATE channels SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL,
    secret = CASE WHEN kind = 'web_push' THEN :secret ELSE secret END
WHERE id = :id
"""
ENABLE = """
UPDATE channels SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL
WHERE id = :id AND user_id = :user_id
"""
ROTATE = """
UPDATE channels SET old_secret = secret, old_secret_until = :until, secret = :secret
WHERE id = :id AND user_id = :user_id AND kind = 'webhook'
"""


class Channel(SQLModel, table=True):
    """A place where reminders go; `secret` signs what a webhook is sent."""

    __tablename__ = "channels"

    id: UUID = Field(primary_key=True)
    user_id: UUID
    kind: str
    address: str
    secret: str | None = None
    confirmed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    old_secret: str | None = None
    old_secret_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    failing_since: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    disabled_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    disabled_reason: str | None = None


class ChannelView(BaseModel):
    """A channel as the API shows it; when and why it was switched off only where it was, until when
    an old secret signs too only while it does."""

    id: UUID
    kind: Kind
    address: str
    confirmed: bool
    created_at: datetime
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    old_secret_until: datetime | None = None

    @model_serializer(mode="wrap")
    def _leave_out(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is not so is not shown."""
        return {name: value for name, value in write(self).items() if value is not None}


class NewChannelView(ChannelView):
    """A channel just made, or with a new secret; a webhook's `secret` is shown this once."""

    secret: str | None = None


class PushKey(BaseModel):
    """What a browser subscribes with."""

    key: str


class ChannelPage(BaseModel):
    items: list[ChannelView]
    next_cursor: str | None


class NewChannel(Body):
    """`address` is a mail address, the URL of a webhook or of an Apprise service, or what a browser
    gives for its push subscription (`JSON.stringify(subscription)`)."""

    kind: Kind
    address: Annotated[str, StringConstraints(min_length=1, max_length=2048)]


class Confirmation(Body):
    token: Annotated[str, StringConstraints(max_length=2048)]


def own_channel(user: User) -> Channel:
    """The channel that every account begins with: its own mail address."""
    return Channel(
        id=uuid4(),
        user_id=user.id,
        kind="email",
        address=user.email,
        confirmed_at=user.created_at if user.email_verified else None,
        created_at=user.created_at,
    )


async def confirm_own_channel(writing: Writing, user: User) -> None:
    """The account's address was verified, so its channel is."""
    values = {"user_id": user.id, "address": user.email, "now": writing.now}
    await writing.db.execute(text(CONFIRM_OWN), values)


@router.get("/v1/channels")
async def list_channels(who: Who, context: Ctx) -> ChannelPage:
    """A person's channels, the newest first; at most 50 exist, so all are on one page."""
    query = (
        select(Channel)
        .where(col(Channel.user_id) == UUID(who.user_id))
        .order_by(col(Channel.created_at).desc(), col(Channel.id).desc())
    )
    async with context.engine.connect() as db:
        rows = (await db.execute(query)).all()
    return ChannelPage(**page([_show(row, context.clock()) for row in rows], None))


def _show(row: Any, now: datetime, secret: str | None = None) -> NewChannelView:
    old = row.old_secret_until is not None and row.old_secret_until > now
    return NewChannelView(
        id=row.id,
        kind=row.kind,
        address=row.address,
        confirmed=row.confirmed_at is not None,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
        old_secret_until=row.old_secret_until if old else None,
        secret=secret,
    )


@router.post(
    "/v1/channels",
    status_code=201,
    response_model_exclude_none=True,
    responses={200: {"model": ChannelView, "description": "It was there already"}},
)
async def add_channel(
    body: NewChannel, who: Who, context: Ctx, response: Response
) -> NewChannelView:
    """Adds a channel, or shows the one with this address; an address that is not confirmed yet is
    sent its letter (again)."""
    row = await _make_channel(body, who, context)
    if row.confirmed_at is None:
        limit = accounts_of(context).letters
        limit.take(f"{who.user_id} {email_key(row.address)}", context.clock())
    async with announcing(context) as writing:
        kept = await _insert(writing, row)
    if kept.confirmed_at is None:
        send_confirmation(context, kept.address, _link(kept))
    if kept.id != row.id:
        response.status_code = 200
    shown = row.secret if kept.id == row.id and kept.kind == "webhook" else None
    return _show(kept, context.clock(), shown)


async def _make_channel(body: NewChannel, who: Identity, context: Context) -> Channel:
    now = context.clock()
    row = Channel(
        id=uuid4(), user_id=UUID(who.user_id), kind=body.kind, address=body.address, created_at=now
    )
    if body.kind == "email":
        row.address = _read_mail_address(body.address)
        own = who.email_verified and row.address == who.email
        row.confirmed_at = now if own or not context.settings.verify else None
        return row
    row.confirmed_at = now
    if body.kind == "apprise":
        await _check_service(body.address, context.settings.apprise_allow)
        return row
    if body.kind == "web_push":
        subscription = read_subscription(body.address)
        row.address, row.secret = subscription.endpoint, write_keys(subscription.keys)
    else:
        row.secret = _new_secret()
    await resolve_public(row.address, read_networks(context.settings.webhook_allow))
    return row


def _new_secret() -> str:
    """`whsec_` and 32 random bytes (Standard Webhooks)."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


async def _check_service(address: str, allow: str) -> None:
    service = read_service(address, allow)
    if await asyncio.to_thread(open_service, address, service) is None:
        raise AddressRefused(f"Apprise does not understand it as {service}: see its page there.")


def _read_mail_address(given: str) -> str:
    try:
        return read_email(given)
    except PydanticCustomError as error:
        raise invalid("address", error.message()) from error


async def _insert(writing: Writing, row: Channel) -> Channel:
    """The new row, or the one that has been there."""
    same = (
        col(Channel.user_id) == row.user_id,
        col(Channel.kind) == row.kind,
        col(Channel.address) == row.address,
    )
    await _require_room(writing, row.user_id)
    add = insert(Channel).values(row.model_dump()).on_conflict_do_nothing()
    if (await writing.db.execute(add)).rowcount:
        writing.announce(ChannelAdded(**_told(str(row.user_id), row, writing.now)))
        return row
    found = (await writing.db.execute(select(Channel).where(*same))).one()
    await writing.db.execute(text(RENEW), {"id": found.id, "secret": row.secret})
    found = (await writing.db.execute(select(Channel).where(*same))).one()
    return Channel(**found._mapping)


async def _require_room(writing: Writing, user_id: UUID) -> None:
    query = select(func.count()).where(col(Channel.user_id) == user_id)
    if (await writing.db.execute(query)).scalar_one() >= MOST_CHANNELS:
        raise Refused("invalid", f"There are {MOST_CHANNELS} channels; delete one first.")


def _told(user_id: str, row: Any, now: datetime) -> dict[str, Any]:
    """What a fact says of a channel: not its address, for the path of a webhook is a secret."""
    return {
        "user_id": user_id,
        "actor_id": user_id,
        "timestamp": now,
        "detail": {"channel_id": str(row.id), "kind": row.kind},
    }


def _link(row: Channel) -> Link:
    return Link(PURPOSE, row.id, row.address)


def _read_id(text: str) -> UUID:
    return UUID(read_task_id(text, not_found(f"The channel {text[:64]!r}")))


@router.delete("/v1/channels/{channel_id}", status_code=204)
async def remove_channel(channel_id: str, who: Who, context: Ctx) -> None:
    """Removes a channel: nothing more is sent there."""
    mine = (
        col(Channel.id) == _read_id(channel_id),
        col(Channel.user_id) == UUID(who.user_id),
    )
    async with announcing(context) as writing:
        gone = delete(Channel).where(*mine).returning(col(Channel.id), col(Channel.kind))
        row = (await writing.db.execute(gone)).first()
        if row is None:
            raise not_found(f"The channel {channel_id!r}")
        writing.announce(ChannelRemoved(**_told(who.user_id, row, writing.now)))


@router.post("/v1/channels/{channel_id}/confirm", status_code=204)
async def confirm_channel(channel_id: str, body: Confirmation, who: Who, context: Ctx) -> None:
    """Confirms an address by the token in its letter."""
    name = _read_id(channel_id)
    mine = (col(Channel.id) == name, col(Channel.user_id) == UUID(who.user_id))
    async with announcing(context) as writing:
        row = (await writing.db.execute(select(Channel).where(*mine))).first()
        if row is None:
            raise not_found(f"The channel {channel_id!r}")
        check_link(context, _link(Channel(**row._mapping)), body.token)
        await writing.db.execute(text(CONFIRM), {"id": name, "now": writing.now})


@router.get("/v1/channels/web-push-key")
async def read_push_key(_: Who, context: Ctx) -> PushKey:
    """The key that a browser subscribes with (`applicationServerKey`)."""
    return PushKey(key=public_key(context.settings.secret))


@router.post("/v1/channels/{channel_id}/enable")
async def enable_channel(channel_id: str, who: Who, context: Ctx) -> ChannelView:
    """Switches a channel on again that was switched off."""
    return await _update(ENABLE, channel_id, who, context, what="enabled")


@router.post("/v1/channels/{channel_id}/rotate-secret")
async def rotate_secret(channel_id: str, who: Who, context: Ctx) -> NewChannelView:
    """A new signing secret, shown this once; for a day the old one signs too."""
    until = context.clock() + ROTATION
    values = {"secret": _new_secret(), "until": until}
    return await _update(ROTATE, channel_id, who, context, what="secret_rotated", **values)


async def _update(
    sql: str, channel_id: str, who: Identity, context: Context, *, what: str, **values: Any
) -> NewChannelView:
    """The channel after `sql` changed it. Raises Refused for one that is not there, or none of the
    kind that can be changed so."""
    mine = {"id": _read_id(channel_id), "user_id": UUID(who.user_id)}
    query = select(Channel).where(
        col(Channel.id) == mine["id"], col(Channel.user_id) == mine["user_id"]
    )
    async with announcing(context) as writing:
        done = (await writing.db.execute(text(sql), {**mine, **values})).rowcount
        row = (await writing.db.execute(query)).first()
        if row is None:
            raise not_found(f"The channel {channel_id!r}")
        if not done:
            detail = f"A channel of kind {row.kind} has no secret of its own."
            raise Refused("invalid_transition", detail, status=409)
        told = _told(who.user_id, row, writing.now)
        writing.announce(ChannelUpdated(**{**told, "detail": {**told["detail"], "what": what}}))
    return _show(row, context.clock(), values.get("secret"))
