"""Holds by the person at the host: both the row and the fact of it, or neither."""

from typing import TypeAlias

import asyncpg
import pytest

from local.holds import HOST, lift_hold, place_hold
from taskflow.errors import Refused
from taskflow.events import read_event
from taskflow.settings import Settings

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def test_by_address_and_by_id(settings: Settings, owner: Owner, user_id: str) -> None:
    await place_hold(settings.database, f"{user_id}@EXAMPLE.com", "case 7")
    row = await owner.fetchrow("SELECT user_id::text, email, reason, lifted_at FROM audit_holds")
    assert row is not None and tuple(row) == (user_id, f"{user_id}@example.com", "case 7", None)
    with pytest.raises(Refused, match="is on hold"):
        await place_hold(settings.database, user_id, "again")
    await lift_hold(settings.database, user_id)
    assert await owner.fetchval("SELECT lifted_at IS NOT NULL FROM audit_holds")
    with pytest.raises(Refused, match="does not exist"):
        await lift_hold(settings.database, user_id)


async def test_each_leaves_a_fact_for_the_clock(
    settings: Settings, owner: Owner, user_id: str
) -> None:
    await place_hold(settings.database, user_id, "case 7")
    await lift_hold(settings.database, user_id)
    timers = await owner.fetch("SELECT event, due_at <= now() AS due FROM timers ORDER BY due_at")
    facts = [read_event(row["event"].encode()).data for row in timers]
    assert [(fact.event_type, fact.detail) for fact in facts] == [
        ("hold_placed", {"user_id": user_id, "reason": "case 7", "by": "the host"}),
        ("hold_lifted", {"user_id": user_id, "by": "the host"}),
    ]
    assert {fact.actor_id for fact in facts} == {HOST}
    assert all(row["due"] for row in timers)


async def test_nobody_is_nobody(settings: Settings) -> None:
    with pytest.raises(Refused, match=r"nobody@example\.com"):
        await place_hold(settings.database, "nobody@example.com", "a case")
