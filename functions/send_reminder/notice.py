"""What a person is told about one reminder, in the one form that every channel is given."""

from datetime import datetime, timedelta

from msgspec import Struct

from functions.send_reminder.digest import Digest
from taskflow.mail import DeliveryFailed, Receipt
from taskflow.reminder_link import PATH, Answer, Verb, sign_answer

__all__ = ["DeliveryFailed", "Links", "Notice", "Receipt", "make_links"]


class Links(Struct, frozen=True, kw_only=True):
    """Where a person answers without logging in; each proves itself and works once."""

    open: str
    got_it: str
    snooze_hour: str
    snooze_day: str
    unsubscribe: str


class Notice(Struct, frozen=True, kw_only=True):
    """One reminder for one person by one channel.

    `due_at` and `remind_at` are RFC 3339 instants, `due_on` an ISO date, `timezone` the IANA zone
    that the person reads times in (UTC without one), `link` the task's page. `links` are only
    there where people reach us by an address, and about a task. A `digest` is about many.
    """

    delivery_id: str
    reminder_id: str
    task_id: str
    user_id: str
    title: str
    notes: str
    due_at: str | None
    due_on: str | None
    timezone: str | None
    remind_at: str
    late_by_seconds: int
    link: str | None
    links: Links | None = None
    digest: Digest | None = None

    @property
    def sent_at(self) -> datetime:
        return datetime.fromisoformat(self.remind_at) + timedelta(seconds=self.late_by_seconds)


def make_links(url: str, secret: str, delivery_id: str, now: datetime) -> Links:
    """The links of one delivery, below the address `url`."""

    def link(verb: Verb) -> str:
        return f"{url.rstrip('/')}{PATH}{sign_answer(secret, Answer(verb, delivery_id), now)}"

    return Links(
        open=link("open"),
        got_it=link("got_it"),
        snooze_hour=link("snooze_hour"),
        snooze_day=link("snooze_day"),
        unsubscribe=link("unsubscribe"),
    )
