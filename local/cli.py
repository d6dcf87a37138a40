"""The command line: `taskflow up` and what people do beside a running platform."""

import runpy
from datetime import UTC, datetime
from typing import Annotated

import typer

from local import admin, dead_letters, secret_files, session, tasks, transfer
from taskflow.errors import InvalidSetting
from taskflow.settings import read_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

app.add_typer(tasks.app, name="tasks")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(admin.app, name="admin")
app.add_typer(admin.audit_app, name="audit")
app.add_typer(secret_files.app, name="secret")
app.command("export")(transfer.export_account)
app.command("import")(transfer.import_account)
app.command("replay")(admin.replay_events)
app.command("after-restore")(admin.recover_after_restore)


@app.callback()
def main() -> None:
    """TaskFlow: tasks and reminders that are not lost."""


@app.command()
def up() -> None:
    """Start everything on this machine and keep it running until Ctrl-C."""
    # Loaded here: no other command should wait for it.
    import uvloop

    from local.manifests import ManifestError
    from local.process import AlreadyRunning, StartFailed
    from local.tend import WrongTopic
    from local.up import run

    try:
        uvloop.run(run(read_settings()))
    except (InvalidSetting, AlreadyRunning, StartFailed, ManifestError, WrongTopic) as error:
        typer.secho(str(error), err=True)
        raise typer.Exit(1) from None


@app.command("map")
def show_map() -> None:
    """Print the path of every event: what wakes which function, and what it emits."""
    runpy.run_module("functions", run_name="__main__")


@app.command()
def login(
    email: str,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True)],
    sign_up: Annotated[bool, typer.Option(help="make the account first")] = False,
) -> None:
    """Log in for the commands that need a person."""
    session.log_in(read_settings(), email, password, sign_up=sign_up)
    typer.echo(f"Logged in as {email}")


@app.command()
def demo() -> None:
    """Fill an account with lifelike tasks of every kind."""
    from local.demo import EMAIL, PASSWORD, fill_demo

    count = fill_demo(read_settings(), datetime.now(UTC))
    typer.echo(f"{count} tasks for {EMAIL}, password {PASSWORD}")
