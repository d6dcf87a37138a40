"""When a daily digest is due: on the person's own clock, once for each of their days."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow.digest import (
    digest_day,
    digest_instant,
    find_digest_day,
    name_digest,
    next_digest,
)
from taskflow.zone import find_zone, to_local

PERSON = "5f0c0000-0000-4000-8000-000000000001"
ZONES = ["UTC", "Europe/Paris", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"]


@pytest.mark.parametrize(
    ("of_day", "zone", "now", "due"),
    [
        ("07:00", "Europe/Paris", "2026-12-01T05:59:00Z", "2026-12-01T06:00:00Z"),
        ("07:00", "Europe/Paris", "2026-12-01T06:00:00Z", "2026-12-02T06:00:00Z"),
        ("07:00", "America/New_York", "2026-12-01T06:00:00Z", "2026-12-01T12:00:00Z"),
        ("07:00", "Pacific/Auckland", "2026-12-01T12:00:00Z", "2026-12-01T18:00:00Z"),
        # The night of the change to summer time: 02:30 does not exist; to winter time, it is twice.
        ("02:30", "Europe/Paris", "2026-03-28T23:30:00Z", "2026-03-29T01:30:00Z"),
        ("01:30", "America/New_York", "2026-11-01T04:30:00Z", "2026-11-01T05:30:00Z"),
        ("07:00", "Europe/Paris", "2026-03-28T12:00:00Z", "2026-03-29T05:00:00Z"),
    ],
)
def test_it_is_due_on_the_persons_own_clock(of_day: str, zone: str, now: str, due: str) -> None:
    assert next_digest(of_day, zone, datetime.fromisoformat(now)) == datetime.fromisoformat(due)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(ZONES),
    st.times(),
)
def test_a_digest_knows_its_day_and_nothing_else_does(now: datetime, zone: str, at: object) -> None:
    of_day = f"{at:%H:%M}"
    instant = next_digest(of_day, zone, now)
    day = to_local(instant, find_zone(zone)).date()
    assert now < instant <= now + timedelta(days=1, hours=1)
    assert digest_day(zone, instant) == day and digest_instant(of_day, zone, day) == instant
    assert find_digest_day(PERSON, name_digest(PERSON, day), instant) == day
    assert find_digest_day(PERSON, name_digest("another", day), instant) is None
    assert find_digest_day(PERSON, PERSON, instant) is None


def test_each_day_has_a_name_of_its_own() -> None:
    days = [date(2026, 12, 1) + timedelta(days=number) for number in range(400)]
    assert len({name_digest(PERSON, day) for day in days}) == 400
