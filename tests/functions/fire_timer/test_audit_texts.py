"""Texts of the audit go by their class, in the clock's own role, and the chain stays true."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from msgspec import structs

from functions.fire_timer import retention
from functions.fire_timer.audit_texts import ADMINISTRATION
from local.audit import verify_database
from taskflow.audit_keys import CHANGED, LOST
from taskflow.events import (
    AccountFact,
    AdminRead,
    Event,
    HoldPlaced,
    LoggedIn,
    RolesChanged,
    TaskCreated,
    concrete,
    new_event,
)
from taskflow.settings import Settings
from tests.audit_events import deliver, make_task, open_worker, task_event
from tests.functions.fire_timer.test_handler import NOW, Open, Owner
from tests.functions.fire_timer.test_handler import open_clock as open_clock
from tests.functions.fire_timer.test_retention import put_retention, ticks_until_night

DAY = timedelta(days=1)
WINDOWS = {"keep_audit_tasks": 100, "keep_audit_accounts": 200, "keep_audit_admin": 300}
LEFT = "SELECT seq FROM audit_details WHERE salt <> '' ORDER BY seq"


def task_fact(at: datetime, person: str) -> Event[Any]:
    return task_event(TaskCreated, make_task(created_by=person), at=at)


def account_fact(kind: type[AccountFact], at: datetime, person: str) -> Event[Any]:
    fact = kind(user_id=person, actor_id=person, timestamp=at, detail={"by": "host"})  # type: ignore[call-arg]
    return new_event(fact, id=str(uuid4()), source="gateway", time=at)


async def chain(settings: Settings, events: list[Event[Any]]) -> None:
    worker = open_worker(settings)
    assert await deliver(worker, events) == 204
    await worker.close()


async def left(owner: Owner) -> list[int]:
    return [row["seq"] for row in await owner.fetch(LEFT)]


def age(days: int) -> datetime:
    return NOW - days * DAY - timedelta(seconds=1)


async def hold(owner: Owner, person: str) -> None:
    await owner.execute(
        "INSERT INTO users (id, email, email_key, created_at) VALUES ($1, '', $2, $3)"
        " ON CONFLICT DO NOTHING",
        *(person, person, NOW),
    )
    await owner.execute("INSERT INTO audit_holds VALUES ($1, '', 'a case', $2)", person, NOW)


async def test_each_class_has_its_window_and_the_chain_stays_true(
    owner: Owner, open_clock: Open, settings: Settings
) -> None:
    ann = str(uuid4())
    await chain(
        settings,
        [
            task_fact(age(100), ann),
            task_fact(NOW - 100 * DAY, ann),
            account_fact(LoggedIn, age(200), ann),
            account_fact(RolesChanged, NOW - 200 * DAY, ann),
            account_fact(AdminRead, age(300), ann),
            account_fact(HoldPlaced, NOW - 300 * DAY, ann),
        ],
    )
    await put_retention(owner)

    await ticks_until_night(owner, lambda: open_clock(None, **WINDOWS))
    assert await left(owner) == [2, 4, 6]
    verdict = await verify_database(settings.database, settings.audit_secrets, [])
    assert (verdict.ok, verdict.entries, verdict.erased) == (True, 6, 3)


async def test_without_a_setting_they_are_kept_for_ever(
    owner: Owner, open_clock: Open, settings: Settings
) -> None:
    await chain(settings, [task_fact(age(30_000), str(uuid4()))])
    await put_retention(owner)

    await ticks_until_night(owner, lambda: open_clock(None, keep_audit_admin=1))
    assert await left(owner) == [1]


async def test_a_long_chain_is_gone_through_in_portions_to_where_it_is_young(
    owner: Owner, open_clock: Open, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION", 3)
    ann = str(uuid4())
    old = [task_fact(age(100), ann) for _ in range(7)]
    young = [task_fact(NOW, ann) for _ in range(20)]
    await chain(settings, [*old[:1], account_fact(LoggedIn, age(100), ann), *old[1:], *young])
    await put_retention(owner)

    rules = len(retention.find_windows(Settings(keep_audit_tasks=100), NOW))
    ticks = await ticks_until_night(owner, lambda: open_clock(None, keep_audit_tasks=100))
    assert ticks == rules + 3
    assert await left(owner) == [2, *range(9, 29)]


async def test_of_people_on_hold_no_text_goes(
    owner: Owner, open_clock: Open, settings: Settings
) -> None:
    ann, bob = str(uuid4()), str(uuid4())
    await chain(settings, [task_fact(age(100), ann), task_fact(age(100), bob)])
    await hold(owner, ann)
    await put_retention(owner)

    await ticks_until_night(owner, lambda: open_clock(None, **WINDOWS))
    assert await left(owner) == [1]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_details SET after = '{}'",
        "UPDATE audit_details SET salt = ''",
        "UPDATE audit_details SET seq = 9",
        "DELETE FROM audit_details",
        "INSERT INTO audit_details (seq, salt) VALUES (9, '')",
        "UPDATE audit_entries SET action = ''",
        "DELETE FROM audit_entries",
    ],
)
async def test_the_clock_can_do_nothing_else_to_the_audit(
    owner: Owner, settings: Settings, sql: str
) -> None:
    await chain(settings, [task_fact(NOW, str(uuid4()))])
    await owner.execute("SET ROLE taskflow_fire_timer")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute(sql)


def test_the_classes_name_facts_that_exist() -> None:
    facts = {structs.fields(kind)[0].default for kind in concrete(AccountFact)}
    told = {action for action in ADMINISTRATION if action.startswith("account.")}
    assert {action.removeprefix("account.") for action in told} <= facts
    assert set(ADMINISTRATION) - told == {CHANGED, LOST}
