"""`taskflow export` and `taskflow import` beside a running gateway: everything to a file, tasks
out of one, each line that is refused with its reason, and nothing left half written.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from click.testing import Result
from fastapi import FastAPI
from prometheus_client import REGISTRY
from typer.testing import CliRunner

from local.cli import app as command_line
from tests.gateway.conftest import app, gateway_settings, live_log
from tests.gateway.log import LiveLog

__all__ = ["app", "gateway_settings", "live_log"]

ROOT = Path(__file__).parents[2]
RUN = CliRunner()
PASSWORD = "a good password"


class Person:
    """Somebody at a terminal, with a folder of their own for the session."""

    def __init__(self, port: int, data: Path) -> None:
        self.env = {"PORT": str(port), "TASKFLOW_DATA": str(data)}

    async def say(self, *words: str, stdin: bytes | None = None) -> Result:
        """What a command says, in a thread of its own: the gateway answers in this one."""
        return await asyncio.to_thread(
            RUN.invoke, command_line, list(words), input=stdin, env=self.env
        )

    async def sign_up(self, email: str) -> None:
        said = await self.say("login", email, "--password", PASSWORD, "--sign-up")
        assert said.exit_code == 0, said.output

    async def add(self, *words: str) -> None:
        said = await self.say("tasks", "add", *words)
        assert said.exit_code == 0, said.output

    async def titles(self) -> set[str]:
        said = await self.say("export", "-")
        assert said.exit_code == 0, said.stderr
        return {task["title"] for task in json.loads(said.stdout_bytes)["tasks"]}


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    await serving


@pytest.fixture
async def ada(port: int, tmp_path: Path) -> Person:
    person = Person(port, tmp_path / "ada")
    await person.sign_up("ada@example.com")
    return person


@pytest.fixture
async def bob(port: int, tmp_path: Path) -> Person:
    person = Person(port, tmp_path / "bob")
    await person.sign_up("bob@example.com")
    return person


async def test_a_document_goes_into_another_account_and_back(
    ada: Person, bob: Person, tmp_path: Path, live_log: LiveLog
) -> None:
    await ada.add("Pay rent", "--due", "2031-12-31T09:00", "--every", "monthly")
    await ada.add("Call the dentist")
    file = tmp_path / "mine.json"
    told = await ada.say("export", str(file))
    assert (told.exit_code, told.stdout) == (0, f"{file}  {file.stat().st_size} bytes\n")
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_bytes())["account"]["email"] == "ada@example.com"

    told = await bob.say("import", str(file))
    assert told.stdout == (
        "2 taken, 0 there already, 0 refused\nleft out: channels 1, sessions 1, audit 3\n"
    )
    assert told.exit_code == 0
    assert await bob.titles() == {"Pay rent", "Call the dentist"}
    told = await bob.say("import", str(file), "--each")
    *lines, last, _ = told.stdout.splitlines()
    assert last == "0 taken, 2 there already, 0 refused"
    assert [line.split()[:2] for line in lines] == [["#1", "there"], ["#2", "there"]]
    assert {one.name for one in tmp_path.iterdir()} == {"mine.json", "ada", "bob"}


async def test_a_calendar_by_its_name_or_by_a_word(
    ada: Person, bob: Person, tmp_path: Path, live_log: LiveLog
) -> None:
    await ada.add("Water the plants", "--due", "2031-05-01")
    file = tmp_path / "mine.ICS"
    assert (await ada.say("export", str(file))).exit_code == 0
    assert file.read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")
    piped = await ada.say("export", "-", "--ics")
    assert piped.stdout_bytes.startswith(b"BEGIN:VCALENDAR\r\n") and piped.exit_code == 0
    told = await bob.say("import", "-", "--ics", stdin=file.read_bytes())
    assert (told.exit_code, told.stdout) == (0, "1 taken, 0 there already, 0 refused\n")
    assert await bob.titles() == {"Water the plants"}
    event = b"BEGIN:VEVENT\r\nUID:a\r\nSUMMARY:Tea\r\nLOCATION:Rome\r\nDTSTART:20310501T090000Z\r\n"
    body = b"BEGIN:VCALENDAR\r\n" + event + b"END:VEVENT\r\nEND:VCALENDAR\r\n"
    told = await bob.say("import", "-", "--ics", stdin=body)
    first, last = told.stdout.splitlines()
    assert (told.exit_code, last) == (0, "1 taken, 0 there already, 0 refused")
    assert first.startswith("#1  taken") and first.endswith("but not its LOCATION")


async def test_each_line_that_is_refused_is_named_and_the_exit_says_so(
    ada: Person, live_log: LiveLog
) -> None:
    tasks = [
        {"id": "0190b6c8-0000-7000-8000-000000000001", "title": "good"},
        {"id": "0190b6c8-0000-7000-8000-000000000002", "title": ""},
        {"id": "nonsense", "title": "no id"},
        {"title": 5},
    ]
    document = {"format": "taskflow-export", "version": 1, "tasks": tasks, "views": [{}, {}]}
    told = await ada.say("import", "-", stdin=json.dumps(document).encode())
    *refused, last, left_out = told.stdout.splitlines()
    assert told.exit_code == 1
    assert last == "1 taken, 0 there already, 3 refused"
    assert left_out == "left out: views 2"
    assert [line.split()[:2] for line in refused] == [[f"#{n}", "refused"] for n in (2, 3, 4)]
    assert "title: must have 1 to 500 characters" in refused[0]
    assert "nonsense" in refused[1] and "UUID" in refused[1]
    assert await ada.titles() == {"good"}


def count_looks() -> float:
    """How often somebody has asked what became of a command."""
    labels = {"method": "GET", "route": "/v1/commands/{command_id}", "status": "200"}
    return REGISTRY.get_sample_value("taskflow_requests_total", labels) or 0


async def test_what_takes_long_is_waited_for(ada: Person, live_log: LiveLog) -> None:
    """The gateway answers 202; once it is done, the same request tells what came of it."""
    task = {"id": "0190b6c8-0000-7000-8000-000000000001", "title": "late"}
    document = {"format": "taskflow-export", "version": 1, "tasks": [task, {}]}
    live_log.running.clear()
    before = count_looks()
    saying = asyncio.create_task(ada.say("import", "-", stdin=json.dumps(document).encode()))
    while count_looks() == before and not saying.done():
        await asyncio.sleep(0.05)
    assert not saying.done()
    live_log.running.set()
    told = await saying
    assert told.exit_code == 1 and "still being written" in told.stderr
    assert told.stdout.splitlines()[-1] == "1 taken, 0 there already, 1 refused"
    assert len([one for one in live_log.events if hasattr(one.data, "operations")]) == 1


async def test_what_cannot_be_done_is_said_and_leaves_no_file(
    ada: Person, port: int, tmp_path: Path
) -> None:
    nobody = Person(port, tmp_path / "nobody")
    away = tmp_path / "none" / "mine.json"
    old = tmp_path / "old.json"
    old.write_text("kept")
    for person, words, reason in (
        (nobody, ("export", str(old)), "Nobody is logged in"),
        (ada, ("export", str(away)), f"{away}: No such file or directory"),
        (ada, ("import", str(away)), f"{away}: No such file or directory"),
        (ada, ("import", str(tmp_path)), f"{tmp_path}: Is a directory"),
        (ada, ("import", str(old)), "malformed_json: The body is no JSON"),
        (ada, ("import", str(old), "--ics"), "malformed_calendar: The body is no calendar"),
    ):
        told = await person.say(*words)
        assert (told.exit_code, told.stdout) == (1, ""), words
        assert reason in told.stderr, words
    assert old.read_text() == "kept"
    assert {one.name for one in tmp_path.iterdir()} == {"ada", "old.json"}


async def test_one_account_is_piped_into_another(
    ada: Person, bob: Person, live_log: LiveLog
) -> None:
    """The real command, twice, as a shell does it."""
    await ada.add("Piped")
    line = 'TASKFLOW_DATA="$ADA" bin/taskflow export - | TASKFLOW_DATA="$BOB" bin/taskflow import -'
    folders = {"ADA": ada.env["TASKFLOW_DATA"], "BOB": bob.env["TASKFLOW_DATA"]}
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-c", line),
        cwd=ROOT,
        env={**os.environ, "PORT": ada.env["PORT"], **folders},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, wrong = await shell.communicate()
    assert said.startswith(b"1 taken, 0 there already, 0 refused\n"), wrong.decode()
    assert await bob.titles() == {"Piped"}
