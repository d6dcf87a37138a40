"""The gateway's process at home: started beside the functions, started again when it dies."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGTERM

from local import process
from local.replica import ROOT

HOST = "127.0.0.1"
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
YOUNG_SECONDS = 5.0
# Streams of people who are connected do not end by themselves.
DRAIN_SECONDS = 5

log = logging.getLogger("taskflow.local")


class Gateway:
    """One uvicorn process on `port`, of the code in `root`."""

    def __init__(
        self, port: int, read_env: Callable[[], dict[str, str]], logs: Path, root: Path = ROOT
    ) -> None:
        self._port = port
        self._read_env = read_env
        self._log = logs / "gateway.log"
        self._root = root
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when it accepts connections. Raises process.StartFailed."""
        if not process.is_free(self._port):
            raise process.StartFailed(
                f"port {self._port} is taken by another program: choose one with PORT=8081, say"
            )
        self._process = await self._spawn()
        await process.wait_for_port(self._port, self._process)
        process.check_running(self._process, "The gateway", self._log)
        self._keeping = asyncio.create_task(self._keep())

    async def _spawn(self) -> asyncio.subprocess.Process:
        # -P: else the folder that we were started in comes first.
        argv = [sys.executable, "-P", "-m", "gateway"]
        argv += ["--host", HOST, "--port", str(self._port), "--no-access-log"]
        argv += ["--log-level", "warning", "--loop", "uvloop", "--http", "httptools"]
        argv += ["--timeout-graceful-shutdown", str(DRAIN_SECONDS)]
        env = {**self._read_env(), "PYTHONPATH": str(self._root)}
        return await process.spawn(argv, log=self._log, env=env)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while self._process is not None:
            started = time.monotonic()
            code = await self._process.wait()
            log.error("the gateway ended with code %s and is started again", code)
            young = time.monotonic() - started < YOUNG_SECONDS
            pause = min(pause * 2, LONGEST_PAUSE) if young else FIRST_PAUSE
            await asyncio.sleep(pause)
            self._process = await self._spawn()

    async def restart(self) -> None:
        """End it; it comes again with the environment as it is now."""
        if self._process is not None:
            await process.end(self._process, SIGTERM)

    async def stop(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._process is not None:
            await process.end(self._process, SIGTERM, patience=DRAIN_SECONDS * 2)
