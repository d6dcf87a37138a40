"""Functions for the platform's tests: they note what they are given, and do what it asks for."""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from taskflow.door import Door
from taskflow.errors import Unavailable
from taskflow.events import AccountFact, Event, Notice, Record, Tick
from taskflow.serve import serve
from taskflow.settings import Settings, read_settings


def note(settings: Settings, **what: Any) -> None:
    """One line in the notes, written before anything else can happen."""
    line = json.dumps({"pid": os.getpid(), **what}) + "\n"
    with (settings.data / "notes").open("a") as notes:
        notes.write(line)


async def obey(event: Event[AccountFact], settings: Settings) -> None:
    """What the event's detail asks for."""
    detail = event.data.detail
    note(settings, id=event.id, topic=os.environ.get("NOTE_AS", ""))
    if "die_while" in detail and Path(detail["die_while"]).exists():
        Path(detail["die_while"]).unlink()
        os.kill(os.getpid(), 9)
    if "wait_while" in detail and Path(detail["wait_while"]).exists():
        raise Unavailable("as asked")
    if "fail" in detail:
        raise ValueError("as asked")
    if "seconds" in detail:
        await asyncio.sleep(detail["seconds"])
    note(settings, done=event.id)


async def note_one(event: Event[AccountFact], settings: Settings) -> list[Notice]:
    await obey(event, settings)
    return []


async def note_all(events: Sequence[Event[AccountFact]], settings: Settings) -> list[Notice]:
    note(settings, batch=[event.id for event in events])
    for event in events:
        await obey(event, settings)
    return []


async def note_record(event: Event[Record], settings: Settings) -> list[Notice]:
    record = event.data
    place = [record.record_topic, record.partition, record.offset, record.record_key]
    note(settings, record=record.value.decode("utf-8", "replace"), place=place)
    return []


async def note_tick(event: Event[Tick], settings: Settings) -> list[Notice]:
    note(settings, tick="begun")
    await asyncio.sleep(0.15)
    note(settings, tick="ended")
    return []


class Answer(msgspec.Struct):
    status: int
    body: bytes


class Held:
    """A worker that answers RETRY to the entries whose flag is still there, by itself."""

    def __init__(self) -> None:
        self.settings = read_settings()

    async def wake(self) -> None: ...

    async def answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        entries = json.loads(body)["entries"]
        note(self.settings, batch=[entry["event"]["id"] for entry in entries])
        statuses = [
            {"entryId": entry["entryId"], "status": self.decide(entry["event"])}
            for entry in entries
        ]
        return Answer(200, json.dumps({"statuses": statuses}).encode())

    def decide(self, event: dict[str, Any]) -> str:
        if Path(event["data"]["detail"].get("wait_while", "/none")).exists():
            return "RETRY"
        note(self.settings, done=event["id"])
        return "SUCCESS"

    async def healthy(self) -> bool:
        return True

    async def close(self) -> None: ...


held = Door(Held)
one = serve(note_one, wakes_on=(AccountFact,))
batch = serve(note_all, wakes_on=(AccountFact,), batch=True)
record = serve(note_record, wakes_on=(Record,))
tick = serve(note_tick, wakes_on=(Tick,))
