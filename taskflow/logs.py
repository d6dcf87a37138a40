"""Log lines as JSON, one an event, with the trace that it belongs to; apart, because the words of
errors that are not ours may quote what people have written, and never reach a line.
"""

import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec

from taskflow.errors import TaskFlowError

# The `traceparent` of what a process does now.
TRACE: ContextVar[str | None] = ContextVar("taskflow.traceparent", default=None)
TAKEN_OVER = ("uvicorn", "uvicorn.error")


class JsonLines(logging.Formatter):
    """A record as a line of JSON; of a foreign error its kind and its place in the code alone: its
    words are kept where only an operator reads them, in `attempts` and with the dead letter."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": write_message(record),
        }
        if trace := read_trace():
            line["trace_id"] = trace
        if record.exc_info and record.exc_info[1]:
            line["error"] = describe_error(record.exc_info[1])
        return msgspec.json.encode(line).decode()


def read_trace() -> str | None:
    # Loaded for the first line, not at each cold start.
    from taskflow.trace import read_trace_id

    return read_trace_id(TRACE.get())


def write_message(record: logging.LogRecord) -> str:
    """The message, each foreign error in it by its kind."""
    if not isinstance(record.args, tuple):
        return record.getMessage()
    args = tuple(_name_error(arg) if isinstance(arg, Exception) else arg for arg in record.args)
    return str(record.msg) % args if args else str(record.msg)


def _name_error(error: Exception) -> str:
    return str(error) if isinstance(error, (TaskFlowError, OSError)) else type(error).__name__


def describe_error(error: BaseException) -> dict[str, Any]:
    """Its kind and the way to it, the innermost call last; and what caused it."""
    # Loaded when something is wrong, not at each cold start.
    from traceback import extract_tb

    stack = [f"{one.filename}:{one.lineno} {one.name}" for one in extract_tb(error.__traceback__)]
    told: dict[str, Any] = {"type": type(error).__qualname__, "stack": stack}
    if isinstance(error, TaskFlowError):
        told["message"] = str(error)
    cause = error.__cause__ or error.__context__
    return told | ({"cause": describe_error(cause)} if cause else {})


def write_logs() -> None:
    """Everything from warnings up to standard error, but for a process that has its own ways."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    root.addHandler(handler)
    for name in TAKEN_OVER:
        server = logging.getLogger(name)
        server.handlers.clear()
        server.propagate = True
