"""What a person chooses for all of their reminders."""

from typing import Any

import httpx
import pytest

Client = httpx.AsyncClient
HERE = "/v1/me/reminders"
DEFAULTS: dict[str, Any] = {
    "channels": [],
    "escalate_after": None,
    "quiet_hours": None,
    "late": "send",
    "late_after": "PT15M",
}


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


async def test_nobody_chooses_for_nobody(anyone: Client) -> None:
    assert (await anyone.get(HERE)).status_code == 401
    assert (await anyone.patch(HERE, json={})).status_code == 401
