"""What a daily digest tells of: a person's open tasks that are overdue, due today or tomorrow, on
their own clock, as they stand when it is sent.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from msgspec import Struct, field

from taskflow.database import Connection
from taskflow.digest import digest_day
from taskflow.zone import find_zone, to_instant, to_local

MOST_LINES = 100

# From the latest back, so that what is long overdue crowds out nothing of today.
LINES = """
SELECT w.n, t.title, t.due_at, t.due_on
FROM unnest($1::uuid[], $2::timestamptz[], $3::date[]) WITH ORDINALITY
    AS w (user_id, until, tomorrow, n)
CROSS JOIN LATERAL (
    SELECT id, title, due_at, due_on, due_sort FROM tasks
    WHERE user_id = w.user_id AND status = 'open' AND deleted_at IS NULL
        AND due_sort < w.until + interval '1 day'
        AND (due_at < w.until OR due_on <= w.tomorrow)
    ORDER BY due_sort DESC, id DESC LIMIT $4) AS t
ORDER BY w.n, t.due_sort, t.id
"""


class Reader(Struct, frozen=True):
    """Whose digest it is, and where they are."""

    user_id: str
    timezone: str


class Line(Struct, frozen=True):
    """One task; `at` is its time on the person's clock, None where it has a day only."""

    title: str
    day: date
    at: datetime | None


class Digest(Struct, frozen=True):
    """A day, as it is told; `cut` where there is more that is overdue."""

    cut: bool = False
    overdue: list[Line] = field(default_factory=list)
    today: list[Line] = field(default_factory=list)
    tomorrow: list[Line] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.overdue or self.today or self.tomorrow)


async def load_digests(db: Connection, readers: Sequence[Reader], now: datetime) -> list[Digest]:
    """The digest of each reader."""
    if not readers:
        return []
    bounds = [_find_bounds(reader, now) for reader in readers]
    rows = await db.fetch(LINES, *zip(*bounds, strict=True), MOST_LINES + 1)
    tasks: list[list[Any]] = [[] for _ in readers]
    for number, *task in rows:
        tasks[number - 1].append(task)
    return [_sort_tasks(*one, now) for one in zip(readers, tasks, strict=True)]


def _find_bounds(reader: Reader, now: datetime) -> tuple[str, datetime, date]:
    """The end of tomorrow where the person is, and its date."""
    tomorrow = digest_day(reader.timezone, now) + timedelta(days=1)
    midnight = datetime.combine(tomorrow + timedelta(days=1), time())
    return reader.user_id, to_instant(midnight, find_zone(reader.timezone))[0], tomorrow


def _sort_tasks(reader: Reader, tasks: list[Any], now: datetime) -> Digest:
    today, zone = digest_day(reader.timezone, now), find_zone(reader.timezone)
    digest = Digest(cut=len(tasks) > MOST_LINES)
    for title, due_at, due_on in tasks[-MOST_LINES:]:
        at = to_local(due_at, zone) if due_at is not None else None
        line = Line(title, at.date() if at is not None else due_on, at)
        if line.day > today:
            digest.tomorrow.append(line)
        elif line.day < today or (due_at is not None and due_at < now):
            digest.overdue.append(line)
        else:
            digest.today.append(line)
    return digest
