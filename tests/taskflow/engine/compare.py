"""Our dates against those of an independent engine (`Evaluate.java`), for as many random rules and
zones as one likes; apart from the suite, which keeps a sample of the engine's answers.

    mvn -q dependency:copy-dependencies -DoutputDirectory=/tmp/engine/jars
    javac -cp '/tmp/engine/jars/*' -d /tmp/engine Evaluate.java
    python -m tests.taskflow.engine.compare /tmp/engine 20000            # compare
    python -m tests.taskflow.engine.compare /tmp/engine 2000 expected.tsv  # and write the sample
"""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from taskflow.occurrences import Series, iterate_occurrences
from taskflow.recurrence import read_recurrence
from taskflow.rule import WEEKDAYS, InvalidRecurrence

MOST = 8
SEED = 20260105
ZONES = [
    "UTC", "Europe/Paris", "Europe/London", "Europe/Lisbon", "America/New_York",
    "America/Los_Angeles", "America/Sao_Paulo", "America/Santiago", "America/St_Johns",
    "Asia/Tokyo", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Asia/Beirut", "Africa/Cairo",
    "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham",
    "Pacific/Apia", "Pacific/Kiritimati",
]  # fmt: skip
NUMBERED = [f"{n}{day}" for n in (1, 2, 3, 4, 5, -1, -2, -5) for day in WEEKDAYS]
MONTH_DAYS = [*range(1, 32), 29, 30, 31, *range(-31, 0), -1, -1]
MONTHS, HOURS = [*range(1, 13)], [*range(24)]
CHOICES: dict[str, dict[str, list[Any]]] = {
    "HOURLY": {"BYMONTH": MONTHS, "BYDAY": [*WEEKDAYS], "BYHOUR": HOURS, "BYMINUTE": [0, 15, 30]},
    "DAILY": {"BYMONTH": MONTHS, "BYDAY": [*WEEKDAYS], "BYHOUR": HOURS, "BYMONTHDAY": MONTH_DAYS},
    "WEEKLY": {"BYMONTH": MONTHS, "BYDAY": [*WEEKDAYS], "BYHOUR": HOURS},
    "MONTHLY": {"BYMONTH": MONTHS, "BYDAY": NUMBERED, "BYMONTHDAY": MONTH_DAYS, "BYHOUR": HOURS},
    "YEARLY": {
        "BYMONTH": MONTHS,
        "BYDAY": NUMBERED,
        "BYMONTHDAY": MONTH_DAYS,
        "BYYEARDAY": [1, 31, 59, 60, 61, 365, 366, -1, -2, -365, -366],
        "BYWEEKNO": [1, 2, 5, 20, 51, 52, 53, -1, -2, -52, -53],
    },
}
# Where the first engine departs from the RFC, and what the RFC says.
EXPLAINED: dict[str, Callable[["Case", str], bool]] = {
    'gives up; "the COUNT and UNTIL rule parts ... are optional": a rule may pause for years': (
        lambda case, answer: answer.startswith("!")
    ),
    "keeps to the start's month; the table of 3.3.10 says of BYMONTHDAY in YEARLY: Expand": (
        lambda case, answer: (
            {"YEARLY", "BYMONTHDAY"} <= case.names and not {"BYMONTH"} <= case.names
        )
    ),
    'finds week 53 in years of 52; "week number one ... contains at least four (4) days"': (
        lambda case, answer: "53" in case.rule.partition("BYWEEKNO=")[2].partition(";")[0]
    ),
    "cuts the first period at the start; BYSETPOS: from the set of one interval of the rule": (
        lambda case, answer: "BYSETPOS" in case.names
    ),
    "drops December's days of week 1; in the table of 3.3.10 BYMONTH only limits BYWEEKNO": (
        lambda case, answer: {"BYWEEKNO", "BYMONTH"} <= case.names
    ),
    "moves a month for the start's day; RFC 7529 4.1: SKIP is for days that BYMONTHDAY makes": (
        lambda case, answer: case.skip != "omit" and {"BYMONTH", "BYMONTHDAY"} <= case.names
    ),
}


class Case(NamedTuple):
    """A rule where it starts; an all-day one has no zone."""

    rule: str
    anchor: str
    zone: str
    skip: str

    @property
    def names(self) -> set[str]:
        """The frequency and the names of the parts."""
        return {word for pair in self.rule.split(";") for word in pair.split("=")}

    @property
    def line(self) -> str:
        return "\t".join((*self, str(MOST)))


def make_cases(count: int, seed: int = SEED) -> Iterator[Case]:
    """Random cases, the same ones for the same seed."""
    dice = random.Random(seed)
    for _ in range(count):
        anchor = datetime(1990, 1, 1) + timedelta(minutes=15 * dice.randrange(4 * 24 * 365 * 60))
        frequency = dice.choice(list(CHOICES))
        all_day = frequency != "HOURLY" and dice.random() < 0.25
        parts = _make_parts(dice, frequency, all_day)
        skip = dice.choice(("omit", "backward", "forward")) if _may_ask_skip(parts) else "omit"
        end = _make_end(dice, anchor, all_day)
        rule = ";".join(f"{name}={value}" for name, value in (parts | end).items())
        shown = anchor.date().isoformat() if all_day else anchor.isoformat()
        yield Case(rule, shown, "-" if all_day else dice.choice(ZONES), skip)


def _may_ask_skip(parts: dict[str, str]) -> bool:
    """The engine stops with a cast error where SKIP meets a limiting part, and applies it to
    BYYEARDAY=366; RFC 7529 section 4.1 applies it to months and days of the month."""
    limits = {"BYDAY", "BYYEARDAY", "BYWEEKNO"} & parts.keys()
    whole = parts["FREQ"] == "MONTHLY" or {"BYMONTH", "BYMONTHDAY"} & parts.keys() != {"BYMONTHDAY"}
    return parts["FREQ"] in ("MONTHLY", "YEARLY") and not limits and whole


def _make_parts(dice: random.Random, frequency: str, all_day: bool) -> dict[str, str]:
    parts = {"FREQ": frequency}
    if dice.random() < 0.6:
        parts["INTERVAL"] = str(dice.choice((2, 2, 3, 4, 5, 6, 7, 10, 12, 24, dice.randint(1, 99))))
    choices = {n: v for n, v in CHOICES[frequency].items() if not (all_day and n == "BYHOUR")}
    names = dice.sample(list(choices), dice.choice((0, 1, 1, 1, 2, 2)))
    if {"BYYEARDAY", "BYWEEKNO"} & set(names):
        # Both engines fail where days of the year meet weekdays.
        names = [n for n in names if n not in ("BYMONTHDAY", "BYDAY") or "BYYEARDAY" not in names]
        names = [n for n in names if n != "BYMONTHDAY" and {n, *names} != {"BYYEARDAY", "BYWEEKNO"}]
    for name in names:
        values = choices[name]
        if name == "BYDAY" and (frequency not in ("MONTHLY", "YEARLY") or dice.random() < 0.5):
            values = [*WEEKDAYS]
        if {"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY"} & set(names) and name == "BYDAY":
            values = [*WEEKDAYS]
        picked = dict.fromkeys(dice.choices(values, k=dice.choice((1, 1, 2, 3, 5))))
        parts[name] = ",".join(map(str, picked))
    if names and dice.random() < 0.25:
        parts["BYSETPOS"] = ",".join(map(str, dice.sample((1, 2, 3, -1, -2), dice.choice((1, 2)))))
    if dice.random() < 0.3:
        parts["WKST"] = dice.choice(WEEKDAYS)
    return parts


def _make_end(dice: random.Random, anchor: datetime, all_day: bool) -> dict[str, str]:
    chance = dice.random()
    if chance < 0.2:
        return {"COUNT": str(dice.randint(1, MOST))}
    if chance < 0.4:
        until = anchor + timedelta(days=dice.choice((5, 40, 400, 2000)))
        return {"UNTIL": f"{until:%Y%m%d}" if all_day else f"{until:%Y%m%dT%H%M%S}"}
    return {}


def our_dates(case: Case) -> list[str] | InvalidRecurrence:
    """What we say to a case: its first dates, or why it is refused."""
    anchor: datetime | date = datetime.fromisoformat(case.anchor)
    if case.zone == "-":
        anchor = date.fromisoformat(case.anchor)
    zone = None if case.zone == "-" else case.zone
    try:
        given = {"rule": case.rule, "short_months": case.skip}
        series = Series(read_recurrence(given, anchor, zone), anchor, zone)
    except InvalidRecurrence as refused:
        return refused
    found = islice(iterate_occurrences(series), MOST)
    return [f"{one.due_at:%Y-%m-%dT%H:%M:%SZ}" if one.due_at else str(one.due_on) for one in found]


def ask_engine(command: list[str], cases: list[Case]) -> list[str]:
    """An engine's answers, one line each."""
    lines = "\n".join(case.line for case in cases) + "\n"
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def _without_collisions(dates: list[str]) -> list[str]:
    """Dates that a gap moved onto or behind their next are left out; the due date stays."""
    kept = dates[:1] + [one for one in dates[1:] if one > dates[0]]
    return [one for one, after in zip(kept, [*kept[1:], "~"], strict=True) if one < after]


def judge(case: Case, first: str, second: str) -> str:
    """How the answers of the engines compare with ours; what is wrong begins with a capital."""
    ours = our_dates(case)
    reasons = [reason for reason, holds in EXPLAINED.items() if holds(case, first)]
    if isinstance(ours, InvalidRecurrence):
        return _judge_refusal(case, first, ours, reasons)
    if " ".join(ours) == first:
        return "the same"
    apart = _without_collisions(first.split())
    if len(apart) < len(first.split()) and apart == ours[: len(apart)]:
        return "the same but for a gap, which made two of them one or changed their places"
    if " ".join(ours) == second and reasons:
        return f"the second engine agrees; the first {reasons[0]}"
    return "UNEXPLAINED" if " ".join(ours) == second else "DIFFERENT"


def _judge_refusal(case: Case, first: str, ours: InvalidRecurrence, reasons: list[str]) -> str:
    found = [] if first.startswith("!") else first.split()[1:2]
    if not [day for day in found if int(day[:4]) <= int(case.anchor[:4]) + 40]:
        return "refused: the engine finds no date within 40 years"
    if case.skip != "omit" and "never comes" in ours.message:
        return "refused: none of its months has the day, and SKIP would always move it"
    return f"refused; the first {reasons[0]}" if reasons else "REFUSED"


def ask_both(folder: str, cases: list[Case]) -> list[tuple[str, str]]:
    """The first engine's answers; the second, which is slow, is asked where that differs."""
    java = ["java", "-cp", f"{folder}/jars/*:{folder}", "Evaluate"]
    first = ask_engine(java, cases)
    verdicts = [judge(case, one, "!") for case, one in zip(cases, first, strict=True)]
    doubtful = [n for n, verdict in enumerate(verdicts) if verdict == "DIFFERENT"]
    node = ["node", f"{folder}/evaluate.mjs"]
    second = dict(zip(doubtful, ask_engine(node, [cases[n] for n in doubtful]), strict=True))
    return [(one, second.get(n, "!")) for n, one in enumerate(first)]


def main(folder: str, count: str, sample: str | None = None) -> None:
    cases = list(make_cases(int(count)))
    pairs = ask_both(folder, cases)
    verdicts = [judge(case, *pair) for case, pair in zip(cases, pairs, strict=True)]
    for verdict, number in Counter(verdicts).most_common():
        print(f"{number:7} {verdict}")
    wrong = [n for n, verdict in enumerate(verdicts) if verdict[0].isupper()]
    for place in wrong[:40]:
        print(verdicts[place], *cases[place], "\n  ours", our_dates(cases[place]))
        print(*(f"  {one}" for one in pairs[place]), sep="\n")
    if sample:
        same = [n for n, verdict in enumerate(verdicts) if verdict == "the same"]
        rows = ["\t".join((*cases[n], pairs[n][0])) for n in same]
        Path(sample).write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
