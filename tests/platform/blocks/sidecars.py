"""Real sidecars for one building block at a time: the resources of dapr/ as they are, but for the
kinds of store that this sidecar is not built with, which another kind stands in for under the same
name.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import pytest
import yaml
from dapr.aio.clients import DaprClient
from dapr.conf import settings
from msgspec import Struct

from local import process
from local.process import choose_port
from taskflow.sidecar import Address
from tests.platform.pods import ROOT, answers, base_env, find_daprd, read_programs

PATIENCE = 60.0
# What Dapr's chart tells its own control plane.
SYSTEM = {
    "apiVersion": "dapr.io/v1alpha1",
    "kind": "Configuration",
    "metadata": {"name": "daprsystem"},
    "spec": {"mtls": {"enabled": True}},
}


class Place(Struct, frozen=True):
    """What the sidecars of one test share: where they write, and how they find each other."""

    daprd: Path
    folder: Path
    # With the access policies of the base, which want certificates.
    guarded: bool = False

    def configure(self, app_id: str, allows: Sequence[str]) -> dict[str, Any]:
        """What its manifests tell a sidecar at its start, and what else it may be asked; of a
        program that is none of ours they say nothing."""
        gateway = app_id == "gateway"
        found = read_resource("knative/start.gateway" if gateway else "dapr/start.configuration")
        names = {"connectionString": str(self.folder / "names.sqlite")}
        added = {
            "nameResolution": {"component": "sqlite", "version": "v1", "configuration": names},
            "api": {"allowed": [*found["spec"]["api"]["allowed"], *allow(allows)]},
        }
        if app_id not in read_programs():
            del added["api"]
            found["spec"] = {}
        policy = "gateway" if gateway else "functions"
        guard = read_resource(f"infra/kubernetes/base/invocation/{policy}")["spec"]
        return found | {"spec": {**found["spec"], **(guard if self.guarded else {}), **added}}


def allow(names: Sequence[str]) -> list[dict[str, str]]:
    """Rules of a sidecar's Configuration for these APIs, by HTTP and by gRPC."""
    ways = [{"version": "v1.0", "protocol": "http"}, {"version": "v1", "protocol": "grpc"}]
    return [{"name": name, **way} for name in names for way in ways]


class Running(Struct):
    """A sidecar that runs."""

    port: int
    grpc_port: int
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


def give_values(resource: dict[str, Any], **metadata: str) -> dict[str, Any]:
    """The same component, with these values in place of those that only a cluster has."""
    others = [one for one in resource["spec"]["metadata"] if one["name"] not in metadata]
    given = [{"name": name, "value": value} for name, value in metadata.items()]
    return resource | {"spec": {**resource["spec"], "metadata": [*others, *given]}}


@cache
def has_component(part: str) -> bool:
    """Whether the sidecar is built with this part of Dapr's components; Go keeps its name."""
    daprd = find_daprd()
    return daprd is not None and f"components-contrib/{part}.".encode() in daprd.read_bytes()


def need_component(part: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not has_component(part), reason=f"this daprd is built without Dapr's {part}"
    )


@asynccontextmanager
async def open_sdk(sidecar: Running) -> AsyncIterator[DaprClient]:
    """Dapr's own client, which asks for the sidecar's health where its settings say."""
    settings.DAPR_HTTP_PORT = sidecar.port
    async with DaprClient(f"127.0.0.1:{sidecar.grpc_port}") as client:
        yield client
    del settings.DAPR_HTTP_PORT


def find_beside(name: str) -> Path | None:
    """Another of Dapr's programs, built beside the sidecar's."""
    daprd = find_daprd()
    built = daprd.with_name(name) if daprd else None
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
    port, grpc_port = choose_port(), choose_port()
    given = {
        "app-id": app_id,
        "resources-path": folder / "resources",
        "config": folder / "configuration.yaml",
        "dapr-http-port": port,
        "dapr-grpc-port": grpc_port,
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
        yield Running(port, grpc_port, child, log)
    finally:
        await process.end(child, SIGTERM, SIGKILL, patience=10)


@asynccontextmanager
async def run_scheduler(folder: Path) -> AsyncIterator[str]:
    """Dapr's Scheduler with an empty store; its host and port."""
    program = find_beside("dapr-scheduler")
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


@asynccontextmanager
async def run_sentry(folder: Path) -> AsyncIterator[tuple[str, Path]]:
    """Dapr's certificate authority; its host and port, and the file of its root certificate."""
    program = find_beside("sentry")
    assert program is not None
    port, credentials = choose_port(), folder / "credentials"
    credentials.mkdir()
    (folder / "daprsystem.yaml").write_text(yaml.safe_dump(SYSTEM))
    flags = {
        "config": folder / "daprsystem.yaml",
        "issuer-credentials": credentials,
        "trust-domain": "public",
        "listen-address": "127.0.0.1",
        "port": port,
        "healthz-listen-address": "127.0.0.1",
        "healthz-port": choose_port(),
        "enable-metrics": "false",
    }
    command = [str(program), *(f"--{name}={value}" for name, value in flags.items())]
    env = base_env() | {"NAMESPACE": "dapr-system"}
    child = await process.spawn(command, log=folder / "sentry.log", env=env, death_signal=SIGKILL)
    try:
        await process.wait_for_port(port, child)
        process.check_running(child, "sentry", folder / "sentry.log")
        yield f"127.0.0.1:{port}", credentials / "ca.crt"
    finally:
        await process.end(child, SIGTERM, SIGKILL, patience=10)


async def until_ready(sidecar: Running) -> None:
    """Returns when the sidecar has found its application, and everything else."""
    async with asyncio.timeout(PATIENCE):
        while not await answers(f"http://127.0.0.1:{sidecar.port}/v1.0/healthz"):
            await asyncio.sleep(0.05)
