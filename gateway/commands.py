"""A write's way through the log: one command is published, its outcome awaited and answered; apart
from the nouns, because every write of every noun goes this way.
"""

import base64
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Struct

from gateway.bodies import write_json
from gateway.context import Context, Ctx, trace_of
from gateway.identity import Identity, Who
from gateway.outcomes import Outcome, Result
from gateway.signatures import is_signed, sign
from taskflow.errors import Refused, not_found
from taskflow.events import Command, new_event

router = APIRouter(tags=["commands"])

LONGEST_WAIT = 60.0
USUAL_WAIT = 2.0
MAC_BYTES = 16
PURPOSE = "command-id"
NO_TASK = UUID(int=0)
# How long the gateway knows what it wrote itself under an Idempotency-Key.
KEY_KEPT = timedelta(hours=24)


class Intent(Struct, frozen=True):
    """A write as its request describes it, before it is a command."""

    command_id: str
    fingerprint: str
    wait: float
    if_version: int | None
    repeatable: bool
    traceparent: str


# --- ids that people see -----------------------------------------------------------------------


def public_id(context: Context, user_id: str, command_id: str, task_id: str | None) -> str:
    """A command's id as its person may see it: it names the task and proves whose it is."""
    task = UUID(task_id) if task_id else NO_TASK
    body = UUID(command_id).bytes + task.bytes
    mac = sign(context, PURPOSE, user_id.encode() + body)[:MAC_BYTES]
    return base64.urlsafe_b64encode(body + mac).decode()


def read_public_id(context: Context, user_id: str, text: str) -> tuple[str, str | None]:
    """(command id, task id). Raises Refused for what this person was never given."""
    try:
        raw = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
    except ValueError:
        raise not_found("The command") from None
    body, mac = raw[:32], raw[32:]
    if not is_signed(context, PURPOSE, user_id.encode() + body, mac, MAC_BYTES):
        raise not_found("The command")
    task = UUID(bytes=body[16:])
    return str(UUID(bytes=body[:16])), None if task == NO_TASK else str(task)


# --- from a request to a command ---------------------------------------------------------------


def read_intent(request: Request, who: Identity, body: bytes) -> Intent:
    """How a write wants to be repeated, compared and waited for. Raises Refused."""
    key = request.headers.get("idempotency-key")
    return Intent(
        command_id=str(uuid4()) if key is None else name_command(who, key),
        fingerprint=fingerprint_request(request, body) if key else "",
        wait=_read_wait(request.headers.get("prefer", "")),
        if_version=read_version(request.headers.get("if-match")),
        repeatable=key is not None,
        traceparent=trace_of(request),
    )


def name_command(who: Identity, key: str) -> str:
    """The id that an Idempotency-Key gives to the write of one person. Raises Refused."""
    if not 1 <= len(key) <= 255:
        raise Refused("invalid", "Idempotency-Key must have 1 to 255 characters.")
    return str(uuid5(UUID(who.user_id), key))


def fingerprint_request(request: Request, body: bytes) -> str:
    """What makes a request the same one; how its JSON is written does not."""
    try:
        canonical = msgspec.json.encode(msgspec.json.decode(body), order="sorted") if body else b""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        canonical = body
    parts = (request.method, request.url.path, request.url.query, request.headers.get("if-match"))
    return hashlib.sha256(repr(parts).encode() + canonical).hexdigest()


def _read_wait(prefer: str) -> float:
    """Seconds to wait, by RFC 7240."""
    wishes = [wish.strip().lower() for wish in prefer.split(",")]
    if "respond-async" in wishes:
        return 0.0
    for wish in wishes:
        name, _, value = wish.partition("=")
        if name.strip() == "wait" and value.strip().isdigit():
            return min(float(value), LONGEST_WAIT)
    return USUAL_WAIT


def read_version(if_match: str | None) -> int | None:
    """The version that an ETag names; -1, which no task has, for a tag that is not ours."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip().removeprefix("W/").strip('"')
    return int(tag) if tag.isdigit() and len(tag) < 10 else -1


# --- publishing and waiting --------------------------------------------------------------------


async def submit(
    context: Context, who: Identity, intent: Intent, parts: Sequence[tuple[str, Command]]
) -> list[Outcome] | None:
    """Publishes the commands and waits for all outcomes; None when they take longer. Raises Refused
    when the log does not acknowledge, or the Idempotency-Key belongs to another request."""
    ids = [command_id for command_id, _ in parts]
    if intent.repeatable:
        known = await context.outcomes.look(ids)
        if len(known) == len(ids):
            return _same_request(intent, known)
        use = (intent.command_id, intent.fingerprint)
        if await context.outcomes.has_other_use(*use, context.clock() - KEY_KEPT):
            raise key_reused()
    with context.outcomes.expect(ids) as expected:
        await _publish(context, who, intent, parts)
        outcomes = await expected.wait(intent.wait)
    return None if outcomes is None else _same_request(intent, outcomes)


async def _publish(
    context: Context, who: Identity, intent: Intent, parts: Sequence[tuple[str, Command]]
) -> None:
    now = context.clock()
    replyto = context.outcomes.channel if intent.wait else None
    events = [
        new_event(
            command,
            id=command_id,
            source="gateway",
            time=now,
            replyto=replyto,
            traceparent=intent.traceparent,
        )
        for command_id, command in parts
    ]
    failed = await context.publisher.publish(Command.topic, events)
    if failed:
        task_id = getattr(parts[0][1], "task_id", None) if len(parts) == 1 else None
        raise LogUnavailable(public_id(context, who.user_id, intent.command_id, task_id))


class LogUnavailable(Refused):
    """503: nobody knows whether the command was taken; the same Idempotency-Key is safe."""

    def __init__(self, command_id: str) -> None:
        detail = "The log did not acknowledge this write; send it again with its Idempotency-Key."
        more = {"command_id": command_id}
        super().__init__("log_unavailable", detail, status=503, more=more)


async def find_parts(context: Context, intent: Intent) -> list[Outcome]:
    """What became of the parts that were sent before under this Idempotency-Key. Raises Refused
    when it belongs to another request."""
    if not intent.repeatable:
        return []
    return _same_request(intent, await context.outcomes.look_parts(intent.command_id))


def _same_request(intent: Intent, outcomes: list[Outcome]) -> list[Outcome]:
    if any(outcome.fingerprint not in (intent.fingerprint, "") for outcome in outcomes):
        raise key_reused()
    return outcomes


def key_reused() -> Refused:
    """The refusal of a key that stands for another request."""
    detail = "This Idempotency-Key was used for another request; choose a new one."
    return Refused("idempotency_key_reused", detail)


async def answer_write(
    context: Context, who: Identity, intent: Intent, command: Command, task_id: str
) -> Response:
    """The final answer to a write of one task, or 202 while it is on its way."""
    outcomes = await submit(context, who, intent, [(intent.command_id, command)])
    if outcomes is None:
        return pending(context, who, intent.command_id, task_id)
    return outcomes[0].results[0].response(task_id if command.type.endswith("create.v1") else None)


def pending(context: Context, who: Identity, command_id: str, task_id: str | None) -> Response:
    """202 with the place where the outcome will be."""
    name = public_id(context, who.user_id, command_id, task_id)
    body = {"command_id": name, "task_id": task_id, "status": "pending"}
    headers = {"Location": f"/v1/commands/{name}"}
    return write_json(body, 202, headers)


@router.get("/v1/commands/{command_id}")
async def read_command(command_id: str, who: Who, context: Ctx) -> Response:
    """What became of a write."""
    name, task_id = read_public_id(context, who.user_id, command_id)
    shown: dict[str, Any] = {"command_id": command_id, "task_id": task_id}
    look = context.outcomes.look_batch(name) if task_id is None else context.outcomes.look([name])
    outcomes = await look
    if not outcomes:
        shown |= {"status": "pending"}
    elif failed := next((one for one in outcomes if one.problem), None):
        shown |= {"status": "failed", "problem": failed.problem}
    elif task_id is None:
        body = {"results": show_results(outcomes)}
        shown |= {"status": "done", "http_status": 200, "body": body}
    else:
        result = outcomes[0].results[0]
        shown |= {"status": "done", "http_status": result.status, "body": result.body}
    return write_json(shown)


def show_results(
    outcomes: Sequence[Outcome], refused: Sequence[Result] = ()
) -> list[dict[str, Any]]:
    """The results of a batch in the order of its request, each line once: what was done goes before
    what is `refused` now, which goes before what was kept of that."""
    kept = (one for outcome in outcomes for one in outcome.refused)
    done = (one for outcome in outcomes for one in outcome.results)
    results = {one.position: one for one in (*kept, *refused, *done)}
    return [result.as_item() for _, result in sorted(results.items())]
