"""The main job as a new user meets it: `make run`'s command on servers of its own, a monthly task
due on the 31st, its reminder in a real mailbox, its next occurrence, its audit and its live feed;
then an outage, and everything asleep again. One TaskFlow for all, and a person for each.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from websockets.asyncio.client import connect

from local.process import choose_port

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0
PASSWORD = "a good password"


class Mailbox:
    """What the mail server was given."""

    def __init__(self) -> None:
        self.letters: list[str] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        self.letters.append(bytes(envelope.content or b"").decode())
        return "250 kept"


class Run:
    """A running TaskFlow and the person who uses it."""

    def __init__(self, port: int, data: Path, process: asyncio.subprocess.Process) -> None:
        self.port, self.data, self.process = port, data, process
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30)
        self.email = ""

    def processes(self, word: str) -> list[psutil.Process]:
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                found += [child] if word in " ".join(child.cmdline()) else []
        return found

    async def command(self, *words: str) -> str:
        """What the `taskflow` command says beside it. Fails when it fails."""
        env = {**os.environ, "PORT": str(self.port), "TASKFLOW_DATA": str(self.data)}
        running = await asyncio.create_subprocess_exec(
            ROOT / "bin" / "taskflow",
            *words,
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await running.communicate()
        assert running.returncode == 0, said.decode()
        return said.decode()


async def until(true: Callable[[], Awaitable[bool]], what: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await true():
            await asyncio.sleep(0.05)
    assert what


@pytest.fixture(scope="module")
async def mailbox() -> AsyncIterator[tuple[Mailbox, str]]:
    box, port = Mailbox(), choose_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp://127.0.0.1:{port}"
    controller.stop()


@pytest.fixture(scope="module")
async def run(
    tmp_path_factory: pytest.TempPathFactory, mailbox: tuple[Mailbox, str]
) -> AsyncIterator[Run]:
    port, data = choose_port(), tmp_path_factory.mktemp("main") / "data"
    settings = {
        "PORT": str(port),
        "TASKFLOW_DATA": str(data),
        "TASKFLOW_COOLDOWN": "2",
        "TASKFLOW_SMTP": mailbox[1],
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local", "up"),
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.DEVNULL,
    )
    started = Run(port, data, process)
    try:
        await until(lambda: _answers(started), "an answer")
        yield started
    finally:
        await started.client.aclose()
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.wait()


async def _answers(run: Run) -> bool:
    with suppress(httpx.TransportError):
        return (await run.client.get("/readyz")).status_code == 200
    return False


async def sign_up(run: Run) -> str:
    """A new person; whoever was there before is another one."""
    run.client.headers.pop("Authorization", None)
    run.client.cookies.clear()
    run.email = f"{uuid4()}@example.com"
    person = {"email": run.email, "password": PASSWORD, "timezone": "Europe/Paris"}
    answer = await run.client.post("/v1/auth/signup", json=person)
    assert answer.status_code == 201, answer.text
    token = str(answer.json()["access_token"])
    run.client.headers["Authorization"] = f"Bearer {token}"
    return token


async def create_rent(run: Run) -> dict[str, Any]:
    soon = datetime.now(UTC) + timedelta(seconds=4)
    body = {
        "title": "Pay rent",
        "due_at": "2027-01-31T09:00:00",
        "recurrence": {"rule": "FREQ=MONTHLY;BYMONTHDAY=31"},
        "reminders": [{"at": soon.isoformat(timespec="seconds")}],
    }
    answer = await run.client.post("/v1/tasks", json=body, headers={"Prefer": "wait=30"})
    assert answer.status_code == 201, answer.text
    task: dict[str, Any] = answer.json()
    return task


@pytest.mark.timeout(240)
async def test_a_task_travels_from_the_request_to_every_effect(
    run: Run, mailbox: tuple[Mailbox, str]
) -> None:
    token = await sign_up(run)
    feed = f"ws://127.0.0.1:{run.port}/v1/live"
    async with connect(feed, subprotocols=["bearer", token]) as live:  # type: ignore[list-item]
        await live.recv()
        task = await create_rent(run)
        assert json.loads(await live.recv())["items"][0]["task_id"] == task["id"]

        async def reminded() -> bool:
            return bool(mailbox[0].letters)

        await until(reminded, "a mail")
        (letter,) = mailbox[0].letters
        assert "Pay rent" in letter and run.email in letter

        done = await run.client.post(f"/v1/tasks/{task['id']}/complete")
        assert done.json()["status"] == "done"
        assert json.loads(await live.recv())["items"][0]["type"] == "completed"
        following = json.loads(await live.recv())["items"][0]
    assert following["type"] == "created"
    assert following["task"]["due_at"] == "2027-02-28T08:00:00Z"

    async def recorded() -> bool:
        items = (await run.client.get(f"/v1/tasks/{task['id']}/history")).json()["items"]
        return [item["action"] for item in items] == ["created", "completed"]

    await until(recorded, "the history")
    deliveries = (await run.client.get("/v1/deliveries")).json()["items"]
    assert [one["state"] for one in deliveries] == ["sent"]
    assert "whole and unedited" in await run.command("audit", "verify")

    async def asleep() -> bool:
        return not run.processes("functions.")

    await until(asleep, "every function asleep")
    assert (await run.client.get("/v1/tasks")).status_code == 200
    assert not run.processes("functions.")


@pytest.mark.timeout(240)
async def test_the_commands_beside_it_work(run: Run) -> None:
    await sign_up(run)
    await run.command("admin", "grant", run.email, "admin")
    assert "Logged in" in await run.command("login", run.email, "--password", PASSWORD)
    assert "Buy milk" in await run.command("tasks", "add", "Buy milk", "--due", "2027-05-05")
    listed = await run.command("tasks", "list")
    assert "Buy milk" in listed
    task = (await run.client.get("/v1/tasks")).json()["items"][0]
    assert "done" in await run.command("tasks", "done", task["id"])
    assert "reason" in await run.command("dead-letters", "list")
    assert "events published again" in await run.command("replay")
    assert "tasks for demo@example.com" in await run.command("demo")
    again = (await run.client.get("/v1/tasks")).json()["items"]
    assert [one["version"] for one in again] == [2]


@pytest.mark.timeout(240)
async def test_an_outage_of_the_database_poisons_nothing(run: Run) -> None:
    """PostgreSQL is killed while people write; whatever was acknowledged is there, once, and no
    dead letter was made."""
    await sign_up(run)
    await run.command("admin", "grant", run.email, "admin")
    accepted: list[str] = []

    async def write(number: int) -> None:
        headers = {"Idempotency-Key": f"write {number}", "Prefer": "wait=30"}
        async with asyncio.timeout(PATIENCE):
            while True:
                body = {"title": f"task {number}"}
                with suppress(httpx.TransportError):
                    answer = await run.client.post("/v1/tasks", json=body, headers=headers)
                    if answer.status_code == 201:
                        accepted.append(answer.json()["id"])
                        return
                await asyncio.sleep(0.2)

    await write(0)
    writing = [asyncio.create_task(write(number)) for number in range(1, 21)]
    servers = run.processes("bin/postgres")
    assert servers
    for server in servers:
        with suppress(psutil.Error):
            server.kill()
    await asyncio.gather(*writing)

    async def all_listed() -> bool:
        with suppress(httpx.HTTPError):
            answer = await run.client.get("/v1/tasks?limit=500")
            return answer.status_code == 200 and sorted(
                one["id"] for one in answer.json()["items"]
            ) == sorted(accepted)
        return False

    await until(all_listed, "every accepted task, once")
    assert len(set(accepted)) == 21

    async def admitted() -> bool:
        return (await run.client.get("/v1/dead-letters")).status_code == 200

    # The gateway knows a person for some seconds before it asks again what they may do.
    await until(admitted, "the role that was given")
    assert (await run.client.get("/v1/dead-letters")).json()["items"] == []
