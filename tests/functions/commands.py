"""Builders of commands and the way a sidecar delivers them, shared by the tests of functions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar
from uuid import uuid4

import jsonschema_rs
import msgspec
from msgspec import structs

from taskflow.events import (
    Command,
    CompleteTask,
    CreateTask,
    Event,
    TaskCommand,
    UpdateTask,
    encode,
    new_event,
)
from taskflow.publish import ListPublisher
from taskflow.schema import event_schemas
from taskflow.serve import Worker
from taskflow.task import TaskInput

C = TypeVar("C", bound=TaskCommand)

NOW = datetime(2026, 12, 1, 8, 0, 0, 123456, tzinfo=UTC)
JSON = {"content-type": "application/json"}


def make_input(**fields: Any) -> TaskInput:
    """What a person sends, as the gateway reads it from JSON."""
    return msgspec.convert(fields, TaskInput)


def send(
    command: Command, *, id: str | None = None, at: datetime = NOW, replyto: str | None = None
) -> Event[Any]:
    """A command on its way, as the gateway publishes it."""
    return new_event(command, id=id or str(uuid4()), source="gateway", time=at, replyto=replyto)


def make_command(
    kind: type[C],
    user_id: str,
    task_id: str | None = None,
    *,
    stream: str | None = None,
    **fields: Any,
) -> C:
    """A command about one task, by the person it belongs to."""
    name = task_id or str(uuid4())
    return kind(user_id=user_id, actor_id=user_id, task_id=name, stream=stream or name, **fields)


def create(user_id: str, task_id: str | None = None, **fields: Any) -> CreateTask:
    task = make_input(**{"title": "Pay rent", **fields})
    return make_command(CreateTask, user_id, task_id, task=task)


def update(
    user_id: str, task_id: str, scope: str = "this", version: int | None = None, **fields: Any
) -> UpdateTask:
    changes = make_input(**fields)
    return make_command(
        UpdateTask, user_id, task_id, changes=changes, scope=scope, if_version=version
    )


def complete(user_id: str, task_id: str) -> CompleteTask:
    return make_command(CompleteTask, user_id, task_id)


def bulk(events: Sequence[Event[Any]]) -> bytes:
    """A Dapr bulk delivery."""
    return encode(
        {"entries": [{"entryId": str(place), "event": e} for place, e in enumerate(events)]}
    )


async def deliver(worker: Worker, *events: Event[Any]) -> str:
    """What each event of one bulk delivery came to: S(UCCESS), R(ETRY) or D(ROP)."""
    answer = await worker.answer(JSON, bulk(events))
    assert answer.status == 200
    statuses = msgspec.json.decode(answer.body)["statuses"]
    assert [one["entryId"] for one in statuses] == [str(n) for n in range(len(events))]
    return "".join(one["status"][0] for one in statuses)


def published(worker: Worker) -> list[Event[Any]]:
    """What left the worker so far."""
    assert isinstance(worker.publisher, ListPublisher)
    return worker.publisher.events


def take(worker: Worker) -> list[Event[Any]]:
    """What left the worker since the last look."""
    events = list(published(worker))
    published(worker).clear()
    return events


def kinds(events: Sequence[Event[Any]]) -> list[str]:
    return [type(event.data).__name__ for event in events]


@cache
def validator(name: str) -> Any:
    return jsonschema_rs.validator_for(event_schemas()[name], validate_formats=True)


class CheckedPublisher(ListPublisher):
    """A list that takes only what fits its published schema."""

    async def publish(self, topic: str, events: Sequence[Event[Any]]) -> set[str]:
        for event in events:
            assert topic == type(event.data).topic
            validator(event.type).validate(msgspec.json.decode(encode(event)))
        return await super().publish(topic, events)


def replace_data(event: Event[Any], **fields: Any) -> Event[Any]:
    return structs.replace(event, data=structs.replace(event.data, **fields))
