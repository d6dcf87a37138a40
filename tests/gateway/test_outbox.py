"""Facts that commit with what they tell, and leave although the gateway dies."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from gateway.outbox import announcing
from taskflow.events import SignedUp, read_event
from taskflow.settings import Settings
from tests.gateway.account_app import AccountGateway, open_accounts

TIMERS = "SELECT id::text, due_at, topic, user_id::text, event FROM timers"


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[AccountGateway]:
    async with open_accounts(settings) as gateway:
        yield gateway


def tell(gateway: AccountGateway, user_id: str, **detail: object) -> SignedUp:
    return SignedUp(
        user_id=user_id, actor_id=user_id, timestamp=gateway.clock(), detail=dict(detail)
    )


async def test_what_went_out_leaves_no_timer(
    gateway: AccountGateway, user_id: str, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with announcing(gateway.context) as writing:
        writing.announce(tell(gateway, user_id), tell(gateway, user_id, again=True))
    await gateway.context.accounts.background.drain()
    assert [event.data.detail for event in gateway.log.events] == [{}, {"again": True}]
    assert len({event.id for event in gateway.log.events}) == 2
    assert await owner.fetch(TIMERS) == []


async def test_what_could_not_go_out_waits_as_a_timer(
    gateway: AccountGateway, user_id: str, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    gateway.log.refuses.add(user_id)
    async with announcing(gateway.context) as writing:
        writing.announce(tell(gateway, user_id))
    await gateway.context.accounts.background.drain()
    (row,) = await owner.fetch(TIMERS)
    assert (row["topic"], row["user_id"]) == ("account-events", user_id)
    assert (row["due_at"] - gateway.clock()).total_seconds() == 60
    event = read_event(row["event"].encode())
    assert (event.id, event.source, event.partitionkey) == (row["id"], "/taskflow/gateway", user_id)
    assert event.data == tell(gateway, user_id)


async def test_the_timer_commits_with_the_row_before_anything_leaves(
    gateway: AccountGateway, user_id: str, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with announcing(gateway.context) as writing:
        await writing.db.execute(text("UPDATE users SET name = 'Ann'"))
        writing.announce(tell(gateway, user_id))
        assert await owner.fetch(TIMERS) == []
    # The task that publishes has not run yet: nothing was awaited since the commit.
    assert gateway.log.events == []
    assert await owner.fetchval("SELECT name FROM users") == "Ann"


async def test_what_failed_was_never_told(
    gateway: AccountGateway, user_id: str, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    with pytest.raises(ValueError, match="on second thoughts"):
        async with announcing(gateway.context) as writing:
            await writing.db.execute(text("UPDATE users SET name = 'Ann'"))
            writing.announce(tell(gateway, user_id))
            raise ValueError("on second thoughts")
    await gateway.context.accounts.background.drain()
    assert gateway.log.events == [] and await owner.fetch(TIMERS) == []
    assert await owner.fetchval("SELECT name FROM users") == ""


async def test_a_request_does_not_fail_with_its_background(
    gateway: AccountGateway, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await owner.execute("REVOKE DELETE ON timers FROM taskflow_gateway")
    person = await gateway.sign_up()
    assert await gateway.fact_types(person.id) == ["signed_up"]
    (row,) = await owner.fetch(TIMERS)
    assert row["user_id"] == person.id
