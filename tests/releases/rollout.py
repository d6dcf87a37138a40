"""Two releases of everything on one log and one database: the platform delivers as it does at home,
to processes of either release beside each other, each with a share of the partitions.

The platform is today's, as on a cluster, where Dapr and KEDA are of neither release. What a scaler
would decide, a test decides here.
"""

import asyncio
import secrets
import socket
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from msgspec import Struct

from local.api import Api
from local.cron import beat
from local.fleet import State, limit_retries
from local.gateway import Gateway
from local.http import Server
from local.manifests import Function, Manifests
from local.process import choose_port
from local.read_manifests import read_manifests
from local.replica import Replica, Surroundings, start_replica
from local.sidecar import Awaited, Sidecar
from local.up import GATEWAY_POOL, child_environment
from taskflow.outlet import Outlet
from tests.releases.release import Release

# No pause between two deliveries is longer here.
CEILING = 0.5
# Longer than what is done waits for its commit.
QUIET = 0.5
PATIENCE = 60.0


class Code(Struct, frozen=True):
    """What a release says of its functions, and what their processes are given."""

    manifests: Manifests
    around: Surroundings


class Deployment:
    """One function: what is delivered to it, and its processes of either release. One that dies is
    replaced by its like."""

    def __init__(self, sidecar: Sidecar, codes: Mapping[str, Code]) -> None:
        self.sidecar = sidecar
        self._codes = codes
        self._names: dict[Replica, str] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._busy: set[str] = set()

    async def add(self, name: str) -> None:
        """One more process of this release, before the others: partitions change hands."""
        code = self._codes[name]
        function = code.manifests.functions[self.sidecar.function.app_id]
        replica = await start_replica(function, code.around)
        self._names[replica] = name
        self.sidecar.replicas.insert(0, replica)
        self._in_background(self._watch(replica))
        for tick in self.sidecar.function.ticks:
            self._in_background(beat(replica, tick, self.sidecar.retry.timeout))
        self.sidecar.dispatch()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _watch(self, replica: Replica) -> None:
        await replica.ended()
        self._note(replica)
        if replica in self.sidecar.replicas:
            self.sidecar.replicas.remove(replica)
            await self.add(self._names[replica])

    def _note(self, replica: Replica) -> None:
        if replica.cold_start is not None:
            self._busy.add(self._names[replica])

    def list_busy(self) -> set[str]:
        """The releases whose processes have answered something."""
        for replica in self.sidecar.replicas:
            self._note(replica)
        return self._busy

    def of(self, name: str) -> list[Replica]:
        """Its processes of this release."""
        return [one for one in self.sidecar.replicas if self._names[one] == name]

    async def end(self, name: str) -> None:
        """Its processes of this release finish what they have, and go."""
        ending = self.of(name)
        self.sidecar.replicas = [one for one in self.sidecar.replicas if one not in ending]
        self.sidecar.dispatch()
        await asyncio.gather(*(one.stop() for one in ending))

    async def kill(self, name: str) -> None:
        """Its processes of this release die in the middle of whatever they do."""
        for replica in self.of(name):
            replica.process.send_signal(SIGKILL)
            await replica.process.wait()

    async def stop(self) -> None:
        await self.sidecar.stop()
        replicas, self.sidecar.replicas = self.sidecar.replicas, []
        await asyncio.gather(*(one.stop() for one in replicas))
        await asyncio.gather(*self._background)


class Rollout:
    """All functions and the gateways of these releases, none of them started yet."""

    def __init__(
        self, releases: Sequence[Release], bootstrap: str, env: Mapping[str, str], logs: Path
    ) -> None:
        self.bootstrap = bootstrap
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._env = {
            **{
                name: value
                for name, value in child_environment(env).items()
                if name != "PYTHONPATH"
            },
            "TASKFLOW_PUBLISH": f"dapr://127.0.0.1:{self._port}/taskflow",
        }
        self._outlet = Outlet(bootstrap)
        self._codes = {one.name: self._make_code(one, logs / one.name) for one in releases}
        self.ports = {one.name: choose_port() for one in releases}
        self.gateways = {
            one.name: Gateway(
                self.ports[one.name], self._gateway_environment, logs / one.name, one.root
            )
            for one in releases
        }
        newest = self._codes[releases[-1].name].manifests
        self.partitions = [
            TopicPartition(topic.name, number)
            for topic in newest.topics.values()
            for number in range(topic.partitions)
        ]
        self.functions = self._make_deployments(newest)
        self._server = Server(Api(self._outlet, "taskflow", lambda: State([])), self._listener)

    @property
    def _port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def _make_code(self, release: Release, logs: Path) -> Code:
        root = release.root
        found = read_manifests(root / "keda", root / "dapr", root / "infra/kubernetes/base/topics")
        manifests = limit_retries(found, CEILING)
        around = Surroundings(self._env, secrets.token_urlsafe(24), logs, manifests.nice, root)
        return Code(manifests, around)

    def _make_deployments(self, manifests: Manifests) -> dict[str, Deployment]:
        awaited = Awaited()

        def make(function: Function) -> Deployment:
            sidecar = Sidecar(function, manifests, self.bootstrap, self._outlet, awaited)
            return Deployment(sidecar, self._codes)

        return {name: make(function) for name, function in manifests.functions.items()}

    def _gateway_environment(self) -> dict[str, str]:
        return {
            **self._env,
            "TASKFLOW_DATABASE_ROLE": "taskflow_gateway",
            "TASKFLOW_DATABASE_POOL": GATEWAY_POOL,
            "TASKFLOW_PUBLISH": f"kafka://{self.bootstrap}",
            "TASKFLOW_PLATFORM": f"http://127.0.0.1:{self._port}",
        }

    async def start(self) -> None:
        """Everything that is of neither release."""
        await self._server.start()
        await asyncio.gather(*(one.sidecar.start(lambda: None) for one in self.functions.values()))

    async def until_done(self) -> None:
        """Returns when every group has all that the log holds, and no more has come of it."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        before: dict[TopicPartition, int] = {}
        try:
            async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap) as consumer:
                async with asyncio.timeout(PATIENCE):
                    while True:
                        ends = await consumer.end_offsets(self.partitions)
                        if ends == before and await self._have_all(admin, ends):
                            return
                        before = ends
                        await asyncio.sleep(QUIET)
        finally:
            await admin.close()

    async def _have_all(
        self, admin: AIOKafkaAdminClient, ends: Mapping[TopicPartition, int]
    ) -> bool:
        for name, deployment in self.functions.items():
            read = {one.topic for one in deployment.sidecar.function.subscriptions}
            done = await admin.list_consumer_group_offsets(name)
            for place, end in ends.items():
                if place.topic in read and end and (place not in done or done[place].offset < end):
                    return False
        return True

    async def stop(self) -> None:
        await asyncio.gather(*(one.stop() for one in self.gateways.values()))
        await asyncio.gather(*(one.stop() for one in self.functions.values()))
        await self._server.stop()
        self._listener.close()
        await self._outlet.close()
