"""What hangs on a person's zone, found in portions and asked for task by task, each in its own
stream, so that nobody waits behind a person with many tasks and no two writers meet.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct, structs

from functions.write_task.effects import SOURCE, Effects, Timer
from taskflow.database import Connection
from taskflow.events import (
    Command,
    Event,
    FollowZone,
    Payload,
    ResolveTimes,
    derive_events,
    derive_id,
    new_event,
)
from taskflow.zone import find_zone, to_instant

PORTION = 250
# Longer than any transaction that may still know the zone of before.
SECOND_LOOK = timedelta(minutes=1)

FOLLOWERS = """
SELECT id::text, stream::text FROM tasks
WHERE user_id = $1 AND status = 'open' AND deleted_at IS NULL
    AND (floating OR due_on IS NOT NULL OR start_on IS NOT NULL) AND id > $2
    AND (timezone <> $3 OR (timezone IS NULL AND (series_id IS NOT NULL OR reminders <> '[]')
        AND ($4::timestamptz IS NULL OR updated_at >= $4)))
ORDER BY id LIMIT $5
"""
IN_ZONES = """
SELECT id::text, stream::text, timezone, due_at, due_local, start_at, start_local FROM tasks
WHERE user_id = $1 AND status = 'open' AND deleted_at IS NULL AND id > $2
    AND timezone = ANY($3::text[]) AND (due_at > $4 OR start_at > $4)
ORDER BY id LIMIT $5
"""


class Portion(Struct, frozen=True):
    """The tasks to be worked out anew, with their streams, of a person in `zone` (None: who is
    gone); and the last row that was seen, where more may come."""

    zone: str | None
    tasks: list[tuple[str, str]] = []
    last: str | None = None


async def find_followers(
    db: Connection, asked: FollowZone, zones: dict[str, str], now: datetime
) -> Portion:
    """The next portion of a person's tasks; `zones` has the zone of everybody who is here."""
    zone = zones.get(asked.user_id)
    if zone is None:
        return Portion(None)
    place = (asked.user_id, asked.after or str(UUID(int=0)))
    if asked.zones:
        rows = await db.fetch(IN_ZONES, *place, asked.zones, now, PORTION)
        found = [row for row in rows if _differs(row, now)]
    else:
        found = rows = await db.fetch(FOLLOWERS, *place, zone, asked.since, PORTION)
    tasks = [(row["id"], row["stream"]) for row in found]
    return Portion(zone, tasks, rows[-1]["id"] if len(rows) == PORTION else None)


def _differs(row: Any, now: datetime) -> bool:
    """Whether the clock shows a future time at another instant than the one that is stored."""
    zone = find_zone(row["timezone"])
    times = ((row["due_at"], row["due_local"]), (row["start_at"], row["start_local"]))
    return any(
        instant is not None and instant > now and to_instant(local, zone)[0] != instant
        for instant, local in times
    )


def follow_zone(
    command: Event[Command], asked: FollowZone, found: Portion, effects: Effects
) -> list[Event[Any]]:
    """A command for each task that was found, and for what is still to be looked at."""
    payloads: list[Payload] = [_resolve(asked, *task) for task in found.tasks]
    payloads += _go_on(asked, found)
    first = asked.former is not None and asked.since is None
    if first and found.last is None and found.zone is not None:
        _look_again(command, asked, effects)
    return derive_events(command, payloads, source=SOURCE)


def _resolve(asked: FollowZone, task_id: str, stream: str) -> ResolveTimes:
    return ResolveTimes(
        user_id=asked.user_id,
        actor_id=asked.actor_id,
        stream=stream,
        task_id=task_id,
        former=asked.former,
    )


def _go_on(asked: FollowZone, found: Portion) -> Sequence[FollowZone]:
    if found.last is not None:
        return [structs.replace(asked, after=found.last)]
    if found.zone in asked.zones:
        # Days have no zone of their own: their reminders go by the person's.
        return [structs.replace(asked, zones=[], after=None)]
    return []


def _look_again(command: Event[Command], asked: FollowZone, effects: Effects) -> None:
    """Whoever wrote while the zone changed may have known the old one."""
    payload = structs.replace(asked, after=None, since=command.time - SECOND_LOOK)
    name = derive_id(command.id, FollowZone.type, "second look")
    due = command.time + SECOND_LOOK
    event = new_event(payload, id=name, source=SOURCE, time=due, cause=command)
    effects.timers[name] = (Timer(due, payload), event)
