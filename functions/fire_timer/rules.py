"""How long the rows of each kind are kept, and the statement that takes a portion of what is older;
apart from the timer that has them taken. Each looks at `$2` rows at the most, of before `$1`, and
leaves what belongs to people on hold.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from operator import attrgetter

from msgspec import Struct

from functions.fire_timer import audit_texts
from taskflow.settings import Settings

# The first rule, so that nobody gets free while the night is half done: their account would go, by
# which the rest is found.
HOLDS = """
DELETE FROM audit_holds WHERE user_id IN (
    SELECT user_id FROM audit_holds WHERE lifted_at < $1 LIMIT $2)
"""

_FREE = "user_id NOT IN (SELECT user_id FROM audit_holds)"

COMMANDS = f"""
DELETE FROM commands WHERE id IN (
    SELECT id FROM commands WHERE created_at < $1 AND {_FREE} ORDER BY created_at LIMIT $2)
"""

# With what was told of each.
_DELIVERIES = """
WITH gone AS (
    SELECT id FROM deliveries WHERE {} LIMIT $2
), attempts AS (
    DELETE FROM delivery_attempts AS a USING gone WHERE a.delivery_id = gone.id
), answers AS (
    DELETE FROM reminder_answers AS a USING gone WHERE a.delivery_id = gone.id
)
DELETE FROM deliveries AS d USING gone WHERE d.id = gone.id
"""
# One that is not finished stays, however old.
DELIVERIES = _DELIVERIES.format(
    "due_at < $1 AND state IN ('sent', 'failed', 'suppressed') AND leased_until IS NULL"
    f" AND {_FREE}"
)

# Counted by event, so nobody's; the text of an error that they hold goes after the same window.
ATTEMPTS = """
DELETE FROM attempts WHERE (consumer, event_key) IN (
    SELECT consumer, event_key FROM attempts WHERE updated_at < $1 LIMIT $2)
"""

# Whose a record is only its bytes say.
_NAMES = "position(convert_to({}::text, 'UTF8') IN value) > 0"
DEAD_LETTERS = f"""
DELETE FROM dead_letters WHERE id IN (
    SELECT id FROM dead_letters WHERE state <> 'kept' AND settled_at < $1
        AND NOT EXISTS (SELECT FROM audit_holds AS h WHERE {_NAMES.format("h.user_id")}) LIMIT $2)
"""

# Old ones of a session that lives are needed: who brings one back is a thief.
REFRESH_TOKENS = f"""
DELETE FROM refresh_tokens WHERE hash IN (
    SELECT t.hash FROM refresh_tokens AS t JOIN sessions AS s ON s.id = t.session_id
    WHERE LEAST(s.expires_at, s.revoked_at) < $1 AND s.{_FREE} LIMIT $2)
"""

SESSIONS = f"""
DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions AS s WHERE LEAST(s.expires_at, s.revoked_at) < $1 AND s.{_FREE}
        AND NOT EXISTS (SELECT FROM refresh_tokens AS t WHERE t.session_id = s.id) LIMIT $2)
"""

REPEATS = f"""
DELETE FROM repeats WHERE id IN (
    SELECT id FROM repeats WHERE created_at < $1 AND {_FREE} ORDER BY created_at LIMIT $2)
"""

# Each person's feed from the place reached on; the newest item of each task stays, for it says what
# is older. Whoever has read no further than what goes is told to read everything anew.
FEED = f"""
WITH seen AS MATERIALIZED (
    SELECT user_id, seq, at, task_id, version FROM feed
    WHERE (user_id, seq) > ($3, $4) ORDER BY user_id, seq LIMIT $2
), gone AS (
    SELECT user_id, seq FROM seen WHERE at < $1 AND {_FREE} AND EXISTS (
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

# What belongs to accounts that were deleted; no command of theirs can come any more. The account
# itself goes last: by it the rest is found.
_GONE = "deleted_at < $1 AND id NOT IN (SELECT user_id FROM audit_holds)"
_LEFT = f"user_id IN (SELECT id FROM users WHERE {_GONE})"
LEFT_OCCURRENCES = f"""
DELETE FROM occurrences WHERE (series_id, recurrence_id) IN (
    SELECT o.series_id, o.recurrence_id FROM series AS s JOIN occurrences AS o ON o.series_id = s.id
    WHERE s.{_LEFT} LIMIT $2)
"""
LEFT_SERIES = f"DELETE FROM series WHERE id IN (SELECT id FROM series WHERE {_LEFT} LIMIT $2)"
LEFT_TASKS = f"DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE {_LEFT} LIMIT $2)"
LEFT_DELIVERIES = _DELIVERIES.format(_LEFT)
LEFT_FEED = f"""
DELETE FROM feed WHERE (user_id, seq) IN (SELECT user_id, seq FROM feed WHERE {_LEFT} LIMIT $2)
"""
LEFT_HEADS = f"""
DELETE FROM feed_heads WHERE user_id IN (SELECT user_id FROM feed_heads WHERE {_LEFT} LIMIT $2)
"""
# Those that were set aside, or told of somebody who was leaving.
LEFT_TIMERS = f"DELETE FROM timers WHERE id IN (SELECT id FROM timers WHERE {_LEFT} LIMIT $2)"
LEFT_LETTERS = f"""
DELETE FROM dead_letters WHERE id IN (
    SELECT id FROM dead_letters WHERE EXISTS (
        SELECT FROM (SELECT id AS person FROM users WHERE {_GONE}) AS gone
        WHERE {_NAMES.format("person")}) LIMIT $2)
"""
LEFT_USERS = f"DELETE FROM users WHERE id IN (SELECT id FROM users WHERE {_GONE} LIMIT $2)"


class Rule(Struct, frozen=True):
    """The rows of one kind: the statement that takes a portion, and for how many days they are
    kept, None for ever. One that `walks` goes on from a place, and says where it came to."""

    sql: str
    keep: Callable[[Settings], int | None]
    walks: bool = False

    def before(self, settings: Settings, now: datetime) -> datetime | None:
        """Rows of before this instant go."""
        days = self.keep(settings)
        return None if days is None else now - timedelta(days=days)


# In the order in which they are gone through.
RULES = {
    "holds": Rule(HOLDS, lambda settings: 0),
    "commands": Rule(COMMANDS, attrgetter("keep_commands")),
    "feed": Rule(FEED, attrgetter("keep_feed"), walks=True),
    "deliveries": Rule(DELIVERIES, attrgetter("keep_deliveries")),
    "attempts": Rule(ATTEMPTS, attrgetter("keep_attempts")),
    "dead_letters": Rule(DEAD_LETTERS, attrgetter("keep_dead_letters")),
    "refresh_tokens": Rule(REFRESH_TOKENS, attrgetter("keep_sessions")),
    "sessions": Rule(SESSIONS, attrgetter("keep_sessions")),
    # What an Idempotency-Key stands for is forgotten after a day (gateway/repeats.py).
    "repeats": Rule(REPEATS, lambda settings: 1),
    "audit_tasks": Rule(audit_texts.TASKS, attrgetter("keep_audit_tasks"), walks=True),
    "audit_accounts": Rule(audit_texts.ACCOUNTS, attrgetter("keep_audit_accounts"), walks=True),
    "audit_admin": Rule(audit_texts.ADMIN, attrgetter("keep_audit_admin"), walks=True),
    "left_occurrences": Rule(LEFT_OCCURRENCES, attrgetter("keep_commands")),
    "left_series": Rule(LEFT_SERIES, attrgetter("keep_commands")),
    "left_tasks": Rule(LEFT_TASKS, attrgetter("keep_commands")),
    "left_deliveries": Rule(LEFT_DELIVERIES, attrgetter("keep_commands")),
    "left_feed": Rule(LEFT_FEED, attrgetter("keep_commands")),
    "left_heads": Rule(LEFT_HEADS, attrgetter("keep_commands")),
    "left_timers": Rule(LEFT_TIMERS, attrgetter("keep_commands")),
    "left_letters": Rule(LEFT_LETTERS, attrgetter("keep_commands")),
    "left_texts": Rule(audit_texts.LEFT_TEXTS, attrgetter("keep_commands")),
    # A day later: what became old enough while the night went on has its turn first.
    "left_users": Rule(LEFT_USERS, lambda settings: settings.keep_commands + 1),
}
