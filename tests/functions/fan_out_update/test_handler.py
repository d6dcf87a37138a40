"""Feeds without gaps: real facts, two workers, and everything delivered more than once."""

import asyncio
import random
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from functions.fan_out_update.main import main
from taskflow.decide import State, decide
from taskflow.events import DeleteTask, Event, SeriesDue, derive_events, encode, new_event
from tests.functions.commands import (
    NOW,
    create,
    deliver,
    make_command,
    published,
    replace_data,
    send,
    take,
    update,
)
from tests.functions.conftest import OpenWorker, Owner

READ = "SELECT seq, task_id::text, version, type, task FROM feed WHERE user_id = $1 ORDER BY seq"


def history(user_id: str, changes: int = 2, *, deleted: bool = False) -> list[Event[Any]]:
    """A task's facts: created, so many changes, and its end."""
    state = State(zones={user_id: "UTC"}, tasks={}, series={}, occurrences={})
    task_id = str(uuid4())
    commands: list[Any] = [create(user_id, task_id)]
    commands += [update(user_id, task_id, title=f"Title {n}") for n in range(changes)]
    commands += [make_command(DeleteTask, user_id, task_id)] if deleted else []
    facts = []
    for command in commands:
        decision = decide(command, state, NOW)
        facts += derive_events(send(command), decision.facts, source="write_task")
    return facts


async def test_each_change_is_one_item_and_one_update(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker, facts = open_worker(main), history(user_id, 1, deleted=True)
    assert await deliver(worker, *facts) == "SSS"
    rows = await owner.fetch(READ, user_id)
    task_id = facts[0].data.task_id
    assert [tuple(row)[:4] for row in rows] == [
        (1, task_id, 1, "created"),
        (2, task_id, 2, "updated"),
        (3, task_id, 3, "deleted"),
    ]
    assert rows[0]["task"].encode() == encode(facts[0].data.task_data)
    assert rows[2]["task"] is None
    updates = [event.data for event in published(worker)]
    assert [one.cursor for one in updates] == [1, 2, 3]
    assert [one.task and one.task.title for one in updates] == ["Pay rent", "Title 0", None]
    assert {one.key for one in updates} == {user_id}
    assert [event.causationid for event in published(worker)] == [fact.id for fact in facts]


async def test_a_redelivery_repeats_the_same_updates(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker, facts = open_worker(main), history(user_id)
    await deliver(worker, *facts)
    first = take(worker)
    before = await owner.fetch(READ, user_id)
    assert await deliver(worker, *facts, *facts) == "SSSSSS"
    again = take(worker)
    assert [encode(event) for event in again] == [encode(event) for event in [*first, *first]]
    assert await owner.fetch(READ, user_id) == before


async def test_what_is_older_is_left_out(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker = open_worker(main)
    one, two, three = history(user_id)
    assert await deliver(worker, two) == "S"
    assert await deliver(worker, one, three, one) == "SSS"
    rows = await owner.fetch(READ, user_id)
    assert [(row["seq"], row["version"]) for row in rows] == [(1, 2), (2, 3)]
    assert [event.causationid for event in published(worker)] == [two.id, three.id]


async def test_no_gap_under_two_workers(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    workers = [open_worker(main), open_worker(main)]
    other = str(uuid4())
    order = random.Random(7)
    work = []
    for _ in range(12):
        batch = [fact for person in (user_id, other) for fact in history(person)]
        order.shuffle(batch)
        work += [(worker, batch) for worker in workers]
    answers = await asyncio.gather(*(deliver(worker, *batch) for worker, batch in work))
    assert set("".join(answers)) == {"S"}
    for person in (user_id, other):
        rows = await owner.fetch(READ, person)
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        newest: dict[str, int] = {}
        for row in rows:
            assert row["version"] > newest.get(row["task_id"], 0)
            newest[row["task_id"]] = row["version"]
        assert len(newest) == 12 and set(newest.values()) == {3}
        head = await owner.fetchval("SELECT seq FROM feed_heads WHERE user_id = $1", person)
        assert head == len(rows)
        cursors = {e.data.cursor for w in workers for e in published(w) if e.data.key == person}
        assert cursors == set(range(1, len(rows) + 1))


async def test_gateways_are_told_who_has_news(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    worker, facts = open_worker(main), history(user_id)
    heard: asyncio.Queue[str] = asyncio.Queue()
    await owner.add_listener("taskflow_feed", lambda *got: heard.put_nowait(got[3]))
    await deliver(worker, *facts)
    assert await heard.get() == user_id
    await deliver(worker, *facts)
    await deliver(worker, *history(user_id, 0))
    assert await heard.get() == user_id
    assert heard.empty()


async def test_the_time_of_a_series_is_no_change(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    (fact,) = history(user_id, 0)
    told = (n for n in SeriesDue.__struct_fields__ if n in fact.data.__struct_fields__)
    fields = {n: getattr(fact.data, n) for n in told} | {"event_type": "x"}
    due = new_event(SeriesDue(**fields), id="due", source="fire_timer", time=NOW)
    assert await deliver(open_worker(main), due) == "S"
    assert await owner.fetch(READ, user_id) == []


async def test_a_lost_update_is_published_by_the_redelivery(
    open_worker: OpenWorker, user_id: str
) -> None:
    worker, facts = open_worker(main), history(user_id)
    worker.publisher.refuses = {user_id}  # type: ignore[attr-defined]
    assert await deliver(worker, *facts) == "RRR"
    worker.publisher.refuses = set()  # type: ignore[attr-defined]
    assert await deliver(worker, *facts) == "SSS"
    assert [event.data.cursor for event in published(worker)] == [1, 2, 3]


async def test_a_poison_fact_holds_up_nobody_else(
    open_worker: OpenWorker, owner: Owner, user_id: str
) -> None:
    (good,), (bad,) = history(user_id, 0), history(user_id, 0)
    bad = replace_data(bad, user_id="nobody")
    assert await deliver(open_worker(main), bad, good) == "RS"
    assert len(await owner.fetch(READ, user_id)) == 1


BEYOND_ITS_RIGHTS = [
    "DELETE FROM feed",
    "UPDATE feed SET seq = 0",
    "TABLE tasks",
]


async def test_the_role_may_do_no_more(open_worker: OpenWorker) -> None:
    async with open_worker(main).database.connection() as db:
        for sql in BEYOND_ITS_RIGHTS:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await db.execute(sql)
