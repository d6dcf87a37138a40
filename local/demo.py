"""An account full of lifelike tasks of every kind, to look at and to play with."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import typer

from local.session import base_url, call, keep
from taskflow.settings import Settings

EMAIL, PASSWORD = "demo@example.com", "demo-password"
ZONE = "Europe/Paris"


def fill_demo(settings: Settings, now: datetime) -> int:
    """Signs up or logs in the demo account and gives it tasks; how many."""
    token = open_account(settings)
    operations = [{"op": "create", "task": task} for task in demo_tasks(now)]
    answer = call(settings, "POST", "/v1/tasks/batch", {"operations": operations}, token=token)
    created = [line["task"] for line in answer["results"] if line["status"] == 201]
    for task in created[::9]:
        call(settings, "POST", f"/v1/tasks/{task['id']}/complete", token=token)
    return len(created)


def open_account(settings: Settings) -> str:
    """The access token of the demo account, which the command line then uses too."""
    body = {"email": EMAIL, "password": PASSWORD, "name": "Demo", "timezone": ZONE}
    with httpx.Client(base_url=base_url(settings), timeout=30) as client:
        try:
            answer = client.post("/v1/auth/signup", json=body)
            if answer.status_code == 409:
                given = {"email": EMAIL, "password": PASSWORD}
                answer = client.post("/v1/auth/login", json=given)
        except httpx.TransportError as error:
            typer.secho(f"Nothing answers ({error}): make run, in another terminal", err=True)
            raise typer.Exit(1) from None
    answer.raise_for_status()
    keep(settings, answer.json())
    return str(answer.json()["access_token"])


def demo_tasks(now: datetime) -> Iterator[dict[str, Any]]:
    """Tasks of every kind around `now`."""
    today = now.date()
    yield from recurring(today)
    yield from single(now)


def recurring(today: date) -> Iterator[dict[str, Any]]:
    first = today.replace(day=1)
    yield {
        "title": "Pay rent",
        "tags": ["home", "money"],
        "priority": "high",
        "due_at": f"{_last_day(first)}T09:00",
        "recurrence": {"rule": "FREQ=MONTHLY;BYMONTHDAY=31"},
        "reminders": [{"before": "P1D"}, {"before": "PT1H"}],
    }
    yield {
        "title": "Water the plants",
        "tags": ["home"],
        "due_at": f"{today + timedelta(days=1)}T18:30",
        "recurrence": {"frequency": "daily", "interval": 3, "repeat_from": "completion"},
    }
    yield {
        "title": "Stand-up",
        "tags": ["work"],
        "due_at": f"{today + timedelta(days=1)}T09:30",
        "recurrence": {"frequency": "weekly", "weekdays": ["MO", "TU", "WE", "TH", "FR"]},
        "reminders": [{"before": "PT5M"}],
    }
    yield {
        "title": "Birthday of Camille",
        "tags": ["family"],
        "due_on": f"{today + timedelta(days=40)}",
        "recurrence": {"frequency": "yearly"},
        "reminders": [{"before": "P7D"}],
    }


def _last_day(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def single(now: datetime) -> Iterator[dict[str, Any]]:
    today = now.date()
    for days, title, tag, priority in (
        (-2, "Answer the landlord", "home", "high"),
        (0, "Buy bread, milk and apples", "errands", "none"),
        (0, "Call the dentist", "health", "medium"),
        (1, "Send the invoice", "work", "high"),
        (2, "Review the quarterly report", "work", "medium"),
        (3, "Book the train to Lyon", "travel", "low"),
        (5, "Renew the library card", "errands", "low"),
        (9, "Prepare the talk", "work", "high"),
        (14, "Clean the bicycle", "home", "none"),
    ):
        yield {
            "title": title,
            "tags": [tag],
            "priority": priority,
            "due_on": str(today + timedelta(days=days)),
        }
    yield {"title": "Read a book on PostgreSQL", "notes": "Chapter 7: what locks cost."}
    yield {
        "title": "Look at the oven",
        "due_at": (now + timedelta(minutes=10)).isoformat(),
        "reminders": [{"before": "PT9M"}],
    }
