"""Dead letters on the command line: see what was given up, and put it back."""

from typing import Annotated

import typer

from local.session import call
from taskflow.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="Read and redrive what a function gave up.")


@app.command("list")
def show() -> None:
    """List dead letters, newest first (admin)."""
    # Loaded here: `taskflow up` must not carry it.
    from rich.console import Console
    from rich.table import Table

    page = call(read_settings(), "GET", "/v1/dead-letters")
    table = Table("id", "consumer", "event", "attempts", "reason", box=None)
    for row in page["items"]:
        kind = row["event_type"] or "unreadable"
        table.add_row(row["id"], row["consumer"], kind, str(row["attempts"]), row["reason"])
    Console().print(table)


@app.command()
def redrive(
    dead_letter_id: str,
    force: Annotated[bool, typer.Option(help="even if the task has moved on")] = False,
) -> None:
    """Put one back on its topic (admin)."""
    wish = "?force=true" if force else ""
    call(read_settings(), "POST", f"/v1/dead-letters/{dead_letter_id}/redrive{wish}")
    typer.echo(f"{dead_letter_id}  redriven")
