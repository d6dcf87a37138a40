"""Where the parts of a platform that runs on this machine are, for the commands that an operator
gives beside it.
"""

from pathlib import Path

import typer

from local.postgres import choose_socket_folder, make_url
from local.secret_files import find_secrets
from taskflow.settings import Settings, change_settings


def find_database(settings: Settings) -> str:
    """The database as its owner. Ends the command when there is none yet."""
    return settings.database or make_url(choose_socket_folder(_made(settings, "postgres")))


def find_kafka(settings: Settings) -> str:
    """Kafka's bootstrap address. Ends the command when there is none yet."""
    if settings.kafka:
        return settings.kafka
    port, _ = (_made(settings, "kafka") / "ports").read_text().split()
    return f"127.0.0.1:{port}"


def find_audit_secrets(settings: Settings) -> tuple[str, ...]:
    """All that the audit may have been written with. Ends the command when there is none yet."""
    if not settings.secret:
        _made(settings, "secret")
    found = change_settings(settings, find_secrets(settings, settings.data.resolve()))
    return found.audit_secrets


def _made(settings: Settings, name: str) -> Path:
    path = settings.data.resolve() / name
    if not path.exists():
        typer.secho(
            f"There is no {path}: start TaskFlow first, with taskflow up", fg="red", err=True
        )
        raise typer.Exit(1)
    return path
