"""Order and completeness of one partition, whatever its records come to."""

import random

from hypothesis import given
from hypothesis import strategies as st

from local.backlog import MOST_RECORDS, Backlog
from taskflow.dialects import Outcome
from tests.local.records import record

OUTCOMES: tuple[Outcome, ...] = ("SUCCESS", "RETRY", "DROP")


def filled(count: int, start: int = 0) -> Backlog:
    backlog = Backlog("notes", 0)
    backlog.add(record(offset=start + number) for number in range(count))
    return backlog


def test_what_is_taken_waits_for_its_outcome() -> None:
    backlog = filled(3)
    assert [one.offset for one in backlog.take(2, 1000)] == [0, 1]
    assert not backlog.ready(0)
    backlog.settle(["SUCCESS", "SUCCESS"], 0, 1)
    assert (backlog.done, backlog.ready(0), len(backlog)) == (2, True, 1)


def test_only_what_failed_comes_again_and_nothing_behind_it_goes_first() -> None:
    backlog = filled(5)
    backlog.take(4, 1000)
    backlog.settle(["SUCCESS", "RETRY", "SUCCESS", "RETRY"], 10, 2)
    assert (backlog.done, backlog.attempts) == (1, 1)
    assert not backlog.ready(11.9)
    assert [one.offset for one in backlog.take(10, 1000)] == [1, 3]
    backlog.settle(["SUCCESS", "RETRY"], 12, 2)
    assert (backlog.done, backlog.attempts) == (3, 2)
    assert [one.offset for one in backlog.take(10, 1000)] == [3]
    backlog.settle(["DROP"], 14, 2)
    assert (backlog.done, backlog.attempts) == (4, 0)
    assert [one.offset for one in backlog.take(10, 1000)] == [4]


def test_a_request_is_bounded_but_never_empty() -> None:
    backlog = Backlog("notes", 0)
    backlog.add(record(b"x" * 100, offset=number) for number in range(3))
    assert [one.offset for one in backlog.take(10, 50)] == [0]
    backlog.settle(["SUCCESS"], 0, 0)
    assert [one.offset for one in backlog.take(10, 250)] == [1, 2]


def test_fetching_pauses_and_goes_on_with_room() -> None:
    backlog = filled(MOST_RECORDS + 1)
    assert backlog.full
    backlog.take(MOST_RECORDS, 1 << 30)
    assert not backlog.full and backlog.half_empty


@given(st.integers(1, 60), st.randoms(use_true_random=False), st.integers(0, 1 << 40))
def test_every_record_ends_once_in_order_and_none_is_skipped(
    count: int, chance: random.Random, start: int
) -> None:
    backlog = filled(count, start)
    ended: list[int] = []
    first_sent: list[int] = []
    while backlog.ready(0):
        taken = backlog.take(chance.randint(1, 7), chance.choice((1, 10, 1000)))
        first_sent += [one.offset for one in taken if one.offset not in first_sent]
        outcomes = [chance.choice(OUTCOMES) for _ in taken]
        ended += [r.offset for r, one in zip(taken, outcomes, strict=True) if one != "RETRY"]
        backlog.settle(outcomes, 0, 0)
        assert backlog.done is not None
        assert set(range(start, backlog.done)) <= set(ended)
    assert first_sent == list(range(start, start + count))
    assert sorted(ended) == first_sent
    assert (backlog.done, len(backlog)) == (start + count, 0)
