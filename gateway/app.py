"""The gateway: HTTP in front, the log and the database behind; it never writes a task."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from starlette.applications import Starlette

from gateway import (
    accounts,
    api_tokens,
    audit,
    changes,
    channels,
    commands,
    dead_letters,
    delivery_log,
    export,
    filters,
    holds,
    imports,
    live,
    reminder_answers,
    reminder_choices,
    reminders,
    series,
    sessions,
    system,
    tags,
    task_batch,
    tasks,
    users,
    views,
)
from gateway.context import Context
from gateway.direct import Direct
from gateway.feeds import Feeds
from gateway.filter_syntax import Completion
from gateway.identity import AccountState
from gateway.limits import limit_rate, open_limits
from gateway.measure import App, Measured, Receive, Scope, Send
from gateway.openid import open_issuer
from gateway.outcomes import Outcomes
from gateway.problems import handle_errors
from gateway.schemas import components
from gateway.web import serve_page
from taskflow.door import calm_collector
from taskflow.logs import write_logs
from taskflow.publish import Publisher, open_publisher
from taskflow.settings import Settings, read_settings

OPEN = (accounts, sessions, system, reminder_answers)
SIGNED_IN = (
    task_batch,
    audit,
    export,
    holds,
    imports,
    tasks,
    commands,
    series,
    tags,
    changes,
    live,
    reminder_choices,
    delivery_log,
    reminders,
    channels,
    api_tokens,
    dead_letters,
    views,
    filters,
    users,
)


class Gateway(FastAPI):
    """FastAPI with `before` around all of it, its own layers too: those cost a create a tenth of
    the gateway's work."""

    before: Callable[[App], App]

    def build_middleware_stack(self) -> App:
        return self.before(super().build_middleware_stack())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Past FastAPI's own telemetry, which asks the environment at each request whether it is
        wanted: what is traced and counted here says `before`."""
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
        else:
            await Starlette.__call__(self, scope, receive, send)


def create_app(settings: Settings | None = None, publisher: Publisher | None = None) -> FastAPI:
    """The application; without settings, those of the environment, and with logs of its own."""
    if settings is None:
        write_logs()
        settings = read_settings()

    traced, trace_out = open_tracing(settings)

    @asynccontextmanager
    async def live_on(app: FastAPI) -> AsyncIterator[None]:
        calm_collector()
        way_out = trace_out(publisher or open_publisher(settings.publish))
        async with open_context(settings, way_out) as context, open_limits(settings) as limits:
            app.state.context, app.state.limits = context, limits
            yield

    app = Gateway(
        title="TaskFlow",
        version="1",
        lifespan=live_on,
        openapi_url="/openapi.json",
        # A body without a type is JSON, on every route: a cookie alone proves nothing anyway.
        strict_content_type=False,
    )
    handle_errors(app)
    routers = [module.router for module in SIGNED_IN]
    app.before = lambda inner: traced(Measured(Direct(inner, app, routers)))
    for module in OPEN:
        app.include_router(module.router)
    for module in SIGNED_IN:
        limited = [] if module is live else [Depends(limit_rate)]
        app.include_router(module.router, dependencies=limited)
    serve_page(app)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app


def open_tracing(
    settings: Settings,
) -> tuple[Callable[[App], App], Callable[[Publisher], Publisher]]:
    """What is put around the application and around its way out; nothing, and no import, where no
    collector is named."""
    if not settings.otlp:
        return lambda app: app, lambda publisher: publisher
    from gateway.traced import Traced
    from taskflow.export import open_exporter
    from taskflow.traced_publisher import TracedPublisher

    exporter = open_exporter(settings, "gateway")
    return (
        lambda app: Traced(app, exporter),
        lambda publisher: TracedPublisher(publisher, exporter),
    )


@asynccontextmanager
async def open_context(settings: Settings, publisher: Publisher) -> AsyncIterator[Context]:
    """The gateway's surroundings, closed at the end."""
    engine = open_engine(settings)
    feeds = Feeds()
    outcomes = Outcomes(settings, feeds.wake)
    accounts = AccountState(outside=open_issuer(settings))
    await outcomes.start()
    try:
        yield Context(
            settings=settings,
            engine=engine,
            publisher=publisher,
            outcomes=outcomes,
            feeds=feeds,
            accounts=accounts,
        )
    finally:
        await accounts.background.drain()
        await outcomes.close()
        await publisher.close()
        await engine.dispose()


def open_engine(settings: Settings) -> AsyncEngine:
    """The pool for reads and for accounts, in the gateway's own role."""
    role = settings.database_role

    async def connect() -> Any:
        return await asyncpg.connect(
            settings.database,
            timeout=5,
            command_timeout=30,
            statement_cache_size=0 if settings.database_pooled else 500,
            server_settings={"application_name": "gateway", **({"role": role} if role else {})},
        )

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=settings.database_pool,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,
        # A read needs no BEGIN and ROLLBACK of its own: two round trips in three.
        isolation_level="AUTOCOMMIT",
    )


def describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI with the domain's own schemas beside FastAPI's."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        shared = components(
            task_batch.Batch,
            tasks.Snooze,
            series.Preview,
            tags.Rename,
            reminder_choices.ChangeChoices,
            Completion,
        )
        schema.setdefault("components", {}).setdefault("schemas", {}).update(shared)
        app.openapi_schema = schema
    return app.openapi_schema
