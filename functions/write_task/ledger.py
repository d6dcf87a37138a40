"""How a command is claimed and settled; apart, because the promise "one effect, however often it
is sent" hangs on these two statements.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from taskflow.database import Connection
from taskflow.events import Command, Event, encode

if TYPE_CHECKING:
    from functions.write_task.handler import Settled

CLAIM = """
INSERT INTO commands (id, user_id, fingerprint, batch_id, parts, created_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::int[], $6::timestamptz[])
ON CONFLICT (id) DO NOTHING
RETURNING id::text
"""

SETTLE = """
UPDATE commands SET outcome = s.outcome, events = s.events
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS s (id, outcome, events)
WHERE commands.id = s.id
"""


async def claim_commands(db: Connection, commands: Sequence[Event[Command]]) -> set[str]:
    """The ids that nobody had claimed; waits for whoever is at one of them now."""
    rows = [
        (c.id, c.data.user_id, c.data.fingerprint, c.data.batch_id, c.data.parts, c.time)
        for c in sorted(commands, key=lambda c: c.id)
    ]
    return {row["id"] for row in await db.fetch(CLAIM, *zip(*rows, strict=True))}


async def settle_commands(db: Connection, settled: "Sequence[Settled]") -> None:
    """Writes what each command came to, beside its effects."""
    ids = [one.command.id for one in settled]
    outcomes = [encode(one.results).decode() for one in settled]
    events = [encode(one.events).decode() for one in settled]
    await db.execute(SETTLE, ids, outcomes, events)
