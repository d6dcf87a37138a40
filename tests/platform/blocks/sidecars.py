"""Real sidecars for one building block at a time: the resources of dapr/ as they are, but for the
kinds of store that this sidecar is not built with, which another kind stands in for under the same
name.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import yaml
from msgspec import Struct

from local import process
from local.process import choose_port
from taskflow.sidecar import Address
from tests.platform.pods import ROOT, answers, base_env, find_daprd

PATIENCE = 60.0


class Place(Struct, frozen=True):
    """What the sidecars of one test share: where they write, and how they find each other."""

    daprd: Path
    folder: Path

    def configure(self, app_id: str, allows: Sequence[str]) -> dict[str, Any]:
        """What its manifests tell a sidecar at its start, and what else it may be asked."""
        own = "knative/start.gateway" if app_id == "gateway" else "dapr/start.configuration"
        found = read_resource(own)
        names = {"connectionString": str(self.folder / "names.sqlite")}
        resolution = {"component": "sqlite", "version": "v1", "configuration": names}
        more = [{"name": one, "version": "v1.0", "protocol": "http"} for one in allows]
        allowed = {"allowed": [*found["spec"]["api"]["allowed"], *more]}
        return found | {"spec": {**found["spec"], "nameResolution": resolution, "api": allowed}}


class Running(Struct):
    """A sidecar that runs."""

    port: int
    child: asyncio.subprocess.Process
    log: Path

    def address(self, *names: str) -> str:
        return "/".join((f"dapr://127.0.0.1:{self.port}", *names))

    @property
    def where(self) -> Address:
        return Address("127.0.0.1", self.port)

    async def kill(self) -> None:
        await process.end(self.child, SIGKILL, patience=PATIENCE)


def read_resource(path: str) -> dict[str, Any]:
    """The resource of a manifest, named without its ending."""
    found: dict[str, Any] = yaml.safe_load((ROOT / f"{path}.yaml").read_text())
    return found


def swap_component(resource: dict[str, Any], kind: str, **metadata: str) -> dict[str, Any]:
    """The same component, made of another kind of store."""
    items = [{"name": name, "value": value} for name, value in metadata.items()]
    return resource | {"spec": {"type": kind, "version": "v1", "metadata": items}}


def find_scheduler() -> Path | None:
    """Dapr's Scheduler, beside the sidecar that the project's cluster built."""
    daprd = find_daprd()
    built = daprd.with_name("dapr-scheduler") if daprd else None
    return built if built and built.exists() else None


@asynccontextmanager
async def run_sidecar(
    place: Place,
    app_id: str,
    resources: Sequence[Mapping[str, Any]] = (),
    *,
    env: Mapping[str, str] | None = None,
    allows: Sequence[str] = (),
    **flags: object,
) -> AsyncIterator[Running]:
    """A sidecar whose API answers; it may still wait for its application."""
    folder = place.folder / app_id
    (folder / "resources").mkdir(parents=True)
    for number, resource in enumerate(resources):
        (folder / "resources" / f"{number}.yaml").write_text(yaml.safe_dump(resource))
    (folder / "configuration.yaml").write_text(yaml.safe_dump(place.configure(app_id, allows)))
    port = choose_port()
    given = {
        "app-id": app_id,
        "resources-path": folder / "resources",
        "config": folder / "configuration.yaml",
        "dapr-http-port": port,
        "dapr-grpc-port": choose_port(),
        "dapr-internal-grpc-port": choose_port(),
        "dapr-listen-addresses": "127.0.0.1",
        "dapr-internal-grpc-listen-address": "127.0.0.1",
        "enable-metrics": "false",
        **{name.replace("_", "-"): value for name, value in flags.items()},
    }
    command = [str(place.daprd), *(f"--{name}={value}" for name, value in given.items())]
    log = folder / "daprd.log"
    child = await process.spawn(
        command, log=log, env=base_env() | dict(env or {}), death_signal=SIGKILL
    )
    try:
        await process.wait_for_port(port, child)
        yield Running(port, child, log)
    finally:
        await process.end(child, SIGTERM, SIGKILL, patience=10)


@asynccontextmanager
async def run_scheduler(folder: Path) -> AsyncIterator[str]:
    """Dapr's Scheduler with an empty store; its host and port."""
    program = find_scheduler()
    assert program is not None
    port, client, peer, health = choose_port(), choose_port(), choose_port(), choose_port()
    flags = {
        "listen-address": "127.0.0.1",
        "port": port,
        "override-broadcast-host-port": f"127.0.0.1:{port}",
        "etcd-data-dir": folder / "scheduler",
        "etcd-client-port": client,
        "etcd-initial-cluster": f"dapr-scheduler-server-0=http://localhost:{peer}",
        "healthz-listen-address": "127.0.0.1",
        "healthz-port": health,
        "enable-metrics": "false",
    }
    command = [str(program), *(f"--{name}={value}" for name, value in flags.items())]
    child = await process.spawn(
        command, log=folder / "scheduler.log", env=base_env(), death_signal=SIGKILL
    )
    try:
        await process.wait_for_port(port, child)
        yield f"127.0.0.1:{port}"
    finally:
        await process.end(child, SIGTERM, SIGKILL, patience=10)


async def until_ready(sidecar: Running) -> None:
    """Returns when the sidecar has found its application, and everything else."""
    async with asyncio.timeout(PATIENCE):
        while not await answers(f"http://127.0.0.1:{sidecar.port}/v1.0/healthz"):
            await asyncio.sleep(0.05)
