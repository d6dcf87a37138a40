"""A PostgreSQL that archives its log, as a cluster's does, and is set back to an instant by it."""

import asyncio
import shutil
from datetime import datetime
from pathlib import Path
from signal import SIGINT, SIGKILL

import asyncpg

from local import process
from local.postgres import (
    OWNER,
    PORT,
    choose_socket_folder,
    choose_user,
    create_cluster,
    make_private,
    make_url,
    run_program,
    server_argv,
    wait_until_ready,
)

ARCHIVED = "SELECT last_archived_wal >= $1 FROM pg_stat_archiver"


class Archived:
    """One server, its base backup and the log since."""

    def __init__(self, folder: Path) -> None:
        self._cluster = folder / "postgres"
        self._backup = folder / "backup"
        self._archive = folder / "archive"
        self._log = folder / "postgres.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return make_url(choose_socket_folder(self._cluster))

    async def create(self) -> None:
        await create_cluster(self._cluster)
        make_private(self._archive)
        await self.start()

    async def start(self) -> None:
        """Returns when it may be written to."""
        settings = {
            "wal_level": "replica",
            "max_wal_senders": "4",
            "archive_mode": "on",
            "archive_command": f"cp %p {self._archive}/%f",
            "restore_command": f"cp {self._archive}/%f %p",
            "recovery_target_action": "promote",
        }
        argv = server_argv(self._cluster, choose_socket_folder(self._cluster))
        argv += [f"--{name}={value}" for name, value in settings.items()]
        server = await process.spawn(argv, log=self._log, death_signal=SIGINT, user=choose_user())
        await wait_until_ready(self._cluster, server, self._log)
        self._process = server
        while await self.fetch("SELECT pg_is_in_recovery()"):
            await asyncio.sleep(0.05)

    async def fetch(self, sql: str, *values: object) -> object:
        db = await asyncpg.connect(self.url)
        try:
            return await db.fetchval(sql, *values)
        finally:
            await db.close()

    async def back_up(self) -> None:
        """A base backup, taken while everything works."""
        where = ("-h", str(choose_socket_folder(self._cluster)), "-p", str(PORT), "-U", OWNER)
        await run_program("pg_basebackup", "-D", str(self._backup), "--checkpoint=fast", *where)

    async def read_clock(self) -> datetime:
        now = await self.fetch("SELECT clock_timestamp()")
        assert isinstance(now, datetime)
        return now

    async def archive_all(self) -> None:
        """Returns when everything written so far is in the archive."""
        last = await self.fetch("SELECT pg_walfile_name(pg_switch_wal())")
        while not await self.fetch(ARCHIVED, last):
            await asyncio.sleep(0.05)

    async def destroy(self) -> None:
        """The machine is gone, with its disk."""
        assert self._process is not None
        await process.end(self._process, SIGKILL)
        shutil.rmtree(self._cluster)

    async def set_back(self, to: datetime) -> None:
        """The backup, and the log up to an instant."""
        process_user = choose_user()
        shutil.copytree(self._backup, self._cluster, symlinks=True)
        (self._cluster / "recovery.signal").touch()
        with (self._cluster / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"recovery_target_time = '{to.isoformat()}'\n")
        if process_user:
            for path in (self._cluster, *self._cluster.rglob("*")):
                shutil.chown(path, process_user)
        self._cluster.chmod(0o700)
        await self.start()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            await process.end(self._process, SIGINT)
