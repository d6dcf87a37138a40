"""What the gateway itself writes, safe to repeat: an Idempotency-Key is claimed in the transaction
of the effect, and the answer kept right after, sealed, for a day. Apart from the nouns, for it is
the same for all of them; the writes that are commands are safe by the ledger (commands.py).
"""

import asyncio
import hmac
import inspect
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from fastapi import Request, Response
from fastapi.routing import APIRoute
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.types import Message

from gateway.bodies import read_bytes
from gateway.commands import KEY_KEPT, fingerprint_request, key_reused, name_command
from gateway.context import CLAIM, Context, context_of
from gateway.identity import Identity, identify_connection
from gateway.signatures import keys_for
from taskflow.database import AWAY
from taskflow.errors import Refused

# Between the commit of an effect and its answer lie milliseconds, unless the gateway died.
PATIENCE, LOOK_AGAIN = 2.0, 0.05
READS = {"GET", "HEAD"}
PURPOSE = "repeats"
SEAL = {"alg": "dir", "enc": "A256GCM"}

MAKE = """
INSERT INTO repeats (id, user_id, fingerprint, created_at)
VALUES (:id, :user_id, :fingerprint, :now)
ON CONFLICT (id) DO UPDATE
SET fingerprint = excluded.fingerprint, created_at = excluded.created_at, answer = NULL
WHERE repeats.created_at <= :since
"""
FIND = """
SELECT fingerprint, answer FROM repeats WHERE id = :id AND created_at > :since
UNION ALL (SELECT fingerprint, NULL FROM commands WHERE id = :id)
UNION ALL (SELECT fingerprint, NULL FROM commands WHERE batch_id = :id LIMIT 1)
"""
KEEP = "UPDATE repeats SET answer = :answer WHERE id = :id"

Handle: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]

log = logging.getLogger("taskflow.gateway")


class Claim(Struct):
    """An Idempotency-Key of one person and the request that it stands for, as the present secret
    and earlier ones sign it; `made` once the effect has committed."""

    id: UUID
    user_id: UUID
    fingerprints: list[str]
    rights: frozenset[str]
    made: bool = False


class Answer(Struct, frozen=True):
    """An answer as it is kept, with the rights of whoever it was given to."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    rights: frozenset[str]


class AlreadyClaimed(Exception):
    """Another request with the same key has committed in the meantime."""


_ANSWER = msgspec.msgpack.Decoder(Answer)


class Repeatable(APIRoute):
    """A route whose writes are safe to repeat, where it knows who asks: its parameter `who`. It
    takes bodies as all writes do, which FastAPI would read at any length and of any type."""

    def get_route_handler(self) -> Handle:
        handle = super().get_route_handler()
        knows_who = "who" in inspect.signature(self.endpoint).parameters
        if set(self.methods or ()) <= READS:
            return handle

        async def answer(request: Request) -> Response:
            body = await read_bytes(request)
            whole = Request(request.scope, partial(_give_again, body))
            key = request.headers.get("idempotency-key") if knows_who else None
            return await (handle(whole) if key is None else repeat(whole, key, body, handle))

        return answer


async def _give_again(body: bytes) -> Message:
    return {"type": "http.request", "body": body, "more_body": False}


async def repeat(request: Request, key: str, body: bytes, handle: Handle) -> Response:
    """The answer that this request was given before, or a new one. A refusal wrote nothing, so it
    is not kept. Raises Refused: 422 where the key stands for another request."""
    context, who = context_of(request), await identify_connection(request)
    claim = read_claim(context, who, key, fingerprint_request(request, body))
    known = await find_answer(context, claim)
    if known is not None:
        return known
    request.scope[CLAIM] = claim
    try:
        response = await handle(request)
    except AlreadyClaimed:
        known = await find_answer(context, claim)
        if known is None:
            raise unknown_answer() from None
        return known
    if claim.made:
        await keep_answer(context, claim, response)
    return response


# --- claims ------------------------------------------------------------------------------------


def read_claim(context: Context, who: Identity, key: str, fingerprint: str) -> Claim:
    """What a person asks for under a key. The fingerprint is signed: of a body that holds a
    password, a plain one would let whoever reads the table try passwords out. Raises Refused."""
    keys = keys_for(context, PURPOSE)
    return Claim(
        id=UUID(name_command(who, key)),
        user_id=UUID(who.user_id),
        fingerprints=[hmac.digest(key, fingerprint.encode(), "sha256").hex() for key in keys],
        rights=who.roles | who.scopes,
    )


async def make_claim(db: AsyncConnection, claim: Claim, now: datetime) -> None:
    """Claims the key in the transaction of the effect; of two requests at once, the second waits
    here for the first. Raises AlreadyClaimed."""
    values = {
        "id": claim.id,
        "user_id": claim.user_id,
        "fingerprint": claim.fingerprints[0],
        "now": now,
        "since": now - KEY_KEPT,
    }
    if not (await db.execute(text(MAKE), values)).rowcount:
        raise AlreadyClaimed


# --- answers -----------------------------------------------------------------------------------


async def find_answer(context: Context, claim: Claim) -> Response | None:
    """What was answered under this key, after a wait for what is on its way; None for a new key.
    Raises Refused."""
    end = asyncio.get_running_loop().time() + PATIENCE
    while True:
        values = {"id": claim.id, "since": context.clock() - KEY_KEPT}
        async with context.engine.connect() as db:
            rows = (await db.execute(text(FIND), values)).all()
        if not rows:
            return None
        if any(row.fingerprint not in claim.fingerprints for row in rows):
            raise key_reused()
        if rows[0].answer is not None:
            return _show(claim, open_answer(context, claim, rows[0].answer))
        if asyncio.get_running_loop().time() >= end:
            raise unknown_answer()
        await asyncio.sleep(LOOK_AGAIN)


def _show(claim: Claim, answer: Answer) -> Response:
    if not answer.rights <= claim.rights:
        detail = "This was answered to a token with more rights; send it again with that one."
        raise Refused("forbidden", detail, status=403)
    response = Response(answer.body, answer.status)
    response.raw_headers.extend(answer.headers)
    return response


def unknown_answer() -> Refused:
    """The effect is there, its answer is not."""
    detail = (
        "A request with this Idempotency-Key was carried out, but its answer is not known: it is"
        " being written, or was lost with its gateway. Ask again in a moment, or look at what there"
        " is now."
    )
    return Refused("answer_unknown", detail, status=409)


async def keep_answer(context: Context, claim: Claim, response: Response) -> None:
    """Keeps an answer. Its failure is logged: the effect has committed, and whoever asked has the
    answer."""
    headers = [pair for pair in response.raw_headers if pair[0] != b"content-length"]
    answer = Answer(response.status_code, headers, bytes(response.body), claim.rights)
    values = {"id": claim.id, "answer": seal_answer(context, claim, answer)}
    try:
        async with context.transaction() as db:
            await db.execute(text(KEEP), values)
    except (SQLAlchemyError, *AWAY) as error:
        log.warning("the answer to a repeatable write is not kept: %s", type(error).__name__)


def seal_answer(context: Context, claim: Claim, answer: Answer) -> str:
    """An answer that only a gateway can read, and only in its own row: it may hold a new secret."""
    return jwe.encrypt_compact(SEAL, msgspec.msgpack.encode(answer), _keys(context, claim)[0])


def open_answer(context: Context, claim: Claim, sealed: str) -> Answer:
    """A kept answer. Raises Refused where it was sealed with a secret that is accepted no more."""
    for key in _keys(context, claim):
        try:
            return _ANSWER.decode(jwe.decrypt_compact(sealed, key).plaintext or b"")
        except (JoseError, msgspec.DecodeError) as error:
            wrong = error
    raise unknown_answer() from wrong


def _keys(context: Context, claim: Claim) -> list[OctKey]:
    return [OctKey.import_key(key) for key in keys_for(context, f"{PURPOSE}/{claim.id}")]
