"""Every event of the last release is read by today's code, and what today's functions write by the
functions of the last one: they run side by side while one is rolled out, and after a way back.

What the gateway alone writes may be new, for it follows the functions (docs/operations.md); what a
release wants to write from function to function, the release before it must already read.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.__main__ import find_functions
from functions.write_task.handler import Result
from taskflow.events import TYPES, AccountFact, Command, RefusedLine, concrete, encode
from tests.releases.contract import Schema, list_refusals, list_removed
from tests.releases.release import ROOT, Release, ask_git, read_name

SAMPLES = Path(__file__).with_name("samples.py")
OUTCOMES = Path(__file__).with_name("outcomes.py")


@pytest.fixture(scope="module")
def before(last: Release) -> dict[str, Schema]:
    """The schemas of the last release, by type."""
    found: dict[str, Schema] = json.loads(last.run(SAMPLES, "schemas"))
    return found


@pytest.fixture(scope="module")
def now(today: Release) -> dict[str, Schema]:
    found: dict[str, Schema] = json.loads(today.run(SAMPLES, "schemas"))
    return found


def list_types_of_the_gateway() -> set[str]:
    """What no function writes: commands that none emits, facts of accounts that none names."""
    emitted = {kind for function in find_functions() for kind in function.emits}
    written = "".join(file.read_text() for file in (ROOT / "functions").rglob("*.py"))
    facts = {kind for kind in concrete(AccountFact) if f"{kind.__name__}(" not in written}
    return {kind.type for kind in (set(concrete(Command)) - emitted) | facts}


def list_unread_types() -> set[str]:
    """What wakes no function: seals and records, for commands of the host to read."""
    read = tuple({kind for function in find_functions() for kind in function.wakes_on})
    return {name for name, kind in TYPES.items() if not issubclass(kind, read)}


def list_breaks(before: dict[str, Schema], now: dict[str, Schema], free: set[str]) -> list[str]:
    """Each reason why the two cannot stand side by side; what is `free` may be newer than who reads
    it, and what no function reads may be new."""
    return list(_breaks_of_reading(before, now)) + list(_breaks_of_writing(before, now, free))


def _breaks_of_reading(before: dict[str, Schema], now: dict[str, Schema]) -> Iterator[str]:
    for name, schema in before.items():
        if name not in now:
            yield f"{name} is read no more, and the log and the timers still hold some"
            continue
        reasons = list_removed(schema, now[name]) + list_refusals(schema, now[name])
        yield from (f"{name}, as the last release wrote it: {reason}" for reason in reasons)


def _breaks_of_writing(
    before: dict[str, Schema], now: dict[str, Schema], free: set[str]
) -> Iterator[str]:
    unread = list_unread_types()
    for name in sorted(now.keys() - free):
        if name not in before and name in unread:
            continue
        if name not in before:
            yield f"{name} is new and a function writes it: read it first, write it a release later"
            continue
        reasons = list_refusals(now[name], before[name])
        yield from (f"{name}, as the last release reads it: {reason}" for reason in reasons)


def test_all_events_can_be_exchanged(before: dict[str, Schema], now: dict[str, Schema]) -> None:
    assert list_breaks(before, now, list_types_of_the_gateway()) == []


def test_some_types_wake_no_function() -> None:
    unread = list_unread_types()
    assert {"taskflow.audit.sealed.v1", "taskflow.reminder.sent.v1"} <= unread
    assert not {"taskflow.task.created.v1", "taskflow.reminder.triggered.v1"} & unread


def test_some_types_are_the_gateways_alone() -> None:
    types = list_types_of_the_gateway()
    assert {"taskflow.task.create.v1", "taskflow.account.signed-up.v1"} <= types
    others = {
        "taskflow.occurrence.create.v1",
        "taskflow.account.channel-disabled.v1",
        "taskflow.task.created.v1",
        "taskflow.reminder.triggered.v1",
    }
    assert not others & types


# --- that breaks are seen ------------------------------------------------------------------------


def change(now: dict[str, Schema], name: str, **edits: Any) -> dict[str, Schema]:
    """The same schemas, but for the data of one event: EDITS of its fields, None to remove one."""
    kind = TYPES[name]
    copy: dict[str, Schema] = json.loads(json.dumps(now))
    data = copy[name]["$defs"][kind.__name__]
    for field, schema in edits.items():
        if schema is None:
            del data["properties"][field]
            data["required"] = [one for one in data["required"] if one != field]
        else:
            data["properties"][field] = schema
    return copy


def need(now: dict[str, Schema], name: str, field: str, *, is_needed: bool) -> dict[str, Schema]:
    copy: dict[str, Schema] = json.loads(json.dumps(now))
    data = copy[name]["$defs"][TYPES[name].__name__]
    data["required"] = [one for one in data["required"] if one != field]
    data["required"] += [field] if is_needed else []
    return copy


CREATED, SKIP, UPDATE = (
    "taskflow.task.created.v1",
    "taskflow.task.skip.v1",
    "taskflow.task.update.v1",
)


def test_each_break_is_named(now: dict[str, Schema]) -> None:
    """A field that goes, one that is needed all at once, a type that is narrower or wider, a kind
    of event that is gone or new: the reason names the field."""
    free = list_types_of_the_gateway()
    text, number = {"type": "string"}, {"type": "integer"}
    either = {"anyOf": [text, {"type": "null"}]}
    breaks: list[tuple[dict[str, Schema], str]] = [
        (change(now, CREATED, actor_id=None), "data.actor_id is not known any more"),
        (need(change(now, SKIP, why=text), SKIP, "why", is_needed=True), "data.why is needed"),
        (need(now, CREATED, "actor_id", is_needed=False), "data.actor_id is needed"),
        (change(now, CREATED, actor_id=number), 'data.actor_id may be {"type":"string"}'),
        (change(now, CREATED, actor_id=either), 'data.actor_id may be {"type":"null"}'),
        (change(now, SKIP, missed={"type": "boolean", "default": True}), "where it is left out"),
        (change(now, UPDATE, scope={"enum": ["this", "all"], "default": "this"}), '"following"'),
        ({name: one for name, one in now.items() if name != CREATED}, "is read no more"),
    ]
    for after, reason in breaks:
        found = list_breaks(now, after, free)
        assert any(reason in one for one in found), (reason, found)
    (only,) = list_breaks(breaks[-1][0], now, free)
    assert "a release later" in only


def test_what_may_be_new_is_not_refused(now: dict[str, Schema]) -> None:
    """A field that is not needed, anything that only the gateway writes."""
    free = list_types_of_the_gateway()
    wider = {"enum": ["all", "following", "this", "none"], "default": "this"}
    more = change(now, CREATED, colour={"type": "string", "default": ""})
    assert list_breaks(now, more, free) == []
    assert list_breaks(now, change(now, UPDATE, scope=wider), free) == []
    without = {name: one for name, one in now.items() if name != UPDATE}
    assert list_breaks(without, now, free) == []


# --- and in practice -----------------------------------------------------------------------------


def exchange(writer: Release, reader: Release) -> list[tuple[Any, dict[str, Any]]]:
    """Samples of every event that one writes, and what the other understands of each."""
    written = writer.run(SAMPLES, "write")
    read = reader.run(SAMPLES, "read", given=written)
    return [
        (json.loads(one), json.loads(other))
        for one, other in zip(written.splitlines(), read.splitlines(), strict=True)
    ]


def find_differences(written: Any, read: Any, place: str = "") -> Iterator[str]:
    """Where a field that both have is not the same."""
    if isinstance(written, dict) and isinstance(read, dict):
        for name in written.keys() & read.keys():
            yield from find_differences(written[name], read[name], f"{place}.{name}")
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for one, other in zip(written, read, strict=True):
            yield from find_differences(one, other, f"{place}[]")
    elif written != read:
        yield f"{place} is {written!r} and was understood as {read!r}"


def test_today_reads_what_the_last_release_writes(last: Release, today: Release) -> None:
    for written, read in exchange(last, today):
        assert "refused" not in read, read
        assert list(find_differences(written, read["event"])) == [], written


def test_the_last_release_reads_what_todays_functions_write(
    last: Release, today: Release, before: dict[str, Schema]
) -> None:
    free = list_types_of_the_gateway() | (list_unread_types() - before.keys())
    for written, read in exchange(today, last):
        if "refused" in read:
            assert written["type"] in free, read
        else:
            assert list(find_differences(written, read["event"])) == [], written


def test_the_last_gateway_reads_todays_outcomes(last: Release, today: Release) -> None:
    """It adds the lines that it refused to those of a batch: what it does not know, it must not
    take for one of them."""
    problem = {"status": 422, "code": "invalid"}
    lines = [RefusedLine(position=0, status=422, problem=problem)]
    outcome = encode([Result(201, 1, body={"version": 1}, refused=lines), Result(404, 2)])
    known = {"results": [[1, 201], [2, 404]]}
    assert json.loads(last.run(OUTCOMES, given=outcome)) == {**known, "refused": None}
    assert json.loads(today.run(OUTCOMES, given=outcome)) == {**known, "refused": [[0, 422]]}


def test_the_last_release_is_the_newest_tag_behind_us(last: Release) -> None:
    """Whoever tags a version moves `last` on to it with the next change."""
    tagged = ask_git("describe", "--tags", "--abbrev=0", "--match=v*", "HEAD^").stdout.strip()
    assert not tagged or read_name() == tagged.decode()
    ancestor = ask_git("merge-base", "--is-ancestor", read_name(), "HEAD")
    assert ancestor.returncode == 0, f"{read_name()} is no part of this history"
