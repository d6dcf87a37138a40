"""How a function starts: what its import costs, and that the same `main` runs elsewhere."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from functions.__main__ import find_functions
from taskflow.events import TaskUpdated, encode, new_event
from tests.functions.commands import NOW
from tests.functions.expand_recurrence.test_handler import DAILY, fact_about

ROOT = Path(__file__).parents[2]
SLOW = (
    "fastapi starlette sqlalchemy sqlmodel pydantic aiokafka kafka httpx alembic dapr cloudevents"
    " functions_framework flask uvicorn"
).split()
MOST_MODULES = 300
COUNT = """
import json, sys
import functions.{name}.main
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("name", [function.name for function in find_functions()])
def test_an_import_is_small(name: str) -> None:
    """A cold start is its imports: each of these frameworks would double it."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT.format(name=name)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    )
    modules = json.loads(done.stdout)
    assert not {module.partition(".")[0] for module in modules} & set(SLOW)
    assert len(modules) <= MOST_MODULES


# --- under the functions framework -------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def framework() -> AsyncIterator[httpx.AsyncClient]:
    """A client of `expand_recurrence` as the functions-framework command serves it."""
    port = free_port()
    command = Path(sys.executable).with_name("functions-framework")
    source = ROOT / "functions" / "expand_recurrence" / "main.py"
    options = ["--target", "main", "--asgi", "--host", "127.0.0.1", "--port", str(port)]
    serving = await asyncio.create_subprocess_exec(
        str(command),
        *("--source", str(source), *options),
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "TASKFLOW_PUBLISH": "dapr://127.0.0.1:1/taskflow",
            "TASKFLOW_DATABASE": "postgresql://postgres@127.0.0.1:1/x",
        },
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await until_open(port, serving)
        yield client
    serving.terminate()
    await serving.wait()


async def until_open(port: int, serving: asyncio.subprocess.Process) -> None:
    while True:
        assert serving.returncode is None
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        await writer.wait_closed()
        return


async def test_the_same_main_under_the_functions_framework(framework: httpx.AsyncClient) -> None:
    """Nothing to do is 204, what cannot be published comes again, and a stranger is refused."""
    fact = fact_about(TaskUpdated, "2099-01-05T10:00:00", DAILY)
    event = new_event(fact, id="e", source="write_task", time=NOW)
    structured = {"content-type": "application/cloudevents+json"}
    answer = await framework.post("/", content=encode(event), headers=structured)
    assert (answer.status_code, answer.content) == (204, b"")

    plain: dict[str, Any] = msgspec.to_builtins(event)
    data = plain.pop("data")
    headers = {f"ce-{k}": v for k, v in plain.items() if v is not None and k != "datacontenttype"}
    answer = await framework.post("/", json=data, headers=headers)
    assert answer.status_code == 204

    done = msgspec.to_builtins(event) | {"type": "taskflow.task.completed.v1"}
    answer = await framework.post("/", content=encode(done), headers=structured)
    assert answer.status_code == 503
    answer = await framework.post("/", content=b"{}", headers={"content-type": "text/plain"})
    assert answer.status_code == 422
