"""What the ledger of commands says was emitted; apart, because two functions and the replay after
the loss of a Kafka cluster publish it again.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from taskflow.database import Connection
from taskflow.events import Event, read_event

EMITTED = """
SELECT events FROM commands
JOIN unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, place) USING (id)
WHERE events IS NOT NULL ORDER BY place
"""

_LIST = msgspec.json.Decoder(list[Raw])


async def read_emitted(db: Connection, ids: Sequence[str]) -> list[Event[Any]]:
    """The events that these commands emitted when they were carried out, in the order of `ids`: the
    log's, which no clock knows."""
    if not ids:
        return []
    return [event for row in await db.fetch(EMITTED, ids) for event in read_list(row["events"])]


def read_list(events: str) -> list[Event[Any]]:
    """The events of one row of the ledger."""
    return [read_event(raw) for raw in _LIST.decode(events)]
