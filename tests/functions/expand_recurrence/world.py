"""Both functions of recurrence without a platform: commands are settled and facts expanded in
memory, timers fire when their time comes; what a sequence of steps leads to is then looked at.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from msgspec import structs

from functions.expand_recurrence.handler import expand
from functions.expand_recurrence.main import main
from functions.write_task.effects import Effects
from functions.write_task.handler import settle
from taskflow.decide import State, Stored
from taskflow.events import (
    Command,
    CreateOccurrence,
    Event,
    ResolveTimes,
    SeriesDue,
    TaskDeleted,
    TaskFact,
    derive_events,
)
from taskflow.occurrences import (
    Occurrence,
    find_occurrence,
    iterate_occurrences,
    next_occurrence,
)
from taskflow.task import Series, Task
from tests.functions.commands import create, make_command, send

START = datetime(2026, 12, 1, 8, tzinfo=UTC)


class World:
    """One person, one series and its offspring."""

    def __init__(self, zone: str = "Europe/Paris") -> None:
        self.user_id, self.now = str(uuid4()), START
        self.state = State(zones={self.user_id: zone}, tasks={}, series={}, occurrences={})
        self.timers: dict[str, tuple[datetime, Event[Any]]] = {}
        self.settled: dict[str, list[Event[Any]]] = {}
        self.facts: list[Event[TaskFact]] = []
        self.born: list[Event[CreateOccurrence]] = []
        self.superseded: set[str] = set()
        self.touched: set[str] = set()
        self.landed: set[str] = set()
        self.moved_back, self.kept_place = START, ""
        self.held: list[Event[Any]] | None = None

    def begin(self, recurrence: dict[str, Any], **due: Any) -> str:
        task_id = str(uuid4())
        self.do(create(self.user_id, task_id, recurrence=recurrence, **due))
        return task_id

    def do(self, command: Command) -> None:
        """A command and all that follows from it at once."""
        self._carry([send(command, at=self.now)])
        self.pass_time(timedelta())

    def _carry(self, commands: list[Event[Any]]) -> None:
        while commands:
            command = commands.pop(0)
            if isinstance(command.data, CreateOccurrence):
                self.born.append(command)
            for fact in self.settle(command):
                commands += self.expand(fact)

    def settle(self, command: Event[Any]) -> list[Event[TaskFact]]:
        """The facts of a command; the same ones again for one that was seen."""
        if command.id not in self.settled:
            effects = Effects()
            events = settle(command, self.state, effects, self.now).events
            self.settled[command.id] = [e for e in events if isinstance(e.data, TaskFact)]
            for name in effects.cancelled:
                self.timers.pop(name, None)
            for name, (timer, event) in effects.timers.items():
                if isinstance(timer.payload, SeriesDue):
                    self.timers[name] = (timer.due_at, event)
            self._note(self.settled[command.id])
        return self.settled[command.id]

    def _note(self, facts: list[Event[TaskFact]]) -> None:
        self.facts += facts
        for fact in facts:
            gone = isinstance(fact.data, TaskDeleted) and fact.data.superseded
            (self.superseded.add if gone else self.superseded.discard)(fact.data.task_id)

    def travel(self, zone: str) -> None:
        """To another zone, and all open tasks that hang on it after the person."""
        former, self.state.zones[self.user_id] = self.state.zones[self.user_id], zone
        for task in self.open():
            self.do(make_command(ResolveTimes, self.user_id, task.id, former=former))

    def hold(self, on: bool, *, backwards: bool) -> None:
        """Facts wait for who expands them, or come to it at last."""
        held, self.held = self.held or [], [] if on else None
        for fact in reversed(held) if backwards else held:
            self.redeliver(fact)
        self.pass_time(timedelta())

    def expand(self, fact: Event[TaskFact]) -> list[Event[Any]]:
        if self.held is not None:
            self.held.append(fact)
            return []
        series = fact.data.series
        if not isinstance(fact.data, main.function.wakes_on):
            return []
        if series is None or fact.data.task_data.recurrence_id is None:
            return []
        return derive_events(fact, expand(fact.data, series, self.now), source="expand_recurrence")

    def redeliver(self, fact: Event[TaskFact]) -> None:
        """An event once more, at least once delivered as it is."""
        self._carry(self.expand(fact))

    def pass_time(self, span: timedelta, *, asleep: bool = False) -> None:
        """Fires what comes due, each at its instant, or all of it at the end."""
        end = self.now + span
        if asleep:
            self.now = end
        while due := sorted((at, name) for name, (at, _) in self.timers.items() if at <= end):
            at, name = due[0]
            self.now = max(self.now, at)
            self._carry(self.expand(self.timers.pop(name)[1]))
        self.now = end

    # What there is

    def existing(self, series_id: str | None = None) -> list[Stored]:
        """Every occurrence that ever was, but for copies that an older rule took with it."""
        found = [one for one in self.state.tasks.values() if one.task.series_id]
        found = [one for one in found if one.task.id not in self.superseded]
        found = [one for one in found if series_id in (None, one.task.series_id)]
        return sorted(found, key=lambda one: one.task.recurrence_id or "")

    def open(self) -> list[Task]:
        left = [one for one in self.existing() if not one.deleted]
        return [one.task for one in left if one.task.status == "open"]

    def timers_of(self, task_id: str) -> list[datetime]:
        return [at for at, event in self.timers.values() if event.data.task_id == task_id]


def check(world: World) -> None:
    """Nothing is doubled, nothing drifts, nothing is lost."""
    # A person may move a series onto the date of one that is done, or was moved alone.
    others = [one.task for one in world.existing() if one.task.id not in world.landed]
    names = [(task.series_id, task.recurrence_id) for task in others]
    assert len(names) == len(set(names)), "an occurrence exists twice"
    for series in world.state.series.values():
        if series.recurrence.repeat_from == "due":
            check_series(world, series)


def check_series(world: World, series: Series) -> None:
    existing = world.existing(series.id)
    for one in existing:
        if one.task.id in world.touched or one.deleted:
            continue
        name = one.task.recurrence_id or ""
        # What is finished stays where it was, though its person has left.
        here = structs.replace(series, timezone=one.task.timezone)
        planned = find_occurrence(here.dates, name)
        assert (one.task.due_at, one.task.due_on) == (planned.due_at, planned.due_on), "it drifts"
        if one.task.status == "open" and name > series.anchor:
            assert _makes(series, name), "the rule does not make it"
    if existing:
        check_not_lost(world, series, existing)


def _makes(series: Series, recurrence_id: str) -> bool:
    before = datetime.fromisoformat(recurrence_id) - timedelta(seconds=1)
    found = next(iterate_occurrences(series.dates, after=before), None)
    return found is not None and found.recurrence_id == recurrence_id


def _dates_until(series: Series, end: datetime) -> list[Occurrence]:
    found = []
    for one in iterate_occurrences(series.dates):
        if (one.due_at and one.due_at > end) or (one.due_on and one.due_on > end.date()):
            break
        found.append(one)
    return found


def _is_due(one: Occurrence, now: datetime) -> bool:
    return one.due_at <= now if one.due_at else (one.due_on or now.date()) < now.date()


def check_not_lost(world: World, series: Series, existing: list[Stored]) -> None:
    last = existing[-1]
    name = max(last.task.recurrence_id or "", series.anchor)
    coming = next_occurrence(series.dates, name)
    # What passed while nobody looked is skipped, even if nothing comes after it; and what lies
    # before the creation of a series was never missed.
    skips = series.recurrence.missed == "skip_to_next"
    while coming and _is_due(coming, world.now if skips else series.created_at):
        coming = next_occurrence(series.dates, coming.recurrence_id)
    # Of a series that was split, the newest one may stand in the part that follows.
    others = [one for one in world.state.series.values() if one.id != series.id]
    if coming is not None and not any(one.anchor > name for one in others):
        assert not _is_due(coming, world.now), "what is due does not exist"
        left = [one for one in existing if one.task.status == "open" and not one.deleted]
        assert left, "nothing follows what ended"
        assert any(world.timers_of(one.task.id) for one in left), "nobody will wake the series"
    if series.recurrence.missed == "keep_all":
        # A part that was split off has some of them. A series that moved back keeps its place: the
        # task that it starts with has the name that it had, and nothing of before that name, or of
        # before the move, comes again. One that moved on with its series was made where it left.
        made = {one.task.recurrence_id for one in world.existing()}
        made |= {name for _, name in world.state.occurrences}
        oldest = max(existing[0].task.recurrence_id or "", world.kept_place)
        for one in _dates_until(series, world.now):
            missed = one.due_at is not None and one.due_at > max(
                series.created_at, world.moved_back
            )
            if missed and one.recurrence_id >= oldest:
                assert one.recurrence_id in made, "one was passed over"
