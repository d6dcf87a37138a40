"""Whatever people do to a series, in whatever order and however often it is delivered."""

import os
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from taskflow.events import CancelTask, DeleteTask, ReopenTask, SkipOccurrence
from taskflow.read_task import write_due
from tests.functions.commands import complete, make_command, send, update
from tests.functions.expand_recurrence.world import World, check

RULES: list[dict[str, Any]] = [
    {"frequency": "daily"},
    {"frequency": "weekly", "weekdays": ["MO", "TH"]},
    {"frequency": "weekly", "interval": 2},
    {"frequency": "monthly"},
    {"frequency": "daily", "count": 7},
    {"frequency": "daily", "interval": 3, "until": "2027-02-01"},
    {"rule": "FREQ=DAILY;BYHOUR=2,14"},
    {"frequency": "daily", "exdates": ["2026-12-03"], "rdates": ["2026-12-04T17:00:00"]},
    {"frequency": "daily", "repeat_from": "completion"},
]
POLICIES = ("keep_latest", "keep_all", "skip_to_next")
TIMED, ALL_DAY = {"due_at": "2026-12-01T10:00:00"}, {"due_on": "2026-12-01"}
PLACES = st.integers(0, 30)


class Life(RuleBasedStateMachine):
    """A person and a series; the platform delivers what it likes twice."""

    @initialize(
        given=st.sampled_from(RULES),
        missed=st.sampled_from(POLICIES),
        due=st.sampled_from([TIMED, TIMED, ALL_DAY]),
        zone=st.sampled_from(["Europe/Paris", "Pacific/Auckland", "America/New_York"]),
        fixed=st.booleans(),
    )
    def begin(
        self, given: dict[str, Any], missed: str, due: dict[str, str], zone: str, fixed: bool
    ) -> None:
        self.world = World(zone)
        # A date with a time is for a series with times.
        days = due is ALL_DAY and not {"rule", "rdates"} & given.keys()
        timed = {**TIMED, "timezone": zone} if fixed else TIMED
        self.world.begin(given | {"missed": missed}, **(ALL_DAY if days else timed))

    def pick(self, place: int, *, open_only: bool = True) -> str | None:
        alive = [one.task for one in self.world.existing() if not one.deleted]
        found = [task.id for task in alive if task.status == "open" or not open_only]
        return found[place % len(found)] if found else None

    def act(self, kind: Any, place: int, *, open_only: bool = True, **more: Any) -> None:
        task_id = self.pick(place, open_only=open_only)
        if task_id:
            self.world.do(make_command(kind, self.world.user_id, task_id, **more))

    @rule(hours=st.integers(1, 30))
    def pass_time(self, hours: int) -> None:
        self.world.pass_time(timedelta(hours=hours))

    @rule(days=st.integers(1, 9))
    def oversleep(self, days: int) -> None:
        self.world.pass_time(timedelta(days=days), asleep=True)

    @rule(place=PLACES)
    def complete(self, place: int) -> None:
        task_id = self.pick(place)
        if task_id:
            self.world.do(complete(self.world.user_id, task_id))

    @rule(place=PLACES)
    def reopen(self, place: int) -> None:
        task_id = self.pick(place, open_only=False)
        if task_id:
            # Its rule may have changed since it ended.
            self.world.touched.add(task_id)
            self.world.do(make_command(ReopenTask, self.world.user_id, task_id))

    @rule(place=PLACES, kind=st.sampled_from([SkipOccurrence, CancelTask]))
    def skip(self, place: int, kind: Any) -> None:
        self.act(kind, place)

    @rule(place=PLACES)
    def delete(self, place: int) -> None:
        self.act(DeleteTask, place, open_only=False)

    @rule(place=PLACES, scope=st.sampled_from(["following", "all"]))
    def delete_many(self, place: int, scope: str) -> None:
        if place % 3 == 0:  # Rarely, for not much comes after it.
            self.act(DeleteTask, place, scope=scope)

    @rule(
        place=PLACES,
        days=st.integers(-3, 9),
        scope=st.sampled_from(["this", "this", "following", "all"]),
    )
    def move(self, place: int, days: int, scope: str) -> None:
        task_id = self.pick(place)
        if task_id is None or (scope != "this" and len(self.world.state.series) > 3):
            return
        task = self.world.state.tasks[task_id].task
        span = timedelta(days=days, hours=1)
        due: datetime | date = (task.due_at or task.due_on or date.min) + span
        field = "due_at" if task.due_at else "due_on"
        if scope == "this":
            self.world.touched.add(task_id)
        self.change_dates(task_id, scope, **{field: due.isoformat()})

    def change_dates(self, task_id: str, scope: str, **fields: Any) -> None:
        """A series that moves back, or that starts anew where one alone was moved back, keeps its
        place, so that nothing before it comes again; what it made before stays."""
        made = {one.task.id for one in self.world.existing()}
        name = self.world.state.tasks[task_id].task.recurrence_id or ""
        self.change(task_id, scope, **fields)
        moved = self.world.state.tasks[task_id].task
        there = [one.task.recurrence_id for one in self.world.existing(moved.series_id)]
        if there.count(moved.recurrence_id) > 1:
            self.world.landed.add(task_id)
        if scope != "this" and write_due(moved) < name:
            self.world.touched |= made
            self.world.moved_back = self.world.now
            self.world.kept_place = max(self.world.kept_place, name)

    def change(self, task_id: str, scope: str, **fields: Any) -> None:
        self.world.do(update(self.world.user_id, task_id, scope, **fields))

    @rule(place=PLACES, scope=st.sampled_from(["this", "following", "all"]))
    def rename(self, place: int, scope: str) -> None:
        task_id = self.pick(place)
        if task_id:
            # What was changed alone outlives the rule that made it.
            self.world.touched |= {task_id} if scope == "this" else set()
            self.change(task_id, scope, title=f"{scope} {self.world.now}")

    @precondition(lambda self: len(self.world.state.series) < 4)
    @rule(
        place=PLACES,
        scope=st.sampled_from(["following", "all"]),
        given=st.sampled_from(RULES[:4]),
        missed=st.sampled_from(POLICIES),
    )
    def change_rule(self, place: int, scope: str, given: dict[str, Any], missed: str) -> None:
        task_id = self.pick(place)
        if task_id:
            self.change_dates(task_id, scope, recurrence=given | {"missed": missed})

    @rule(zone=st.sampled_from(["Asia/Tokyo", "America/New_York", "Pacific/Kiritimati"]))
    def travel(self, zone: str) -> None:
        self.world.travel(zone)

    @rule(held=st.booleans(), backwards=st.booleans())
    def deliver_late(self, held: bool, backwards: bool) -> None:
        """Whoever expands is away for a while; then what came meanwhile comes in some order."""
        self.world.hold(held, backwards=backwards)

    @rule(place=PLACES)
    def deliver_again(self, place: int) -> None:
        self.world.redeliver(self.world.facts[-1 - place % len(self.world.facts)])

    @precondition(lambda self: self.world.born)
    @rule(place=PLACES)
    def ask_again(self, place: int) -> None:
        """The same occurrence asked for by another cause: the ledger does not know it."""
        born = self.world.born[place % len(self.world.born)]
        self.world._carry([send(born.data, at=self.world.now)])

    @invariant()
    def holds(self) -> None:
        if self.world.held is None:
            check(self.world)


TestLife = Life.TestCase
# Shrinking a failure takes minutes: print what was found instead.
PHASES = (Phase.explicit, Phase.generate)
# The suite lives the same lives each time, so that a failure is its change's; EXAMPLES=1000 looks
# for others.
EXAMPLES = os.environ.get("EXAMPLES")
TestLife.settings = settings(
    max_examples=int(EXAMPLES or 60),
    stateful_step_count=25,
    deadline=None,
    phases=PHASES,
    database=None,
    derandomize=EXAMPLES is None,
)


@pytest.mark.parametrize(
    ("missed", "left"), [("keep_all", 30), ("keep_latest", 1), ("skip_to_next", 1)]
)
@pytest.mark.parametrize("asleep", [False, True])
@pytest.mark.parametrize("due", [TIMED, ALL_DAY])
def test_r5_thirty_idle_days(missed: str, left: int, asleep: bool, due: dict[str, str]) -> None:
    world = World()
    world.begin({"frequency": "daily", "missed": missed}, **due)
    world.pass_time(timedelta(days=29, hours=4), asleep=asleep)  # the noon of the thirtieth
    assert len(world.open()) == left
    world.pass_time(timedelta(days=30), asleep=asleep)
    assert len(world.open()) == (60 if missed == "keep_all" else 1)


def test_r9_a_change_reaches_future_untouched_occurrences_once() -> None:
    """A tag first, then a rule: what is done stays, what was changed alone keeps its own, and
    nothing is there twice."""
    world = World()
    first = world.begin({"frequency": "daily", "missed": "keep_all"}, tags=["old"], **TIMED)
    world.pass_time(timedelta(days=4, hours=2))
    second, third, fourth = (task.id for task in world.open()[1:4])
    world.do(complete(world.user_id, second))
    world.do(update(world.user_id, third, title="Mine"))
    world.do(update(world.user_id, fourth, tags=["mine"]))
    done = world.state.tasks[second]

    world.do(update(world.user_id, first, "all", tags=["new"]))

    assert world.state.tasks[second] == done
    shown = [(task.recurrence_id or "")[8:10] + task.tags[0] for task in world.open()]
    assert shown == ["01new", "03new", "04mine", "05new"]
    assert world.state.tasks[third].task.title == "Mine"

    weekly = {"frequency": "weekly", "missed": "keep_all"}
    world.do(update(world.user_id, first, "all", recurrence=weekly))
    kept = [(task.recurrence_id or "")[:10] for task in world.open()]
    assert kept == ["2026-12-01", "2026-12-03", "2026-12-04"], "those that were changed alone stay"
    assert world.state.tasks[second] == done
    world.pass_time(timedelta(days=9))
    names = [(task.recurrence_id or "")[:10] for task in world.open()]
    assert names == [*kept, "2026-12-08"], "and the new rule makes its own, once"


def test_a_series_that_began_long_ago_goes_on() -> None:
    world = World()
    world.begin({"frequency": "daily"}, due_at="2026-09-01T10:00:00")
    assert [(task.recurrence_id or "")[:10] for task in world.open()][1:] == ["2026-12-01"]
