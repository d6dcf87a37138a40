"""Every error as problem details (RFC 9457) with a stable code, in one place."""

import logging

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from taskflow.database import AWAY
from taskflow.errors import Refused, problem

log = logging.getLogger("taskflow.gateway")

RETRY_AFTER = "1"
CODES = {400: "malformed_json", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def answer(refused: Refused) -> Response:
    """A refusal over HTTP."""
    body = msgspec.json.encode(problem(refused))
    headers = dict(refused.headers)
    if refused.status == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="taskflow"')
    if refused.status in (429, 503):
        headers.setdefault("Retry-After", RETRY_AFTER)
    return Response(body, refused.status, headers, "application/problem+json")


async def on_refused(_: Request, error: Exception) -> Response:
    if isinstance(error, Refused):
        return answer(error)
    raise error


async def on_invalid(_: Request, error: Exception) -> Response:
    """What FastAPI found wrong with a request, named field by field."""
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return answer(Refused("malformed_json", "The body is no JSON.", status=400))
    fields = {_field(one["loc"]): str(one["msg"]) for one in found}
    detail = "; ".join(f"{name}: {message}" for name, message in fields.items())
    return answer(Refused("invalid", detail, errors=fields))


def _field(place: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in place[1:]) or str(place[0])


async def on_http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = CODES.get(error.status_code, "invalid")
    headers = dict(error.headers or {})
    detail = str(error.detail)
    return answer(Refused(code, detail, status=error.status_code, headers=headers))


async def on_database_away(_: Request, error: Exception) -> Response:
    if isinstance(error, DBAPIError) and not isinstance(_driver_error(error), AWAY):
        raise error
    log.warning("the database is away: %s", error)
    detail = "The database does not answer; nothing was written by this request; try again."
    return answer(Refused("database_unavailable", detail, status=503))


def _driver_error(error: DBAPIError) -> BaseException | None:
    """What asyncpg raised, below what SQLAlchemy made of it."""
    return error.orig.__cause__ if error.orig else None


def handle_errors(app: FastAPI) -> None:
    """Registers the handlers of every error that a route may raise."""
    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    for kind in (*AWAY, DBAPIError, PoolTimeout):
        app.add_exception_handler(kind, on_database_away)
