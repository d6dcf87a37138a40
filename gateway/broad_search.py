"""A search that very many tasks fit: the newest of them are ranked, the others follow unranked. To
rank a hundred thousand takes longer than a key may, and who searches so is still typing.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, func, select, true

from gateway.context import Context
from gateway.statements import Statement, fetch_rows, write_statement
from gateway.task_rows import ROW
from gateway.text_query import FOUND, find_terms

# Broad is what fits so many of so many of a person's newest tasks; as many are ranked.
RANKED, LOOKED_AT = 500, 5_000
# Most searches are narrow, and a glance shows it: so many of so few would fit half as broad a one.
SIGN, GLANCED_AT = 10, 200

# Not by the index of words, which would gather all that fit: these stand close together in the
# order of creation.
FITS = FOUND.is_(true())
BEST = and_(FITS, ROW.created_at >= bindparam("edge"))
REST = and_(FITS, ROW.created_at < bindparam("edge"))


def is_ranked(sort: str) -> bool:
    """Whether a list begins with what fits best."""
    return sort.partition(",")[0].strip() == "relevance"


def sort_rest(sort: str) -> str:
    """The order of what is not ranked."""
    return sort.partition(",")[2] or "-created_at"


@lru_cache(maxsize=1)
def _write_edge() -> Statement:
    """The limit inside keeps the database at the newest: outside of it, it stops at the last."""
    glance = select(func.count()).select_from(_select_fitting(GLANCED_AT).subquery())
    looked_at = case((glance.scalar_subquery() >= SIGN, LOOKED_AT), else_=0)
    return write_statement(_select_fitting(looked_at).offset(RANKED - 1).limit(1))


def _select_fitting(of: "int | ColumnElement[int]") -> Select[datetime]:
    """Of so many of a person's newest tasks, when each was created that fits."""
    newest = select(ROW.created_at, ROW.search).where(
        ROW.user_id == bindparam("user_id"), ROW.deleted_at.is_(None)
    )
    ordered = newest.order_by(ROW.created_at.desc(), ROW.id.desc()).limit(of).subquery()
    return select(ordered.c.created_at).where(find_terms(ordered.c.search))


async def find_edge(context: Context, user_id: UUID, terms: Any) -> datetime | None:
    """When the oldest task was created that is still ranked; None where all are."""
    rows = await fetch_rows(context, _write_edge(), {"user_id": user_id, "terms": terms})
    return rows[0]["created_at"] if rows else None
