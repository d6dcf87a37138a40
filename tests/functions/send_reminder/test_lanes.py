"""The pace of one way out, and its circuit breaker, under a clock that a test moves."""

import asyncio
from datetime import timedelta

import pytest

from functions.send_reminder.lanes import (
    FAILURES_IN_A_ROW,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_QUEUE,
    MOST_AT_ONCE,
    MOST_LANES,
    PACES,
    PROBE,
    Lane,
    Lanes,
    Pace,
)
from functions.send_reminder.ledger import LEASED
from functions.send_reminder.sending import SETTLE_PAUSES
from tests.functions.send_reminder.world import NOW


def failing(times: int) -> Lane:
    lane = Lane(Pace(2, 1.0))
    for _ in range(times):
        lane.note(False, NOW)
    return lane


def test_failures_in_a_row_open_the_breaker_for_a_while() -> None:
    assert failing(FAILURES_IN_A_ROW - 1).choose_wait(NOW) is None
    wait = failing(FAILURES_IN_A_ROW).choose_wait(NOW)
    assert wait is not None and wait.until == NOW + FIRST_PAUSE
    assert "failed 5 times in a row" in wait.reason


def test_a_success_between_closes_it() -> None:
    lane = failing(FAILURES_IN_A_ROW - 1)
    lane.note(True, NOW)
    lane.note(False, NOW)
    assert lane.choose_wait(NOW) is None


def test_after_the_pause_one_goes_first() -> None:
    lane = failing(FAILURES_IN_A_ROW)
    later = NOW + FIRST_PAUSE
    assert lane.choose_wait(later) is None
    second = lane.choose_wait(later)
    assert second is not None and second.until == later + PROBE
    lane.note(True, later)
    assert lane.choose_wait(later) is None and lane.failures == 0


def test_a_probe_that_is_lost_does_not_close_the_way_for_ever() -> None:
    lane = failing(FAILURES_IN_A_ROW)
    later = NOW + FIRST_PAUSE
    assert lane.choose_wait(later) is None
    assert lane.choose_wait(later + PROBE) is None


def test_pauses_grow_to_a_bound() -> None:
    lane = failing(FAILURES_IN_A_ROW)
    pauses = []
    for _ in range(12):
        lane.note(False, NOW)
        assert lane.opened_until is not None
        pauses.append(lane.opened_until - NOW)
    assert pauses[:3] == [2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE and pauses == sorted(pauses)


async def test_only_so_many_go_at_once_and_the_rest_in_turn() -> None:
    lane, going, most, order = Lane(Pace(2, 1.0)), 0, 0, []

    async def go(number: int) -> None:
        nonlocal going, most
        async with lane.turn():
            going += 1
            most = max(most, going)
            order.append(number)
            await asyncio.sleep(0)
            going -= 1

    await asyncio.gather(*map(go, range(10)))
    assert (most, order, lane.idle) == (2, list(range(10)), True)


async def test_a_queue_that_would_outlast_the_lease_is_not_joined() -> None:
    lane, hold = Lane(Pace(1, 1.0)), asyncio.Event()

    async def stand() -> None:
        async with lane.turn():
            await hold.wait()

    standing = [asyncio.create_task(stand()) for _ in range(200)]
    await asyncio.sleep(0)
    wait = lane.choose_wait(NOW)
    assert wait is not None and wait.until > NOW + timedelta(seconds=5)
    assert lane.is_known_slow
    hold.set()
    await asyncio.gather(*standing)
    assert lane.choose_wait(NOW) is None


def test_mail_has_one_way_and_every_other_channel_its_own() -> None:
    lanes = Lanes()
    assert lanes.find("email", "a") is lanes.find("email", "b")
    assert lanes.find("webhook", "a") is lanes.find("webhook", "a")
    assert lanes.find("webhook", "a") is not lanes.find("webhook", "b")


def test_what_is_idle_is_forgotten_and_what_fails_is_not() -> None:
    lanes = Lanes()
    ill = lanes.find("webhook", "ill")
    ill.note(False, NOW)
    for number in range(MOST_LANES):
        lanes.find("webhook", str(number))
    assert lanes.find("webhook", "ill") is ill


def test_a_full_house_lets_no_more_slow_ones_in() -> None:
    lanes, lane = Lanes(), failing(0)
    lanes.at_once = MOST_AT_ONCE
    assert lanes.choose_wait(lane, NOW) is None, "the quick ones still come in"
    lane._average = 5.0
    wait = lanes.choose_wait(lane, NOW)
    assert wait is not None and wait.until > NOW


@pytest.mark.parametrize("kind", PACES)
def test_no_delivery_outlasts_its_lease(kind: str) -> None:
    assert PACES[kind].seconds + sum(SETTLE_PAUSES) < LEASED.total_seconds() - LONGEST_QUEUE
