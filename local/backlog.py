"""What waits in one partition for one function, in order: what is next, what must come again, and
up to where everything is done; pure, so that order and loss can be tested without a log.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from taskflow.dialects import Outcome

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

    Record: TypeAlias = ConsumerRecord[bytes | None, bytes | None]

# Fetching pauses above these and goes on below half of them.
MOST_RECORDS = 4_000
MOST_BYTES = 8 << 20
TURNS = itertools.count(1)


def size_of(record: "Record") -> int:
    """What a record weighs in a request, without its few fixed words."""
    return len(record.value or b"") + len(record.key or b"")


class Backlog:
    """The records of one partition that its function has not finished.

    `done` is the offset below which nothing is left to do, None while nothing was seen.
    """

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.done: int | None = None
        self.committed: int | None = None
        self.next_fetched = 0
        self.due = 0.0
        self.attempts = 0
        self.turn = 0
        self.sent: list[Record] = []
        self._failed: list[Record] = []
        self._waiting: deque[Record] = deque()
        self._bytes = 0
        self._done_after_sent = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._failed) + len(self.sent)

    @property
    def full(self) -> bool:
        return len(self._waiting) > MOST_RECORDS or self._bytes > MOST_BYTES

    @property
    def half_empty(self) -> bool:
        return len(self._waiting) < MOST_RECORDS // 2 and self._bytes < MOST_BYTES // 2

    @property
    def bytes_waiting(self) -> int:
        """What waits to be sent for the first time."""
        return self._bytes

    def add(self, records: Iterable["Record"]) -> None:
        """Records as fetched, behind all others."""
        for record in records:
            if self.done is None:
                self.done = record.offset
            self._waiting.append(record)
            self._bytes += size_of(record)
            self.next_fetched = record.offset + 1

    def ready(self, now: float) -> bool:
        """Whether something may be sent at `now`, in the clock of `settle`."""
        return not self.sent and self.due <= now and bool(self._failed or self._waiting)

    def take(self, most: int, room: int) -> list["Record"]:
        """The next records to send, at most `most` and about `room` bytes, at least one; what
        failed comes first and alone."""
        if self._failed:
            self.sent = split(self._failed, most, room)
            del self._failed[: len(self.sent)]
        else:
            self.sent = split(self._waiting, most, room)
            for record in self.sent:
                self._waiting.popleft()
                self._bytes -= size_of(record)
            self._done_after_sent = self.sent[-1].offset + 1
        return self.sent

    def settle(self, outcomes: Sequence[Outcome], now: float, pause: float) -> None:
        """What the records taken last came to; those to retry come again after `pause` seconds."""
        again = [r for r, outcome in zip(self.sent, outcomes, strict=True) if outcome == "RETRY"]
        self.sent = []
        self._failed[:0] = again
        if again:
            self.attempts += 1
            self.due = now + pause
        elif not self._failed:
            self.attempts = 0
        self.done = self._failed[0].offset if self._failed else self._done_after_sent


def split(records: Iterable["Record"], most: int, room: int) -> list["Record"]:
    """The first records that fit, at least one."""
    taken: list[Record] = []
    for record in records:
        room -= size_of(record)
        if taken and (room < 0 or len(taken) == most):
            break
        taken.append(record)
    return taken
