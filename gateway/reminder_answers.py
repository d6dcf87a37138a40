"""The links of a reminder's mail: "got it", "in an hour", "no more of these"; apart from all other
routes, because here the link alone proves who may.
"""

import base64
import hashlib
from html import escape
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.commands import LogUnavailable
from gateway.context import Context, Ctx
from gateway.delivery_log import ANSWER
from gateway.outbox import announcing
from gateway.task_rows import find_stream
from taskflow.errors import Refused, not_found
from taskflow.events import ChannelUpdated, SnoozeTask, derive_id, new_event
from taskflow.reminder_link import PATH, SNOOZES, Answer, read_answer

router = APIRouter(prefix=PATH.rstrip("/"), tags=["reminders"])

FIND = """
SELECT d.user_id, d.task_id, d.channel_id, t.title
FROM deliveries AS d JOIN tasks AS t ON t.id = d.task_id AND t.user_id = d.user_id
WHERE d.id = :id
"""
UNSUBSCRIBE = """
UPDATE channels SET disabled_at = :now, disabled_reason = :reason
WHERE id = :id AND user_id = :user_id AND disabled_at IS NULL
"""
UNSUBSCRIBED = "You asked by a link in a mail to send no more reminders here."

WORDS = {
    "open": "Open the task",
    "got_it": "Got it",
    "snooze_hour": "Remind me in an hour",
    "snooze_day": "Remind me tomorrow",
    "unsubscribe": "Send no more reminders here",
}
DONE = {
    "got_it": "Good. No other channel tells you of it again.",
    "snooze_hour": "You are reminded again in an hour.",
    "snooze_day": "You are reminded again in a day.",
    "unsubscribe": "No more reminders go to this address. Switch it on again under Channels.",
}
# A mail program that only looks at a link must change nothing; opening a task needs no second click
# where scripts run.
GO_ON = "document.forms[0].submit()"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>TaskFlow</title>
<meta name="viewport" content="width=device-width"></head>
<body style="font: 1.1rem system-ui; max-width: 30rem; margin: 4rem auto; padding: 0 1rem">
<h1 style="font-size: 1.3rem">{title}</h1>
{body}
</body></html>
"""


class Subject(Struct, frozen=True):
    """Whose task and channel a link is about."""

    user_id: str
    task_id: str
    channel_id: str
    title: str


@router.get("/{token}", response_class=HTMLResponse)
async def show_answer(token: str, context: Ctx) -> Response:
    """A page with one button: nothing happens before it is pressed."""
    answer = read_answer(context.settings.accepted_secrets, token, context.clock())
    subject = await _find_subject(context, answer)
    button = f'<form method="post"><button autofocus>{WORDS[answer.verb]}</button></form>'
    script = f"<script>{GO_ON}</script>" if answer.verb == "open" else ""
    return _write_page(subject.title, button + script)


async def _find_subject(context: Context, answer: Answer) -> Subject:
    async with context.engine.connect() as db:
        row = (await db.execute(text(FIND), {"id": UUID(answer.delivery_id)})).first()
    if row is None:
        raise not_found("What this link is about")
    return Subject(str(row.user_id), str(row.task_id), str(row.channel_id), row.title)


def _write_page(title: str, body: str, status: int = 200) -> Response:
    digest = base64.b64encode(hashlib.sha256(GO_ON.encode()).digest()).decode()
    headers = {
        # The address is the secret: nobody may keep it, nor pass it on.
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src"
        f" 'sha256-{digest}'; frame-ancestors 'none'",
    }
    return HTMLResponse(PAGE.format(title=escape(title), body=body), status, headers)


@router.post("/{token}", response_class=HTMLResponse)
async def take_answer(token: str, context: Ctx) -> Response:
    """Does what the link says, once; a mail program unsubscribes so too (RFC 8058)."""
    answer = read_answer(context.settings.accepted_secrets, token, context.clock())
    subject = await _find_subject(context, answer)
    if answer.verb == "unsubscribe":
        await _unsubscribe(context, subject)
    else:
        async with context.transaction() as db:
            first = await _note_answer(db, context, answer)
            if first and answer.verb in SNOOZES:
                await _snooze(context, answer, subject)
        if answer.verb == "open":
            base = context.settings.url.rstrip("/")
            return RedirectResponse(f"{base}/#/tasks/{subject.task_id}", 303)
        if not first:
            raise Refused("invalid_transition", "This link has been used already.", status=409)
    return _write_page(subject.title, f"<p>{DONE[answer.verb]}</p>")


async def _note_answer(db: AsyncConnection, context: Context, answer: Answer) -> bool:
    """Whether it is the first of its kind about this delivery."""
    values = {"id": UUID(answer.delivery_id), "verb": answer.verb, "now": context.clock()}
    return bool((await db.execute(text(ANSWER), values)).rowcount)


async def _snooze(context: Context, answer: Answer, subject: Subject) -> None:
    """Asks for it; the link stays unused where the log does not take the command."""
    now = context.clock()
    command = SnoozeTask(
        user_id=subject.user_id,
        actor_id=subject.user_id,
        stream=await find_stream(context, subject.user_id, subject.task_id),
        task_id=subject.task_id,
        until=now + SNOOZES[answer.verb],
    )
    name = derive_id(answer.delivery_id, answer.verb)
    trace = context.traceparent
    event = new_event(command, id=name, source="gateway", time=now, traceparent=trace)
    if await context.publisher.publish(SnoozeTask.topic, [event]):
        raise LogUnavailable(name)


async def _unsubscribe(context: Context, subject: Subject) -> None:
    mine = {"id": UUID(subject.channel_id), "user_id": UUID(subject.user_id)}
    async with announcing(context) as writing:
        values = {**mine, "now": writing.now, "reason": UNSUBSCRIBED}
        if (await writing.db.execute(text(UNSUBSCRIBE), values)).rowcount:
            writing.announce(
                ChannelUpdated(
                    user_id=subject.user_id,
                    actor_id=subject.user_id,
                    timestamp=writing.now,
                    detail={"channel_id": subject.channel_id, "what": "unsubscribed"},
                )
            )
