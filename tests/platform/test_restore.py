"""A database that is lost and set back to an instant by its archived log, while Kafka goes on: what
was acknowledged comes back once, and no reminder leaves twice.

Here because it runs everything twice, half a minute; it needs no daprd.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_string
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from aiosmtpd.controller import Controller

from local.process import choose_port
from local.rewind import Log
from taskflow.settings import Settings
from tests.audit_events import created, record
from tests.local.test_after_restore import Owner, ask, sent
from tests.local.test_after_restore import World as Known
from tests.platform.archive import Archived
from tests.platform.guarded import Guarded, guarded_broker, sign
from tests.platform.log import Log as Topics
from tests.test_main_job import ROOT, Mailbox, Run, _answers, sign_up, until

WITHOUT_DAPRD = True
JOB = ROOT / "infra/kubernetes/after-restore/job.yaml"
WEEKLY = {"due_at": "2027-01-04T09:00:00", "recurrence": {"rule": "FREQ=WEEKLY"}}


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


class World:
    """A TaskFlow on a database that archives, the person who uses it, and their mailbox."""

    def __init__(self, folder: Path, database: Archived | None) -> None:
        self.data = folder / "data"
        self.database = database
        self.box = Mailbox()
        self.port = choose_port()
        self.smtp = choose_port()
        self.run: Run | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Run]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "local", "up"),
            cwd=ROOT,
            env={**os.environ, **self.settings},
            stdout=asyncio.subprocess.DEVNULL,
        )
        run = Run(self.port, self.data, process)
        if self.run is not None:
            run.client.headers = self.run.client.headers
        self.run = run
        try:
            await until(lambda: _answers(run), "an answer")
            yield run
        finally:
            await run.client.aclose()
            process.send_signal(signal.SIGINT)
            await process.wait()

    @property
    def settings(self) -> dict[str, str]:
        given = {"TASKFLOW_DATABASE": self.database.url} if self.database else {}
        return given | {
            "PORT": str(self.port),
            "TASKFLOW_DATA": str(self.data),
            "TASKFLOW_COOLDOWN": "2",
            "TASKFLOW_SMTP": f"smtp://127.0.0.1:{self.smtp}",
        }

    async def command(self, *words: str, fails: int = 0) -> str:
        running = await asyncio.create_subprocess_exec(
            *(ROOT / "bin" / "taskflow", *words),
            env={**os.environ, **self.settings},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await running.communicate()
        assert running.returncode == fails, said.decode()
        return said.decode()

    def mails(self) -> Counter[str]:
        """How often each subject came."""
        return Counter(str(message_from_string(one)["Subject"]) for one in self.box.letters)

    async def until_mails(self, *titles: str) -> None:
        async def came() -> bool:
            return all(any(title in subject for subject in self.mails()) for title in titles)

        await until(came, f"mails about {titles}")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = Archived(tmp_path)
    await database.create()
    made = World(tmp_path, database)
    controller = Controller(made.box, hostname="127.0.0.1", port=made.smtp)
    controller.start()
    yield made
    controller.stop()
    await database.stop()


async def create(run: Run, title: str, remind: float = 0, **more: Any) -> dict[str, Any]:
    reminders = [{"at": in_seconds(remind)}] if remind else []
    body = {"title": title, "reminders": reminders, **more}
    answer = await run.client.post("/v1/tasks", json=body, headers={"Prefer": "wait=30"})
    assert answer.status_code == 201, answer.text
    task: dict[str, Any] = answer.json()
    return task


async def change(run: Run, task: dict[str, Any], **changes: Any) -> None:
    answer = await run.client.patch(f"/v1/tasks/{task['id']}", json=changes)
    assert answer.status_code == 200, answer.text


async def complete(run: Run, task: dict[str, Any]) -> None:
    answer = await run.client.post(f"/v1/tasks/{task['id']}/complete")
    assert answer.status_code == 200, answer.text


async def list_tasks(run: Run) -> list[Any]:
    """What a person sees, in no order."""
    items = (await run.client.get("/v1/tasks?limit=500")).json()["items"]
    return sorted(items, key=lambda task: str(task["id"]))


async def quiet(run: Run) -> None:
    """Returns when nothing is left to do."""

    async def still() -> bool:
        answer = await run.client.get("/v1/system")
        # A role that was just given is known a moment later.
        return answer.status_code == 200 and not any(
            one["lag"] for one in answer.json()["functions"]
        )

    await until(still, "no lag")


async def live_on(world: World, run: Run, tasks: dict[str, dict[str, Any]]) -> None:
    """What happens after the instant that the database will be set back to."""
    await create(run, "New", remind=4)
    await complete(run, await create(run, "New and done"))
    for title in ("Weekly", "Done in time"):
        await complete(run, tasks[title])
    await change(run, tasks["Sent after"], title="Sent after, changed")
    await world.until_mails("New", "Sent after, changed")
    channel = {"kind": "email", "address": "b@example.com"}
    assert (await run.client.post("/v1/channels", json=channel)).is_success
    await change(run, tasks["To come"], reminders=[{"at": in_seconds(20)}])
    await quiet(run)


@pytest.mark.timeout(300)
async def test_nothing_accepted_is_lost_and_nothing_sent_twice(world: World) -> None:
    async with world.running() as run:
        await sign_up(run)
        await world.command("admin", "grant", run.email, "admin")
        await world.database.back_up()
        await create(run, "Sent before", remind=4)
        tasks = {
            "Sent after": await create(run, "Sent after", remind=20),
            "Done in time": await create(run, "Done in time", remind=40),
            "To come": await create(run, "To come", remind=86_400),
            "Weekly": await create(run, "Weekly", **WEEKLY),
        }
        await world.until_mails("Sent before")
        await quiet(run)
        point = await world.database.read_clock()
        await live_on(world, run, tasks)
        before = await list_tasks(run)
        cursor = (await run.client.get("/v1/changes")).json()["cursor"]
        assert "whole and unedited." in await world.command("audit", "verify")
    sent = world.mails()
    await world.database.archive_all()
    await world.database.destroy()
    await world.database.set_back(point)

    said = await world.command("after-restore")
    assert "do not again: 2" in said, said
    assert "1 channel_added" in said, said
    assert "nothing is changed" in await world.command("after-restore")

    async with world.running() as run:
        assert await list_tasks(run) == before
        changes = (await run.client.get(f"/v1/changes?since={cursor}")).json()
        assert changes["resync"] is True
        await world.until_mails("To come")
        await quiet(run)
        assert await list_tasks(run) == before
        verdict = await world.command("audit", "verify")
        assert "The database was set back" in verdict, verdict
        assert "whole and unedited, but for what was set back" in verdict, verdict
    assert world.mails() == sent + Counter({"Reminder: To come": 1})
    titles = ("Sent before", "New", "Sent after, changed", "To come")
    assert world.mails() == Counter(f"Reminder: {title}" for title in titles)
    assert "nothing is changed" in await world.command("after-restore")


@pytest.mark.timeout(300)
async def test_a_copied_folder_of_a_home_is_no_older_truth(tmp_path: Path) -> None:
    """With the servers of its own: what docs/operations.md says, step by step."""
    world = World(tmp_path, None)
    postgres = world.data / "postgres"
    async with world.running() as run:
        await sign_up(run)
        first = await create(run, "Before the copy")
        await world.command("admin", "grant", run.email, "admin")
        await quiet(run)
    # As `cp -a`, for the server's files are another user's.
    subprocess.run(["cp", "-a", postgres, tmp_path / "copy"], check=True)
    async with world.running() as run:
        second = await create(run, "After the copy")
        await quiet(run)
    postgres.rename(world.data / "postgres.lost")
    (tmp_path / "copy").rename(postgres)
    assert "bin/taskflow after-restore" in await world.command("up", fails=1)
    assert "now again: 1" in await world.command("after-restore")
    async with world.running() as run:
        assert {task["id"] for task in await list_tasks(run)} == {first["id"], second["id"]}
        await quiet(run)
        assert "but for what was set back" in await world.command("audit", "verify")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
async def test_the_job_of_a_cluster_may_do_what_it_does_and_waits_for_the_writer(
    settings: Settings, owner: Owner, user_id: str, tmp_path: Path
) -> None:
    """With the certificate and the rights of its KafkaUser; the writer is played by the test."""
    resources = list(yaml.safe_load_all(JOB.read_text()))
    users = [one for one in resources if one["kind"] == "KafkaUser"]
    async with guarded_broker(tmp_path, users, False) as broker, Log(broker.open) as log:
        topics = Topics(broker.open)
        await topics.create_topics()
        world = Known(settings, owner, log, broker.open)
        await world.publish([ask(user_id), sent(str(uuid4()))])
        await world.seal(await record(settings, created()))
        await owner.execute("TRUNCATE audit_entries, audit_details")
        await world.finish("write-task", "task-commands")
        job = await start_job(settings, broker)

        async def is_given() -> bool:
            return await world.lag("write-task", "task-commands") == 1

        await until(is_given, "the command before the writer")
        await world.finish("write-task", "task-commands")
        said, _ = await job.communicate()
        assert job.returncode == 0, said.decode()
        assert "now again: 1" in said.decode() and "the others may start" in said.decode()
        assert await owner.fetchval("SELECT state FROM deliveries") == "sent"
        assert len(await topics.read("audit-seals")) == 2
        await topics.close()


async def start_job(settings: Settings, broker: Guarded) -> asyncio.subprocess.Process:
    """As the pod's container, but for where its servers and its folder are."""
    (job,) = (one for one in yaml.safe_load_all(JOB.read_text()) if one["kind"] == "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    tls = broker.folder / "shown"
    tls.mkdir()
    sign(broker.folder, "after-restore")
    for name, end in (("ca", "crt"), ("after-restore", "crt"), ("after-restore", "key")):
        shown = "ca.crt" if name == "ca" else f"user.{end}"
        shutil.copy(broker.folder / f"{name}.{end}", tls / shown)
    env = {
        "TASKFLOW_DATABASE": settings.database,
        "TASKFLOW_SECRET": settings.secret,
        "TASKFLOW_KAFKA": broker.guarded,
        "TASKFLOW_KAFKA_TLS": str(tls),
    }
    assert env.keys() <= {one["name"] for one in container["env"]}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *container["command"][1:],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
