"""Composed statements for the driver itself: SQLAlchemy writes the SQL once for each shape, and
asyncpg runs it. To compose, cache and fetch by way of the engine was half of a list's time.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from gateway.context import Context

if TYPE_CHECKING:
    import asyncpg

DIALECT: Any = dialect()  # type: ignore[no-untyped-call]


class Statement(Struct, frozen=True):
    """SQL with numbered parameters; `names` says which value stands where, `values` holds those
    that the statement was written with."""

    sql: str
    names: tuple[str, ...]
    values: Mapping[str, Any]


def write_statement(query: Select[Any]) -> Statement:
    """A query as the driver takes it; its named parameters are given when it runs."""
    compiled = query.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
    return Statement(str(compiled), tuple(compiled.positiontup or ()), compiled.params)


async def fetch_rows(
    context: Context, statement: Statement, values: Mapping[str, Any]
) -> "list[asyncpg.Record]":
    """The rows, on a connection of the engine's pool; one that was closed meanwhile is left."""
    given = {**statement.values, **values}
    arguments = [given[name] for name in statement.names]
    async with context.engine.connect() as db:
        driver: Any = (await db.get_raw_connection()).driver_connection
        if driver.is_closed():
            await db.invalidate()
            driver = (await db.get_raw_connection()).driver_connection
        rows: list[asyncpg.Record] = await driver.fetch(statement.sql, *arguments)
        return rows
