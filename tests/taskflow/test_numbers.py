"""The numbers are true, each on a database where it is known; and whoever exports them may read
just what they are made of.
"""

from typing import Any

import pytest

from taskflow.numbers import (
    AUDIT,
    AUDIT_DELAY,
    DEAD_LETTERS,
    FEED,
    QUERIES,
    REMINDERS,
    TIMERS,
    Query,
)

TIMER = """
INSERT INTO timers (id, due_at, topic, user_id, event)
VALUES (gen_random_uuid(), now() + CAST($1 AS text)::interval, 't', gen_random_uuid(), '{}')
"""
SENT = """
INSERT INTO deliveries (id, reminder_id, task_id, user_id, channel_id, channel, due_at, state,
    sent_at, late_by_seconds)
VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
    gen_random_uuid(), 'email', now(), 'sent', now() - CAST($1 AS text)::interval, $2)
"""
ENTRY = """
INSERT INTO audit_entries (seq, at, event_id, user_id, actor_id, action, cause_id, before_digest,
    after_digest, previous_hash, hash)
VALUES (CAST($1 AS text)::bigint, now() - interval '2 seconds', $1, gen_random_uuid(),
    gen_random_uuid(), '', '', '', '', $2, $3)
"""
DEAD = """
INSERT INTO dead_letters (id, consumer, record_topic, partition, record_offset, value, reason,
    attempts, trace, state, kept_at)
VALUES (gen_random_uuid(), $1, 't', 0, $2, '', '', 5, '', $3, now())
"""
FEED_ITEM = """
INSERT INTO feed (user_id, seq, at, task_id, version, type)
VALUES ($1, $2, now(), gen_random_uuid(), 1, 'created')
"""
# Behind wherever the look begins.
LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


async def ask(db: Any, query: Query) -> dict[str, float]:
    """Label (or nothing) and column → value."""
    rows = await db.fetch(query.sql)
    return {
        "/".join([*(row[label] for label in query.labels), column.name]): float(row[column.name])
        for row in rows
        for column in query.numbers.values()
    }


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
async def test_an_empty_database_is_well(owner: Any, query: Query) -> None:
    assert set((await ask(owner, query)).values()) <= {0.0}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
async def test_the_exporter_may_ask_and_see_no_word_of_a_person(owner: Any, query: Query) -> None:
    await owner.execute("SET ROLE pg_monitor")
    await owner.fetch(query.sql)
    for table in ("timers", "dead_letters", "feed", "audit_details", "users", "tasks"):
        allowed = await owner.fetchval("SELECT has_table_privilege($1, 'SELECT')", table)
        assert not allowed, table


async def test_timers(owner: Any) -> None:
    for due in ("-90 s", "infinity", "1 hour"):
        await owner.execute(TIMER, due)
    found = await ask(owner, TIMERS)
    assert (found["overdue"], found["set_aside"]) == (1, 1)
    assert 90 <= found["overdue_seconds"] < 120


async def test_reminders_of_the_last_hour(owner: Any) -> None:
    for late in range(1, 101):
        await owner.execute(SENT, "1 minute", late)
    await owner.execute(SENT, "2 hours", 9_999)
    found = await ask(owner, REMINDERS)
    assert found == {"0.5/late_seconds": 50, "0.99/late_seconds": 99, "1/late_seconds": 100}


async def test_dead_letters_that_wait(owner: Any) -> None:
    for offset, state in enumerate(("kept", "kept", "redriven", "discarded")):
        await owner.execute(DEAD, "write-task", offset, state)
    assert await ask(owner, DEAD_LETTERS) == {"write-task/kept": 2}


async def chain(owner: Any, *links: tuple[str, str, str]) -> dict[str, float]:
    for link in links:
        await owner.execute(ENTRY, *link)
    return await ask(owner, AUDIT)


async def test_a_whole_chain_has_no_broken_link(owner: Any) -> None:
    found = await chain(owner, ("1", "0", "a"), ("2", "a", "b"), ("3", "b", "c"))
    assert found == {"entries_total": 3, "broken_links": 0}
    delay = await ask(owner, AUDIT_DELAY)
    assert all(2 <= seconds < 30 for seconds in delay.values()) and len(delay) == 3


async def test_a_gap_and_a_wrong_link_are_seen(owner: Any) -> None:
    assert (await chain(owner, ("1", "0", "a"), ("3", "a", "c")))["broken_links"] == 1
    assert (await chain(owner, ("4", "x", "d")))["broken_links"] == 2


async def test_a_gap_in_a_feed_is_seen(owner: Any) -> None:
    for seq in (1, 2, 4, 5):
        await owner.execute(FEED_ITEM, LAST, seq)
    await owner.execute("INSERT INTO feed_heads (user_id, seq) VALUES ($1, 5)", LAST)
    assert await ask(owner, FEED) == {"gaps": 1}
    # What was purged is no gap.
    await owner.execute("UPDATE feed_heads SET purged_to = 3")
    assert await ask(owner, FEED) == {"gaps": 0}


async def test_the_feed_of_a_deleted_account_may_go(owner: Any, user_id: str) -> None:
    """Row by row, before its head."""
    await owner.execute("UPDATE users SET id = $1, deleted_at = now()", LAST)
    await owner.execute("INSERT INTO feed_heads (user_id, seq) VALUES ($1, 5)", LAST)
    assert await ask(owner, FEED) == {"gaps": 0}
    await owner.execute("UPDATE users SET deleted_at = NULL")
    assert await ask(owner, FEED) == {"gaps": 5}
