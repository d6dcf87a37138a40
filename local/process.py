"""Processes that never outlive TaskFlow unseen: started tied to their parent, ended in order, and
found again after a crash; one place for every server, gateway and function started at home.
"""

import asyncio
import contextlib
import fcntl
import os
import random
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import IO, Protocol

import psutil

LAUNCH = Path(__file__).with_name("launch.py")
LOG_BYTES = 4 << 20
POLL_SECONDS = 0.01
# Below the range from which systems take ports for outgoing connections: a probe of a port in
# that range can be given the very port it probes and then connects to itself.
PORTS = range(20000, 32000)


class AlreadyRunning(RuntimeError):
    """Another TaskFlow holds this data directory."""


class StartFailed(RuntimeError):
    """A process could not start; the message carries the reason or the end of its log."""


class Endable(Protocol):
    """What `end` needs: a child of ours or a `Stray`."""

    @property
    def pid(self) -> int: ...

    def send_signal(self, signal: int) -> None: ...

    async def wait(self) -> int: ...


class Stray:
    """A process that a killed TaskFlow left behind: not our child, so it is watched by looking."""

    def __init__(self, process: psutil.Process) -> None:
        self.process = process
        self.pid = process.pid

    def send_signal(self, signal: int) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            self.process.send_signal(signal)

    async def wait(self) -> int:
        while is_alive(self.process):
            await asyncio.sleep(POLL_SECONDS)
        return 0


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie that nobody reaps, as in many containers, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    death_signal: Signals = SIGTERM,
    user: str = "",
) -> asyncio.subprocess.Process:
    """Start a program whose output goes to `log` and which gets `death_signal` when we die.

    `argv[0]` is an absolute path, `env` None means ours. The death signal is Linux's; elsewhere
    `find_stray` at the next start is what remains. `user` (root only) names who it runs as.
    """
    command = tie_to_us(argv, death_signal, user)
    with open_log(log) as output:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            # Ctrl-C is for us alone: we end the rest in order.
            start_new_session=True,
        )


def tie_to_us(
    argv: Sequence[str], death_signal: Signals = SIGTERM, user: str = "", nice: int = 0
) -> list[str]:
    """The command that runs `argv` as `spawn` says; to be started from our main thread, because
    the kernel counts the death of the starting thread as ours.
    """
    if sys.platform != "linux":
        return list(argv)
    terms = [str(int(death_signal)), str(os.getpid()), user, str(nice)]
    return [sys.executable, "-I", "-S", str(LAUNCH), *terms, *argv]


def open_log(path: Path) -> IO[bytes]:
    """Open for appending; a log grown above LOG_BYTES first moves to `<name>.1`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


async def end(process: Endable, *signals: Signals, patience: float = 20.0) -> None:
    """Send each signal in turn, waiting `patience` seconds after each; SIGKILL comes last."""
    for signal in (*signals, SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience)
            return


@contextlib.asynccontextmanager
async def ended_on_failure(process: Endable, *signals: Signals) -> AsyncIterator[None]:
    """End the process when the block that waits for it fails or is cancelled."""
    try:
        yield
    except BaseException:
        await end(process, *signals)
        raise


def find_stray(pid_file: Path, mark: str) -> Stray | None:
    """The process that `pid_file` names on its first line, if its command line contains `mark`.

    The mark tells it from a stranger that was given the same number since.
    """
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        if is_alive(process) and any(mark in word for word in process.cmdline()):
            return Stray(process)
    except (OSError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        pass
    return None


def check_running(process: asyncio.subprocess.Process, name: str, log: Path) -> None:
    """Raise StartFailed with the last lines of the log when the process has ended."""
    if process.returncode is not None:
        lines = log.read_text(errors="replace").splitlines()[-20:]
        told = "\n".join(lines)
        raise StartFailed(
            f"{name} ended with code {process.returncode} at its start ({log}):\n{told}"
        )


def choose_port(preferred: int | None = None) -> int:
    """The preferred port if nothing listens there on 127.0.0.1, else a free one of PORTS."""
    for port in [preferred, *random.sample(PORTS, 200)]:
        if port is not None and is_free(port):
            return port
    raise OSError(f"no free port from {PORTS.start} to {PORTS.stop} on 127.0.0.1; stop some server")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still cooling down counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def wait_for_port(port: int, process: asyncio.subprocess.Process) -> None:
    """Return when 127.0.0.1:port accepts a connection or the process has ended."""
    while process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(POLL_SECONDS)
        else:
            writer.close()
            return


def claim(data: Path) -> IO[bytes]:
    """Hold the data directory for this process until the answer is closed or the process dies.

    Whoever starts servers claims first: only then is a server found running there a stray.
    Raises AlreadyRunning.
    """
    data.mkdir(parents=True, exist_ok=True)
    lock = (data / "lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise AlreadyRunning(f"another TaskFlow runs on {data}; stop it, or name another") from None
    return lock
