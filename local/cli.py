"""The command line: `taskflow up` and what people do beside a running platform."""

import typer

from taskflow.settings import InvalidSetting, read_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


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
