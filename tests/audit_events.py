"""Facts for the audit, and the way they really reach it: the function behind its door."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from msgspec import structs

from functions.write_audit.main import main
from taskflow.database import Database
from taskflow.events import (
    AccountFact,
    AuditSealed,
    Event,
    LoggedIn,
    TaskCreated,
    TaskFact,
    encode,
    new_event,
)
from taskflow.publish import ListPublisher
from taskflow.serve import Worker
from taskflow.settings import Settings
from taskflow.task import Task

NOW = datetime(2026, 12, 1, 8, 0, 0, 123456, tzinfo=UTC)
BATCH = {"content-type": "application/cloudevents-batch+json"}


def open_worker(settings: Settings) -> Worker:
    """The function in its own role."""
    settings = structs.replace(settings, database_role="taskflow_write_audit")
    return Worker(
        main.function,
        database=Database(settings),
        publisher=ListPublisher(),
        settings=settings,
        clock=lambda: NOW,
    )


def make_task(**fields: Any) -> Task:
    return Task(
        **{
            "id": str(uuid4()),
            "title": "Pay rent",
            "created_at": NOW,
            "updated_at": NOW,
            "created_by": str(uuid4()),
            **fields,
        }
    )


def task_event(
    kind: type[TaskFact],
    task: Task,
    *,
    before: dict[str, Any] | None = None,
    cause: str | None = None,
    at: datetime = NOW,
) -> Event[TaskFact]:
    """A fact about the task of the person who created it."""
    fact = kind(  # type: ignore[call-arg]
        task_id=task.id,
        task_data=task,
        user_id=task.created_by,
        timestamp=at,
        actor_id=task.created_by,
        stream=task.id,
        before=before,
    )
    event = new_event(fact, id=str(uuid4()), source="write_task", time=at)
    return structs.replace(event, causationid=cause)


def created() -> Event[TaskFact]:
    return task_event(TaskCreated, make_task())


def logged_in() -> Event[AccountFact]:
    person = str(uuid4())
    fact = LoggedIn(user_id=person, actor_id=person, timestamp=NOW, detail={"z": 1, "by": "token"})
    return new_event(fact, id=str(uuid4()), source="gateway", time=NOW)


async def deliver(worker: Worker, events: Sequence[Event[Any]]) -> int:
    """The status of the answer to one batch."""
    answer = await worker.answer(BATCH, encode(list(events)))
    return answer.status


async def record(settings: Settings, *events: Event[Any]) -> list[AuditSealed]:
    """Chains the events, a batch for each; their seals."""
    worker = open_worker(settings)
    assert isinstance(worker.publisher, ListPublisher)
    for event in events:
        assert await deliver(worker, [event]) == 204
    await worker.close()
    return [event.data for event in worker.publisher.events]
