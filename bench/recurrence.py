"""`python -m bench.recurrence`: measures what dates cost, in this process alone: how many are found
a second, how long a preview takes, and how soon a hostile rule is refused.
"""

import itertools
import sys
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table

from taskflow.describe_rule import describe_recurrence
from taskflow.occurrences import Series, iterate_occurrences, preview
from taskflow.recurrence import read_recurrence
from taskflow.rule import InvalidRecurrence, read_start

OCCURRENCES = 20_000
PREVIEWED = 1_000
ROUNDS = 5
ZONE = "Europe/Paris"
ANCHOR = datetime(2026, 1, 31, 2, 30)

RULES: list[dict[str, Any]] = [
    {"frequency": "daily"},
    {"frequency": "weekly", "interval": 2, "weekdays": ["TU", "TH"]},
    {"frequency": "monthly", "short_months": "backward"},
    {"rule": "FREQ=MONTHLY;BYDAY=-1FR"},
    {"rule": "FREQ=DAILY;BYHOUR=2,14"},
    {"rule": "FREQ=HOURLY;INTERVAL=6"},
]
# What would have to be searched hour by hour, day by day, or for ever.
HOSTILE = (
    "FREQ=SECONDLY",
    "FREQ=DAILY;INTERVAL=0",
    "FREQ=DAILY;INTERVAL=999;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31",
    "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2,4,6,9,11;BYDAY=MO",
    "FREQ=HOURLY;INTERVAL=24;BYHOUR=3",
    "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11;BYMINUTE=0,1,2,3,4,5,6,7,8,9",
    "FREQ=YEARLY;INTERVAL=100;BYWEEKNO=53;BYDAY=MO;BYMONTH=6",
    "FREQ=DAILY;UNTIL=00010101T000000Z",
    "FREQ=DAILY;COUNT=99999999",
)


def make_series(given: dict[str, Any], anchor: datetime | date = ANCHOR) -> Series:
    return Series(read_recurrence(given, anchor, ZONE), anchor, ZONE)


def best(work: Callable[[], object]) -> float:
    """Seconds, the shortest of some rounds: what the work costs, whatever else the machine does."""
    taken = []
    for _ in range(ROUNDS):
        begun = perf_counter()
        work()
        taken.append(perf_counter() - begun)
    return min(taken)


def measure_expansion() -> float:
    """Occurrences a second, of the rule that is slowest."""
    return OCCURRENCES / max(best(partial(_walk, make_series(rule))) for rule in RULES)


def _walk(series: Series) -> None:
    # A monthly rule ends with the calendar long before: then it is walked again.
    left = OCCURRENCES
    while left > 0:
        left -= sum(1 for _ in itertools.islice(iterate_occurrences(series), left))


def measure_preview() -> float:
    """Milliseconds of the slowest preview, from what was sent to the words that are shown."""
    return 1000 * max(best(partial(_preview, rule)) for rule in RULES)


def _preview(rule: dict[str, Any]) -> None:
    series = make_series(rule)
    found, _ = preview(series, PREVIEWED)
    assert len(found) == PREVIEWED
    describe_recurrence(series.recurrence, read_start(series.anchor, series.timezone))


def measure_refusal() -> float:
    """Milliseconds until the most patient hostile rule is refused."""
    return 1000 * max(best(partial(_refuse, rule)) for rule in HOSTILE)


def _refuse(rule: str) -> None:
    try:
        make_series({"rule": rule})
    except InvalidRecurrence:
        return
    raise AssertionError(f"{rule} was taken")


MEASURED: list[tuple[str, Callable[[], float], str, float, str]] = [
    ("occurrences worked out, slowest rule", measure_expansion, "≥", 20_000, "/s"),
    ("preview of 1,000, slowest rule", measure_preview, "≤", 100, "ms"),
    ("refusal of a hostile rule, slowest", measure_refusal, "≤", 50, "ms"),
]


def main() -> int:
    table = Table("what", "bound", "measured", "", box=None)
    missed = 0
    for what, measure, sign, bound, unit in MEASURED:
        value = measure()
        held = value >= bound if sign == "≥" else value <= bound
        missed += not held
        verdict = "held" if held else "missed"
        table.add_row(what, f"{sign} {bound:,.0f} {unit}", f"{value:,.1f} {unit}", verdict)
    Console().print(table)
    return missed


if __name__ == "__main__":
    sys.exit(main())
