"""Each request as the span under which all that it causes is found (OpenTelemetry's conventions for
HTTP servers); plain ASGI, and loaded only where a collector is named.
"""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.context import trace_of
from taskflow.export import Exporter
from taskflow.spans import Kind, Span, Value, read_parent

# Asked by machines, all the time.
PROBES = {"/healthz", "/readyz", "/api/health", "/metrics"}


class Traced:
    """The application, with a span for each of its requests whose trace is recorded."""

    def __init__(self, app: ASGIApp, exporter: Exporter) -> None:
        self._app = app
        self._exporter = exporter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        span = begin_span(scope)
        if span is None:
            await self._app(scope, receive, send)
            return
        status = 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            self._exporter.add(end_span(span, scope, status))


def begin_span(scope: Scope) -> Span | None:
    """The request's span, whose id its events name as their parent."""
    if scope["type"] != "http" or scope["path"] in PROBES:
        return None
    request = HTTPConnection(scope)
    place = read_parent(trace_of(request))
    if place is None:
        return None
    above = read_parent(request.headers.get("traceparent"))
    return Span(
        name=scope["method"],
        kind=Kind.SERVER,
        trace=place.trace,
        id=place.span,
        parent=above.span if above and above.trace == place.trace else "",
    )


def end_span(span: Span, scope: Scope, status: int) -> Span:
    """No path and no query: they hold what people search for, and how they name their tags."""
    told: dict[str, Value] = {
        "http.request.method": scope["method"],
        "http.response.status_code": status,
        "url.scheme": scope["scheme"],
    }
    route = getattr(scope.get("route"), "path", "")
    if route:
        span.name, told["http.route"] = f"{scope['method']} {route}", route
    span.attributes = told
    return span.end(str(status) if status >= 500 else "")
