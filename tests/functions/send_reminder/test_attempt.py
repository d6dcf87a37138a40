"""A day of retries, computed in a moment."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from functions.send_reminder.attempt import (
    JITTER,
    SCHEDULE,
    judge_failure,
    judge_success,
    late_by,
    wait_seconds,
)
from functions.send_reminder.delivery import Delivery, name_attempt
from taskflow.events import Event, ReminderFact, ReminderTriggered, encode, new_event, read_event
from taskflow.mail import DeliveryFailed, Receipt
from tests.functions.send_reminder.world import NOW

NAME = "5f0c0000-0000-4000-8000-000000000001"
DELIVERY = Delivery(id=NAME, channel_id="c", kind="email", due_at=NOW, state="due")
FACT = ReminderTriggered(
    task_id="t", title="Pay rent", remind_at=NOW, user_id="u", reminder_id="r", stream="t"
)
EVENT: Event[ReminderFact] = new_event(FACT, id="e", source="test", time=NOW)
LATER = DeliveryFailed("Busy.", permanent=False)


@given(st.uuids().map(str), st.integers(1, len(SCHEDULE)))
def test_a_wait_is_the_schedule_and_a_little_more_the_same_each_time(
    name: str, attempts: int
) -> None:
    wait = wait_seconds(name, attempts)
    assert SCHEDULE[attempts - 1] <= wait <= SCHEDULE[attempts - 1] * (1 + JITTER)
    assert wait == wait_seconds(name, attempts)


def test_those_who_failed_together_come_back_apart() -> None:
    waits = {wait_seconds(str(UUID(int=number)), 1) for number in range(1000)}
    assert len(waits) == 1000
    assert min(waits) < 31 and max(waits) > 35


def test_the_schedule_outlives_an_outage_of_a_day() -> None:
    assert sum(SCHEDULE) >= 24 * 3600
    assert list(SCHEDULE) == sorted(SCHEDULE)


def test_the_next_attempt_names_its_delivery_and_comes_by_itself() -> None:
    outcome = judge_failure(EVENT, DELIVERY, LATER, NOW)
    timer = outcome.timer
    assert timer is not None
    assert (outcome.state, outcome.reason, outcome.sent_at) == ("retry", "Busy.", None)
    assert timer.id == name_attempt(NAME, 1)
    assert timer.time == NOW + timedelta(seconds=wait_seconds(NAME, 1))
    assert timer.data.delivery_id == NAME
    assert timer.causationid == EVENT.id
    assert read_event(encode(timer)) == timer


@pytest.mark.parametrize(
    ("asked", "at_least", "at_most"), [(5.0, 30, 36), (None, 30, 36), (7200.0, 7200, 7200)]
)
def test_a_wish_to_wait_longer_is_granted(asked: float | None, at_least: int, at_most: int) -> None:
    busy = DeliveryFailed("Busy.", permanent=False, retry_after=asked)
    timer = judge_failure(EVENT, DELIVERY, busy, NOW).timer
    assert timer is not None
    assert at_least <= (timer.time - NOW).total_seconds() <= at_most


def test_the_last_attempt_is_the_last() -> None:
    tried = structs.replace(DELIVERY, attempts=2)
    outcome = judge_failure(EVENT, tried, LATER, NOW, schedule=(1, 2))
    assert (outcome.state, outcome.timer) == ("failed", None)
    assert outcome.reason == "Given up after 3 attempts; the last one ended so: Busy."


def test_what_can_never_succeed_is_not_tried_again() -> None:
    outcome = judge_failure(EVENT, DELIVERY, DeliveryFailed("Gone.", permanent=True), NOW)
    assert (outcome.state, outcome.reason, outcome.timer) == ("failed", "Gone.", None)


@pytest.mark.parametrize(("seconds", "late"), [(-1.5, 0), (0, 0), (0.999, 0), (61.5, 61)])
def test_lateness_is_in_whole_seconds(seconds: float, late: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    assert late_by(DELIVERY, now) == late
    assert judge_success(DELIVERY, Receipt("4711"), now).late_by_seconds == late
