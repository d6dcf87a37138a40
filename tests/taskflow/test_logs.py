"""A line says what happened and where, and quotes nobody."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from taskflow.errors import Unavailable
from taskflow.logs import TRACE, JsonLines

ROOT = Path(__file__).parents[2]
TITLE = "Persimmon"


def write(message: str, *args: object, error: BaseException | None = None) -> dict[str, Any]:
    kind = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("taskflow", logging.WARNING, "", 0, message, args, kind)
    line: dict[str, Any] = json.loads(JsonLines().format(record))
    return line


def fail(title: str) -> Exception:
    """An error as a database raises it, and ours around it."""
    try:
        try:
            raise ValueError(f"no room for {title}")
        except ValueError as error:
            raise Unavailable("The log does not answer.") from error
    except Unavailable as error:
        return error


def test_a_line_is_json_with_its_trace() -> None:
    token = TRACE.set(f"00-{'a' * 32}-{'b' * 16}-00")
    line = write("%s waits: %s", "write_task", Unavailable("PostgreSQL is away."))
    TRACE.reset(token)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "taskflow",
        "message": "write_task waits: PostgreSQL is away.",
        "trace_id": "a" * 32,
    }
    assert "trace_id" not in write("100 % done")


def test_a_foreign_error_is_named_and_not_quoted() -> None:
    assert write("it failed: %s", ValueError(TITLE))["message"] == "it failed: ValueError"
    told = write("it failed", error=fail(TITLE))["error"]
    assert told["type"] == "Unavailable" and told["message"] == "The log does not answer."
    assert told["cause"]["type"] == "ValueError" and "message" not in told["cause"]
    assert told["cause"]["stack"][-1].endswith(" fail")
    assert TITLE not in json.dumps(told)


PROCESS = """
import logging
from taskflow.logs import write_logs
logging.getLogger("uvicorn.error").addHandler(logging.StreamHandler())
write_logs()
write_logs()
logging.getLogger("uvicorn.error").error("down")
logging.getLogger("taskflow").info("not worth a line")
"""


def test_a_process_writes_each_line_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["message"] == "down"
