"""The dates of a series, lazily and in order; apart from its rule, because here local times meet
zones, short months, and the dates that a person added or left out.

- The due date (DTSTART) is always the first occurrence and counts, whether it matches or not.
- A local time in a gap moves forward by it, and is left out if the next one would meet it; of an
  hour that comes twice the first counts (`zone`).
- `recurrence_id` is the local time before a gap moves it, and the day after SKIP moved it.
- RDATE is neither counted by COUNT nor ended by UNTIL; what EXDATE leaves out was counted
  (RFC 5545 sections 3.8.5.1 and 3.8.5.2).
"""

import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta

import msgspec

from taskflow.match_rule import match_times
from taskflow.recurrence import Recurrence
from taskflow.rule import (
    LAST_YEAR,
    WEEKDAYS,
    InvalidRecurrence,
    Rule,
    Start,
    parse_rule,
    read_start,
    show_until,
    write_until,
)
from taskflow.short_months import day_of_month, explain_skip, may_skip
from taskflow.zone import find_zone, to_instant, to_local

MAX_CAUGHT_UP = 100


class Series(msgspec.Struct, frozen=True):
    """A recurrence and where it starts: naive local time with its zone, or a day without one."""

    recurrence: Recurrence
    anchor: datetime | date
    timezone: str | None


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """One date of a series; `local` is what the clock shows, `adjusted` why that is not the rule's
    own day or time. Either `due_at` (UTC) or `due_on` is set."""

    recurrence_id: str
    local: datetime | date
    due_at: datetime | None
    due_on: date | None
    adjusted: str | None


def iterate_occurrences(
    series: Series, *, after: datetime | date | None = None
) -> Iterator[Occurrence]:
    """The occurrences whose recurrence id is later than `after` (naive local), lazily, in order of
    id and instant. Jumps to `after`, except with COUNT, which walks from the start."""
    start = read_start(series.anchor, series.timezone)
    recurrence = series.recurrence
    bound = "" if after is None else _write_id(_to_datetime(after), start)
    found = _iterate_rule(series, start, after)
    if recurrence.rdates:
        found = _merge(found, [_place(one, start, None) for one in _read_ids(recurrence.rdates)])
    left_out = set(recurrence.exdates)
    for occurrence in found:
        name = occurrence.recurrence_id
        if name > bound and name not in left_out and name[:10] not in left_out:
            yield occurrence


def _read_ids(ids: Iterable[str]) -> list[datetime]:
    return [datetime.fromisoformat(one) for one in ids]


def _write_id(local: datetime, start: Start) -> str:
    return local.date().isoformat() if start.all_day else local.isoformat()


def _to_datetime(local: datetime | date) -> datetime:
    return local if isinstance(local, datetime) else datetime.combine(local, time())


def _iterate_rule(
    series: Series, start: Start, after: datetime | date | None
) -> Iterator[Occurrence]:
    """What the rule alone makes, from about `after` on; from the start where it counts."""
    rule = parse_rule(series.recurrence.rule, start)
    walks = after is None or rule.count is not None
    floor = start.local if after is None or walks else max(start.local, _to_datetime(after))
    placed = _place_all(rule, start, series.recurrence.short_months, floor)
    for occurrence in itertools.islice(placed, rule.count):
        if not _is_within(occurrence, rule.until):
            return
        yield occurrence


def _is_within(occurrence: Occurrence, until: datetime | date | None) -> bool:
    if until is None:
        return True
    return (occurrence.due_at or occurrence.due_on or until) <= until


def _merge(found: Iterator[Occurrence], added: list[Occurrence]) -> Iterator[Occurrence]:
    """Added dates among those of the rule, without two of one name or one instant."""
    waiting = deque(added)
    last: Occurrence | None = None
    for occurrence in found:
        while waiting and waiting[0].recurrence_id <= occurrence.recurrence_id:
            one = waiting.popleft()
            if one.recurrence_id < occurrence.recurrence_id and (
                _is_between(one, last) and _is_between(occurrence, one)
            ):
                yield (last := one)
        if _is_between(occurrence, last):
            yield (last := occurrence)
    yield from (one for one in waiting if _is_between(one, last))


def _is_between(occurrence: Occurrence, last: Occurrence | None) -> bool:
    """Whether a gap did not make two times one."""
    return last is None or _shown(occurrence) > _shown(last)


def _place_all(rule: Rule, start: Start, skip: str, floor: datetime) -> Iterator[Occurrence]:
    numbers = rule.by["BYMONTHDAY"] if may_skip(rule, skip) else ()
    matches = match_times(rule, start, skip, floor)
    if floor == start.local:
        matches = itertools.chain([floor], (local for local in matches if local > floor))
    first = None if start.all_day else start.to_due(start.local)[0]
    for local, following in itertools.pairwise(itertools.chain(matches, [None])):
        if local is None:
            return
        reason = explain_skip(local, numbers, skip) if numbers and local != start.local else None
        placed = _place(local, start, reason)
        if local != start.local and first and placed.due_at and placed.due_at <= first:
            continue
        if local != start.local and following and _shown(placed) >= following:
            continue
        yield placed


def _shown(placed: Occurrence) -> datetime:
    return _to_datetime(placed.local)


def _place(local: datetime, start: Start, reason: str | None) -> Occurrence:
    if start.all_day:
        day = local.date()
        return Occurrence(
            recurrence_id=day.isoformat(), local=day, due_at=None, due_on=day, adjusted=reason
        )
    zone = find_zone(start.timezone)
    instant, moved = to_instant(local, zone)
    return Occurrence(
        recurrence_id=local.isoformat(),
        local=to_local(instant, zone) if moved else local,
        due_at=instant,
        due_on=None,
        adjusted="; ".join(filter(None, (reason, moved))) or None,
    )


def find_occurrence(series: Series, recurrence_id: str) -> Occurrence:
    """The occurrence of a name, whether its rule still makes it or not."""
    start = read_start(series.anchor, series.timezone)
    return _place(datetime.fromisoformat(recurrence_id), start, None)


def next_occurrence(series: Series, after: str) -> Occurrence | None:
    """The first occurrence later than a recurrence id."""
    return next(iterate_occurrences(series, after=datetime.fromisoformat(after)), None)


# Days to look back for the newest occurrences: if one window holds fewer than 100, twenty of them
# hold fewer than 2,000.
WINDOWS = (5, 100, 2_000, 40_000, 200_000)


def _windows(series: Series) -> tuple[int, ...]:
    """With COUNT every look back walks from the start, so one is enough."""
    return WINDOWS[-1:] if "COUNT=" in series.recurrence.rule else WINDOWS


def _step_back(local: datetime, days: int) -> datetime:
    return datetime.fromordinal(max(1, local.toordinal() - days))


def due_since(
    series: Series, after: str, now: datetime, zone: str | None = None
) -> tuple[list[Occurrence], Occurrence | None]:
    """The newest 100 occurrences later than the id `after` and due by the instant `now`, oldest
    first, and the first one still to come. A day is due as soon as it begins, in `zone` (UTC if
    none is given) where the series names none."""
    today = to_local(now, find_zone(series.timezone or zone or "UTC"))
    bound = datetime.fromisoformat(after)
    for days in _windows(series):
        since = max(bound, _step_back(today, days))
        due: deque[Occurrence] = deque(maxlen=MAX_CAUGHT_UP)
        coming = None
        for occurrence in iterate_occurrences(series, after=since):
            if (occurrence.due_at or now) > now or (
                occurrence.due_on or today.date()
            ) > today.date():
                coming = occurrence
                break
            due.append(occurrence)
        if len(due) == MAX_CAUGHT_UP or since == bound:
            break
    return list(due), coming


def preview(series: Series, count: int) -> tuple[list[Occurrence], bool]:
    """The first `count` occurrences, and whether the series ends at all."""
    found = list(itertools.islice(iterate_occurrences(series), count + 1))
    rule = series.recurrence.rule
    return found[:count], "UNTIL=" in rule or "COUNT=" in rule or len(found) <= count


# From completion, and splitting


def next_from_completion(
    series: Series, completed_at: datetime, ended: int, after: str
) -> Occurrence | None:
    """What follows the occurrence `after`, completed at `completed_at` (UTC), when `ended`
    occurrences are used up.

    The interval counts from the local day of completion, at the time of day of the series (hourly:
    from that moment, by the clock). A rule that names days of its own goes on with the first such
    day. Never at or before `after`: of what is done early, the interval counts from `after`. A
    date that is left out is passed over.
    """
    start = read_start(series.anchor, series.timezone)
    rule = parse_rule(series.recurrence.rule, start)
    if rule.count is not None and ended >= rule.count:
        return None
    local: datetime | None = to_local(completed_at, find_zone(series.timezone or "UTC"))
    earlier = datetime.fromisoformat(after)
    while local is not None:
        done = local.replace(microsecond=0)
        local = _follow(done, series, rule, start)
        if local is not None and local <= earlier:
            local = _follow(earlier, series, rule, start)
        if local is None or not _is_left_out(local, series, start):
            break
    occurrence = None if local is None else _place(local, start, None)
    return occurrence if occurrence and _is_within(occurrence, rule.until) else None


def _is_left_out(local: datetime, series: Series, start: Start) -> bool:
    name = _write_id(local, start)
    return bool({name, name[:10]} & set(series.recurrence.exdates))


def _follow(done: datetime, series: Series, rule: Rule, start: Start) -> datetime | None:
    given, skip = series.recurrence, series.recurrence.short_months
    moment = done if rule.frequency == "hourly" else datetime.combine(done, start.local.time())
    if given.frequency is None or given.weekdays not in (None, [WEEKDAYS[start.local.weekday()]]):
        again = Start(moment, start.all_day, start.timezone)
        return next((t for t in match_times(rule, again, skip, moment) if t > moment), None)
    if rule.frequency in ("monthly", "yearly"):
        return _follow_months(moment, rule, skip)
    unit = {"hourly": timedelta(hours=1), "weekly": timedelta(days=7)}
    return moment + rule.interval * unit.get(rule.frequency, timedelta(days=1))


def _follow_months(moment: datetime, rule: Rule, skip: str) -> datetime | None:
    step = rule.interval * (12 if rule.frequency == "yearly" else 1)
    month = moment.year * 12 + moment.month - 1
    while (month := month + step) < (LAST_YEAR + 1) * 12:
        day = day_of_month(month // 12, month % 12 + 1, moment.day, skip)
        if day is not None:
            return datetime.combine(day, moment.time())
    return None


def count_before(series: Series, recurrence_id: str) -> int:
    """How many occurrences the rule counts before one of them."""
    bare = msgspec.structs.replace(series.recurrence, exdates=[], rdates=[])
    found = iterate_occurrences(msgspec.structs.replace(series, recurrence=bare))
    return sum(1 for _ in itertools.takewhile(lambda one: one.recurrence_id < recurrence_id, found))


def split_count(recurrence: Recurrence, used: int) -> Recurrence:
    """The recurrence of what follows after `used` occurrences; unchanged without a count. Raises
    InvalidRecurrence if nothing is left."""
    found = re.search(r";COUNT=(\d+)", recurrence.rule)
    if found is None:
        return recurrence
    left = int(found[1]) - used
    if left < 1:
        raise InvalidRecurrence(
            "count", f"all {found[1]} occurrences are used: choose a larger count"
        )
    return msgspec.structs.replace(
        recurrence,
        rule=recurrence.rule.replace(found[0], f";COUNT={left}"),
        count=recurrence.count and left,
    )


def begin_at(recurrence: Recurrence, recurrence_id: str) -> Recurrence:
    """The recurrence of what comes from `recurrence_id` on: without the dates of before."""
    return msgspec.structs.replace(
        recurrence,
        exdates=[one for one in recurrence.exdates if one > recurrence_id],
        rdates=[one for one in recurrence.rdates if one > recurrence_id],
    )


def only_once(recurrence: Recurrence) -> Recurrence:
    """The recurrence that adds nothing to its first date but the added ones."""
    return msgspec.structs.replace(
        recurrence,
        rule="FREQ=DAILY;COUNT=1",
        frequency="daily",
        interval=1,
        weekdays=None,
        until=None,
        count=1,
    )


def has_ended(series: Series, recurrence_id: str) -> bool:
    """Whether the rule makes nothing at a name or later, as when that is an added date."""
    start = read_start(series.anchor, series.timezone)
    rule = parse_rule(series.recurrence.rule, start)
    if not _is_within(find_occurrence(series, recurrence_id), rule.until):
        return True
    counts = rule.count is not None and series.recurrence.repeat_from == "due"
    return counts and count_before(series, recurrence_id) == rule.count


def end_before(series: Series, recurrence_id: str) -> Recurrence:
    """The recurrence of what comes before an occurrence: it ends a second (all day: a day) before,
    without a count; or as it did, if that is earlier. Raises InvalidRecurrence if nothing comes
    before."""
    start = read_start(series.anchor, series.timezone)
    local = datetime.fromisoformat(recurrence_id)
    if local <= start.local:
        raise InvalidRecurrence("until", "nothing comes before the first: change the whole series")
    before = msgspec.structs.replace(
        series.recurrence,
        exdates=[one for one in series.recurrence.exdates if one < recurrence_id],
        rdates=[one for one in series.recurrence.rdates if one < recurrence_id],
    )
    if has_ended(series, recurrence_id):
        return before
    second = timedelta(seconds=1)
    until = (local - second).date() if start.all_day else start.to_due(local)[0] - second
    rule = re.sub(r";(COUNT|UNTIL)=[^;]*", "", before.rule)
    return msgspec.structs.replace(
        before,
        rule=f"{rule};UNTIL={write_until(until)}",
        until=show_until(until, start) if before.frequency else None,
        count=None,
    )
