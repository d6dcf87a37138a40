"""What a person is told about one reminder, in the one form that every channel is given."""

from msgspec import Struct

from taskflow.mail import DeliveryFailed, Receipt

__all__ = ["DeliveryFailed", "Notice", "Receipt"]


class Notice(Struct, frozen=True, kw_only=True):
    """One reminder for one person by one channel.

    `due_at` and `remind_at` are RFC 3339 instants, `due_on` an ISO date, `timezone` the IANA zone
    that the person reads times in (UTC without one), `link` the task's page.
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
