"""An alarm at the sidecar: one job for each second, and no more questions than there is news."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from taskflow.errors import InvalidSetting
from taskflow.jobs import Alarm, open_alarm
from tests.sidecar import Loopback, serve_sidecar

AT = datetime(2026, 12, 1, 8, 0, 0, 250_000, tzinfo=UTC)
NAME = f"alarm-{int(AT.timestamp())}"


@pytest.fixture
def sidecar() -> Iterator[Loopback]:
    with serve_sidecar() as server:
        yield server


@pytest.fixture
def alarm(sidecar: Loopback) -> Iterator[Alarm]:
    found = open_alarm(sidecar.address("taskflow"))
    yield found
    found.close()


async def test_a_job_is_named_for_its_second(alarm: Alarm, sidecar: Loopback) -> None:
    await alarm.set(AT)
    assert sidecar.memory.jobs == {
        NAME: {"dueTime": "2026-12-01T08:00:00+00:00", "overwrite": True}
    }


async def test_what_is_set_already_asks_for_nothing(alarm: Alarm, sidecar: Loopback) -> None:
    for milliseconds in (0, 100, 700, 800):
        await alarm.set(AT + timedelta(milliseconds=milliseconds))
    assert len(sidecar.memory.asked) == 2
    assert len(sidecar.memory.jobs) == 2


@pytest.mark.parametrize("mode", ["breaks", "dies"])
async def test_a_job_that_is_not_taken_is_logged_and_asked_again(
    alarm: Alarm, sidecar: Loopback, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar.memory.mode = mode
    await alarm.set(AT)
    assert "the alarm for 2026-12-01 08:00:00+00:00 is not set" in caplog.text
    sidecar.memory.mode = "normal"
    await alarm.set(AT)
    assert list(sidecar.memory.jobs) == [NAME]


def test_a_way_out_that_is_no_sidecar_cannot_take_jobs() -> None:
    with pytest.raises(InvalidSetting, match="TASKFLOW_PUBLISH='kafka://k:1' cannot be used"):
        open_alarm("kafka://k:1")
