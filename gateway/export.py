"""Everything of a person in one document that they can take along: what they wrote, what became of
it, and what was recorded about them. No secret stands in it. Its shape: docs/export.md.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import IO, Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from fastapi import APIRouter, Response
from msgspec import Raw, Struct
from sqlalchemy import Executable, RowMapping, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit import ENTRY, LIST, show_entry
from gateway.commands import NO_TASK
from gateway.context import Context, Ctx
from gateway.delivery_log import WHOLE
from gateway.files import open_file, send_file
from gateway.ics_export import TAIL, write_head, write_series, write_todo
from gateway.identity import Holder
from gateway.outbox import announcing
from gateway.task_rows import ROW, SHOWN, as_task
from taskflow.events import DataExported
from taskflow.task import Series, Task

router = APIRouter(prefix="/v1/me/export", tags=["accounts"])

FORMAT, VERSION = "taskflow-export", 1
CHUNK = 500

Show: TypeAlias = Callable[[RowMapping], dict[str, Any]]


class Section(Struct, frozen=True):
    """One part of the document: from which table, by which statement about `:id`, how a row is
    shown, and whether there is just one."""

    table: str
    statement: Executable
    show: Show = dict
    one: bool = False


def show_json(*names: str) -> Show:
    """A row some columns of which are JSON already."""
    return lambda row: {**row, **{name: row[name] and Raw(row[name].encode()) for name in names}}


def show_task(row: RowMapping) -> dict[str, Any]:
    """A task as the API shows it, and when it was deleted."""
    return {**as_task(list(row.values())), "deleted_at": row["deleted_at"]}


ACCOUNT = text("""
SELECT id, email, name, timezone, roles, email_verified, created_at,
    oidc_subject IS NOT NULL AS linked, CAST(reminder_choices AS text) AS reminder_choices
FROM users WHERE id = :id
""")
TASKS = select(*SHOWN, ROW.deleted_at).where(ROW.user_id == bindparam("id"))
SERIES = text("""
SELECT id, version, CAST(recurrence AS text) AS recurrence, anchor, timezone, floating, lead,
    CAST(template AS text) AS template, used, created_at
FROM series WHERE user_id = :id ORDER BY created_at, id
""")
OCCURRENCES = text("""
SELECT o.series_id, o.recurrence_id, o.task_id, o.ended_how, o.ended_at
FROM series AS s JOIN occurrences AS o ON o.series_id = s.id
WHERE s.user_id = :id ORDER BY o.series_id, o.recurrence_id
""")
TAGS = text("""
SELECT tag AS name, count(*) AS count FROM tasks, unnest(tags) AS tag
WHERE user_id = :id AND deleted_at IS NULL GROUP BY tag ORDER BY tag
""")
VIEWS = text("""
SELECT id, name, CAST(query AS text) AS query, position, version, created_at, updated_at
FROM views WHERE user_id = :id ORDER BY position, id
""")
CHANNELS = text("""
SELECT id, kind, CASE WHEN kind = 'apprise' THEN split_part(address, '://', 1) || '://'
    ELSE address END AS address, confirmed_at, created_at, disabled_at, disabled_reason
FROM channels WHERE user_id = :id ORDER BY created_at, id
""")
DELIVERIES = text(WHOLE + "WHERE user_id = :id ORDER BY due_at, id").bindparams(none=NO_TASK)
ANSWERS = text("""
SELECT a.delivery_id, a.verb, a.task_id, a.reminder_id, a.remind_at, a.at
FROM deliveries AS d JOIN reminder_answers AS a ON a.delivery_id = d.id
WHERE d.user_id = :id ORDER BY a.at, a.delivery_id
""")
SESSIONS = text("""
SELECT id, created_at, expires_at, revoked_at FROM sessions WHERE user_id = :id
ORDER BY created_at, id
""")
API_TOKENS = text("""
SELECT id, name, scopes, created_at, expires_at, revoked_at FROM api_tokens WHERE user_id = :id
ORDER BY created_at, id
""")
AUDIT = LIST.where(ENTRY.user_id == bindparam("id")).order_by(ENTRY.seq)

# What a calendar needs: the zones named in it, and of each series that has tasks, what was deleted.
ZONES = text("""
SELECT DISTINCT timezone FROM tasks
WHERE user_id = :id AND deleted_at IS NULL AND timezone IS NOT NULL AND floating IS NOT TRUE
UNION SELECT timezone FROM series WHERE user_id = :id AND timezone IS NOT NULL ORDER BY 1
""")
ALIVE = text("""
SELECT t.series_id, (SELECT array_agg(o.recurrence_id) FROM occurrences AS o
    WHERE o.series_id = t.series_id AND o.ended_how = 'deleted') AS deleted
FROM tasks AS t WHERE t.user_id = :id AND t.deleted_at IS NULL AND t.series_id IS NOT NULL
GROUP BY t.series_id
""")

# In the order of the document.
SECTIONS = {
    "account": Section("users", ACCOUNT, show_json("reminder_choices"), one=True),
    "tasks": Section("tasks", TASKS.order_by(ROW.created_at, ROW.id), show_task),
    "series": Section("series", SERIES, show_json("recurrence", "template")),
    "occurrences": Section("occurrences", OCCURRENCES),
    "tags": Section("tasks", TAGS),
    "views": Section("views", VIEWS, show_json("query")),
    "channels": Section("channels", CHANNELS),
    "deliveries": Section("deliveries", DELIVERIES, show_json("log")),
    "reminder_answers": Section("reminder_answers", ANSWERS),
    "sessions": Section("sessions", SESSIONS),
    "api_tokens": Section("api_tokens", API_TOKENS),
    "audit": Section("audit_entries", AUDIT, show_entry),
}


@router.get("")
async def export_account(
    who: Holder, context: Ctx, format: Literal["json", "ics"] = "json"
) -> Response:
    """The document, as everything was at one instant, or the tasks alone as a calendar; that it was
    asked for is on record."""
    async with announcing(context) as writing:
        me = who.user_id
        writing.announce(DataExported(user_id=me, actor_id=me, timestamp=writing.now))
    file = open_file()
    if format == "ics":
        await _write_calendar(file, context, UUID(me))
        return send_file(file, "text/calendar; charset=utf-8", "taskflow.ics")
    head = {"format": FORMAT, "version": VERSION, "exported_at": context.clock()}
    file.write(msgspec.json.encode(head).removesuffix(b"}"))
    async with _snapshot(context) as db:
        for name, section in SECTIONS.items():
            begin, end = (b"", b"") if section.one else (b"[", b"]")
            file.write(f',\n"{name}":'.encode() + begin)
            await _write(file, _read(db, section, UUID(me)))
            file.write(end)
    file.write(b"\n}\n")
    return send_file(file, "application/json", "taskflow.json")


def _snapshot(context: Context) -> AbstractAsyncContextManager[AsyncConnection]:
    return context.engine.execution_options(isolation_level="REPEATABLE READ").begin()


async def _write_calendar(file: IO[bytes], context: Context, person: UUID) -> None:
    at, values = context.clock(), {"id": person}
    async with _snapshot(context) as db:
        zones = (await db.execute(ZONES, values)).scalars().all()
        file.write((await asyncio.to_thread(write_head, str(person), list(zones))).encode())
        alive = {str(row.series_id): row.deleted for row in await db.execute(ALIVE, values)}
        async for one in _read(db, SECTIONS["series"], person):
            series = msgspec.convert(
                _plain({**one, "user_id": person, "stream": one["id"]}), Series
            )
            if series.id in alive:
                file.write(write_series(series, alive[series.id] or [], at).encode())
        async for one in _read(db, SECTIONS["tasks"], person):
            if one.pop("deleted_at") is None:
                file.write(write_todo(msgspec.convert(_plain(one), Task), at).encode())
    file.write(TAIL.encode())


def _plain(row: dict[str, Any]) -> Any:
    """A row as JSON has it: what is JSON already is read again."""
    return msgspec.json.decode(msgspec.json.encode(row))


async def _read(
    db: AsyncConnection, section: Section, person: UUID
) -> AsyncIterator[dict[str, Any]]:
    options = {"yield_per": CHUNK}
    result = await db.stream(section.statement, {"id": person}, execution_options=options)
    async for row in result.mappings():
        yield section.show(row)


async def _write(file: IO[bytes], rows: AsyncIterator[dict[str, Any]]) -> None:
    """An item per line."""
    before = b"\n"
    async for row in rows:
        file.write(before + msgspec.json.encode(row))
        before = b",\n"
