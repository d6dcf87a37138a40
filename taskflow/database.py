"""The one way to PostgreSQL for functions: a small asyncpg pool, transactions, and the word on
which of its errors mean "away" and which mean "wrong".
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from taskflow.errors import Unavailable
from taskflow.settings import Settings

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
T = TypeVar("T")

CONNECT_TIMEOUT = 5.0
COMMAND_TIMEOUT = 60.0


class StaleRead(Exception):
    """What was read has changed before it was written: the transaction must be repeated."""


CONFLICTS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, StaleRead)
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,
    *CONFLICTS,
)
CONFLICT_TRIES = 5
# Functions ask by key. A plan that was kept when a table was empty would read all of it for each
# batch, until its statistics come; and what must be read whole counts as so dear that JIT would
# compile it.
BY_KEY = {"enable_seqscan": "off", "jit": "off"}


class Database:
    """A pool that opens on first use, so that a process can start before its database does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                self._pool = await open_pool(self._settings)
            return self._pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection outside a transaction. Raises Unavailable."""
        with _named():
            pool = self._pool or await self._open()
            async with pool.acquire(timeout=CONNECT_TIMEOUT) as db:
                yield db

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction that commits when the block ends well. Raises Unavailable."""
        async with self.connection() as db, db.transaction():
            yield db

    async def repeat(
        self, work: Callable[[Connection], Awaitable[T]], then: Callable[[T], str] = lambda _: ""
    ) -> T:
        """`work` in a transaction, again from the start after a deadlock or a serialization failure
        (40P01, 40001). The SQL that `then` makes of its result follows the commit in the same round
        trip. Raises Unavailable."""
        for _ in range(CONFLICT_TRIES):
            try:
                async with self.connection() as db:
                    return await _transact(db, work, then)
            except Unavailable as error:
                if not isinstance(error.__cause__, CONFLICTS):
                    raise
        raise Unavailable(f"PostgreSQL ended this transaction {CONFLICT_TRIES} times; later again.")

    async def answers(self) -> bool:
        """Whether the database can be asked now."""
        try:
            async with self.connection() as db:
                await db.fetchval("SELECT 1")
        except Unavailable:
            return False
        return True

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()


async def _transact(
    db: Connection, work: Callable[[Connection], Awaitable[T]], then: Callable[[T], str]
) -> T:
    await db.execute("BEGIN")
    try:
        result = await work(db)
        await db.execute(f"COMMIT; {then(result)}")
    except BaseException:
        if not db.is_closed() and db.is_in_transaction():
            await db.execute("ROLLBACK")
        raise
    return result


def quote_text(text: str) -> str:
    """`text` as a literal of SQL, for a script that takes no arguments (PostgreSQL, 4.1.2.1)."""
    return "'" + text.replace("'", "''") + "'"


class _named:
    """Turns the driver's errors of absence into Unavailable, its cause kept."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AWAY) and not isinstance(error, asyncpg.DataError):
            raise Unavailable(f"PostgreSQL is away ({type(error).__name__}: {error}).") from error


async def open_pool(settings: Settings) -> "asyncpg.Pool[asyncpg.Record]":
    """A pool as `settings` say: in its role, and without prepared statements behind a pooler."""
    role = settings.database_role
    return await asyncpg.create_pool(
        settings.database,
        min_size=1,
        max_size=settings.database_pool,
        timeout=CONNECT_TIMEOUT,
        command_timeout=COMMAND_TIMEOUT,
        reset=_keep_session,
        statement_cache_size=0 if settings.database_pooled else 200,
        server_settings={
            "application_name": role or "taskflow",
            # Instants are shown in UTC, wherever the server stands.
            "timezone": "UTC",
            "standard_conforming_strings": "on",
            **({"role": role} if role else {}),
            # Behind a pooler no plan is kept.
            **({} if settings.database_pooled else BY_KEY),
        },
    )


async def _keep_session(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Nothing here outlives its transaction, so that a release needs no round trip to reset."""
