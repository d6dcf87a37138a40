"""How the system stands: for probes, for Prometheus, and for the person who runs it."""

import asyncio
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select
from starlette.responses import RedirectResponse

from gateway.bodies import write_json
from gateway.context import Context, Ctx
from gateway.identity import Who, require
from gateway.tables import DeadLetterRow
from taskflow.database import AWAY

router = APIRouter(tags=["system"])


@router.get("/", include_in_schema=False)
async def open_page() -> Response:
    """The page comes later; until then its place leads to the interface."""
    return RedirectResponse("/docs")


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
    if not context.settings.platform:
        return True
    return await _platform(context) is not None


async def _platform(context: Context) -> Any:
    """What the platform says of its functions; None when it does not answer."""
    import httpx

    try:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            answer = await client.get(f"{context.settings.platform}/state")
            return answer.json()
    except (httpx.HTTPError, ValueError):
        return None


@router.get("/metrics", include_in_schema=False)
async def read_metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/system")
async def read_system(who: Who, context: Ctx) -> Response:
    """Functions with replicas, lag and last wake, and the dead letters that wait for a person."""
    require(who, "admin")
    query = select(func.count()).where(col(DeadLetterRow.state) == "kept")
    async with context.engine.connect() as db:
        dead = (await db.execute(query)).scalar_one()
    platform = await _platform(context) if context.settings.platform else None
    body = {"functions": (platform or {}).get("functions", []), "dead_letters": dead}
    return write_json(body)
