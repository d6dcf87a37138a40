"""What was kept long enough goes: a timer of its own, once a day, carried out here in portions, one
a tick; apart from the timers that are published. Only the function wakes that a timer wakes anyway,
and only its role may delete.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import asyncpg
from msgspec import Struct, structs

from taskflow.database import Connection
from taskflow.events import RetentionDue, encode, read_event
from taskflow.serve import Lease
from taskflow.settings import Settings

# The nil UUID: nobody's, and there is only one.
TIMER = "00000000-0000-0000-0000-000000000000"
# Rows that one transaction looks at.
PORTION = 5_000
# When most people of most zones sleep, or nobody starts the machine that sleeps too.
AT = time(3)
# After an error of ours: it must not keep the clock awake, nor end the retention for good.
AFTER_ERROR = timedelta(hours=1)

COMMANDS = """
DELETE FROM commands WHERE id IN (
    SELECT id FROM commands WHERE created_at < $1 ORDER BY created_at LIMIT $2)
"""

# With what was told of each; a delivery that is not finished stays, however old.
DELIVERIES = """
WITH gone AS (
    SELECT id FROM deliveries
    WHERE due_at < $1 AND state IN ('sent', 'failed', 'suppressed') AND leased_until IS NULL
    ORDER BY due_at LIMIT $2
), attempts AS (
    DELETE FROM delivery_attempts AS a USING gone WHERE a.delivery_id = gone.id
), answers AS (
    DELETE FROM reminder_answers AS a USING gone WHERE a.delivery_id = gone.id
)
DELETE FROM deliveries AS d USING gone WHERE d.id = gone.id
"""

ATTEMPTS = """
DELETE FROM attempts WHERE (consumer, event_key) IN (
    SELECT consumer, event_key FROM attempts WHERE updated_at < $1 LIMIT $2)
"""

DEAD_LETTERS = """
DELETE FROM dead_letters WHERE id IN (
    SELECT id FROM dead_letters WHERE state <> 'kept' AND settled_at < $1 LIMIT $2)
"""

# Old ones of a session that lives are needed: who brings one back is a thief.
REFRESH_TOKENS = """
DELETE FROM refresh_tokens WHERE hash IN (
    SELECT t.hash FROM refresh_tokens AS t JOIN sessions AS s ON s.id = t.session_id
    WHERE LEAST(s.expires_at, s.revoked_at) < $1 LIMIT $2)
"""

SESSIONS = """
DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions AS s WHERE LEAST(s.expires_at, s.revoked_at) < $1
        AND NOT EXISTS (SELECT FROM refresh_tokens AS t WHERE t.session_id = s.id) LIMIT $2)
"""

REPEATS = """
DELETE FROM repeats WHERE id IN (
    SELECT id FROM repeats WHERE created_at < $1 ORDER BY created_at LIMIT $2)
"""

# Each person's feed from the place reached on; the newest item of each task stays, for it says what
# is older. Whoever has read no further than what goes is told to read everything anew.
FEED = """
WITH seen AS MATERIALIZED (
    SELECT user_id, seq, at, task_id, version FROM feed
    WHERE (user_id, seq) > ($3, $4) ORDER BY user_id, seq LIMIT $2
), gone AS (
    SELECT user_id, seq FROM seen WHERE at < $1 AND EXISTS (
        SELECT FROM feed AS newer WHERE newer.user_id = seen.user_id
            AND newer.task_id = seen.task_id AND newer.version > seen.version)
), heads AS (
    UPDATE feed_heads AS h SET purged_to = GREATEST(h.purged_to, last.seq)
    FROM (SELECT user_id, max(seq) AS seq FROM gone GROUP BY user_id) AS last
    WHERE h.user_id = last.user_id
), deleted AS (
    DELETE FROM feed AS f USING gone WHERE f.user_id = gone.user_id AND f.seq = gone.seq
)
SELECT user_id::text, seq FROM seen ORDER BY user_id, seq OFFSET $2 - 1
"""

# By its id: among many that are due, a search by topic would look at each.
DUE = "SELECT event FROM timers WHERE id = $1 AND due_at <= $2 FOR UPDATE SKIP LOCKED"
MOVE = "UPDATE timers SET due_at = $2, event = $3 WHERE id = $1"
PUT_OFF = "UPDATE timers SET due_at = $2 WHERE id = $1"


class Rule(Struct, frozen=True):
    """The rows of one kind: the statement that takes a portion, and for how long they are kept."""

    sql: str
    keep: Callable[[Settings], float]

    def before(self, settings: Settings, now: datetime) -> datetime:
        """Rows of before this instant go."""
        return now - timedelta(days=self.keep(settings))


# In the order in which they are gone through.
RULES = {
    "commands": Rule(COMMANDS, lambda settings: settings.keep_commands),
    "feed": Rule(FEED, lambda settings: settings.keep_feed),
    "deliveries": Rule(DELIVERIES, lambda settings: settings.keep_deliveries),
    "attempts": Rule(ATTEMPTS, lambda settings: settings.keep_attempts),
    "dead_letters": Rule(DEAD_LETTERS, lambda settings: settings.keep_dead_letters),
    "refresh_tokens": Rule(REFRESH_TOKENS, lambda settings: settings.keep_sessions),
    "sessions": Rule(SESSIONS, lambda settings: settings.keep_sessions),
    # What an Idempotency-Key stands for is forgotten after a day (gateway/repeats.py).
    "repeats": Rule(REPEATS, lambda settings: 1),
}

log = logging.getLogger("taskflow")


async def apply_retention(lease: Lease) -> None:
    """Takes one portion if its timer is due, and has that come again: at once while there is more,
    otherwise the next night."""
    try:
        async with lease.transaction() as db:
            await _follow_timer(db, lease.settings, lease.now())
    except asyncpg.PostgresError:
        # It must neither end the clock's work nor be tried without end.
        log.exception("the retention waits for an hour")
        async with lease.transaction() as db:
            await db.execute(PUT_OFF, TIMER, lease.now() + AFTER_ERROR)


async def _follow_timer(db: Connection, settings: Settings, now: datetime) -> None:
    text = await db.fetchval(DUE, TIMER, now)
    if text is None:
        return
    event = read_event(text.encode())
    due_at, goes_on = await take_portion(db, event.data, settings, now)
    moved = structs.replace(event, time=due_at, data=goes_on)
    await db.execute(MOVE, TIMER, due_at, encode(moved).decode())


async def take_portion(
    db: Connection, due: RetentionDue, settings: Settings, now: datetime
) -> tuple[datetime, RetentionDue]:
    """Removes what is to go next; when and where it goes on."""
    names = list(RULES)
    place = names.index(due.rule) if due.rule in RULES else 0
    rule = RULES[names[place]]
    more, after = await _run(db, rule, due.after, rule.before(settings, now))
    if more:
        return now, RetentionDue(rule=names[place], after=after)
    if place + 1 < len(names):
        return now, RetentionDue(rule=names[place + 1])
    return next_night(now), RetentionDue()


async def _run(
    db: Connection, rule: Rule, after: tuple[str, int], before: datetime
) -> tuple[bool, tuple[str, int]]:
    """Whether there may be more, and after which place."""
    if rule.sql is FEED:
        last = await db.fetchrow(FEED, before, PORTION, *after)
        return last is not None, tuple(last) if last else after
    done = await db.execute(rule.sql, before, PORTION)
    return done == f"DELETE {PORTION}", after


def next_night(now: datetime) -> datetime:
    """The next time that it is AT in UTC: one, however many were slept through."""
    tonight = datetime.combine(now.astimezone(UTC).date(), AT, UTC)
    return tonight if tonight > now else tonight + timedelta(days=1)
