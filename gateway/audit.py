"""The audit for people: their own entries, everybody's for auditors, the history of one task, a
report of a period, and whether the chain is whole.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import IO, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from msgspec import Raw
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, RowMapping, Select, case, func, select
from sqlmodel import Field as Column
from sqlmodel import SQLModel

from gateway.audit_report import COLUMNS, FORMATS
from gateway.bodies import write_json
from gateway.commands import public_id
from gateway.context import Context, Ctx
from gateway.files import open_file, send_file
from gateway.identity import Identity, Who
from gateway.outbox import announcing
from gateway.pages import page, read_cursor, read_limit, write_cursor
from gateway.tables import TaskRow
from taskflow.audit import ERASED, Entry, Texts
from taskflow.audit_keys import open_ring
from taskflow.errors import invalid, not_found
from taskflow.events import AdminRead
from taskflow.read_task import read_task_id
from taskflow.read_times import read_instant
from taskflow.verification import Fault, Verification

router = APIRouter(prefix="/v1", tags=["audit"])

AUDITORS = {"auditor", "admin"}
PDF = "pdf"
CHUNK = 500
DATE = len("2026-12-31")


class AuditEntryRow(SQLModel, table=True):
    __tablename__ = "audit_entries"

    seq: int = Column(primary_key=True)
    at: datetime
    event_id: str
    user_id: UUID
    actor_id: UUID
    action: str
    task_id: UUID | None
    cause_id: str
    before_digest: str
    after_digest: str
    trace_id: str | None
    previous_hash: str
    hash: str


class AuditDetailRow(SQLModel, table=True):
    __tablename__ = "audit_details"

    seq: int = Column(primary_key=True)
    salt: str
    before: str | None
    after: str | None


ENTRY: Any = AuditEntryRow
TEXTS: Any = AuditDetailRow
TASK: Any = TaskRow

BESIDE = ("before", "after")
LIST = select(
    *(getattr(TEXTS if name in BESIDE else ENTRY, name) for name in COLUMNS),
    (TEXTS.salt == ERASED).label("erased"),
).outerjoin_from(AuditEntryRow, AuditDetailRow, ENTRY.seq == TEXTS.seq)

# PostgreSQL holds instants that no calendar here has; only a forger writes them.
CALENDAR = (datetime.fromisoformat("0002-01-01T00Z"), datetime.fromisoformat("9999-01-01T00Z"))
CHAIN = (
    select(
        case((ENTRY.at.between(*CALENDAR), ENTRY.at)).label("at"),
        *(getattr(ENTRY, name) for name in Entry.__struct_fields__ if name != "at"),
        TEXTS.seq.label("has_texts"),
        *(getattr(TEXTS, name) for name in Texts.__struct_fields__),
    )
    .outerjoin_from(AuditEntryRow, AuditDetailRow, ENTRY.seq == TEXTS.seq)
    .order_by(ENTRY.seq)
)
LAST_TEXTS = select(func.max(TEXTS.seq))


class Period(BaseModel):
    """From an instant (inclusive) to an instant (exclusive); a date is its midnight."""

    model_config = ConfigDict(extra="forbid")

    since: str | None = Field(default=None, alias="from")
    until: str | None = Field(default=None, alias="to")


class AuditQuery(Period):
    """The query parameters of GET /v1/audit."""

    actor_id: str | None = None
    task_id: str | None = None
    action: str | None = None
    limit: str | None = None
    cursor: str | None = None


class ReportQuery(Period):
    """The query parameters of GET /v1/audit/report."""

    format: str = "json"


class HistoryQuery(BaseModel):
    """The query parameters of GET /v1/tasks/{id}/history."""

    model_config = ConfigDict(extra="forbid")

    limit: str | None = None
    cursor: str | None = None


# --- lists -------------------------------------------------------------------------------------


@router.get("/audit")
async def list_entries(query: Annotated[AuditQuery, Query()], who: Who, context: Ctx) -> Response:
    """The caller's entries, newest first; an auditor sees everybody's."""
    size = read_limit(query.limit)
    wanted = LIST.where(*_within(query, who), *_about(query)).order_by(ENTRY.seq.desc())
    if query.cursor is not None:
        wanted = wanted.where(ENTRY.seq < read_cursor(context, query.cursor, "audit")[0])
    await _leave_trace(context, who, query)
    rows, following = await _read_page(context, wanted, size, "audit")
    return write_json(page([show_entry(row) for row in rows], following))


@router.get("/tasks/{task_id}/history")
async def list_history(
    task_id: str, query: Annotated[HistoryQuery, Query()], who: Who, context: Ctx
) -> Response:
    """Every change of one task, oldest first, also when it was deleted since."""
    size = read_limit(query.limit)
    task = UUID(read_task_id(task_id))
    await _check_owner(context, who, task)
    mine = (ENTRY.task_id == task, ENTRY.user_id == UUID(who.user_id))
    wanted = LIST.where(*mine, ENTRY.action.startswith("task.")).order_by(ENTRY.seq)
    if query.cursor is not None:
        wanted = wanted.where(ENTRY.seq > read_cursor(context, query.cursor, "history")[0])
    rows, following = await _read_page(context, wanted, size, "history")
    items = [show_change(row, show_command(context, who, row)) for row in rows]
    return write_json(page(items, following))


def show_entry(row: RowMapping) -> dict[str, Any]:
    """An entry as API.md shows it; where its texts were erased, they are null, and it says so."""
    return {**{name: row[name] for name in COLUMNS}, **_show_texts(row)}


def _show_texts(row: RowMapping) -> dict[str, Any]:
    texts = {name: _as_json(row[name]) for name in BESIDE}
    return {**texts, "erased": True} if row["erased"] else texts


def show_change(row: RowMapping, command_id: str) -> dict[str, Any]:
    """An entry as its task's history shows it."""
    return {
        "at": row["at"],
        "actor_id": row["actor_id"],
        "action": row["action"].removeprefix("task."),
        "command_id": command_id,
        **_show_texts(row),
    }


def show_command(context: Context, who: Identity, row: RowMapping) -> str:
    """The id of the command that made a change, as its person may ask for it."""
    return public_id(context, who.user_id, row["cause_id"], str(row["task_id"]))


def _as_json(text: str | None) -> Raw | None:
    return None if text is None else Raw(text.encode())


async def _read_page(
    context: Context, wanted: Select[Any], size: int, kind: str
) -> tuple[Sequence[RowMapping], str | None]:
    """Up to `size` rows, and the cursor behind the last one if there are more."""
    async with context.engine.connect() as db:
        rows = (await db.execute(wanted.limit(size + 1))).mappings().all()
    more = len(rows) > size
    return rows[:size], write_cursor(context, kind, rows[size - 1]["seq"]) if more else None


async def _check_owner(context: Context, who: Identity, task: UUID) -> None:
    query = select(TASK.id).where(TASK.id == task, TASK.user_id == UUID(who.user_id))
    async with context.engine.connect() as db:
        if (await db.execute(query)).first() is None:
            raise not_found(f"The task {task}")


async def _leave_trace(context: Context, who: Identity, query: BaseModel) -> None:
    """What an auditor reads of others is itself a fact, on record before the answer leaves."""
    if AUDITORS.isdisjoint(who.roles):
        return
    asked = query.model_dump(by_alias=True, exclude_none=True, exclude={"cursor"})
    async with announcing(context) as writing:
        fact = AdminRead(
            user_id=who.user_id,
            actor_id=who.user_id,
            timestamp=writing.now,
            detail={"what": "audit", "query": asked},
        )
        writing.announce(fact)


# --- conditions --------------------------------------------------------------------------------


def _within(query: Period, who: Identity) -> Iterator[ColumnElement[bool]]:
    """Whose entries, of which time. Raises Refused."""
    if AUDITORS.isdisjoint(who.roles):
        yield ENTRY.user_id == UUID(who.user_id)
    if query.since is not None:
        yield ENTRY.at >= read_bound("from", query.since, who.timezone)
    if query.until is not None:
        yield ENTRY.at < read_bound("to", query.until, who.timezone)


def _about(query: AuditQuery) -> Iterator[ColumnElement[bool]]:
    if query.actor_id is not None:
        yield ENTRY.actor_id == _read_id("actor_id", query.actor_id)
    if query.task_id is not None:
        yield ENTRY.task_id == _read_id("task_id", query.task_id)
    if query.action is not None:
        yield ENTRY.action == query.action.replace("\0", "")


def read_bound(field: str, text: str, timezone: str) -> datetime:
    """An instant, or the midnight with which a date starts in `timezone`. Raises Refused."""
    return read_instant(field, f"{text}T00:00:00" if len(text) == DATE else text, timezone)


def _read_id(field: str, text: str) -> UUID:
    return UUID(read_task_id(text, invalid(field, "must be a UUID")))


# --- the chain ---------------------------------------------------------------------------------


@router.get("/audit/verify")
async def verify_chain(who: Who, context: Ctx) -> Response:
    """Whether the whole chain is true. Open to everybody signed in, for it tells of no entry but
    the number of a bad one; what the seals say, `taskflow audit verify` knows."""
    async with context.engine.connect() as db:
        # Before the chain, which only grows: texts written meanwhile must not look left over.
        last_texts = (await db.execute(LAST_TEXTS)).scalar() or 0
    verification = await _verify(context, CHAIN)
    return write_json(show_verdict(verification, verification.finish(last_texts)))


async def _verify(context: Context, chain: Select[Any]) -> Verification:
    verification = Verification(open_ring(context.settings.audit_secrets))
    async with aclosing(stream_rows(context, chain)) as chunks:
        async for rows in chunks:
            if any(verification.take(*_read_link(row)) for row in rows):
                break
    return verification


def show_verdict(verification: Verification, fault: Fault | None) -> dict[str, Any]:
    """`entries` counts those that were proved; `first_bad` is a number, or null. Where `unproved`,
    nothing is known to be wrong, but a secret is missing to prove what begins there."""
    return {
        "ok": fault is None,
        "entries": verification.entries,
        "erased": verification.erased,
        "first_bad": fault.seq if fault else None,
        "reason": fault.reason if fault else None,
        "unproved": fault is not None and fault.unproved,
        "trace_id": fault.trace_id if fault else None,
    }


def _read_link(row: RowMapping) -> tuple[Entry, Texts | None]:
    fields = {name: row[name] for name in Entry.__struct_fields__}
    for name in ("user_id", "actor_id", "task_id"):
        fields[name] = None if fields[name] is None else str(fields[name])
    if row["has_texts"] is None:
        return Entry(**fields), None
    return Entry(**fields), Texts(**{name: row[name] for name in Texts.__struct_fields__})


async def stream_rows(
    context: Context, query: Select[Any], chunk: int = CHUNK
) -> AsyncGenerator[Sequence[RowMapping], None]:
    """Rows by a cursor of the server: memory stays the same, however many there are."""
    async with context.transaction() as db:
        result = await db.stream(query, execution_options={"yield_per": chunk})
        async for rows in result.mappings().partitions():
            yield rows


# --- reports -----------------------------------------------------------------------------------


@router.get("/audit/report")
async def write_report(query: Annotated[ReportQuery, Query()], who: Who, context: Ctx) -> Response:
    """The entries of a period, oldest first, as a file: the same bytes each time, as long as no
    text was erased and no late entry came."""
    for field, given in (("from", query.since), ("to", query.until)):
        if given is None:
            raise invalid(field, "is required: a report covers a period")
    if query.format != PDF and query.format not in FORMATS:
        names = ", ".join((*FORMATS, PDF))
        raise invalid("format", f"must be one of {names}: nothing else is offered")
    wanted = LIST.where(*_within(query, who)).order_by(ENTRY.seq)
    await _leave_trace(context, who, query)
    file = open_file()
    write = _write_pdf if query.format == PDF else _write_rows
    return send_file(file, await write(file, query, who, context, wanted), f"audit.{query.format}")


async def _write_rows(
    file: IO[bytes], query: ReportQuery, who: Identity, context: Context, wanted: Select[Any]
) -> str:
    report = FORMATS[query.format](file)
    async for rows in stream_rows(context, wanted):
        report.add([show_entry(row) for row in rows])
    report.end()
    return report.media_type


async def _write_pdf(
    file: IO[bytes], query: ReportQuery, who: Identity, context: Context, wanted: Select[Any]
) -> str:
    """In threads, for a page takes a millisecond, and others wait."""
    # Loaded here: its library is as large as the gateway.
    from gateway.audit_pdf import Heading, PdfReport

    report = PdfReport(file, Heading(*_head(query, who)))
    async for rows in stream_rows(context, wanted):
        await asyncio.to_thread(report.add, [show_entry(row) for row in rows])
    last = report.last["seq"] if report.last else 0
    chain = await _verify(context, CHAIN.where(ENTRY.seq <= last))
    chain.finish()
    await asyncio.to_thread(report.end, chain)
    return report.media_type


def _head(query: ReportQuery, who: Identity) -> tuple[str, str]:
    """Whose entries, and of which time, in words that are the same each time."""
    whose = f"of {who.user_id}" if AUDITORS.isdisjoint(who.roles) else "of everybody"
    bounds = (
        read_bound(field, given or "", who.timezone).astimezone(UTC).isoformat()
        for field, given in (("from", query.since), ("to", query.until))
    )
    return whose, " until ".join(bounds)
