"""What every request handler is given: the settings, the database, the way out, the clock; made
once by the application and passed on, so that nothing is global.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

from fastapi import Depends
from msgspec import Struct, structs
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.requests import HTTPConnection

from gateway.feeds import Feeds
from gateway.identity import AccountState
from gateway.outcomes import Outcomes
from taskflow import logs
from taskflow.publish import Publisher
from taskflow.settings import Settings
from taskflow.trace import continue_trace

if TYPE_CHECKING:
    from gateway.repeats import Claim

# Where a request's claim, and its trace, stand in its scope.
CLAIM = "taskflow.claim"
TRACE = "taskflow.traceparent"


class Context(Struct, frozen=True):
    """The gateway's surroundings; `engine` is for reads, each statement on its own.

    The last two are those of one request: the trace that it goes on, and the Idempotency-Key that
    what it writes is claimed under.
    """

    settings: Settings
    engine: AsyncEngine
    publisher: Publisher
    outcomes: Outcomes
    feeds: Feeds
    accounts: AccountState
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    traceparent: str | None = None
    claim: "Claim | None" = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction for what the gateway itself writes: accounts, tokens, channels."""
        async with self.engine.execution_options(isolation_level="READ COMMITTED").begin() as db:
            yield db


def context_of(request: HTTPConnection) -> Context:
    """The context of the application that serves this request."""
    context: Context = request.app.state.context
    return context


def trace_of(request: HTTPConnection) -> str:
    """The `traceparent` of what a request causes, the same one however often it is asked for."""
    scope = request.scope
    if TRACE not in scope:
        ratio = context_of(request).settings.trace_ratio
        scope[TRACE] = continue_trace(request.headers.get("traceparent"), ratio)
        logs.TRACE.set(scope[TRACE])
    traceparent: str = scope[TRACE]
    return traceparent


async def provide_context(request: HTTPConnection) -> Context:
    """The dependency: the context, and what is this request's own. A coroutine, because FastAPI
    runs a plain function in a thread."""
    return structs.replace(
        context_of(request),
        traceparent=trace_of(request),
        claim=request.scope.get(CLAIM),
    )


Ctx: TypeAlias = Annotated[Context, Depends(provide_context)]
