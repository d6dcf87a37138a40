"""Reminders to come, what became of those that came, and a test of a channel that takes the real
way: a timer, the clock, the function that sends.
"""

import asyncio
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Struct
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.bodies import write_json
from gateway.commands import NO_TASK, read_intent
from gateway.context import Context, Ctx
from gateway.identity import Identity, Who
from gateway.outbox import announcing
from gateway.pages import page, read_cursor, read_limit, write_cursor
from gateway.repeats import Repeatable
from taskflow.errors import Refused, invalid, not_found
from taskflow.events import Event, ReminderTriggered, derive_id, encode, new_event
from taskflow.read_task import read_task_id

router = APIRouter(prefix="/v1", tags=["reminders"], route_class=Repeatable)

SOURCE = "gateway"
TEST_TITLE = "Test of your channel"
# Two functions may have to wake first.
TEST_WAIT = 10.0
LOOK_AGAIN = 0.25
ON_ITS_WAY = ("planned", "due")

UPCOMING = """
SELECT CAST(id AS text) AS id, due_at, event FROM timers
WHERE user_id = :user_id AND topic = 'reminders' AND due_at < 'infinity'
    AND CAST(event AS jsonb) #>> '{data,delivery_id}' IS NULL
    AND CAST(event AS jsonb) #>> '{data,reminder_id}' IS NOT NULL
    AND (CAST(:at AS timestamptz) IS NULL OR (due_at, id) > (:at, CAST(:name AS uuid)))
ORDER BY due_at, id LIMIT :limit
"""

SHOWN = """
SELECT CAST(id AS text) AS id, CAST(NULLIF(reminder_id, :none) AS text) AS reminder_id,
    CAST(NULLIF(task_id, :none) AS text) AS task_id, channel, state, attempts, due_at, sent_at,
    late_by_seconds, reason
FROM deliveries
"""
DELIVERIES = (
    SHOWN
    + """WHERE user_id = :user_id AND (CAST(:task_id AS uuid) IS NULL OR task_id = :task_id)
    AND (CAST(:at AS timestamptz) IS NULL OR (due_at, id) < (:at, CAST(:name AS uuid)))
ORDER BY due_at DESC, id DESC LIMIT :limit
"""
)
DELIVERY = SHOWN + "WHERE id = :id AND user_id = :user_id AND channel_id = :channel_id"

CHANNEL = (
    "SELECT kind, confirmed_at, disabled_at FROM channels WHERE id = :id AND user_id = :user_id"
)
PLAN_TEST = """
INSERT INTO deliveries (id, reminder_id, task_id, user_id, channel_id, channel, due_at, state)
VALUES (:id, :none, :none, :user_id, :channel_id, :kind, :now, 'planned')
ON CONFLICT (id) DO NOTHING
"""
PUT_TIMER = """
INSERT INTO timers (id, due_at, topic, user_id, event)
VALUES (:id, :due_at, :topic, :user_id, :event) ON CONFLICT (id) DO NOTHING
"""


class Upcoming(Struct):
    """A reminder to come, as its timer's event tells it."""

    reminder_id: str
    task_id: str
    title: str
    due_at: datetime | None
    due_on: date | None
    remind_at: datetime
    channels: list[str]


class _Timer(Struct):
    data: Upcoming


_TIMER = msgspec.json.Decoder(_Timer)


@router.get("/reminders")
async def list_reminders(
    who: Who, context: Ctx, limit: str | None = None, cursor: str | None = None
) -> Response:
    """The reminders to come, the next one first."""
    values = {"user_id": UUID(who.user_id), **read_place(context, cursor, "reminders")}
    rows, following = await fetch_page(context, UPCOMING, values, limit, "reminders")
    items = [_TIMER.decode(row["event"]).data for row in rows]
    return write_json(page(items, following))


@router.get("/deliveries")
async def list_deliveries(
    who: Who,
    context: Ctx,
    task_id: str | None = None,
    limit: str | None = None,
    cursor: str | None = None,
) -> Response:
    """What became of reminders by each channel, the latest due first."""
    task = read_task_id(task_id, invalid("task_id", "must be a UUID")) if task_id else None
    values = {
        "user_id": UUID(who.user_id),
        "task_id": UUID(task) if task else None,
        "none": NO_TASK,
        **read_place(context, cursor, "deliveries"),
    }
    rows, following = await fetch_page(context, DELIVERIES, values, limit, "deliveries")
    return write_json(page([dict(row) for row in rows], following))


def read_place(context: Context, cursor: str | None, kind: str) -> dict[str, Any]:
    """Where a page starts: behind the last row of the one before."""
    at, name = read_cursor(context, cursor, kind) if cursor is not None else (None, None)
    return {"at": at, "name": UUID(str(name)) if name else None}


async def fetch_page(
    context: Context, sql: str, values: dict[str, Any], limit: str | None, kind: str
) -> tuple[list[RowMapping], str | None]:
    """The rows of a page, and the cursor of the next one if there is one."""
    size = read_limit(limit)
    async with context.engine.connect() as db:
        rows = (await db.execute(text(sql), {**values, "limit": size + 1})).mappings().all()
    if len(rows) <= size:
        return list(rows), None
    last = rows[size - 1]
    return list(rows[:size]), write_cursor(context, kind, last["due_at"], last["id"])


# --- a test ------------------------------------------------------------------------------------


@router.post("/channels/{channel_id}/test")
async def send_test(channel_id: str, request: Request, who: Who, context: Ctx) -> Response:
    """Sends now, and answers with the delivery: as it stands after 10 s, or what `Prefer` says."""
    name = read_task_id(channel_id, not_found(f"The channel {channel_id[:64]!r}"))
    kind = await _find_kind(context, who, name)
    intent = read_intent(request, who, b"")
    delivery_id = derive_id(intent.command_id, "test")
    await _plan_test(context, _test_fact(who, name, kind, delivery_id, context.clock()), name)
    seconds = intent.wait if "prefer" in request.headers else TEST_WAIT
    return write_json(await await_delivery(context, who, (delivery_id, name), seconds))


async def _find_kind(context: Context, who: Identity, channel_id: str) -> str:
    """The kind of a confirmed channel. Raises Refused."""
    values = {"id": UUID(channel_id), "user_id": UUID(who.user_id)}
    async with context.engine.connect() as db:
        row = (await db.execute(text(CHANNEL), values)).first()
    if row is None:
        raise not_found(f"The channel {channel_id}")
    if row.confirmed_at is None:
        detail = "Nothing is sent to this channel before it is confirmed; confirm it first."
        raise Refused("invalid_transition", detail, status=409)
    if row.disabled_at is not None:
        detail = "This channel is switched off; switch it on first (POST .../enable)."
        raise Refused("invalid_transition", detail, status=409)
    return str(row.kind)


def _test_fact(
    who: Identity, channel_id: str, kind: str, delivery_id: str, now: datetime
) -> ReminderTriggered:
    return ReminderTriggered(
        task_id=str(NO_TASK),
        reminder_id=str(NO_TASK),
        title=TEST_TITLE,
        remind_at=now,
        user_id=who.user_id,
        channels=[kind],
        stream=channel_id,
        delivery_id=delivery_id,
    )


async def _plan_test(context: Context, fact: ReminderTriggered, channel_id: str) -> None:
    """The delivery and the timer that asks for it now; neither again for the same request."""
    name = derive_id(str(fact.delivery_id), "attempt", 0)
    trace = context.traceparent
    event = new_event(fact, id=name, source=SOURCE, time=fact.remind_at, traceparent=trace)
    delivery = {
        "id": UUID(fact.delivery_id),
        "none": NO_TASK,
        "user_id": UUID(fact.user_id),
        "channel_id": UUID(channel_id),
        "kind": fact.channels[0],
        "now": fact.remind_at,
    }
    async with announcing(context) as writing:
        planned = await writing.db.execute(text(PLAN_TEST), delivery)
        if planned.rowcount:
            await put_timer(writing.db, event)


async def put_timer(db: AsyncConnection, event: Event[ReminderTriggered]) -> None:
    """Has an event published at its time."""
    timer = {
        "id": UUID(event.id),
        "due_at": event.time,
        "topic": event.data.topic,
        "user_id": UUID(event.data.user_id),
        "event": encode(event).decode(),
    }
    await db.execute(text(PUT_TIMER), timer)


async def await_delivery(
    context: Context, who: Identity, names: tuple[str, str], seconds: float, more_than: int = -1
) -> dict[str, Any]:
    """The delivery (its id, its channel's) once it is settled after `more_than` attempts, or as it
    stands. Raises Refused where the Idempotency-Key belongs to the test of another channel."""
    values = {
        "id": UUID(names[0]),
        "user_id": UUID(who.user_id),
        "channel_id": UUID(names[1]),
        "none": NO_TASK,
    }
    end = asyncio.get_running_loop().time() + seconds
    while True:
        async with context.engine.connect() as db:
            row = (await db.execute(text(DELIVERY), values)).mappings().first()
        if row is None:
            detail = "This Idempotency-Key was used for another request; choose a new one."
            raise Refused("idempotency_key_reused", detail)
        settled = row["state"] not in ON_ITS_WAY and row["attempts"] > more_than
        if settled or asyncio.get_running_loop().time() >= end:
            return dict(row)
        await asyncio.sleep(LOOK_AGAIN)
