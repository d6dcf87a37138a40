"""Who listens to whose feed in this gateway: woken by a hint, and reading for themselves."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence


class Feeds:
    """The streams that are open here, by person."""

    def __init__(self) -> None:
        self._open: dict[str, set[asyncio.Event]] = defaultdict(set)

    @contextlib.contextmanager
    def listen(self, user_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the person's feed may have moved."""
        moved = asyncio.Event()
        self._open[user_id].add(moved)
        try:
            yield moved
        finally:
            self._open[user_id].discard(moved)
            if not self._open[user_id]:
                del self._open[user_id]

    def wake(self, people: Sequence[str]) -> None:
        """Wakes the streams of `people`; of everybody when it is empty, after a lost connection."""
        for person in people or list(self._open):
            for moved in self._open.get(person, ()):
                moved.set()
