"""The line below the table of functions: whether the promises hold, by the same numbers that
/metrics shows; asked now and then, and only where somebody looks.
"""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

import asyncpg

from local.watch import FAILURES, TIMEOUT
from taskflow.numbers import QUERIES

LOOK_SECONDS = 10.0
# A tick comes each second, and a lease may be another's for a moment.
ON_TIME = 5

Numbers: TypeAlias = dict[str, float]


async def watch_health(read_url: Callable[[], str], told: Callable[[str], None]) -> None:
    """Tells the line for ever; while the database is away, that nothing is known."""
    while True:
        try:
            told(describe_health(await read_numbers(read_url())))
        except FAILURES:
            told("the database is away")
        await asyncio.sleep(LOOK_SECONDS)


async def read_numbers(url: str) -> Numbers:
    """Metric → its value, labels in braces as Prometheus writes them."""
    db = await asyncpg.connect(url, timeout=TIMEOUT, command_timeout=TIMEOUT)
    try:
        found: Numbers = {}
        for query in QUERIES:
            for row in await db.fetch(query.sql):
                labels = ",".join(f'{name}="{row[name]}"' for name in query.labels)
                for metric, column in query.numbers.items():
                    found[f"{metric}{{{labels}}}" if labels else metric] = float(row[column.name])
    finally:
        db.terminate()
    return found


def describe_health(numbers: Numbers) -> str:
    """One calm line; what is wrong comes first and in capitals."""
    late = numbers["taskflow_timers_overdue_seconds"]
    dead = sum(n for name, n in numbers.items() if name.startswith("taskflow_dead_letters_kept"))
    broken, gaps = numbers["taskflow_audit_broken_links"], numbers["taskflow_feed_gaps"]
    states = [
        (late > ON_TIME, f"timers {late:.0f} s late", "timers on time"),
        (dead > 0, f"{dead:.0f} dead letters", "no dead letters"),
        (broken > 0, "audit chain broken", _describe_audit(numbers)),
        (gaps > 0, f"{gaps:.0f} numbers missing in feeds", "feeds without a gap"),
    ]
    wrong = [bad.upper() for is_bad, bad, _ in states if is_bad]
    return " · ".join([*wrong, *(good for is_bad, _, good in states if not is_bad)])


def _describe_audit(numbers: Numbers) -> str:
    behind = numbers['taskflow_audit_delay_seconds{quantile="0.5"}']
    entries = f"{numbers['taskflow_audit_entries_total']:,.0f} audit entries"
    return f"{entries}, {behind * 1000:.0f} ms behind" if behind else entries
