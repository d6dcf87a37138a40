"""A running stack of its own to measure: started and stopped as `make run` does it, and watched
from outside, as the operating system accounts for it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
from msgspec import Struct

from local.postgres import choose_socket_folder, make_url
from local.process import choose_port

START_WITHIN = 600.0
STOP_WITHIN = 60.0


class Stack(Struct):
    """A platform that answers at `port`; `start` is the seconds until it did."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path
    start: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        """The embedded PostgreSQL, as its owner."""
        return make_url(choose_socket_folder(self.data.resolve() / "postgres"))

    def members(self) -> list[psutil.Process]:
        """Every process of the stack."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def functions(self) -> list[str]:
        """The functions that have a process now."""
        lines = [_line(member) for member in self.members()]
        return [line for line in lines if "functions." in line]

    def kill(self, mark: str) -> int:
        """Kills every process whose command line holds `mark`, without a warning; how many."""
        found = [member for member in self.members() if mark in _line(member)]
        for member in found:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        return len(found)

    def memory(self) -> dict[str, float]:
        """MB by part: proportional set size, so that shared pages count once."""
        parts: dict[str, float] = {}
        for member in self.members():
            with suppress(psutil.NoSuchProcess):
                part = _part(_line(member))
                parts[part] = parts.get(part, 0) + member.memory_full_info().pss / 2**20
        return parts

    def cpu(self, seconds: float) -> float:
        """Per cent of one core that the stack uses over `seconds`."""
        before = self._cpu_seconds()
        time.sleep(seconds)
        return 100 * (self._cpu_seconds() - before) / seconds

    def cpu_parts(self) -> dict[str, float]:
        """Seconds of CPU that each part has used so far."""
        parts: dict[str, float] = {}
        for member in self.members():
            with suppress(psutil.NoSuchProcess):
                part, times = _part(_line(member)), member.cpu_times()
                parts[part] = parts.get(part, 0) + times.user + times.system
        return parts

    def _cpu_seconds(self) -> float:
        return sum(t.user + t.system for t in (m.cpu_times() for m in self.members()))


def _line(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _part(line: str) -> str:
    for part, mark in (
        ("Kafka", "kafka.Kafka"),
        ("PostgreSQL", "postgres"),
        ("gateway", "-m gateway"),
        ("functions", "functions."),
    ):
        if mark in line:
            return part
    return "platform"


@contextmanager
def running(data: Path, cooldown: float) -> Iterator[Stack]:
    """A stack over `data` until the block ends."""
    port = choose_port()
    variables = {
        "PORT": str(port),
        "TASKFLOW_DATA": str(data),
        "TASKFLOW_COOLDOWN": str(cooldown),
        "TASKFLOW_RATE_LIMIT": "0",
    }
    data.mkdir(parents=True, exist_ok=True)
    with (data / "bench.log").open("ab") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "up"], env={**os.environ, **variables}, stdout=log
        )
        try:
            wait_until_up(process, f"http://127.0.0.1:{port}/readyz")
            yield Stack(process, port, data, time.perf_counter() - begun)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_WITHIN)


def wait_until_up(process: subprocess.Popen[bytes], url: str) -> None:
    """Until `url` is answered with 200. Raises RuntimeError when that takes too long."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < START_WITHIN:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended while it started; its log says why.")
        with suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2).status_code == 200:
                return
        # No event tells of another process's start; its precision is that of the figure.
        time.sleep(0.02)
    raise RuntimeError(f"{url} did not answer within {START_WITHIN:g} s; its log says why.")
