"""What is left of somebody who deleted their account, looked for in every table that there is: only
the chain of the audit; and of somebody on hold everything, until the hold is lifted.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from local.audit import verify_database
from taskflow.events import LoggedIn, TaskCreated, new_event
from taskflow.settings import Settings
from tests.audit_events import make_task, record, task_event
from tests.functions.fire_timer.test_handler import NOW, Open, Owner
from tests.functions.fire_timer.test_handler import open_clock as open_clock
from tests.functions.fire_timer.test_retention import put_retention, ticks_until_night

MARK = "marmalade"
WINDOW = timedelta(days=Settings().keep_commands)

TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
"""
OF_PEOPLE = """
SELECT table_name FROM information_schema.columns
WHERE table_schema = 'public' AND column_name = 'user_id'
"""
# Both as words and as bytes.
NAMES = """
SELECT count(*) FROM {} AS row
WHERE strpos(row::text, $1) > 0 OR strpos(row::text, encode(convert_to($1, 'UTF8'), 'hex')) > 0
"""

# A row in each table that knows a person by itself or through another, in this order.
ROWS = {
    "users": "(id, email, email_key, name, created_at, deleted_at)"
    " VALUES ('{person}', '{mark}', '{person}', '{mark}', '{at}', '{at}')",
    "sessions": "VALUES ('{id}', '{person}', '{at}', '{at}', '{at}')",
    "refresh_tokens": "SELECT '{mark}', id, created_at FROM sessions WHERE user_id = '{person}'",
    "api_tokens": "(id, user_id, name, scopes, hash, created_at)"
    " VALUES ('{id}', '{person}', '{mark}', ARRAY['read'], '{person}', '{at}')",
    "channels": "(id, user_id, kind, address, created_at)"
    " VALUES ('{id}', '{person}', 'email', '{mark}', '{at}')",
    "views": "(id, user_id, name, name_key, query, position, created_at, updated_at)"
    " VALUES ('{id}', '{person}', '{mark}', '{mark}', '[]', 1, '{at}', '{at}')",
    "tasks": "(id, user_id, stream, title, notes, status, priority, tags, tag_keys, reminders,"
    " version, created_at, updated_at, created_by)"
    " VALUES ('{id}', '{person}', '{id}', '{mark}', '', 'done', 'none', ARRAY['{mark}'],"
    " ARRAY['{mark}'], '[]', 1, '{at}', '{at}', '{person}')",
    "series": "(id, user_id, stream, version, recurrence, anchor, template, used, created_at)"
    " VALUES ('{id}', '{person}', '{id}', 1, '[]', '', '[\"{mark}\"]', 0, '{at}')",
    "occurrences": "(series_id, recurrence_id, task_id)"
    " SELECT id, '{mark}', '{id}' FROM series WHERE user_id = '{person}'",
    "commands": "(id, user_id, fingerprint, created_at, events)"
    " VALUES ('{id}', '{person}', '', '{at}', '{mark}')",
    "timers": "(id, due_at, topic, user_id, event)"
    " VALUES ('{id}', 'infinity', 'account-events', '{person}', '{mark}')",
    "deliveries": "(id, reminder_id, task_id, user_id, channel_id, channel, due_at, state, reason)"
    " VALUES ('{id}', '{id}', '{id}', '{person}', '{id}', 'email', '{at}', 'sent', '{mark}')",
    "delivery_attempts": "(delivery_id, number, at, took_ms, state, reason)"
    " SELECT id, 1, '{at}', 5, 'sent', '{mark}' FROM deliveries WHERE user_id = '{person}'",
    "reminder_answers": "(delivery_id, verb, user_id, task_id, reminder_id, remind_at, at)"
    " SELECT id, '{mark}', user_id, task_id, reminder_id, due_at, due_at FROM deliveries"
    " WHERE user_id = '{person}'",
    "feed_heads": "(user_id, seq) VALUES ('{person}', 1)",
    "feed": "(user_id, seq, at, task_id, version, type, task)"
    " VALUES ('{person}', 1, '{at}', '{id}', 1, 'created', '{mark}')",
    "repeats": "(id, user_id, fingerprint, created_at, answer)"
    " VALUES ('{id}', '{person}', '', '{at}', '{mark}')",
    "dead_letters": "(id, consumer, record_topic, partition, record_offset, value, reason,"
    " attempts, trace, kept_at) VALUES ('{id}', 'write-task', '{id}', 0, 0,"
    " convert_to('[\"{person}\", \"{mark}\"]', 'UTF8'), '{mark}', 5, '', '{at}')",
}
# What a hold and the chain are, and what no retention may hide.
APART = {"audit_entries", "audit_holds"}


async def write_person(owner: Owner, settings: Settings, mark: str = MARK) -> str:
    """Somebody who left just long enough ago, with a row in every table; their id."""
    person, at = str(uuid4()), NOW - WINDOW - timedelta(days=1, seconds=1)
    for table, sql in ROWS.items():
        values = {"id": uuid4(), "person": person, "at": at, "mark": mark}
        await owner.execute(f"INSERT INTO {table} " + sql.format(**values))
    told = LoggedIn(user_id=person, actor_id=person, timestamp=at, detail={"client": mark})
    await record(
        settings,
        task_event(TaskCreated, make_task(created_by=person, title=mark), at=at),
        new_event(told, id=str(uuid4()), source="gateway", time=at),
    )
    return person


async def find(owner: Owner, *words: str) -> dict[str, int]:
    """The tables that hold one of these words, and how many rows do."""
    found: dict[str, int] = {}
    for (table,) in await owner.fetch(TABLES):
        counts = [await owner.fetchval(NAMES.format(table), word) for word in words]
        if any(counts):
            found[table] = max(counts)
    return found


async def test_every_table_of_people_is_looked_at(owner: Owner) -> None:
    tables: Iterable[Any] = await owner.fetch(OF_PEOPLE)
    forgotten = {row["table_name"] for row in tables} - set(ROWS) - APART
    assert not forgotten, "write a row of each here, and a rule that takes it in rules.py"


async def test_of_a_deleted_account_only_the_chain_is_left(
    owner: Owner, open_clock: Open, settings: Settings
) -> None:
    ann = await write_person(owner, settings)
    bob = await write_person(owner, settings, "honey")
    await owner.execute("UPDATE users SET deleted_at = NULL WHERE id = $1", bob)
    before = await find(owner, ann, MARK)
    assert set(before) == {*ROWS, "audit_entries", "audit_details"}
    await put_retention(owner)

    await ticks_until_night(owner, open_clock)
    assert await find(owner, ann, MARK) == {"audit_entries": 2}
    assert await owner.fetchval("SELECT count(*) FROM audit_details WHERE salt = ''") == 2
    verdict = await verify_database(settings.database, settings.audit_secrets, [])
    assert (verdict.ok, verdict.entries, verdict.erased) == (True, 4, 2)
    # Whoever stays keeps all but what is over for everybody.
    over = {"commands", "repeats", "sessions", "refresh_tokens"}
    assert set(ROWS) - set(await find(owner, bob, "honey")) == over


async def test_of_somebody_on_hold_everything_is_left_until_it_is_lifted(
    owner: Owner, open_clock: Open, settings: Settings
) -> None:
    ann = await write_person(owner, settings)
    await owner.execute("INSERT INTO audit_holds VALUES ($1, '', '', $2)", ann, NOW)
    await owner.execute("UPDATE dead_letters SET state = 'discarded', settled_at = '2026-01-01'")
    before = await find(owner, ann, MARK)
    windows = {name: 1 for name in ("keep_audit_tasks", "keep_audit_accounts", "keep_audit_admin")}
    await put_retention(owner)

    await ticks_until_night(owner, lambda: open_clock(None, **windows, keep_deliveries=45))
    assert await find(owner, ann, MARK) == before
    await owner.execute("UPDATE audit_holds SET lifted_at = $1", NOW - timedelta(hours=1))
    await owner.execute("DELETE FROM timers WHERE topic = 'retention'")
    await put_retention(owner)

    await ticks_until_night(owner, open_clock)
    assert await find(owner, ann, MARK) == {"audit_entries": 2}


async def test_the_account_goes_a_day_after_what_is_found_by_it(
    owner: Owner, open_clock: Open, settings: Settings
) -> None:
    ann = await write_person(owner, settings)
    await owner.execute("UPDATE users SET deleted_at = $1", NOW - WINDOW - timedelta(seconds=1))
    await put_retention(owner)

    await ticks_until_night(owner, open_clock)
    # With what its deletion takes along.
    assert set(await find(owner, ann)) == {
        "users",
        "api_tokens",
        "channels",
        "views",
        "audit_entries",
    }
