"""Facts in, feed items and live updates out. A person's items are numbered under that person's row
lock, so that the order of commits is the order of the feed.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from taskflow.audience import audience
from taskflow.database import Connection
from taskflow.events import (
    Event,
    Notice,
    RealtimeUpdate,
    TaskDeleted,
    TaskFact,
    derive_id,
    encode,
    new_event,
)
from taskflow.feed import FEED_CHANNEL

SOURCE = "fan_out_update"

LOCK_HEADS = """
INSERT INTO feed_heads (user_id, seq) SELECT unnest($1::uuid[]), 0
ON CONFLICT (user_id) DO UPDATE SET seq = feed_heads.seq
RETURNING user_id::text, seq
"""

KNOWN = """
SELECT
    (SELECT max(version) FROM feed AS f
     WHERE f.user_id = w.user_id AND f.task_id = w.task_id) AS newest,
    (SELECT seq FROM feed AS f
     WHERE f.user_id = w.user_id AND f.task_id = w.task_id AND f.version = w.version) AS seq
FROM unnest($1::uuid[], $2::uuid[], $3::int[]) WITH ORDINALITY AS w (user_id, task_id, version, n)
ORDER BY n
"""

APPEND = """
INSERT INTO feed (user_id, seq, at, task_id, version, type, task)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::uuid[], $5::int[], $6::text[],
    $7::text[])
"""

MOVE_HEADS = """
UPDATE feed_heads AS h SET seq = moved.seq
FROM unnest($1::uuid[], $2::bigint[]) AS moved (user_id, seq) WHERE h.user_id = moved.user_id
"""


class Item(Struct):
    """One change as one person sees it; `seq` is its number in their feed, None if left out."""

    event: Event[TaskFact]
    user_id: str
    seq: int | None = None
    is_new: bool = False


async def fan_out_update(
    events: list[Event[TaskFact]], db: Connection
) -> Sequence[Event[Any] | Notice]:
    """Appends what is newer than each person's feed knows; repeats what it holds already."""
    items = [Item(event, person) for event in events for person in audience(event.data)]
    people = sorted({item.user_id for item in items})
    heads = {row["user_id"]: row["seq"] for row in await db.fetch(LOCK_HEADS, people)}
    await number_items(db, items, heads)
    new = [item for item in items if item.is_new]
    if new:
        await append_items(db, new)
        moved = sorted({item.user_id for item in new})
        await db.execute(MOVE_HEADS, moved, [heads[person] for person in moved])
    return [*(update for item in items if (update := live_update(item))), *_notices(new)]


async def number_items(db: Connection, items: Sequence[Item], heads: dict[str, int]) -> None:
    """Gives each item its number: a new one if it is newer, the old one if it is there already."""
    wanted = [(i.user_id, i.event.data.task_id, i.event.data.task_data.version) for i in items]
    known = await db.fetch(KNOWN, *zip(*wanted, strict=True))
    newest: dict[tuple[str, str], int] = {}
    for item, (person, task_id, version), row in zip(items, wanted, known, strict=True):
        seen = max(newest.get((person, task_id), 0), row["newest"] or 0)
        item.seq, item.is_new = row["seq"], version > seen
        if item.is_new:
            heads[person] += 1
            item.seq = heads[person]
            newest[person, task_id] = version


async def append_items(db: Connection, items: Sequence[Item]) -> None:
    rows = [
        (
            item.user_id,
            item.seq,
            item.event.data.timestamp,
            item.event.data.task_id,
            item.event.data.task_data.version,
            item.event.data.event_type,
            None if _hides_task(item) else encode(item.event.data.task_data).decode(),
        )
        for item in items
    ]
    await db.execute(APPEND, *zip(*rows, strict=True))


def _hides_task(item: Item) -> bool:
    return isinstance(item.event.data, TaskDeleted)


def live_update(item: Item) -> Event[RealtimeUpdate] | None:
    """What outside clients are told about one item of one feed."""
    if item.seq is None:
        return None
    fact = item.event.data
    payload = RealtimeUpdate(
        user_id=item.user_id,
        cursor=item.seq,
        event_type=fact.event_type,
        task_id=fact.task_id,
        task=None if _hides_task(item) else fact.task_data,
        timestamp=fact.timestamp,
    )
    name = derive_id(item.event.id, payload.type, item.user_id)
    return new_event(payload, id=name, source=SOURCE, time=fact.timestamp, cause=item.event)


def _notices(items: Sequence[Item]) -> list[Notice]:
    people = sorted({item.user_id for item in items})
    return [Notice(channel=FEED_CHANNEL, hints=people)] if people else []
