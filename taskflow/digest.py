"""A person's daily digest: when it is due and what it is named by; pure, because the gateway that
sets it and the function that sends it must mean the same instant.
"""

from datetime import UTC, date, datetime, time, timedelta

from taskflow.events import DigestDue, Event, derive_id, new_event
from taskflow.reminder import Choices, OfDay
from taskflow.zone import find_zone, to_instant, to_local


class PersonalChoices(Choices, frozen=True, kw_only=True):
    """All of a person's choices: those for their reminders, and when on their own clock the
    `digest` of their day comes (None: never)."""

    digest: OfDay | None = None


def digest_day(zone: str, now: datetime) -> date:
    """The day that `now` lies in where the person is."""
    return to_local(now, find_zone(zone)).date()


def digest_instant(of_day: str, zone: str, day: date) -> datetime:
    return to_instant(datetime.combine(day, time.fromisoformat(of_day)), find_zone(zone))[0]


def next_digest(of_day: str, zone: str, now: datetime) -> datetime:
    """The first instant of a digest after `now`."""
    today = digest_day(zone, now)
    instant = digest_instant(of_day, zone, today)
    return instant if instant > now else digest_instant(of_day, zone, today + timedelta(days=1))


def name_digest(user_id: str, day: date) -> str:
    """What stands for the reminder in the ledger of deliveries: one for each day of a person."""
    return derive_id(user_id, "digest", day.isoformat())


def find_digest_day(user_id: str, reminder_id: str, remind_at: datetime) -> date | None:
    """The day that a digest is about; None for what is no digest. No zone is further than a day."""
    near = remind_at.astimezone(UTC).date()
    days = (near + timedelta(days=step) for step in (0, 1, -1))
    return next((day for day in days if name_digest(user_id, day) == reminder_id), None)


def name_digest_timer(user_id: str) -> str:
    """A person has one timer, whenever it is due."""
    return derive_id(user_id, "digest", "timer")


def digest_event(user_id: str, at: datetime, source: str) -> Event[DigestDue]:
    """What the timer publishes at the instant `at`."""
    name = derive_id(user_id, "digest", at.astimezone(UTC).isoformat())
    return new_event(DigestDue(user_id=user_id), id=name, source=source, time=at)
