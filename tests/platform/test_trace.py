"""One write through real sidecars and the real log is one trace; and the sidecar exports what the
rules ask of it.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.collector import Collector, collecting
from tests.infra.test_observability_live import Tree
from tests.platform.log import Log
from tests.platform.pods import read_programs
from tests.platform.stage import GATEWAY, Stage, staged, surround, until

CALLER, CALLING = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FUNCTIONS = ("write-task", "write-audit", "fan-out-update")
LISTED = Path(__file__).parent.parent / "infra" / "foreign_metrics.yaml"
WRITE = "gateway: POST /v1/tasks > gateway: send task-commands > write-task: process task-commands"
WANTED = {
    f"{WRITE} > write-task: transaction taskflow",
    f"{WRITE} > write-task: send task-events > write-audit: process task-events"
    " > write-audit: transaction taskflow",
    f"{WRITE} > write-task: send task-events > fan-out-update: process task-events"
    " > fan-out-update: send task-updates",
}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
async def stage(
    log: Log, database: str, daprd: Path, folder: Path, collector: Collector
) -> AsyncIterator[Stage]:
    more = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
    around = surround(daprd, folder, log.bootstrap, database, more)
    assert {GATEWAY, *FUNCTIONS} <= read_programs().keys()
    async with staged(log, database, around, GATEWAY, *FUNCTIONS) as running:
        yield running


@pytest.fixture(scope="module")
async def created(stage: Stage) -> str:
    """The id of a task that was written in the caller's trace."""
    url = stage.pods[GATEWAY].url
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        person = {"email": "ada@example.com", "password": "a good password"}
        token = (await client.post("/v1/auth/signup", json=person)).json()["access_token"]
        headers = {
            "Authorization": f"Bearer {token}",
            "Prefer": "wait=30",
            "traceparent": f"00-{CALLER}-{CALLING}-01",
        }
        answer = await client.post("/v1/tasks", json={"title": "x"}, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


async def test_one_write_is_one_tree(collector: Collector, created: str) -> None:
    async def whole() -> bool:
        return Tree(collector.of_trace(CALLER)).paths() >= WANTED

    await until(whole, f"the spans of {created}")
    tree = Tree(collector.of_trace(CALLER))
    (root,) = [span for span in tree.spans if span.parent == CALLING]
    assert root.kind == "SERVER" and tree.orphans(above=CALLING) == []
    places = [span.attributes for span in tree.spans if span.kind == "CONSUMER"]
    assert all("messaging.destination.partition.id" in one for one in places)
    assert all(isinstance(one["messaging.kafka.offset"], int) for one in places)


async def test_the_sidecar_exports_what_rules_ask_of_it(stage: Stage, created: str) -> None:
    """But for its failures, of which there are none here."""
    listed = yaml.safe_load(LISTED.read_text())
    wanted = {name for one in listed for name in one["metrics"] if name.startswith("dapr_")}
    port = stage.pods["write-task"].metrics_port
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    samples = {line.split("{")[0] for line in text.splitlines() if not line.startswith("#")}
    assert {name for name in wanted if "fail" not in name} <= samples
    # As they stand in the rules' queries; the statuses of single deliveries are in lower case.
    for label in ('le="100"', 'process_status="SUCCESS"', 'app_id="write-task"'):
        assert label in text, label
