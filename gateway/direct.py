"""The short way to an endpoint that needs nothing of FastAPI but its description: with the same
identity, limits and errors, without routing and dependencies, which cost a create more than its
own work.
"""

import inspect
from collections.abc import Awaitable, Iterable
from typing import get_type_hints

from fastapi import FastAPI
from fastapi.routing import APIRoute, APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.context import context_of
from gateway.identity import Who, identify
from gateway.limits import limit_rate
from gateway.measure import App, Receive, Scope, Send

TAKES = ["request", "who", "context"]


class Direct:
    """Stands before the routers, for those of their routes whose path is fixed and whose endpoint
    takes the request, who asks and the context, and reads the body itself."""

    def __init__(self, app: App, fastapi: FastAPI, routers: Iterable[APIRouter]) -> None:
        self._app = app
        self._fastapi = fastapi
        self._routes = {
            (method, route.path): route
            for router in routers
            for route in router.routes
            if type(route) is APIRoute and _is_direct(route)
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get((scope.get("method", ""), scope.get("path", "")))
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive, send)
        response = await self._answer(route, request)
        await response(scope, receive, send)

    async def _answer(self, route: APIRoute, request: Request) -> Response:
        try:
            context = context_of(request)
            who = await identify(request, None)
            await limit_rate(request, who, context)
            response: Response = await route.endpoint(request, who, context)
            return response
        except Exception as error:
            return await self._explain(request, error)

    async def _explain(self, request: Request, error: Exception) -> Response:
        """What the application's own handler makes of an error; raises one that has none."""
        for kind in type(error).__mro__:
            if handler := self._fastapi.exception_handlers.get(kind):
                explained = handler(request, error)
                return await explained if isinstance(explained, Awaitable) else explained
        raise error


def _is_direct(route: APIRoute) -> bool:
    takes = list(inspect.signature(route.endpoint).parameters)
    if takes != TAKES or route.param_convertors:
        return False
    return bool(get_type_hints(route.endpoint, include_extras=True)["who"] == Who)
