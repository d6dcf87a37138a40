"""What a person chose for all of their reminders: channels in their order, how long each waits for
an answer, quiet hours, what becomes of late ones, and the hour of a daily digest.
"""

from typing import Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import UNSET, Struct, UnsetType, structs
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.bodies import read_bytes, read_json, write_json
from gateway.context import Ctx
from gateway.digests import set_digest_timer
from gateway.identity import Holder, Who, unauthenticated
from gateway.outbox import announcing
from gateway.repeats import Repeatable
from gateway.schemas import accepts
from taskflow.digest import PersonalChoices
from taskflow.errors import invalid
from taskflow.events import AccountUpdated
from taskflow.read_task import CHANNELS
from taskflow.reminder import OfDay, QuietHours, read_pause

router = APIRouter(prefix="/v1/me/reminders", tags=["reminders"], route_class=Repeatable)

READ = "SELECT CAST(reminder_choices AS text) FROM users WHERE id = :id AND deleted_at IS NULL"
WRITE = """
UPDATE users SET reminder_choices = CAST(:choices AS jsonb) WHERE id = :id AND deleted_at IS NULL
"""


class ChangeChoices(Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent is changed; null is the default again."""

    channels: list[str] | UnsetType | None = UNSET
    escalate_after: str | UnsetType | None = UNSET
    quiet_hours: QuietHours | UnsetType | None = UNSET
    late: Literal["send", "drop"] | UnsetType | None = UNSET
    late_after: str | UnsetType | None = UNSET
    digest: OfDay | UnsetType | None = UNSET


_CHANGE = msgspec.json.Decoder(ChangeChoices)
_CHOICES = msgspec.json.Decoder(PersonalChoices)
_DEFAULT = PersonalChoices()


@router.get("")
async def read_choices(who: Who, context: Ctx) -> Response:
    """The person's choices; what was never chosen is the default."""
    async with context.engine.connect() as db:
        return write_json(await _read(db, who.user_id))


async def _read(db: AsyncConnection, user_id: str) -> PersonalChoices:
    row = (await db.execute(text(READ), {"id": UUID(user_id)})).first()
    if row is None:
        raise unauthenticated("The account was deleted.")
    return _CHOICES.decode(row[0])


@router.patch("", openapi_extra=accepts(ChangeChoices))
async def change_choices(request: Request, who: Holder, context: Ctx) -> Response:
    """Changes what is sent; reminders that come from now on follow."""
    change = read_json(await read_bytes(request), _CHANGE)
    given = {name: value for name, value in structs.asdict(change).items() if value is not UNSET}
    _check(given)
    new = {
        name: getattr(_DEFAULT, name) if value is None else value for name, value in given.items()
    }
    async with announcing(context) as writing:
        choices = structs.replace(await _read(writing.db, who.user_id), **new)
        values = {"id": UUID(who.user_id), "choices": msgspec.json.encode(choices).decode()}
        await writing.db.execute(text(WRITE), values)
        if "digest" in new:
            await set_digest_timer(writing.db, who.user_id, writing.now)
        writing.announce(
            AccountUpdated(
                user_id=who.user_id,
                actor_id=who.user_id,
                timestamp=writing.now,
                detail={"changed": [f"reminders.{name}" for name in sorted(new)]},
            )
        )
    return write_json(choices)


def _check(given: dict[str, Any]) -> None:
    """Raises Refused, naming the field."""
    channels = given.get("channels") or []
    if any(kind not in CHANNELS for kind in channels) or len(set(channels)) != len(channels):
        raise invalid("channels", f"must hold each of {', '.join(CHANNELS)} at most once")
    for name in ("escalate_after", "late_after"):
        if given.get(name) is not None:
            try:
                read_pause(given[name])
            except ValueError as error:
                raise invalid(name, str(error)) from error
