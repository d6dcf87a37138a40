"""The real programs that these tests run on; without the sidecar's program none of them runs, and
the report says so in one line.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import asyncpg
import pytest

from local.kafka import start_kafka
from tests.platform.blocks.sidecars import Place
from tests.platform.cluster import Cluster, find_cluster, own_namespace, running_cluster
from tests.platform.log import Log
from tests.platform.pods import find_daprd

HERE = Path(__file__).parent
NO_DAPRD = (
    "tests/platform: skipped, for there is no daprd (Dapr's sidecar): put it on PATH, or build it"
    " as .ci/run does"
)


NO_CLUSTER = (
    "tests/platform: manifests and scaling are skipped, for the programs of the project's cluster"
    " (a Kubernetes API, KEDA) are not built"
)


def missing(item: pytest.Item) -> str:
    """Why a test cannot run here; nothing if it can."""
    if "cluster" in getattr(item, "fixturenames", ()) and find_cluster() is None:
        return NO_CLUSTER
    needless = getattr(item.getparent(pytest.Module), "obj", None)
    return "" if find_daprd() or getattr(needless, "WITHOUT_DAPRD", False) else NO_DAPRD


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and (reason := missing(item)):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Each reason once, even where pytest itself is quiet."""
    skipped = terminalreporter.stats.get("skipped", [])
    told = "".join(str(report.longrepr) for report in skipped)
    for reason in (NO_DAPRD, NO_CLUSTER):
        if reason in told:
            terminalreporter.write_line(reason)


@pytest.fixture(scope="session")
def daprd() -> Path:
    found = find_daprd()
    assert found is not None, NO_DAPRD
    return found


@pytest.fixture(scope="session")
async def control_plane() -> AsyncIterator[Path]:
    """A Kubernetes API and KEDA for all modules, so that none starts beside another's end; the
    cluster's command."""
    command = find_cluster()
    assert command is not None, NO_CLUSTER
    async with running_cluster(command):
        yield command


@pytest.fixture(scope="module")
async def cluster(control_plane: Path, request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    """The cluster with a namespace for this module alone."""
    name = request.module.__name__.rpartition("test_")[2]
    async with own_namespace(control_plane, name) as own:
        yield own


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """For a module's logs and data, kept for whoever asks why it failed; short, because the path of
    a socket must be."""
    before = request.session.testsfailed
    made = Path(tempfile.mkdtemp(prefix="taskflow-"))
    yield made
    if request.session.testsfailed == before:
        shutil.rmtree(made, ignore_errors=True)
    else:
        print(f"the logs of {request.module.__name__} are in {made}")


@pytest.fixture
def place(daprd: Path) -> Iterator[Place]:
    """For the sidecars of one test; short, because a socket's path must be."""
    folder = Path(tempfile.mkdtemp(prefix="taskflow-"))
    yield Place(daprd, folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
async def log(folder: Path) -> AsyncIterator[Log]:
    """TASKFLOW_KAFKA or a broker of our own, with TaskFlow's topics for this module alone."""
    given = os.environ.get("TASKFLOW_KAFKA", "")
    broker = None if given else await start_kafka(folder, print)
    log = Log(broker.bootstrap if broker else given)
    await log.create_topics()
    yield log
    await log.delete_topics()
    if broker:
        await broker.stop()


@pytest.fixture(scope="module")
async def database(
    server: Path, template: str, request: pytest.FixtureRequest
) -> AsyncIterator[str]:
    """The URL of a migrated database for this module alone."""
    name = request.module.__name__.rpartition(".")[2]
    owner = await asyncpg.connect(f"postgresql://postgres:@/postgres?host={server}")
    await owner.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield f"postgresql://postgres:@/{name}?host={server}"
    await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await owner.close()
