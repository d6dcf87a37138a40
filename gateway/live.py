"""Changes as they happen: one loop per stream that reads the feed from its cursor and sleeps until
the feed moves; WebSocket and SSE are two ways to write the same items.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Response, WebSocket, WebSocketDisconnect
from msgspec import Struct
from sse_starlette import EventSourceResponse, ServerSentEvent

from gateway.changes import Changes, read_changes, read_since
from gateway.context import Context, Ctx, context_of
from gateway.identity import Identity, Who, identify_cookie, identify_token, is_live
from taskflow.errors import Refused

router = APIRouter(tags=["live"])

CHECK_EVERY = 10.0
HELLO_WITHIN = 10.0
REVOKED = 4401
PAGE = 500


class Hello(Struct):
    """A WebSocket's first message, for clients that cannot set subprotocols."""

    token: str | None = None
    since: str | None = None


_HELLO = msgspec.json.Decoder(Hello)


async def follow(context: Context, who: Identity, since: int | None) -> AsyncIterator[Changes]:
    """Pieces of the feed for as long as the session lives; an empty one now and then. Raises
    Refused (401) once it does not."""
    with context.feeds.listen(who.user_id) as moved:
        while True:
            moved.clear()
            changes, since = await read_changes(context, who.user_id, since, PAGE)
            yield changes
            if changes.more:
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_EVERY):
                    await moved.wait()
            if not moved.is_set() and not await is_live(context, who):
                raise Refused("unauthenticated", "The session has ended; log in.", status=401)


@router.get("/v1/events")
async def stream_events(
    who: Who,
    context: Ctx,
    since: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Server-sent events; `Last-Event-ID` or `since` resumes."""
    cursor = last_event_id or since
    start = read_since(context, cursor) if cursor else None
    return EventSourceResponse(_write_events(context, who, start), ping=15)


async def _write_events(
    context: Context, who: Identity, since: int | None
) -> AsyncIterator[ServerSentEvent]:
    with contextlib.suppress(Refused):
        async for changes in follow(context, who, since):
            if changes.resync:
                yield _event("resync", changes.cursor, changes.shown())
            for item in changes.items:
                yield _event("change", item["cursor"], item)


def _event(kind: str, cursor: str, data: object) -> ServerSentEvent:
    return ServerSentEvent(msgspec.json.encode(data).decode(), event=kind, id=cursor)


@router.websocket("/v1/live")
async def stream_live(socket: WebSocket) -> None:
    """Frames `{"items", "cursor"}`; the token comes by subprotocol, cookie or first message."""
    context = context_of(socket)
    offered = list(socket.scope.get("subprotocols", []))
    await socket.accept("bearer" if "bearer" in offered else None)
    try:
        who, since = await _greet(context, socket, [p for p in offered if p != "bearer"])
        start = read_since(context, since) if since else None
        await _serve(context, socket, who, start)
    except Refused as refused:
        with contextlib.suppress(RuntimeError):
            await socket.close(REVOKED if refused.status == 401 else 1008, refused.detail[:120])
    except WebSocketDisconnect:
        return


async def _greet(
    context: Context, socket: WebSocket, offered: list[str]
) -> tuple[Identity, str | None]:
    since = socket.query_params.get("since")
    if offered:
        return await identify_token(context, offered[0]), since
    with contextlib.suppress(Refused):
        return await identify_cookie(socket), since
    hello = await _read_hello(socket)
    return await identify_token(context, hello.token or ""), hello.since or since


async def _read_hello(socket: WebSocket) -> Hello:
    try:
        async with asyncio.timeout(HELLO_WITHIN):
            return _HELLO.decode(await socket.receive_text())
    except (TimeoutError, KeyError, msgspec.DecodeError) as error:
        detail = "The first message must be JSON with a token."
        raise Refused("unauthenticated", detail, status=401) from error


async def _serve(context: Context, socket: WebSocket, who: Identity, since: int | None) -> None:
    """Writes until the other side leaves, the session ends or the server stops."""
    writing = asyncio.create_task(_write_frames(context, socket, who, since))
    reading = asyncio.create_task(_read_until_gone(socket))
    done, waiting = await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for task in done:
        task.result()


async def _write_frames(
    context: Context, socket: WebSocket, who: Identity, since: int | None
) -> None:
    first = True
    async for changes in follow(context, who, since):
        if first or changes.items or changes.resync:
            await socket.send_text(msgspec.json.encode(changes.shown()).decode())
        first = False


async def _read_until_gone(socket: WebSocket) -> None:
    while True:
        await socket.receive_text()
