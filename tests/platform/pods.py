"""What a cluster would run, as processes of this machine: a function behind the image's door and a
real Dapr sidecar beside it, both started with just what their manifests say.
"""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

import httpx
import yaml
from msgspec import Struct

from local import process
from local.process import choose_port

ROOT = Path(__file__).parent.parent.parent
BROKER = "taskflow-kafka-bootstrap.taskflow.svc:9092"
PATIENCE = 60.0
# What the image starts, unless its Dockerfile says otherwise.
ENTRYPOINT = ["python", "-m", "uvicorn", "--no-access-log", "--log-level", "warning"]
# Of the annotations dapr.io/NAME, those that the injector hands on as --NAME, and as --dapr-NAME.
FLAGS = (
    "app-max-concurrency",
    "disable-init-endpoints",
    "enable-app-health-check",
    "app-health-check-path",
    "app-health-probe-interval",
    "app-health-probe-timeout",
    "app-health-threshold",
    "max-body-size",
    "read-buffer-size",
    "log-as-json",
)
TAKEN_PORTS: set[int] = set()
PREFIXED_FLAGS = ("graceful-shutdown-seconds", "block-shutdown-duration")
# The kinds of component that the sidecar of these tests is built with and that need nothing more.
COMPONENTS = ("pubsub.kafka", "bindings.cron")


class Program(Struct, frozen=True):
    """What runs in a pod's first container, with the annotations of the pod."""

    app_id: str
    command: list[str]
    env: dict[str, str]
    annotations: dict[str, str]


class Surroundings(Struct, frozen=True):
    """What every pod here is given: the sidecar's program and files, secrets, a place for logs."""

    daprd: Path
    resources: Path
    configuration: Path
    env: Mapping[str, str]
    token: str
    logs: Path


# --- manifests -----------------------------------------------------------------------------------


def read_documents(folder: Path) -> list[Any]:
    files = sorted(folder.glob("*.yaml"))
    return [one for file in files for one in yaml.safe_load_all(file.read_text()) if one]


def read_programs() -> dict[str, Program]:
    """App-id → what keda/ says of a function, and knative/ of the gateway."""
    found = [one for folder in ("keda", "knative") for one in read_documents(ROOT / folder)]
    templates = [
        one["spec"]["template"] for one in found if one["kind"] in ("Deployment", "Service")
    ]
    programs = [read_program(template) for template in templates]
    return {program.app_id: program for program in programs}


def read_program(template: Any) -> Program:
    annotations = {
        name.removeprefix("dapr.io/"): value
        for name, value in template["metadata"]["annotations"].items()
        if name.startswith("dapr.io/")
    }
    container = template["spec"]["containers"][0]
    return Program(
        app_id=annotations["app-id"],
        command=[*read_entrypoint(), *container["args"]],
        env={one["name"]: one["value"] for one in container["env"] if "value" in one},
        annotations=annotations,
    )


def read_entrypoint() -> list[str]:
    """The image's, on the loopback interface and with this Python."""
    dockerfile = ROOT / "Dockerfile"
    text = dockerfile.read_text() if dockerfile.exists() else ""
    found = re.search(r"^ENTRYPOINT\s+(\[.*\])\s*$", text, re.MULTILINE)
    words: list[str] = json.loads(found[1]) if found else ENTRYPOINT
    python = [sys.executable if word == "python" else word for word in words]
    return ["127.0.0.1" if word == "0.0.0.0" else word for word in python]


def render_resources(folder: Path, bootstrap: str, source: Path = ROOT / "dapr") -> Path:
    """Writes dapr/ as a sidecar outside a cluster reads it: each resource in a file of its own (a
    Resiliency that is not alone is silently ignored), the broker's address replaced. Returns the
    file of the Configuration."""
    folder.mkdir(parents=True)
    for place, document in enumerate(read_documents(source)):
        kind, name = document["kind"], document["metadata"]["name"]
        if kind == "Component" and document["spec"]["type"] not in COMPONENTS:
            continue
        text = yaml.safe_dump(document).replace(BROKER, bootstrap)
        if kind == "Configuration":
            (folder.parent / f"{name}.configuration.yaml").write_text(text)
        else:
            (folder / f"{place}.{name}.yaml").write_text(text)
    return folder.parent / "taskflow.configuration.yaml"


def find_daprd() -> Path | None:
    """The sidecar's program, on PATH or where the project's cluster keeps it."""
    if found := shutil.which("daprd"):
        return Path(found)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = cache / "taskflow-cluster" / "bin" / "daprd"
    return built if built.exists() else None


# --- processes -----------------------------------------------------------------------------------


class Pod:
    """A function and its sidecar; each can be started, killed and ended by itself."""

    def __init__(self, program: Program, around: Surroundings) -> None:
        self.app_id = program.app_id
        self.port, self.sidecar_port, self.metrics_port, *self._grpc_ports = take_ports(5)
        self.function: asyncio.subprocess.Process | None = None
        self.sidecar: asyncio.subprocess.Process | None = None
        self._program = program
        self._around = around

    async def start(self) -> None:
        """Both at once, as on a cluster; returns when the sidecar calls both ready."""
        await self.start_sidecar()
        await self.start_function()
        await self.until_ready()

    async def start_function(self) -> None:
        command = [word.replace("$(PORT)", str(self.port)) for word in self._program.command]
        own = {"PORT": str(self.port), "DAPR_HTTP_PORT": str(self.sidecar_port)}
        token = {"TASKFLOW_DELIVERY_TOKEN": self._around.token, "PYTHONPATH": str(ROOT)}
        env = {**base_env(), **self._program.env, **self._around.env, **token, **own}
        self.function = await self._spawn("function", command, env)

    async def start_sidecar(self) -> None:
        told = self._program.annotations.get("env", "").split(",")
        own = dict(item.split("=", 1) for item in told if item)
        env = {**base_env(), **own, "APP_API_TOKEN": self._around.token}
        self.sidecar = await self._spawn("daprd", self._sidecar_command(), env)

    def _sidecar_command(self) -> list[str]:
        """As the injector writes it, on free ports of the loopback interface."""
        given = self._program.annotations
        flags = {
            "app-id": self.app_id,
            "resources-path": str(self._around.resources),
            "config": str(self._around.configuration),
            "dapr-http-port": str(self.sidecar_port),
            "dapr-grpc-port": str(self._grpc_ports[0]),
            "dapr-internal-grpc-port": str(self._grpc_ports[1]),
            "dapr-listen-addresses": "127.0.0.1",
            "dapr-internal-grpc-listen-address": "127.0.0.1",
            "metrics-port": str(self.metrics_port),
            "metrics-listen-address": "127.0.0.1",
            **{name: given[name] for name in FLAGS if name in given},
            **{f"dapr-{name}": given[name] for name in PREFIXED_FLAGS if name in given},
        }
        if "app-port" in given:
            flags["app-port"] = str(self.port)
        return [str(self._around.daprd), *(f"--{name}={value}" for name, value in flags.items())]

    async def _spawn(
        self, part: str, command: Sequence[str], env: Mapping[str, str]
    ) -> asyncio.subprocess.Process:
        log = self._around.logs / f"{self.app_id}.{part}.log"
        return await process.spawn(command, log=log, env=env, death_signal=SIGKILL)

    async def until_ready(self) -> None:
        """Returns when both answer their probes."""
        probes = [f"{self.url}/healthz", f"http://127.0.0.1:{self.sidecar_port}/v1.0/healthz"]
        async with asyncio.timeout(PATIENCE):
            while not all([await answers(probe) for probe in probes]):
                await asyncio.sleep(0.05)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def kill_function(self, signal: Signals = SIGKILL) -> None:
        await _kill(self.function, signal)

    async def kill_sidecar(self, signal: Signals = SIGKILL) -> None:
        await _kill(self.sidecar, signal)

    async def terminate(self) -> None:
        """SIGTERM for both at the same moment; returns when both have ended."""
        await asyncio.gather(self.kill_function(SIGTERM), self.kill_sidecar(SIGTERM))

    async def stop(self) -> None:
        """The end, without ceremony."""
        await asyncio.gather(self.kill_function(), self.kill_sidecar())

    def log(self, part: str) -> str:
        return (self._around.logs / f"{self.app_id}.{part}.log").read_text(errors="replace")


def take_ports(count: int) -> list[int]:
    """Free ports that no pod was given before: it may not listen yet, or just now not."""
    while len(fresh := {choose_port() for _ in range(count)} - TAKEN_PORTS) < count:
        continue
    TAKEN_PORTS.update(fresh)
    return sorted(fresh)


def base_env() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


async def _kill(child: asyncio.subprocess.Process | None, signal: Signals) -> None:
    if child is not None and child.returncode is None:
        await process.end(child, signal, patience=PATIENCE)
        # As a container ends with its first process, whatever that one has started.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, SIGKILL)


async def answers(url: str) -> bool:
    """Whether it answers with a status of success."""
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            return (await client.get(url)).is_success
    except httpx.HTTPError:
        return False
