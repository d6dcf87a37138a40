"""The timer of a person's daily digest: set with what it hangs on, the choice and the zone; apart,
because both nouns set it.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from taskflow.digest import PersonalChoices, digest_event, name_digest_timer, next_digest
from taskflow.events import encode

SOURCE = "gateway"

CHOICE = """
SELECT timezone, CAST(reminder_choices AS text) AS choices FROM users
WHERE id = :id AND deleted_at IS NULL
"""
CANCEL = "DELETE FROM timers WHERE id = :id"
PUT = """
INSERT INTO timers (id, due_at, topic, user_id, event)
VALUES (:id, :due_at, :topic, :user_id, :event) ON CONFLICT (id) DO NOTHING
"""

_CHOICES = msgspec.json.Decoder(PersonalChoices)


async def set_digest_timer(db: AsyncConnection, user_id: str, now: datetime) -> None:
    """Has the next digest come when the person's choice and zone, as they stand now, say; or none.
    Whoever reads them a moment before they change is put right when the timer fires."""
    name = UUID(name_digest_timer(user_id))
    await db.execute(text(CANCEL), {"id": name})
    row = (await db.execute(text(CHOICE), {"id": UUID(user_id)})).first()
    of_day = _CHOICES.decode(row.choices).digest if row is not None else None
    if row is None or of_day is None:
        return
    event = digest_event(user_id, next_digest(of_day, row.timezone, now), SOURCE)
    timer = {
        "id": name,
        "due_at": event.time,
        "topic": event.data.topic,
        "user_id": UUID(user_id),
        "event": encode(event).decode(),
    }
    await db.execute(text(PUT), timer)
