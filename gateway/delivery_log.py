"""The whole story of one delivery, of a channel's deliveries and of a task's reminders: what was
tried, what came of it, what comes next, and "why did I not get it?" in a sentence.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import RowMapping, text

from gateway.bodies import write_json
from gateway.commands import NO_TASK, read_intent
from gateway.context import Context, Ctx
from gateway.identity import Identity, Who
from gateway.outbox import announcing
from gateway.pages import page
from gateway.reminders import SHOWN, await_delivery, fetch_page, put_timer, read_place
from gateway.repeats import Repeatable
from taskflow.errors import Refused, invalid, not_found
from taskflow.events import ReminderTriggered, derive_id, new_event
from taskflow.read_task import read_task_id

router = APIRouter(prefix="/v1", tags=["reminders"], route_class=Repeatable)

SOURCE = "gateway"
AGAIN_WAIT = 10.0

MORE = """,
    COALESCE(remind_at, due_at) AS remind_at, next_at, receipt,
    CAST(channel_id AS text) AS channel_id, CAST((
        SELECT COALESCE(json_agg(json_build_object('number', number, 'at', at, 'took_ms', took_ms,
            'state', a.state, 'reason', a.reason, 'receipt', a.receipt) ORDER BY number), '[]')
        FROM delivery_attempts AS a WHERE a.delivery_id = deliveries.id) AS text) AS log
FROM deliveries
"""
WHOLE = SHOWN.rstrip().removesuffix("FROM deliveries").rstrip() + MORE
ONE = WHOLE + "WHERE id = :id AND user_id = :user_id"
OF_CHANNEL = (
    WHOLE
    + """WHERE user_id = :user_id AND channel_id = :channel_id
    AND (CAST(:at AS timestamptz) IS NULL OR (due_at, id) < (:at, CAST(:name AS uuid)))
ORDER BY due_at DESC, id DESC LIMIT :limit
"""
)
OF_TASK = WHOLE + "WHERE user_id = :user_id AND task_id = :task_id ORDER BY due_at, id LIMIT 500"
TO_COME = """
SELECT due_at, CAST(event AS jsonb) #>> '{data,reminder_id}' AS reminder_id FROM timers
WHERE user_id = :user_id AND topic = 'reminders' AND due_at < 'infinity'
    AND CAST(event AS jsonb) #>> '{data,task_id}' = :task
    AND CAST(event AS jsonb) #>> '{data,delivery_id}' IS NULL
ORDER BY due_at LIMIT 500
"""
CHANNEL = "SELECT 1 FROM channels WHERE id = :id AND user_id = :user_id"
TASK = "SELECT title, stream, deleted_at FROM tasks WHERE id = :id AND user_id = :user_id"
ANSWER = """
INSERT INTO reminder_answers (delivery_id, verb, user_id, task_id, reminder_id, remind_at, at)
SELECT id, :verb, user_id, task_id, reminder_id, COALESCE(remind_at, due_at), :now
FROM deliveries WHERE id = :id
ON CONFLICT (delivery_id, verb) DO NOTHING
"""
# What can be sent again: never what is on its way.
SETTLED = ("sent", "failed", "suppressed")


def explain_delivery(row: RowMapping | dict[str, Any]) -> str:
    """The answer to "why did I (not) get it?" in one or two sentences."""
    state, reason = row["state"], row["reason"] or ""
    if state == "sent":
        late = row["late_by_seconds"] or 0
        told = f", {late} s after its time" if late else ", in time"
        return f"It was sent by {row['channel']} at {_instant(row['sent_at'])}{told}."
    if state == "due":
        return f"It is being sent by {row['channel']} now."
    if state == "retry":
        return f"{reason} The next attempt comes at {_instant(row['next_at'])}."
    if state == "planned" and row["next_at"] is not None:
        return f"{reason} It is looked at again at {_instant(row['next_at'])}."
    if state == "planned":
        return f"It comes by {row['channel']} at {_instant(row['due_at'])}."
    return f"It was not sent by {row['channel']}: {reason}"


def _instant(at: datetime | None) -> str:
    return str(msgspec.to_builtins(at)) if at is not None else "an unknown time"


def _tell(row: RowMapping) -> dict[str, Any]:
    """A delivery with its log and its explanation."""
    told = dict(row)
    log = msgspec.Raw(told.pop("log").encode())
    return {**told, "explanation": explain_delivery(row), "log": log}


@router.get("/deliveries/{delivery_id}")
async def read_delivery(delivery_id: str, who: Who, context: Ctx) -> Response:
    """One delivery with every attempt, and why it came or did not."""
    return write_json(_tell(await _find(context, who, delivery_id)))


async def _find(context: Context, who: Identity, delivery_id: str) -> RowMapping:
    missing = not_found(f"The delivery {delivery_id[:64]!r}")
    name = UUID(read_task_id(delivery_id, missing))
    values = {"id": name, "user_id": UUID(who.user_id), "none": NO_TASK}
    async with context.engine.connect() as db:
        row = (await db.execute(text(ONE), values)).mappings().first()
    if row is None:
        raise missing
    return row


@router.get("/channels/{channel_id}/deliveries")
async def list_channel_log(
    channel_id: str, who: Who, context: Ctx, limit: str | None = None, cursor: str | None = None
) -> Response:
    """What went to one channel, with every attempt, the latest due first."""
    missing = not_found(f"The channel {channel_id[:64]!r}")
    name = UUID(read_task_id(channel_id, missing))
    mine = {"user_id": UUID(who.user_id)}
    async with context.engine.connect() as db:
        if (await db.execute(text(CHANNEL), {"id": name, **mine})).first() is None:
            raise missing
    kind = f"deliveries/{name}"
    values = {**mine, "channel_id": name, "none": NO_TASK, **read_place(context, cursor, kind)}
    rows, following = await fetch_page(context, OF_CHANNEL, values, limit, kind)
    return write_json(page([_tell(row) for row in rows], following))


@router.get("/reminders/explain")
async def explain_reminders(who: Who, context: Ctx, task_id: str) -> Response:
    """Why the reminders of a task came or did not, in the order of their times."""
    task = read_task_id(task_id, invalid("task_id", "must be a UUID"))
    values = {"user_id": UUID(who.user_id), "task_id": UUID(task), "task": task, "none": NO_TASK}
    async with context.engine.connect() as db:
        found = (await db.execute(text(TASK), {"id": UUID(task), **values})).first()
        if found is None:
            raise not_found(f"The task {task}")
        rows = (await db.execute(text(OF_TASK), values)).mappings().all()
        timers = (await db.execute(text(TO_COME), values)).mappings().all()
    items = [_explain_row(row) for row in rows]
    known = {(item["reminder_id"], item["remind_at"]) for item in items}
    items += [
        _explain_timer(timer)
        for timer in timers
        if (timer["reminder_id"], timer["due_at"]) not in known
    ]
    items.sort(key=lambda item: item["remind_at"])
    summary = None if items else "This task has no reminder, and never had one whose time came."
    return write_json({"items": items, "explanation": summary})


def _explain_row(row: RowMapping) -> dict[str, Any]:
    names = ("reminder_id", "remind_at", "channel", "state")
    shown = {name: row[name] for name in names}
    return {**shown, "delivery_id": row["id"], "explanation": explain_delivery(row)}


def _explain_timer(timer: RowMapping) -> dict[str, Any]:
    shown = {"reminder_id": timer["reminder_id"], "remind_at": timer["due_at"]}
    told = f"It is to come at {_instant(timer['due_at'])}."
    return {**shown, "channel": None, "state": "planned", "delivery_id": None, "explanation": told}


# --- acting on one -----------------------------------------------------------------------------


@router.post("/deliveries/{delivery_id}/redeliver")
async def redeliver(delivery_id: str, request: Request, who: Who, context: Ctx) -> Response:
    """Sends a settled delivery once more, under its old id, and answers with it as it then stands;
    asked for twice before it has left, it leaves once."""
    row = await _find(context, who, delivery_id)
    if row["state"] not in SETTLED:
        detail = f"The delivery is {row['state']}: it is still to come by itself."
        raise Refused("invalid_transition", detail, status=409)
    fact = await _ask_again(context, who, row)
    # The event that the delivery's next attempt waits for: whoever comes second finds it done.
    name = derive_id(row["id"], "attempt", row["attempts"])
    trace = context.traceparent
    event = new_event(fact, id=name, source=SOURCE, time=context.clock(), traceparent=trace)
    async with announcing(context) as writing:
        await put_timer(writing.db, event)
    intent = read_intent(request, who, b"")
    seconds = intent.wait if "prefer" in request.headers else AGAIN_WAIT
    await await_delivery(
        context, who, (row["id"], row["channel_id"]), seconds, more_than=row["attempts"]
    )
    return write_json(_tell(await _find(context, who, delivery_id)))


async def _ask_again(context: Context, who: Identity, row: RowMapping) -> ReminderTriggered:
    task_id = row["task_id"] or str(NO_TASK)
    async with context.engine.connect() as db:
        values = {"id": UUID(task_id), "user_id": UUID(who.user_id)}
        task = (await db.execute(text(TASK), values)).first()
    return ReminderTriggered(
        task_id=task_id,
        reminder_id=row["reminder_id"] or str(NO_TASK),
        title=task.title if task else "Test of your channel",
        remind_at=row["remind_at"],
        user_id=who.user_id,
        channels=[row["channel"]],
        stream=str(task.stream) if task else row["channel_id"],
        delivery_id=row["id"],
        again=True,
    )


@router.post("/deliveries/{delivery_id}/acknowledge")
async def acknowledge(delivery_id: str, who: Who, context: Ctx) -> Response:
    """ "Got it": channels that wait for an answer to this reminder stay silent."""
    row = await _find(context, who, delivery_id)
    values = {"id": UUID(row["id"]), "verb": "got_it", "now": context.clock()}
    async with announcing(context) as writing:
        await writing.db.execute(text(ANSWER), values)
    return write_json(_tell(row))
