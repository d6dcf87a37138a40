"""Puts a record on the topic of commands of a system at home that its function gives up: one that
is no event, or a command that fails each time. What becomes of it is a story of the page.
"""

import asyncio
import sys
from datetime import UTC, datetime
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from local.place import find_kafka
from taskflow.events import CompleteTask, encode, new_event
from taskflow.settings import read_settings

NO_EVENT = b"this is no event"


def make_failing() -> bytes:
    """A command with a NUL, which the ledger cannot hold; its ids are such as can be asked for."""
    person, task = str(uuid4()), str(uuid4())
    command = CompleteTask(
        user_id=person, actor_id=person, stream=task, fingerprint="\0", task_id=task
    )
    event = new_event(command, id=str(uuid4()), source="/tests/web", time=datetime.now(UTC))
    return encode(event)


async def poison(bootstrap: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait("task-commands", value, key=b"nobody")


if __name__ == "__main__":
    kinds = {"unreadable": lambda: NO_EVENT, "failing": make_failing}
    asyncio.run(poison(find_kafka(read_settings()), kinds[sys.argv[1]]()))
