"""A real run at home, watched: one write is one trace from the request to its last effect, /metrics
says what the rules ask for, and no log line holds a word of a person.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from functions.__main__ import find_functions
from local.postgres import choose_socket_folder, make_url
from local.process import choose_port
from tests.collector import Collector, Seen, collecting
from tests.infra.observability import our_metrics
from tests.infra.render import ROOT

PATIENCE = 120.0
EMAIL, TITLE = "quince@example.com", "Persimmon for nobody's eyes"
SECRET_WORDS = ("quince", "Persimmon", "a good password")
# A bug whose words quote what a person wrote, as a database's do.
POISON = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'no room for %', NEW.title; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON tasks FOR EACH ROW WHEN (NEW.notes = 'poison')
EXECUTE FUNCTION refuse()
"""
CALLER, CALLING = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

pytestmark = pytest.mark.timeout(300)


class Lived(Struct):
    """What is left of the run: the traces of its requests, and what it said."""

    collector: Collector
    created: str
    completed: str
    poisoned: str
    metrics: str
    logs: dict[str, list[str]]


async def until(true: Callable[[], Awaitable[bool]], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not await true():
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


@pytest.fixture(scope="module")
async def lived(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lived]:
    data, port = tmp_path_factory.mktemp("watched") / "data", choose_port()
    with collecting() as collector:
        env = {
            **os.environ,
            "PORT": str(port),
            "TASKFLOW_DATA": str(data),
            "TASKFLOW_RETRY_CEILING": "0.2",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "local", "up"),
            cwd=ROOT,
            env=env,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", timeout=60, headers={"Prefer": "wait=60"}
            ) as client:
                told = await live(client, collector, data)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            await process.wait()
        told.logs = {
            path.stem: path.read_text().splitlines() for path in (data / "logs").glob("*.log")
        }
        yield told


async def live(client: httpx.AsyncClient, collector: Collector, data: Path) -> Lived:
    """A day of a person's life in some seconds."""

    async def answers() -> bool:
        with suppress(httpx.TransportError):
            return (await client.get("/readyz")).status_code == 200
        return False

    await until(answers, "an answer")
    person = {"email": EMAIL, "password": "a good password", "name": "Quince"}
    token = (await client.post("/v1/auth/signup", json=person)).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    # On a busy machine the sign-up would be sealed together with the task, in its own trace.
    await trace_of(collector, "send audit-seals")
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat(timespec="seconds")
    task = {
        "title": TITLE,
        "due_at": "2030-01-31T09:00:00Z",
        "recurrence": {"frequency": "monthly"},
        "reminders": [{"at": soon}],
    }
    asked = {"traceparent": f"00-{CALLER}-{CALLING}-01"}
    made = await client.post("/v1/tasks", json=task, headers=asked)
    assert made.status_code == 201, made.text
    await until(lambda: has(collector, CALLER, "deliver email"), "the reminder")
    done = await client.post(f"/v1/tasks/{made.json()['id']}/complete")
    assert done.status_code == 200, done.text
    await client.post("/v1/tasks", json={"title": TITLE}, headers=unsampled())
    poisoned = await poison(client, data)
    completed = await trace_of(collector, "POST /v1/tasks/{task_id}/complete")
    await until(lambda: has(collector, completed, "send task-updates", 2), "the next occurrence")
    await until(lambda: settled(collector), "all spans")
    metrics = (await client.get("/metrics")).text
    return Lived(collector, CALLER, completed, poisoned, metrics, {})


def unsampled() -> dict[str, str]:
    return {"traceparent": f"00-{'e' * 32}-{CALLING}-00"}


async def poison(client: httpx.AsyncClient, data: Path) -> str:
    """A write that its function gives up; its trace."""
    db = await asyncpg.connect(make_url(choose_socket_folder(data / "postgres")))
    await db.execute(POISON)
    trace = "f" * 31 + "1"
    bad = {"title": TITLE, "notes": "poison"}
    headers = {"traceparent": f"00-{trace}-{CALLING}-01"}
    answer = await client.post("/v1/tasks", json=bad, headers=headers)
    assert answer.status_code == 500, answer.text
    await db.close()
    return trace


async def has(collector: Collector, trace: str, name: str, times: int = 1) -> bool:
    return sum(span.name == name for span in collector.of_trace(trace)) >= times


async def trace_of(collector: Collector, name: str) -> str:
    async def seen() -> bool:
        return any(span.name == name for span in collector.spans)

    await until(seen, name)
    return next(span.trace for span in collector.spans if span.name == name)


async def settled(collector: Collector) -> bool:
    """Whether nothing has come for a while: spans leave within a second."""
    before = len(collector.spans)
    await asyncio.sleep(4)
    return len(collector.spans) == before


# --- traces --------------------------------------------------------------------------------------


class Tree:
    """The spans of one trace by their names, services and parents."""

    def __init__(self, spans: Sequence[Seen]) -> None:
        self.spans = spans
        self.by_id = {span.id: span for span in spans}

    def orphans(self, above: str = "") -> list[Seen]:
        """Those whose parent nobody has recorded, but for `above`, the caller's own."""
        return [one for one in self.spans if one.parent not in {above, *self.by_id}]

    def path(self, span: Seen) -> list[str]:
        """The way down to a span, from the root."""
        above = self.by_id.get(span.parent)
        return [*(self.path(above) if above else []), f"{span.service}: {span.name}"]

    def paths(self) -> set[str]:
        return {" > ".join(self.path(span)) for span in self.spans}


CREATE = "gateway: POST /v1/tasks"
WRITE = f"{CREATE} > gateway: send task-commands > write-task: process task-commands"
FACT = f"{WRITE} > write-task: send task-events"
PLAN = f"{WRITE} > write-task: send reminders > send-reminder: process reminders"
# Of a timer the first request is all that is known.
RING = f"{CREATE} > fire-timer: send reminders > send-reminder: process reminders"
WANTED = {
    CREATE,
    f"{WRITE} > write-task: transaction taskflow",
    f"{FACT} > write-audit: process task-events > write-audit: transaction taskflow",
    f"{FACT} > fan-out-update: process task-events > fan-out-update: transaction taskflow",
    f"{FACT} > fan-out-update: process task-events > fan-out-update: send task-updates",
    f"{PLAN} > send-reminder: transaction taskflow",
    f"{RING} > send-reminder: transaction taskflow",
    f"{RING} > send-reminder: deliver email",
}


async def test_one_write_is_one_tree_from_the_request_to_the_mail(lived: Lived) -> None:
    tree = Tree(lived.collector.of_trace(lived.created))
    (root,) = [span for span in tree.spans if span.parent == CALLING]
    assert (root.name, root.kind, root.service) == ("POST /v1/tasks", "SERVER", "gateway")
    assert tree.orphans(above=CALLING) == []
    assert WANTED <= tree.paths()
    assert not any(span.failed for span in tree.spans)
    # A seal is of a batch, and in the trace of its last event.
    assert any(span.name == "send audit-seals" for span in lived.collector.spans)


async def test_the_next_occurrence_is_in_the_trace_of_what_ended_the_one_before(
    lived: Lived,
) -> None:
    tree = Tree(lived.collector.of_trace(lived.completed))
    (root,) = [span for span in tree.spans if span.parent == ""]
    assert root.attributes["http.route"] == "/v1/tasks/{task_id}/complete"
    assert tree.orphans() == []
    longest = max(tree.paths(), key=len)
    assert "expand-recurrence: process task-events > expand-recurrence: send task-commands" in (
        longest
    )


async def test_every_trace_of_the_run_has_one_root_and_no_orphan(lived: Lived) -> None:
    given = {lived.created: CALLING, lived.poisoned: CALLING}
    traces = {span.trace for span in lived.collector.spans}
    assert len(traces) > 3
    for trace in traces:
        tree, above = Tree(lived.collector.of_trace(trace)), given.get(trace, "")
        assert len([one for one in tree.spans if one.parent == above]) == 1, tree.paths()
        assert tree.orphans(above) == [], tree.paths()
        assert len(tree.by_id) == len(tree.spans), "an id stands twice"


async def test_kinds_and_attributes_are_those_of_the_conventions(lived: Lived) -> None:
    kinds = {"send": "PRODUCER", "process": "CONSUMER", "transaction": "CLIENT"}
    kinds |= {"deliver": "CLIENT", "GET": "SERVER", "POST": "SERVER"}
    for span in lived.collector.spans:
        assert span.kind == kinds[span.name.partition(" ")[0]], span.name
        assert span.begun <= span.ended
        if span.kind == "CONSUMER":
            assert span.attributes["messaging.consumer.group.name"] == span.service
            assert span.attributes["messaging.destination.name"] == span.name.split()[1]
    cold = {one.service for one in lived.collector.spans if one.attributes.get("faas.coldstart")}
    assert cold == {one.app_id for one in find_functions()} - {"fire-timer"}


async def test_what_is_not_to_be_recorded_leaves_nothing(lived: Lived) -> None:
    assert lived.collector.of_trace("e" * 32) == []


async def test_a_dead_letter_is_the_end_of_its_trace(lived: Lived) -> None:
    spans = lived.collector.of_trace(lived.poisoned)
    tries = [one for one in spans if one.service == "write-task" and one.kind == "CONSUMER"]
    assert len(tries) == 5 and all(one.failed for one in tries)
    assert {one.attributes["error.type"] for one in tries} == {"RaiseError"}
    (kept,) = [one for one in spans if one.service == "keep-dead-letter" and one.kind == "CONSUMER"]
    assert not kept.failed and kept.name == "process write-task-dead-letters"


async def test_a_trace_holds_no_word_of_a_person(lived: Lived) -> None:
    told = repr(lived.collector.spans)
    assert not [word for word in SECRET_WORDS if word in told]


# --- metrics and logs ----------------------------------------------------------------------------


async def test_everything_that_rules_ask_of_us_is_exported(lived: Lived) -> None:
    families = list(text_string_to_metric_families(lived.metrics))
    samples = {sample.name for family in families for sample in family.samples}
    assert our_metrics() <= samples
    values = {
        (one.name, *one.labels.values()): one.value for family in families for one in family.samples
    }
    assert values["taskflow_dead_letters_kept", "write-task"] == 1
    assert values[("taskflow_audit_entries_total",)] >= 4
    assert values[("taskflow_audit_broken_links",)] == values[("taskflow_feed_gaps",)] == 0
    assert 0 < values["taskflow_audit_delay_seconds", "0.5"] < PATIENCE
    assert values["taskflow_function_wakes_total", "write-task"] >= 1
    assert values["taskflow_function_cold_start_seconds", "write-task"] > 0
    assert values[("taskflow_database_up",)] == values[("taskflow_platform_up",)] == 1


def words_of(lived: Lived) -> dict[str, list[str]]:
    """The lines of functions, gateway and platform; what PostgreSQL and Kafka write is theirs."""
    ours = {"gateway", "platform", *(one.app_id for one in find_functions())}
    return {name: lines for name, lines in lived.logs.items() if name in ours}


async def test_no_word_of_a_person_is_in_a_log(lived: Lived) -> None:
    found = words_of(lived)
    assert {"gateway", "platform", "write-task"} <= found.keys()
    for name, lines in found.items():
        for line in lines:
            assert not [word for word in SECRET_WORDS if word in line], (name, line)


async def test_lines_are_json_and_name_their_trace(lived: Lived) -> None:
    lines = [json.loads(line) for line in words_of(lived)["write-task"]]
    assert lines and all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    failed = [line for line in lines if line.get("trace_id") == lived.poisoned]
    assert len(failed) == 5 and {line["level"] for line in failed} == {"error"}
    assert failed[0]["error"]["type"] == "RaiseError"
    assert any("write_task" in step for step in failed[0]["error"]["stack"])
