"""The short way to an endpoint that needs nothing of FastAPI but its description: with the same
identity, limits and errors, without the dependencies, which cost a create more than its own work.
"""

import inspect
from collections.abc import Iterable
from typing import get_type_hints

from fastapi.routing import APIRoute, APIRouter
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from gateway.context import context_of
from gateway.identity import Who, identify
from gateway.limits import limit_rate

TAKES = ["request", "who", "context"]


class Direct(BaseRoute):
    """Stands before the routers, for those of their routes whose path is fixed and whose endpoint
    takes the request, who asks and the context, and reads the body itself."""

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        self._routes = {
            (method, route.path): route
            for router in routers
            for route in router.routes
            if type(route) is APIRoute and _is_direct(route)
            for method in route.methods or ()
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        route = self._routes.get((scope.get("method", ""), scope["path"]))
        return (Match.NONE, {}) if route is None else (Match.FULL, {"route": route})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        context = context_of(request)
        who = await identify(request, None)
        await limit_rate(request, who, context)
        response = await scope["route"].endpoint(request, who, context)
        await response(scope, receive, send)


def _is_direct(route: APIRoute) -> bool:
    takes = list(inspect.signature(route.endpoint).parameters)
    if takes != TAKES or route.param_convertors:
        return False
    return bool(get_type_hints(route.endpoint, include_extras=True)["who"] == Who)
