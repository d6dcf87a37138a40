"""Every state of a delivery against every event."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from functions.send_reminder.delivery import Delivery, name_attempt, name_delivery
from functions.send_reminder.situation import BORN_LATE, MOVED
from functions.send_reminder.step import Held, Mark, Step, Take, choose_step
from taskflow.events import (
    Event,
    ReminderCancelled,
    ReminderFact,
    ReminderScheduled,
    ReminderTriggered,
    new_event,
)
from tests.functions.send_reminder.world import NOW

NAME = "5f0c0000-0000-4000-8000-000000000001"
TURN = name_attempt(NAME, 2)
SOON, GONE = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)


Kind = type[ReminderScheduled] | type[ReminderTriggered] | type[ReminderCancelled]


def event(kind: Kind, name: str = "e") -> Event[ReminderFact]:
    fact = kind(
        task_id="t", title="Pay rent", remind_at=NOW, user_id="u", reminder_id="r", stream="t"
    )
    return new_event(fact, id=name, source="test", time=NOW)


SCHEDULED, CANCELLED = event(ReminderScheduled), event(ReminderCancelled)
TRIGGERED, RETRIED = event(ReminderTriggered), event(ReminderTriggered, TURN)


def delivery(state: str, leased: datetime | None = None, reason: str | None = None) -> Delivery:
    return Delivery(
        id=NAME,
        channel_id="c",
        kind="email",
        due_at=NOW,
        state=state,
        attempts=2,
        reason=reason,
        leased_until=leased,
    )


@pytest.mark.parametrize(
    ("row", "cause", "why_not", "step"),
    [
        (delivery("planned"), SCHEDULED, None, None),
        (delivery("planned"), CANCELLED, None, None),
        (delivery("planned"), TRIGGERED, None, Take()),
        (delivery("planned"), SCHEDULED, MOVED, Mark("suppressed", MOVED)),
        (delivery("planned"), CANCELLED, MOVED, Mark("suppressed", MOVED)),
        (delivery("planned"), TRIGGERED, MOVED, Mark("suppressed", MOVED)),
        (delivery("due", SOON), TRIGGERED, None, Held(SOON)),
        (delivery("due", SOON), TRIGGERED, MOVED, Held(SOON)),
        (delivery("due", SOON), CANCELLED, MOVED, None),
        (delivery("due", GONE), TRIGGERED, None, Take()),
        (delivery("due", NOW), TRIGGERED, None, Take()),
        (delivery("due", GONE), TRIGGERED, MOVED, Mark("suppressed", MOVED)),
        (delivery("retry"), TRIGGERED, None, None),
        (delivery("retry"), RETRIED, None, Take()),
        (delivery("retry"), RETRIED, MOVED, Mark("suppressed", MOVED)),
        (delivery("retry"), CANCELLED, MOVED, Mark("suppressed", MOVED)),
        (delivery("retry"), SCHEDULED, None, None),
        (delivery("suppressed", reason=MOVED), SCHEDULED, None, Mark("planned")),
        (delivery("suppressed", reason=MOVED), TRIGGERED, None, Take()),
        (delivery("suppressed", reason=MOVED), CANCELLED, MOVED, None),
        (delivery("suppressed", reason=MOVED), SCHEDULED, BORN_LATE, Mark("suppressed", BORN_LATE)),
        (delivery("suppressed", reason=BORN_LATE), TRIGGERED, None, None),
        (delivery("suppressed", reason=BORN_LATE), SCHEDULED, None, None),
    ],
)
def test_a_step(row: Delivery, cause: Event[ReminderFact], why_not: str | None, step: Step) -> None:
    assert choose_step(row, cause, why_not, NOW) == step


@given(
    st.sampled_from(["sent", "failed"]),
    st.sampled_from([SCHEDULED, CANCELLED, TRIGGERED, RETRIED]),
    st.sampled_from([None, MOVED, BORN_LATE]),
)
def test_what_is_settled_stays(state: str, cause: Event[ReminderFact], why_not: str | None) -> None:
    assert choose_step(delivery(state), cause, why_not, NOW) is None


@given(
    st.sampled_from(["planned", "due", "retry", "suppressed"]),
    st.sampled_from([None, GONE, SOON]),
    st.sampled_from([SCHEDULED, CANCELLED, TRIGGERED, RETRIED]),
    st.sampled_from([MOVED, BORN_LATE]),
)
def test_what_is_not_wanted_is_never_sent(
    state: str, leased: datetime | None, cause: Event[ReminderFact], why_not: str
) -> None:
    assert choose_step(delivery(state, leased), cause, why_not, NOW) != Take()


@pytest.mark.parametrize(
    "changes", [{"reminder_id": "s"}, {"remind_at": SOON}, {"channel_id": "d"}]
)
def test_the_name_of_a_delivery_holds_reminder_instant_and_channel(
    changes: dict[str, Any],
) -> None:
    channel = changes.pop("channel_id", "c")
    other = structs.replace(TRIGGERED.data, **changes)
    assert name_delivery(SCHEDULED.data, "c") == name_delivery(TRIGGERED.data, "c")
    assert name_delivery(other, channel) != name_delivery(TRIGGERED.data, "c")
