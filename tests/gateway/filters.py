"""Filter expressions together with what they mean, written down a second time: naively, task by
task, in Python; and a table full of tasks that tell the two apart where they differ.
"""

import json
import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
from hypothesis import strategies as st
from msgspec import Struct

Task: TypeAlias = dict[str, Any]
NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
# On the day before Europe's clocks change, at the other end of the day in Auckland; a plain day;
# the last of a long month.
NOWS = [
    datetime(2026, 3, 28, 23, 30, tzinfo=UTC),
    datetime(2026, 6, 10, 11, 59, 59, tzinfo=UTC),
    datetime(2026, 1, 31, 9, tzinfo=UTC),
]
ZONES = ["Europe/Paris", "Pacific/Auckland", "America/St_Johns", "Africa/Cairo", "UTC"]
# Words that English stems leave as they are.
WORDS = ["rent", "milk", "train", "book", "garden", "tea"]
ODD = [
    "Straße",
    "İzmir",
    "100%",
    "under_score",
    'a "quote"',
    "back\\slash",
    "東京",
    "🎉",
    "ÉTÉ",
    "'; --",
]
TAGS = ["Home", "deep work", "none", "and", "straße", 'quo"te', "x' OR 1=1", "東京", "a:b", "(p)"]
PRIORITIES = ["none", "low", "medium", "high"]
STATUSES = ["open", "done", "cancelled"]


class World(Struct, frozen=True):
    """When and where somebody asks."""

    now: datetime
    zone: ZoneInfo

    def local(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone)

    @property
    def today(self) -> date:
        return self.local(self.now).date()


Holds: TypeAlias = Callable[[Task, World], bool]


class Sample(Struct, frozen=True):
    """An expression and its meaning."""

    text: str
    holds: Holds


# --- tasks -------------------------------------------------------------------------------------


def make_tasks(count: int, seed: int = 7) -> list[Task]:
    """Tasks of every kind around the NOWS, many of them just on a border."""
    luck = random.Random(seed)
    return [_make_task(luck) for _ in range(count)]


def _make_task(luck: random.Random) -> Task:
    status = luck.choice(STATUSES)
    kind = luck.choice(["at", "on", None])
    series = luck.choice([uuid4(), None])
    tags = luck.sample(TAGS, luck.choice([0, 1, 2, 3]))
    due_at = _make_instant(luck) if kind == "at" else None
    due_on = _make_instant(luck).date() if kind == "on" else None
    start = luck.choice(["at", "on", None])
    return {
        "id": uuid4(),
        "title": _make_text(luck) or "rent",
        "notes": luck.choice(["", _make_text(luck)]),
        "status": status,
        "priority": luck.choice(PRIORITIES),
        "tags": tags,
        "tag_keys": [tag.casefold() for tag in tags],
        "due_at": due_at,
        "due_on": due_on,
        "due_sort": due_at
        or (due_on and datetime(due_on.year, due_on.month, due_on.day, tzinfo=UTC)),
        "start_at": _make_instant(luck) if start == "at" else None,
        "start_on": _make_instant(luck).date() if start == "on" else None,
        "floating": luck.choice([True, None]),
        "reminders": luck.choice([[], [{"id": str(uuid4()), "before": "PT1H", "channels": []}]]),
        "series_id": series,
        "created_at": _make_instant(luck),
        "updated_at": _make_instant(luck),
        "completed_at": _make_instant(luck) if status == "done" else None,
    }


def _make_instant(luck: random.Random) -> datetime:
    base = luck.choice(NOWS) + timedelta(days=luck.choice([-31, -7, -1, 0, 0, 1, 2, 7, 30]))
    if luck.random() < 0.5:
        zone = ZoneInfo(luck.choice(ZONES))
        local = base.astimezone(zone)
        base = local.replace(hour=0, minute=0, second=0).astimezone(UTC)
    return base + luck.choice([-1, 0, 1]) * luck.choice([timedelta(0), timedelta(seconds=1)])


def _make_text(luck: random.Random) -> str:
    words = luck.sample(WORDS, luck.choice([0, 1, 2]))
    return " ".join([*words, *luck.sample(ODD, luck.choice([0, 1]))])


PUT = """
INSERT INTO tasks (id, user_id, stream, title, notes, status, priority, tags, tag_keys, due_at,
    due_on, due_sort, reminders, series_id, version, created_at, updated_at, completed_at,
    created_by, start_at, start_on, floating)
SELECT $1, $2, $1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14, $15, $16, $2, $17, $18,
    $19
"""


async def put_tasks(
    db: "asyncpg.Connection[asyncpg.Record]", user: UUID, tasks: list[Task]
) -> None:
    """Puts tasks into the table, as the person's."""
    await db.executemany(
        PUT,
        [
            (
                t["id"], user, t["title"], t["notes"], t["status"], t["priority"], t["tags"],
                t["tag_keys"], t["due_at"], t["due_on"], t["due_sort"], json.dumps(t["reminders"]),
                t["series_id"], t["created_at"], t["updated_at"], t["completed_at"],
                t["start_at"], t["start_on"], t["floating"],
            )
            for t in tasks
        ],
    )  # fmt: skip


# --- expressions -------------------------------------------------------------------------------

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ":": lambda a, b: a == b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
DAYS: list[tuple[str, Callable[[World], date]]] = [
    ("today", lambda w: w.today),
    ("Tomorrow", lambda w: w.today + timedelta(days=1)),
    ("yesterday", lambda w: w.today - timedelta(days=1)),
    ("today+7d", lambda w: w.today + timedelta(days=7)),
    ("today - 1w", lambda w: w.today - timedelta(weeks=1)),
    ("-2w", lambda w: w.today - timedelta(weeks=2)),
    ("+1m", lambda w: add_month(w.today)),
    ("+1d", lambda w: w.today + timedelta(days=1)),
    ("sunday", lambda w: w.today + timedelta(days=(6 - w.today.weekday()) % 7)),
    ("WED", lambda w: w.today + timedelta(days=(2 - w.today.weekday()) % 7)),
    ("2026-03-29", lambda w: date(2026, 3, 29)),
    ("2026-01-31+1m", lambda w: date(2026, 2, 28)),
]
INSTANTS: list[tuple[str, Callable[[World], datetime]]] = [
    ("now", lambda w: w.now),
    ("now-2h", lambda w: w.now - timedelta(hours=2)),
    ("now+30min", lambda w: w.now + timedelta(minutes=30)),
    ("2026-03-28T23:30:00Z", lambda w: datetime(2026, 3, 28, 23, 30, tzinfo=UTC)),
    ("2026-06-10T13:59:59", lambda w: datetime(2026, 6, 10, 13, 59, 59, tzinfo=w.zone)),
    ("2026-01-31T10:00+01:00", lambda w: datetime(2026, 1, 31, 9, tzinfo=UTC)),
]


def add_month(day: date) -> date:
    """The same day of the next month, or its last."""
    year, month = divmod(day.year * 12 + day.month, 12)
    for number in range(day.day, 27, -1):
        try:
            return date(year, month + 1, number)
        except ValueError:
            continue
    return date(year, month + 1, day.day)


def quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@st.composite
def day_comparisons(draw: st.DrawFn) -> Sample:
    field = draw(st.sampled_from(["due", "start", "created", "updated", "completed"]))
    operator = draw(st.sampled_from(list(COMPARE)))
    text, day = draw(st.sampled_from(DAYS))
    gap = draw(st.sampled_from(["", " "]))

    def holds(task: Task, world: World) -> bool:
        found = local_day(task, field, world)
        if found is None:
            return operator == "!="
        return COMPARE[operator](found, day(world))

    return Sample(f"{field}{gap}{operator}{gap}{text}", holds)


def local_day(task: Task, field: str, world: World) -> date | None:
    if task.get(f"{field}_on"):
        found: date = task[f"{field}_on"]
        return found
    instant = task[f"{field}_at"]
    return world.local(instant).date() if instant else None


@st.composite
def instant_comparisons(draw: st.DrawFn) -> Sample:
    field = draw(st.sampled_from(["due", "start", "created", "updated", "completed"]))
    operator = draw(st.sampled_from(list(COMPARE)))
    text, instant = draw(st.sampled_from(INSTANTS))

    def holds(task: Task, world: World) -> bool:
        if task.get(f"{field}_on"):
            return COMPARE[operator](task[f"{field}_on"], world.local(instant(world)).date())
        if task[f"{field}_at"] is None:
            return operator == "!="
        return COMPARE[operator](task[f"{field}_at"], instant(world))

    return Sample(f"{field} {operator} {text}", holds)


@st.composite
def priorities(draw: st.DrawFn) -> Sample:
    operator = draw(st.sampled_from(list(COMPARE)))
    value = draw(st.sampled_from(PRIORITIES))

    def holds(task: Task, _: World) -> bool:
        return COMPARE[operator](PRIORITIES.index(task["priority"]), PRIORITIES.index(value))

    return Sample(f"priority{operator}{draw(st.sampled_from([value, value.upper()]))}", holds)


@st.composite
def statuses(draw: st.DrawFn) -> Sample:
    operator, value = draw(st.sampled_from([":", "=", "!="])), draw(st.sampled_from(STATUSES))
    return Sample(f"STATUS{operator}{value}", lambda t, _: COMPARE[operator](t["status"], value))


@st.composite
def tags(draw: st.DrawFn) -> Sample:
    operator, value = draw(st.sampled_from([":", "=", "!="])), draw(st.sampled_from(TAGS))
    wanted = operator != "!="
    shown = draw(st.sampled_from([value, value.upper(), value.title()]))
    return Sample(
        f"tag{operator}{quote(shown)}",
        lambda t, _: (value.casefold() in t["tag_keys"]) == wanted,
    )


@st.composite
def texts(draw: st.DrawFn) -> Sample:
    field, operator = (
        draw(st.sampled_from(["title", "notes"])),
        draw(st.sampled_from([":", "=", "!="])),
    )
    value = draw(st.sampled_from([*WORDS, *ODD, "RENT milk", "stras", "%", "_", "", "i", "t"]))

    def holds(task: Task, _: World) -> bool:
        found, sought = task[field].casefold(), value.casefold()
        return sought in found if operator == ":" else COMPARE[operator](found, sought)

    return Sample(f"{field}{operator}{quote(value)}", holds)


@st.composite
def words(draw: st.DrawFn) -> Sample:
    word = draw(st.sampled_from(WORDS))
    exact = draw(st.booleans())
    sought = word if exact else word[: draw(st.sampled_from([3, 4]))]
    shown = quote(sought) if exact else sought.upper()

    def holds(task: Task, _: World) -> bool:
        found = re.findall(r"\w+", f"{task['title']} {task['notes']}".casefold())
        return any(one == sought if exact else one.startswith(sought) for one in found)

    return Sample(f"{draw(st.sampled_from(['', 'text:']))}{shown}", holds)


def is_overdue(task: Task, world: World) -> bool:
    if task["status"] != "open":
        return False
    if task["due_on"]:
        return bool(task["due_on"] < world.today)
    return task["due_at"] is not None and task["due_at"] < world.now


PLAIN = [
    Sample("overdue", is_overdue),
    Sample("is overdue", is_overdue),
    Sample("is not overdue", lambda t, w: not is_overdue(t, w)),
    Sample("is:recurring", lambda t, _: t["series_id"] is not None),
    Sample("is floating", lambda t, _: bool(t["floating"])),
    Sample("start is empty", lambda t, _: t["start_at"] is None and t["start_on"] is None),
    Sample("is open", lambda t, _: t["status"] == "open"),
    Sample("tag is empty", lambda t, _: not t["tags"]),
    Sample("tag:none", lambda t, _: not t["tags"]),
    Sample("tags IS NOT EMPTY", lambda t, _: bool(t["tags"])),
    Sample("due is empty", lambda t, _: t["due_at"] is None and t["due_on"] is None),
    Sample("due:none", lambda t, _: t["due_at"] is None and t["due_on"] is None),
    Sample("due != none", lambda t, _: t["due_at"] is not None or t["due_on"] is not None),
    Sample("completed is not empty", lambda t, _: t["completed_at"] is not None),
    Sample("notes is empty", lambda t, _: t["notes"] == ""),
    Sample("has:notes", lambda t, _: t["notes"] != ""),
    Sample("has:reminder", lambda t, _: bool(t["reminders"])),
    Sample("reminders is empty", lambda t, _: not t["reminders"]),
    Sample("series is empty", lambda t, _: t["series_id"] is None),
]


def _join(parts: list[Sample], word: str, join: Callable[[Any], bool]) -> Sample:
    text = word.join(f"({part.text})" for part in parts)
    return Sample(text, lambda t, w: join(part.holds(t, w) for part in parts))


def _widen(inner: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        several.map(lambda parts: _join(parts, " and ", all)),
        several.map(lambda parts: _join(parts, " ", all)),
        several.map(lambda parts: _join(parts, " OR ", any)),
        inner.map(lambda part: Sample(f"not ({part.text})", lambda t, w: not part.holds(t, w))),
        inner.map(lambda part: Sample(f"-({part.text})", lambda t, w: not part.holds(t, w))),
        st.tuples(inner, inner, inner).map(_mix),
    )


def _mix(parts: tuple[Sample, Sample, Sample]) -> Sample:
    """`and` binds closer than `or`, `not` closest."""
    a, b, c = (Sample(f"({part.text})", part.holds) for part in parts)
    return Sample(
        f"{a.text} or {b.text} and not {c.text}",
        lambda t, w: a.holds(t, w) or (b.holds(t, w) and not c.holds(t, w)),
    )


LEAVES: st.SearchStrategy[Sample] = st.one_of(
    day_comparisons(),
    day_comparisons(),
    instant_comparisons(),
    priorities(),
    statuses(),
    tags(),
    texts(),
    words(),
    st.sampled_from(PLAIN),
)
SAMPLES = st.recursive(LEAVES, _widen, max_leaves=6)
WORLDS = st.builds(World, st.sampled_from(NOWS), st.sampled_from(ZONES).map(ZoneInfo))
