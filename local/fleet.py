"""All functions of one platform: a sidecar and a scaler for each that the manifests name, the API
they publish through, and the queries that wake them.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from local.api import Api
from local.http import Server
from local.manifests import Manifests
from local.replica import Surroundings
from local.scale import Report, Scaler
from local.sidecar import Awaited, Sidecar
from local.watch import MOST_SECONDS, listeners_of, watch_queries
from taskflow.outlet import Outlet
from taskflow.settings import Settings


class State(Struct, frozen=True):
    """What GET /state answers."""

    functions: list[Report]


class Fleet:
    """Every function, from zero; `env` is what their processes are given, and may change."""

    def __init__(
        self,
        manifests: Manifests,
        settings: Settings,
        env: dict[str, str],
        *,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self.manifests = limit_retries(manifests, settings.retry_ceiling)
        self._settings = settings
        self._env = env
        self._told = told
        self._outlet: Outlet | None = None
        self._server: Server | None = None
        self._watching: asyncio.Task[None] | None = None
        self.scalers: list[Scaler] = []
        # Open before it is served, so that others can be told of it; who asks early waits.
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        """Where the API listens on 127.0.0.1."""
        port: int = self._listener.getsockname()[1]
        return port

    async def start(self, bootstrap: str, logs: Path) -> None:
        """Every function reads from `bootstrap`; none has a process until something is there."""
        self._outlet = Outlet(bootstrap)
        self._env["TASKFLOW_PUBLISH"] = f"dapr://127.0.0.1:{self.port}/{self.manifests.pubsub}"
        self._server = Server(
            Api(self._outlet, self.manifests.pubsub, self.read_state), self._listener
        )
        surroundings = Surroundings(self._env, secrets.token_urlsafe(24), logs, self.manifests.nice)
        awaited = Awaited()
        self.scalers = [
            self._make_scaler(
                Sidecar(one, self.manifests, bootstrap, self._outlet, awaited), surroundings
            )
            for one in self.manifests.functions.values()
        ]
        await self._server.start()
        await asyncio.gather(*(scaler.start() for scaler in self.scalers))
        self._watching = asyncio.create_task(self._watch())

    def _make_scaler(self, sidecar: Sidecar, surroundings: Surroundings) -> Scaler:
        return Scaler(
            sidecar,
            surroundings,
            cooldown=self._settings.cooldown,
            processors=os.cpu_count() or 1,
            told=self._told,
        )

    async def _watch(self) -> None:
        queries = [
            ([query.query for query in scaler.function.queries], scaler.note_value)
            for scaler in self.scalers
        ]
        polling = [scaler.function.polling_seconds for scaler in self.scalers]
        await watch_queries(
            lambda: self._env["TASKFLOW_DATABASE"],
            listeners_of(queries),
            min([MOST_SECONDS, *polling]),
        )

    def read_state(self) -> State:
        return State([scaler.report() for scaler in self.scalers])

    async def restart(self) -> None:
        """New processes for all functions that run, in the environment as it is now."""
        await asyncio.gather(*(scaler.restart() for scaler in self.scalers))

    async def stop(self) -> None:
        """Finish what was sent, commit, end all processes."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await asyncio.gather(*(scaler.stop() for scaler in self.scalers))
        if self._server is not None:
            await self._server.stop()
        self._listener.close()
        if self._outlet is not None:
            await self._outlet.close()


def limit_retries(manifests: Manifests, ceiling: float) -> Manifests:
    """The same manifests, no pause between two deliveries above `ceiling` seconds."""
    retry = manifests.retry
    limited = msgspec.structs.replace(
        retry, first=min(retry.first, ceiling), ceiling=min(retry.ceiling, ceiling)
    )
    return msgspec.structs.replace(manifests, retry=limited)
