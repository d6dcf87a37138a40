"""What PostgreSQL alone knows of how TaskFlow keeps its promises, as named SQL; apart, because the
gateway shows it at home, the terminal too, and on a cluster the database's own exporter, which
never sleeps (infra/observability/numbers.yaml is written from here).
"""

from typing import Literal

from msgspec import Struct

Usage = Literal["GAUGE", "COUNTER", "LABEL"]


class Column(Struct, frozen=True):
    """A column of a query: a number with what it means, or the label of the row's numbers."""

    name: str
    usage: Usage
    meaning: str


class Query(Struct, frozen=True):
    """Some numbers that are read together; cheap, for it is asked for ever."""

    name: str
    sql: str
    columns: tuple[Column, ...]

    @property
    def labels(self) -> list[str]:
        return [column.name for column in self.columns if column.usage == "LABEL"]

    @property
    def numbers(self) -> dict[str, Column]:
        """Metric → its column."""
        return {
            f"taskflow_{self.name}_{column.name}": column
            for column in self.columns
            if column.usage != "LABEL"
        }


TIMERS = Query(
    "timers",
    """
SELECT count(*) FILTER (WHERE due_at <= now()) AS overdue,
    COALESCE(EXTRACT(EPOCH FROM now() - min(due_at)), 0)::float AS overdue_seconds,
    (SELECT count(*) FROM timers WHERE due_at = 'infinity') AS set_aside
FROM timers WHERE due_at <= now()
""",
    (
        Column("overdue", "GAUGE", "Timers whose instant has passed"),
        Column("overdue_seconds", "GAUGE", "How long the oldest of them has been due"),
        Column("set_aside", "GAUGE", "Timers whose event nobody can read"),
    ),
)

REMINDERS = Query(
    "reminders",
    """
SELECT unnest(ARRAY['0.5', '0.99', '1']) AS quantile,
    unnest(COALESCE(percentile_disc(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY late_by_seconds),
        ARRAY[0, 0, 0])) AS late_seconds
FROM deliveries WHERE sent_at > now() - interval '1 hour'
""",
    (
        Column("quantile", "LABEL", "Part of the reminders sent in the last hour"),
        Column("late_seconds", "GAUGE", "How late reminders of the last hour were sent"),
    ),
)

DEAD_LETTERS = Query(
    "dead_letters",
    "SELECT consumer, count(*) AS kept FROM dead_letters WHERE state = 'kept' GROUP BY consumer",
    (
        Column("consumer", "LABEL", "Who gave up on it"),
        Column("kept", "GAUGE", "Dead letters that wait for a person"),
    ),
)

# The links of the newest entries, which need no key; whether each is true, only `taskflow audit
# verify` knows.
AUDIT = Query(
    "audit",
    """
SELECT COALESCE(max(seq), 0) AS entries_total,
    count(*) FILTER (WHERE seq <> before + 1 OR previous_hash <> hash_before) AS broken_links
FROM (SELECT seq, previous_hash, lag(seq) OVER newest AS before,
        lag(hash) OVER newest AS hash_before
    FROM (SELECT seq, previous_hash, hash FROM audit_entries ORDER BY seq DESC LIMIT 1000) AS newest
    WINDOW newest AS (ORDER BY seq)) AS chain
""",
    (
        Column("entries_total", "COUNTER", "Entries in the audit chain"),
        Column(
            "broken_links", "GAUGE", "Of its newest 1,000: those that do not follow the one before"
        ),
    ),
)

AUDIT_DELAY = Query(
    "audit_delay",
    """
SELECT unnest(ARRAY['0.5', '0.95', '0.99']) AS quantile,
    unnest(COALESCE(percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
        ORDER BY EXTRACT(EPOCH FROM written_at - at)::float), ARRAY[0, 0, 0]::float[])) AS seconds
FROM (SELECT at, written_at FROM audit_entries ORDER BY seq DESC LIMIT 1000) AS newest
WHERE written_at > now() - interval '15 minutes'
""",
    (
        Column("quantile", "LABEL", "Part of the newest 1,000 entries of the last 15 minutes"),
        Column("seconds", "GAUGE", "From a write to its entry in the audit"),
    ),
)

# Each time other people, so that every gap is found by and by; not those whose rows are going.
FEED = Query(
    "feed",
    """
SELECT COALESCE(sum(heads.seq - heads.start - (SELECT count(*) FROM feed
    WHERE feed.user_id = heads.user_id AND feed.seq > heads.start)), 0)::bigint AS gaps
FROM (SELECT user_id, seq, GREATEST(purged_to, seq - 500) AS start FROM feed_heads
    WHERE user_id >= gen_random_uuid()
        AND NOT EXISTS (SELECT FROM users WHERE id = user_id AND deleted_at IS NOT NULL)
    ORDER BY user_id LIMIT 100) AS heads
""",
    (Column("gaps", "GAUGE", "Numbers missing in the feeds of some people, each time of others"),),
)

QUERIES = (TIMERS, REMINDERS, DEAD_LETTERS, AUDIT, AUDIT_DELAY, FEED)
