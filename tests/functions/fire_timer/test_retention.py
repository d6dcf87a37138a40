"""Retention on a real database, in the clock's own role: what was kept long enough goes, in
portions and by one timer; what can still be needed stays.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from functions.fire_timer import retention
from functions.fire_timer.retention import find_windows, next_night
from functions.write_task.handler import OLDEST
from gateway.commands import KEY_KEPT
from local.read_manifests import read_topics
from taskflow.events import RetentionDue, encode, new_event, read_event
from taskflow.migrate import migrate
from taskflow.settings import InvalidSetting, Settings, read_settings
from tests.functions.fire_timer.test_handler import (
    NOW,
    PUT,
    Open,
    Owner,
    fired,
    put_timer,
    tick,
)
from tests.functions.fire_timer.test_handler import open_clock as open_clock

ROOT = Path(__file__).parents[3]
DAY = timedelta(days=1)
KEPT = Settings()
TIMER = "SELECT due_at, event FROM timers WHERE topic = 'retention'"

Write = Callable[[Owner, datetime, str], Awaitable[Any]]


async def put_retention(owner: Owner) -> None:
    name = retention.TIMER
    event = new_event(RetentionDue(), id=name, source="test", time=NOW)
    await owner.execute(PUT, name, NOW, "retention", name, encode(event).decode())


async def ticks_until_night(owner: Owner, open_clock: Open) -> int:
    """How many ticks the retention takes."""
    worker = open_clock()
    for count in range(1, 100):
        assert await tick(worker) == "SUCCESS"
        if (await owner.fetchval("SELECT due_at FROM timers WHERE topic = 'retention'")) > NOW:
            return count
    raise AssertionError("the retention does not end")


async def count(owner: Owner, table: str) -> int:
    found: int = await owner.fetchval(f"SELECT count(*) FROM {table}")
    return found


# --- rows of every kind --------------------------------------------------------------------------


async def write_command(owner: Owner, at: datetime, state: str) -> None:
    await owner.execute(
        "INSERT INTO commands (id, user_id, fingerprint, created_at) VALUES ($1, $2, '', $3)",
        *(uuid4(), uuid4(), at),
    )


async def write_delivery(owner: Owner, at: datetime, state: str) -> None:
    name = uuid4()
    await owner.execute(
        "INSERT INTO deliveries (id, reminder_id, task_id, user_id, channel_id, channel, due_at,"
        " state) VALUES ($1, $1, $1, $1, $1, 'email', $2, $3)",
        *(name, at, state or "sent"),
    )
    await owner.execute(
        "INSERT INTO delivery_attempts (delivery_id, number, at, took_ms, state)"
        " VALUES ($1, 1, $2, 5, 'sent')",
        *(name, at),
    )
    await owner.execute(
        "INSERT INTO reminder_answers (delivery_id, verb, user_id, task_id, reminder_id, remind_at,"
        " at) VALUES ($1, 'got_it', $1, $1, $1, $2, $2)",
        *(name, at),
    )


async def write_attempt(owner: Owner, at: datetime, state: str) -> None:
    await owner.execute(
        "INSERT INTO attempts (consumer, event_key, count, reason, trace, updated_at)"
        " VALUES ('write-task', $1, 1, '', '', $2)",
        *(str(uuid4()), at),
    )


async def write_letter(owner: Owner, at: datetime, state: str) -> None:
    await owner.execute(
        "INSERT INTO dead_letters (id, consumer, record_topic, partition, record_offset, value,"
        " reason, attempts, trace, state, kept_at, settled_at)"
        " VALUES ($1, 'write-task', $2, 0, 0, '', '', 5, '', $3, $4, $5)",
        *(uuid4(), str(uuid4()), state or "discarded", at, None if state == "kept" else at),
    )


async def write_session(owner: Owner, at: datetime, state: str) -> None:
    person, session = uuid4(), uuid4()
    await owner.execute(
        "INSERT INTO users (id, email, email_key, created_at) VALUES ($1, '', $2, $3)",
        *(person, str(person), NOW),
    )
    lasts = NOW + 300 * DAY
    ends, revoked = (lasts, at) if state == "revoked" else (lasts if state else at, None)
    await owner.execute(
        "INSERT INTO sessions (id, user_id, created_at, expires_at, revoked_at)"
        " VALUES ($1, $2, $3, $4, $5)",
        *(session, person, at, ends, revoked),
    )
    await owner.execute(
        "INSERT INTO refresh_tokens (hash, session_id, created_at, used_at)"
        " VALUES ($1, $2, $3, $3)",
        *(session.bytes, session, at),
    )


async def write_repeat(owner: Owner, at: datetime, state: str) -> None:
    await owner.execute(
        "INSERT INTO repeats (id, user_id, fingerprint, created_at) VALUES ($1, $1, '', $2)",
        *(uuid4(), at),
    )


KINDS: list[tuple[str, Write, str, int]] = [
    ("commands", write_command, "", KEPT.keep_commands),
    ("deliveries", write_delivery, "sent", KEPT.keep_deliveries),
    ("deliveries", write_delivery, "suppressed", KEPT.keep_deliveries),
    ("delivery_attempts", write_delivery, "failed", KEPT.keep_deliveries),
    ("reminder_answers", write_delivery, "sent", KEPT.keep_deliveries),
    ("attempts", write_attempt, "", KEPT.keep_attempts),
    ("dead_letters", write_letter, "discarded", KEPT.keep_dead_letters),
    ("dead_letters", write_letter, "redriven", KEPT.keep_dead_letters),
    ("sessions", write_session, "", KEPT.keep_sessions),
    ("sessions", write_session, "revoked", KEPT.keep_sessions),
    ("refresh_tokens", write_session, "", KEPT.keep_sessions),
    ("repeats", write_repeat, "", 1),
]


@pytest.mark.parametrize(("table", "write", "state", "days"), KINDS)
async def test_what_was_kept_long_enough_goes_and_nothing_younger(
    owner: Owner, open_clock: Open, table: str, write: Write, state: str, days: int
) -> None:
    await write(owner, NOW - days * DAY - timedelta(seconds=1), state)
    await write(owner, NOW - days * DAY, state)
    await put_retention(owner)

    await ticks_until_night(owner, open_clock)
    assert await count(owner, table) == 1


@pytest.mark.parametrize(
    ("table", "write", "state"),
    [
        ("deliveries", write_delivery, "planned"),
        ("deliveries", write_delivery, "retry"),
        ("delivery_attempts", write_delivery, "retry"),
        ("dead_letters", write_letter, "kept"),
        ("refresh_tokens", write_session, "living"),
    ],
)
async def test_what_is_not_finished_stays_however_old(
    owner: Owner, open_clock: Open, table: str, write: Write, state: str
) -> None:
    await write(owner, NOW - 3_000 * DAY, state)
    await put_retention(owner)

    await ticks_until_night(owner, open_clock)
    assert await count(owner, table) == 1


# --- feeds ---------------------------------------------------------------------------------------


async def write_feed(owner: Owner, person: str, items: list[tuple[str, int, int]]) -> None:
    """Items of a feed: (task, version, days ago)."""
    for seq, (task_id, version, days) in enumerate(items, 1):
        await owner.execute(
            "INSERT INTO feed (user_id, seq, at, task_id, version, type)"
            " VALUES ($1, $2, $3, $4, $5, 'updated')",
            *(person, seq, NOW - days * DAY, task_id, version),
        )
    await owner.execute("INSERT INTO feed_heads VALUES ($1, $2)", person, len(items))


async def test_a_feed_keeps_the_newest_item_of_each_task(owner: Owner, open_clock: Open) -> None:
    ann, bob, one, two = (str(uuid4()) for _ in range(4))
    await write_feed(owner, ann, [(one, 1, 90), (two, 1, 80), (one, 2, 70), (one, 3, 20)])
    await write_feed(owner, bob, [(one, 1, 90)])
    await put_retention(owner)

    await ticks_until_night(owner, open_clock)
    left = await owner.fetch("SELECT user_id::text, seq FROM feed ORDER BY seq")
    assert {tuple(row) for row in left} == {(ann, 2), (ann, 4), (bob, 1)}
    heads = await owner.fetch("SELECT user_id::text, seq, purged_to FROM feed_heads")
    assert {tuple(row) for row in heads} == {(ann, 4, 3), (bob, 1, 0)}


async def test_a_long_feed_is_gone_through_in_portions(
    owner: Owner, open_clock: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION", 3)
    people, task = [str(uuid4()) for _ in range(3)], str(uuid4())
    for person in people:
        await write_feed(owner, person, [(task, version, 90) for version in range(1, 6)])
    await put_retention(owner)

    assert await ticks_until_night(owner, open_clock) > len(retention.RULES)
    left = await owner.fetch("SELECT seq FROM feed")
    assert [row["seq"] for row in left] == [5, 5, 5]


# --- accounts that were deleted -------------------------------------------------------------------

OF_PERSON = {
    "tasks": "INSERT INTO tasks (id, user_id, stream, title, notes, status, priority, tags,"
    " tag_keys, reminders, version, created_at, updated_at, created_by)"
    " VALUES ($1, $2, $1, '', '', 'open', 'none', '{}', '{}', '[]', 1, $3, $3, $2)",
    "series": "INSERT INTO series (id, user_id, stream, version, recurrence, anchor, template,"
    " used, created_at) VALUES ($1, $2, $1, 1, '{}', '', '{}', 0, $3)",
    "occurrences": "INSERT INTO occurrences (series_id, recurrence_id, task_id, ended_at)"
    " SELECT id, 'r', $1, $3 FROM series WHERE user_id = $2",
    "deliveries": "INSERT INTO deliveries (id, reminder_id, task_id, user_id, channel_id, channel,"
    " due_at, state) VALUES ($1, $1, $1, $2, $1, 'email', $3, 'planned')",
    "feed": "INSERT INTO feed (user_id, seq, at, task_id, version, type)"
    " VALUES ($2, 1, $3, $1, 1, 'created')",
    "feed_heads": "INSERT INTO feed_heads (user_id, seq)"
    " SELECT $2, 1 WHERE $1::uuid IS NOT NULL AND $3::timestamptz IS NOT NULL",
    "channels": "INSERT INTO channels (id, user_id, kind, address, created_at)"
    " VALUES ($1, $2, 'email', '', $3)",
}


async def test_the_rows_of_a_deleted_account_go_once_nothing_of_it_can_come(
    owner: Owner, open_clock: Open
) -> None:
    window = KEPT.keep_commands * DAY
    for gone_at in (NOW - window - timedelta(seconds=1), NOW - window, None):
        person = uuid4()
        await owner.execute(
            "INSERT INTO users (id, email, email_key, created_at, deleted_at)"
            " VALUES ($1, '', $2, $3, $4)",
            *(person, str(person), NOW, gone_at),
        )
        for sql in OF_PERSON.values():
            await owner.execute(sql, uuid4(), person, NOW)
    await put_retention(owner)

    await ticks_until_night(owner, open_clock)
    names = set(OF_PERSON) - {"channels"}
    assert {name: await count(owner, name) for name in names} == dict.fromkeys(names, 2)
    # A day later, lest it be old enough when the rest was not.
    assert await count(owner, "users") == 3


# --- the timer -----------------------------------------------------------------------------------


async def test_many_rows_go_in_portions_one_a_tick(
    owner: Owner, open_clock: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION", 4)
    for _ in range(9):
        await write_command(owner, NOW - 100 * DAY, "")
    await put_retention(owner)
    worker = open_clock()

    left = []
    for _ in range(4):
        await tick(worker)
        left.append(await count(owner, "commands"))
    # The first tick is that of the rule before.
    assert left == [9, 5, 1, 0]


async def test_after_the_last_portion_it_comes_again_the_next_night(
    owner: Owner, open_clock: Open
) -> None:
    await put_retention(owner)

    assert await ticks_until_night(owner, open_clock) == len(find_windows(KEPT, NOW))
    row = await owner.fetchrow(TIMER)
    assert row is not None
    assert (row["due_at"], read_event(row["event"].encode()).data) == (
        next_night(NOW),
        RetentionDue(),
    )


def test_nights_that_were_slept_through_are_one() -> None:
    assert next_night(NOW) == datetime.fromisoformat("2026-12-02T03:00:00Z")
    assert next_night(NOW.replace(hour=2)) == datetime.fromisoformat("2026-12-01T03:00:00Z")


async def test_timers_of_people_go_first_and_it_publishes_nothing(
    owner: Owner, open_clock: Open
) -> None:
    await put_retention(owner)
    due = await put_timer(owner, -1)
    worker = open_clock()

    await tick(worker)
    assert fired(worker) == [due]


async def test_two_clocks_take_no_portion_twice(owner: Owner, open_clock: Open) -> None:
    await put_retention(owner)
    async with owner.transaction():
        await owner.execute("SELECT FROM timers FOR UPDATE")
        await tick(open_clock())
    row = await owner.fetchrow(TIMER)
    assert row is not None and row["due_at"] == NOW


async def test_an_error_of_ours_waits_and_keeps_no_timer_of_a_person(
    owner: Owner, open_clock: Open
) -> None:
    await owner.execute("REVOKE DELETE ON commands FROM taskflow_fire_timer")
    try:
        await write_command(owner, NOW - 100 * DAY, "")
        await put_retention(owner)
        due = await put_timer(owner, -1)
        worker = open_clock()
        for _ in range(2):
            assert await tick(worker) == "SUCCESS"
        assert fired(worker) == [due]
    finally:
        await owner.execute("GRANT DELETE ON commands TO taskflow_fire_timer")
    row = await owner.fetchrow(TIMER)
    assert row is not None and row["due_at"] == NOW + retention.AFTER_ERROR


async def test_a_new_database_has_its_timer_due_in_a_day(server: Any) -> None:
    from tests.conftest import address

    db = await asyncpg.connect(address(server, "postgres"))
    await db.execute("CREATE DATABASE retention_timer")
    await db.close()
    url = address(server, "retention_timer")
    await migrate(url)
    db = await asyncpg.connect(url)
    (row,) = await db.fetch("SELECT id::text, due_at - now() AS wait, event FROM timers")
    await db.close()
    assert row["id"] == retention.TIMER
    assert timedelta(hours=23) < row["wait"] <= DAY
    assert read_event(row["event"].encode()).data == RetentionDue()


# --- nothing that goes can be needed --------------------------------------------------------------


def test_commands_that_are_forgotten_are_refused() -> None:
    assert KEPT.keep_commands * DAY >= OLDEST
    with pytest.raises(InvalidSetting, match="TASKFLOW_KEEP_COMMANDS"):
        read_settings({"TASKFLOW_KEEP_COMMANDS": "44"})


def test_what_the_log_may_bring_again_is_known_for_longer() -> None:
    """1.5 times the longest retention of a topic, for the ledgers of commands and deliveries."""
    topics = read_topics(ROOT / "infra/kubernetes/base/topics")
    longest = max(int(topic.config["retention.ms"]) for topic in topics)
    for name in ("TASKFLOW_KEEP_COMMANDS", "TASKFLOW_KEEP_DELIVERIES"):
        with pytest.raises(InvalidSetting, match=name):
            read_settings({name: str(int(1.5 * longest / 86_400_000) - 1)})


def test_a_key_is_as_long_good_as_its_answer_is_kept() -> None:
    assert find_windows(KEPT, NOW)["repeats"] <= NOW - KEY_KEPT
