"""What a person chooses for all of their reminders."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest

Client = httpx.AsyncClient
Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
HERE = "/v1/me/reminders"
DEFAULTS: dict[str, Any] = {
    "channels": [],
    "escalate_after": None,
    "quiet_hours": None,
    "late": "send",
    "late_after": "PT15M",
    "digest": None,
}
TIMERS = "SELECT due_at FROM timers WHERE topic = 'reminders'"


async def test_what_was_never_chosen_is_the_default(paris: Client) -> None:
    assert (await paris.get(HERE)).json() == DEFAULTS


async def test_what_is_sent_is_changed_and_null_is_the_default_again(
    paris: Client, somebody_else: Client
) -> None:
    chosen = {
        "channels": ["web_push", "email"],
        "escalate_after": "PT10M",
        "quiet_hours": {"from": "22:00", "until": "07:00"},
    }
    answer = await paris.patch(HERE, json=chosen)
    assert (answer.status_code, answer.json()) == (200, {**DEFAULTS, **chosen})
    await paris.patch(HERE, json={"late": "drop"})
    assert (await paris.get(HERE)).json() == {**DEFAULTS, **chosen, "late": "drop"}
    nothing = dict.fromkeys(DEFAULTS)
    assert (await paris.patch(HERE, json=nothing)).json() == DEFAULTS
    assert (await somebody_else.get(HERE)).json() == DEFAULTS


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"channels": ["pigeon"]}, "channels"),
        ({"channels": ["email", "email"]}, "channels"),
        ({"channels": "email"}, "channels"),
        ({"escalate_after": "PT1S"}, "escalate_after"),
        ({"escalate_after": "soon"}, "escalate_after"),
        ({"quiet_hours": {"from": "25:00", "until": "07:00"}}, "quiet_hours.from"),
        ({"quiet_hours": {"from": "22:00"}}, "quiet_hours.until"),
        ({"quiet_hours": {"from": "22:00", "until": "07:00", "on": 1}}, "quiet_hours.on"),
        ({"late": "perhaps"}, "late"),
        ({"late_after": "P31D"}, "late_after"),
        ({"digest": "7:00"}, "digest"),
        ({"digest": "24:00"}, "digest"),
        ({"digest": True}, "digest"),
        ({"sound": "loud"}, "sound"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    paris: Client, sent: dict[str, Any], field: str
) -> None:
    answer = await paris.patch(HERE, json=sent)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await paris.get(HERE)).json() == DEFAULTS


# --- the daily digest ----------------------------------------------------------------------------


async def find_hour(owner: Owner, zone: str) -> str:
    """The one timer's hour on a clock of that zone; it is the next one of that hour."""
    (row,) = await owner.fetch(TIMERS)
    due: datetime = row["due_at"]
    assert timedelta() < due - datetime.now(UTC) <= timedelta(hours=25)
    return f"{due.astimezone(ZoneInfo(zone)):%H:%M}"


async def test_a_digest_has_one_timer_at_its_hour_where_the_person_is(
    paris: Client, owner: Owner
) -> None:
    answer = await paris.patch(HERE, json={"digest": "07:00"})
    assert (answer.status_code, answer.json()) == (200, {**DEFAULTS, "digest": "07:00"})
    assert await find_hour(owner, "Europe/Paris") == "07:00"
    await paris.patch(HERE, json={"digest": "21:30"})
    assert await find_hour(owner, "Europe/Paris") == "21:30"
    await paris.patch(HERE, json={"late": "drop"})
    assert await find_hour(owner, "Europe/Paris") == "21:30"


async def test_a_digest_follows_its_person_into_another_zone(paris: Client, owner: Owner) -> None:
    await paris.patch(HERE, json={"digest": "07:00"})
    await paris.patch("/v1/me", json={"timezone": "Asia/Tokyo"})
    assert await find_hour(owner, "Asia/Tokyo") == "07:00"
    await paris.patch("/v1/me", json={"timezone": None})
    assert await find_hour(owner, "UTC") == "07:00"


async def test_a_digest_ends_with_the_choice_and_with_the_account(
    paris: Client, owner: Owner
) -> None:
    await paris.patch(HERE, json={"digest": "07:00"})
    await paris.patch(HERE, json={"digest": None})
    assert await owner.fetch(TIMERS) == []
    await paris.patch("/v1/me", json={"timezone": "Asia/Tokyo"})
    assert await owner.fetch(TIMERS) == []

    await paris.patch(HERE, json={"digest": "07:00"})
    assert (await paris.delete("/v1/me")).status_code == 204
    assert await owner.fetch(TIMERS) == []


async def test_a_digest_is_no_reminder_to_come(paris: Client) -> None:
    await paris.patch(HERE, json={"digest": "07:00"})
    answer = await paris.get("/v1/reminders")
    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_nobody_chooses_for_nobody(anyone: Client) -> None:
    assert (await anyone.get(HERE)).status_code == 401
    assert (await anyone.patch(HERE, json={})).status_code == 401
