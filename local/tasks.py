"""Tasks on the command line, for people who live there."""

from typing import Annotated, Any

import typer

from local.session import call
from taskflow.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="Add, list and finish tasks.")


@app.command()
def add(
    title: str,
    due: Annotated[str | None, typer.Option(help="2026-12-31T09:00, or 2026-12-31")] = None,
    priority: Annotated[str | None, typer.Option(help="high, medium, low")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="may be given again")] = None,
    every: Annotated[
        str | None, typer.Option(help="hourly, daily, weekly, monthly, yearly")
    ] = None,
    remind: Annotated[str | None, typer.Option(help="before it is due: PT30M")] = None,
) -> None:
    """Add a task."""
    body: dict[str, Any] = {"title": title, "tags": tag or []}
    if due:
        body["due_at" if "T" in due else "due_on"] = due
    if priority:
        body["priority"] = priority
    if every:
        body["recurrence"] = {"frequency": every}
    if remind:
        body["reminders"] = [{"before": remind}]
    task = call(read_settings(), "POST", "/v1/tasks", body)
    typer.echo(f"{task['id']}  {task['title']}")


@app.command("list")
def show(
    status: Annotated[str, typer.Option(help="open, done, cancelled")] = "open",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
) -> None:
    """List tasks by due date."""
    # Loaded here: `taskflow up` must not carry it.
    from rich.console import Console
    from rich.table import Table

    page = call(read_settings(), "GET", f"/v1/tasks?status={status}&sort=due_at&limit={limit}")
    table = Table("title", "due", "priority", "tags", box=None)
    table.add_column("id", no_wrap=True)
    for task in page["items"]:
        due = task["due_at"] or task["due_on"] or ""
        table.add_row(task["title"], due, task["priority"], " ".join(task["tags"]), task["id"])
    Console().print(table)


@app.command()
def done(task_id: str) -> None:
    """Complete a task."""
    task = call(read_settings(), "POST", f"/v1/tasks/{task_id}/complete")
    typer.echo(f"{task['id']}  {task['title']}  {task['status']}")
