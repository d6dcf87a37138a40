"""The filter language over HTTP: what may be written next (GET /v1/tasks carries the rest)."""

from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy import text

from gateway.bodies import write_json
from gateway.context import Context, Ctx
from gateway.filter_syntax import MOST_BYTES, Completion
from gateway.identity import Identity, Who
from gateway.schemas import answers
from taskflow.errors import invalid

router = APIRouter(prefix="/v1/filters", tags=["tasks"])

MOST_ITEMS = 50
TAGS = """
SELECT mode() WITHIN GROUP (ORDER BY name) FROM (
    SELECT unnest(tags) AS name, unnest(tag_keys) AS key FROM tasks
    WHERE user_id = :user_id AND deleted_at IS NULL
) AS found
WHERE starts_with(key, :begun)
GROUP BY key ORDER BY count(*) DESC, key LIMIT :most
"""


@router.get("/complete", responses=answers(Completion, "Ways to go on"))
async def complete_filter(
    who: Who, context: Ctx, filter: str = "", position: int | None = None
) -> Response:
    """What may stand at `position` (the end, where none is given): each item's `text` takes the
    place of what stands from `from` to there. Positions count UTF-16 code units."""
    from gateway.filter_completion import complete, find_place

    written = filter.encode("utf-16-le", "surrogatepass")
    if len(written) > 2 * MOST_BYTES:
        raise invalid("filter", f"must not exceed {MOST_BYTES} bytes")
    if position is not None and not 0 <= 2 * position <= len(written):
        raise invalid("position", "must lie within the expression")
    before = written[: None if position is None else 2 * position].decode("utf-16-le", "replace")
    place = find_place(before)
    tags = await _find_tags(context, who, place.begun) if place.wants_tag else []
    items = complete(place, tags)[:MOST_ITEMS]
    start = len(before[: place.start].encode("utf-16-le")) // 2
    return write_json(Completion(items, start))


async def _find_tags(context: Context, who: Identity, begun: str) -> list[str]:
    """The person's tags that begin so, the most used first."""
    key = begun.removeprefix('"').replace("\0", "").casefold()
    values = {"user_id": UUID(who.user_id), "begun": key, "most": MOST_ITEMS}
    async with context.engine.connect() as db:
        return list((await db.execute(text(TAGS), values)).scalars())
