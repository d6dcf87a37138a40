"""The project's cluster, a real Kubernetes API and real KEDA as processes of this machine: where
its programs are, and the few things that are asked of it.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from signal import SIGTERM
from typing import Any

import yaml
from msgspec import Struct

from local import process
from tests.platform.pods import ROOT, Surroundings

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taskflow-cluster"
KUBECONFIG = CACHE / "run" / "kubeconfig"
PROCESSES = (
    "etcd",
    "apiserver",
    "controller-manager",
    "scheduler",
    "keda-operator",
    "keda-adapter",
)
PROGRAMS = ("etcd", "kube", "keda-operator", "keda-adapter", "daprd")


def find_cluster() -> Path | None:
    """The cluster's command, if its programs are built."""
    command = ROOT.parent / "shared" / "cluster" / "cluster"
    built = all((CACHE / "bin" / name).exists() for name in PROGRAMS)
    return command if built and command.exists() else None


class Cluster(Struct, frozen=True):
    """A running cluster; `namespace` is where ours goes."""

    command: Path
    namespace: str

    async def run(self, *words: str, told: str = "") -> str:
        """What a `cluster` command says. Raises AssertionError with it when it fails."""
        return await run(str(self.command), *words, told=told)

    async def kubectl(self, *words: str, told: str = "") -> str:
        where = [f"--kubeconfig={KUBECONFIG}", f"--namespace={self.namespace}"]
        return await run("kubectl", *where, *words, told=told)

    async def apply(self, *objects: Any) -> None:
        await self.kubectl("apply", "-f", "-", told=yaml.safe_dump_all(objects))

    async def get(self, *words: str) -> Any:
        return json.loads(await self.kubectl("get", "--output=json", *words))

    async def replicas(self, name: str) -> int:
        """How many pods of a Deployment there are, ending ones included."""
        label = f"--selector=app.kubernetes.io/name={name}"
        return len((await self.get("pods", label))["items"])

    @asynccontextmanager
    async def kubelet(self, image: Path, around: Surroundings) -> AsyncIterator[None]:
        """Runs the pods' processes from the image's folder, their sidecars as `around` says."""
        words = ["kubelet", "--image", f"taskflow={image}:{sys.executable}"]
        words += ["--resources", str(around.resources), "--config", str(around.configuration)]
        words += ["--logs", str(around.logs)]
        log = around.logs / "kubelet.log"
        running = await process.spawn(
            [sys.executable, str(self.command), *words], log=log, env=dict(os.environ)
        )
        try:
            yield
        finally:
            await process.end(running, SIGTERM)


async def run(*command: str, told: str = "") -> str:
    """What a command says. Raises AssertionError with what it said when it fails."""
    running = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # Without a terminal, which openssl would ask for, and be stopped.
        start_new_session=True,
    )
    said, _ = await running.communicate(told.encode())
    assert running.returncode == 0, f"{' '.join(command[:4])} failed:\n{said.decode()}"
    return said.decode()


@asynccontextmanager
async def running_cluster(command: Path) -> AsyncIterator[None]:
    """The cluster that runs already, or one of our own, from empty data."""
    said = await run(str(command), "status")
    ours = not all(re.search(rf"^{name} +pid ", said, re.MULTILINE) for name in PROCESSES)
    try:
        if ours:
            await start(command)
        yield
    finally:
        if ours:
            await run(str(command), "down")


async def start(command: Path) -> None:
    """After whatever half of one is left; once more if kubectl asked for a definition that had no
    conditions yet, for then it gives up instead of waiting."""
    await run(str(command), "down")
    try:
        await run(str(command), "up")
    except AssertionError as error:
        if "--for=condition=Established" not in str(error):
            raise
        await run(str(command), "down")
        await run(str(command), "up")


@asynccontextmanager
async def own_namespace(command: Path, name: str) -> AsyncIterator[Cluster]:
    """The running cluster with a namespace for us alone."""
    cluster = Cluster(command, f"{name}-{token_hex(4)}")
    await cluster.kubectl("create", "namespace", cluster.namespace)
    try:
        yield cluster
    finally:
        await cluster.kubectl("delete", "namespace", cluster.namespace, "--wait=false")


def make_image(folder: Path) -> Path:
    """A folder like the image's: the Dockerfile's ENTRYPOINT and the sources."""
    folder.mkdir(parents=True)
    for name in ("Dockerfile", "taskflow", "functions", "gateway"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def make_secret(name: str, values: Mapping[str, str]) -> Any:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": dict(values),
    }
