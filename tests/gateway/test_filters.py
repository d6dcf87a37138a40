"""Filter expressions against the real table: equal to a naive evaluator, whatever is written; and
over HTTP, where no text makes a 5xx (behaviour F1).
"""

import os
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from gateway.filter_sql import filter_tasks
from gateway.task_rows import ROW
from tests.gateway.filters import SAMPLES, WORLDS, Sample, Task, World, make_tasks, put_tasks
from tests.gateway.test_tasks import create

Client = httpx.AsyncClient
# The whole proof is 5,000: EXAMPLES=5000.
EXAMPLES = int(os.environ.get("EXAMPLES", "150"))
MANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TASKS = make_tasks(400)


@pytest.fixture
async def table(
    database_url: str, owner: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[AsyncConnection]:
    await put_tasks(owner, uuid4(), TASKS)
    url = database_url.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as db:
        yield db
    await engine.dispose()


@MANY
@given(sample=SAMPLES, world=WORLDS)
async def test_the_table_and_a_naive_evaluator_agree(
    table: AsyncConnection, sample: Sample, world: World
) -> None:
    condition = filter_tasks(sample.text, world.now, world.zone.key)
    found = set((await table.execute(select(ROW.id).where(condition))).scalars())
    wanted = {task["id"] for task in TASKS if sample.holds(task, world)}
    assert found == wanted, describe(found ^ wanted)


def describe(ids: set[Any]) -> list[Task]:
    return [task for task in TASKS if task["id"] in ids][:3]


# --- over HTTP ---------------------------------------------------------------------------------


async def find(client: Client, text: str) -> list[str]:
    answer = await client.get("/v1/tasks", params={"filter": text, "sort": "title"})
    assert answer.status_code == 200, answer.text
    return [task["title"] for task in answer.json()["items"]]


async def test_the_example_of_the_contract(paris: Client) -> None:
    urgent = {"priority": "high", "due_on": "2026-01-01"}
    await create(paris, title="a", tags=["Home"], **urgent)
    await create(paris, title="b", tags=["Deep Work"], **urgent)
    await create(paris, title="c", tags=["other"], **urgent)
    await create(paris, title="d", tags=["home"], priority="high", due_on="2199-01-01")
    done = await create(paris, title="e", tags=["home"], **urgent)
    await paris.post(f"/v1/tasks/{done['id']}/complete")
    text = 'priority:high and (tag:home or tag:"deep work") and due < today+7d and not status:done'
    assert await find(paris, text) == ["a", "b"]


async def test_parameters_and_an_expression_hold_together(
    paris: Client, somebody_else: Client
) -> None:
    await create(paris, title="a", tags=["x"], priority="low")
    await create(paris, title="b", tags=["x"])
    await create(somebody_else, title="not mine", tags=["x"])
    query = {"filter": "priority < high", "tag": "x", "sort": "priority,-title", "limit": "1"}
    first = (await paris.get("/v1/tasks", params=query)).json()
    rest = (await paris.get("/v1/tasks", params={**query, "cursor": first["next_cursor"]})).json()
    assert [t["title"] for t in first["items"] + rest["items"]] == ["b", "a"]
    assert rest["next_cursor"] is None
    assert await find(paris, " ") == ["a", "b"]


async def test_a_day_is_the_persons_day(paris: Client, app: Any) -> None:
    """23:30 in Paris is that day there, though tomorrow in Auckland."""
    await create(paris, title="late", due_at="2026-12-31T23:30:00")
    assert await find(paris, "due:2026-12-31") == ["late"]
    assert (await paris.patch("/v1/me", json={"timezone": "Pacific/Auckland"})).status_code == 200
    assert await find(paris, "due:2026-12-31") == []
    assert await find(paris, "due:2027-01-01") == ["late"]


async def test_an_error_says_where_and_what_would_do(paris: Client) -> None:
    text = "🎉 priority:urgent"
    answer = await paris.get("/v1/tasks", params={"filter": text})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_filter")
    assert problem["position"] == len("🎉 priority:") + 1  # as JavaScript counts
    assert "none, low, medium or high" in problem["detail"]
    assert problem["errors"][0]["field"] == "filter"


HOSTILE = [
    "'; DROP TABLE tasks; --",
    "\x00",
    "title:\x00",
    '"\\u0000"',
    "tag:\ud7ff\uffff",
    "$1 $2 :x %(a)s %s",
    'title:"%"',
    "due < today+99999y",
    "due < 0001-01-01",
    "created > 9999-12-31T23:59:59-14:00",
    "(" * 4000,
    "((((" * 500 + "a" + "))))" * 500,
    "not " * 1000 + "a",
    "a or " * 900 + "a",
    '"' * 99,
    "\\" * 100,
    "&|!():*<->",
    "text:&",
    "-",
    "a" * 4097,
    "é" * 2048 + "x",
    "\u202e\u0000",
    "is",
    "due is",
    "or",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_text_is_answered(paris: Client, text: str) -> None:
    for name in ("filter", "q", "tag"):
        answer = await paris.get("/v1/tasks", params={name: text})
        assert answer.status_code in (200, 422), (name, answer.text)


PIECES = st.sampled_from(
    [
        *("due", "tag", "text", ":", "<", "!=", " ", "and", "or", "not", "(", ")", '"', "-", "is"),
        *("empty", "today", "+7d", "now", "2026-02-30", "none", "has:", "\\", "'", ";", "\x00"),
        *("🎉", "東", "%"),
    ]
)
SCRAPS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join))


@settings(parent=MANY, max_examples=100)
@given(text=SCRAPS)
async def test_no_text_makes_an_error_of_ours(paris: Client, text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    for name in ("filter", "q"):
        answer = await paris.get("/v1/tasks", params={name: text})
        assert answer.status_code in (200, 422), (name, text, answer.text)
        if answer.status_code == 422 and name == "filter":
            assert 0 <= answer.json()["position"] <= len(text.encode("utf-16-le")) // 2
