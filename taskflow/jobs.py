"""The sidecar's Jobs API as an alarm clock: a job calls this process back at an instant, and says
nothing that is not in the database.
"""

import logging
from datetime import UTC, datetime

import msgspec

from taskflow.errors import Unavailable
from taskflow.sidecar import Sidecar, expect, read_address, write_path

log = logging.getLogger("taskflow")


class Alarm:
    """Rings this application at whole seconds, each by a job that is named for it: a job that is
    set again while it rings could be lost, and one too many only finds nothing to do."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._set_to: datetime | None = None

    async def set(self, at: datetime) -> None:
        """Rings at the second of `at`; asks the sidecar only if that is news. A sidecar that does
        not take it is logged: the alarm is a second clock, and the first one goes on."""
        second = at.astimezone(UTC).replace(microsecond=0)
        if second == self._set_to:
            return
        job = {"dueTime": second.isoformat(), "overwrite": True}
        path = write_path("jobs", f"alarm-{int(second.timestamp())}")
        try:
            answer = await self._sidecar.ask("POST", path, msgspec.json.encode(job))
            expect(answer, [200, 204], "take a job")
        except Unavailable as error:
            log.warning("the alarm for %s is not set: %s", second, error)
            return
        self._set_to = second

    def close(self) -> None:
        self._sidecar.close()


def open_alarm(publish: str) -> Alarm:
    """An alarm at the sidecar that events are published through. Raises InvalidSetting."""
    return Alarm(Sidecar(read_address("TASKFLOW_PUBLISH", publish)))
