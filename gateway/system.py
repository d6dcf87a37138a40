"""How the system stands: for probes, for Prometheus, and for the person who runs it."""

import asyncio
import logging

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from gateway.bodies import write_json
from gateway.context import Context, Ctx
from gateway.identity import Who, require
from gateway.numbers import write_numbers
from gateway.platform import Functions, is_reachable, read_functions
from gateway.tables import DeadLetterRow
from taskflow.database import AWAY
from taskflow.errors import Unavailable

router = APIRouter(tags=["system"])
log = logging.getLogger("taskflow")


@router.get("/healthz")
async def is_alive() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz")
@router.get("/api/health")
async def is_ready(context: Ctx) -> Response:
    """Database, log and sidecar, each with its state; 503 if one is down."""
    names = ("database", "log", "sidecar")
    checks = (_database(context), context.publisher.reachable(), _sidecar(context))
    states = dict(zip(names, map(_state, await asyncio.gather(*checks)), strict=True))
    down = "down" in states.values()
    body = {"status": "down" if down else "ok", "checks": states}
    return write_json(body, 503 if down else 200)


def _state(up: bool) -> str:
    return "up" if up else "down"


async def _database(context: Context) -> bool:
    try:
        async with asyncio.timeout(2), context.engine.connect() as db:
            await db.execute(text("SELECT 1"))
    except (*AWAY, DBAPIError):
        return False
    return True


async def _sidecar(context: Context) -> bool:
    platform = context.settings.platform
    return not platform or await is_reachable(platform)


@router.get("/metrics", include_in_schema=False)
async def read_metrics(context: Ctx) -> Response:
    body = generate_latest() + await write_numbers(context)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/system")
async def read_system(who: Who, context: Ctx) -> Response:
    """Functions with replicas, lag and last wake, and the dead letters that wait for a person."""
    require(who, "admin")
    dead, functions = await asyncio.gather(_count_dead_letters(context), _functions(context))
    counted = [{"dead_letters": dead.get(one["name"], 0), **one} for one in functions]
    return write_json({"functions": counted, "dead_letters": sum(dead.values())})


async def _count_dead_letters(context: Context) -> dict[str, int]:
    """Consumer → its dead letters that nobody has settled."""
    kept = col(DeadLetterRow.state) == "kept"
    query = select(DeadLetterRow.consumer, func.count()).where(kept)
    async with context.engine.connect() as db:
        return dict((await db.execute(query.group_by(DeadLetterRow.consumer))).all())


async def _functions(context: Context) -> Functions:
    """None of them where nobody can be asked: the dead letters are worth an answer."""
    try:
        return await read_functions(context.settings.platform) if context.settings.platform else []
    except Unavailable as error:
        log.warning("%s", error)
        return []
