"""The line below the table: calm while all is well, and loud about what is not."""

import asyncio

import pytest

from local.health import describe_health, read_numbers, watch_health

WELL = {
    "taskflow_timers_overdue_seconds": 0.0,
    "taskflow_audit_broken_links": 0.0,
    "taskflow_feed_gaps": 0.0,
    "taskflow_audit_entries_total": 1234.0,
    'taskflow_audit_delay_seconds{quantile="0.5"}': 0.0321,
}


def test_all_is_well() -> None:
    assert describe_health(WELL) == (
        "timers on time · no dead letters · 1,234 audit entries, 32 ms behind · feeds without a gap"
    )


@pytest.mark.parametrize(
    ("metric", "value", "word"),
    [
        ("taskflow_timers_overdue_seconds", 90, "TIMERS 90 S LATE"),
        ('taskflow_dead_letters_kept{consumer="write-task"}', 2, "2 DEAD LETTERS"),
        ("taskflow_audit_broken_links", 1, "AUDIT CHAIN BROKEN"),
        ("taskflow_feed_gaps", 1, "1 NUMBERS MISSING IN FEEDS"),
    ],
)
def test_what_is_wrong_comes_first(metric: str, value: float, word: str) -> None:
    assert describe_health({**WELL, metric: value}).startswith(f"{word} · ")


async def test_the_numbers_are_those_of_the_database(database_url: str) -> None:
    assert WELL.keys() <= (await read_numbers(database_url)).keys()


async def test_a_database_that_is_away_is_said_and_asked_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.health.LOOK_SECONDS", 0.01)
    urls, told = ["postgresql://x@127.0.0.1:1/x", database_url], list[str]()
    watching = asyncio.create_task(watch_health(lambda: urls[min(len(told), 1)], told.append))
    while len(told) < 2:
        await asyncio.sleep(0.01)
    watching.cancel()
    assert told[0] == "the database is away" and told[1].startswith("timers on time")
