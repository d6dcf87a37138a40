"""The secrets of a platform at home, files that their owner alone can read, and how they change."""

import secrets
from pathlib import Path

import typer

from taskflow.settings import Settings, read_settings

SECRET_BYTES = 32
SECRET, PREVIOUS, RETIRED = "secret", "secret.previous", "secret.retired"

app = typer.Typer(no_args_is_help=True, help="Change the secret that everything is signed with.")


def find_secrets(settings: Settings, data: Path) -> dict[str, str]:
    """The variables for all processes: as set, or from the files in `data`, where the first start
    makes the secret."""
    if settings.secret:
        files = {SECRET: settings.secret}
    else:
        files = {name: read_file(data / name) for name in (PREVIOUS, RETIRED)}
        files[SECRET] = read_file(data / SECRET) or keep_file(data / SECRET, draw())
    return {
        "TASKFLOW_SECRET": files[SECRET],
        "TASKFLOW_SECRET_PREVIOUS": settings.secret_previous or files.get(PREVIOUS, ""),
        "TASKFLOW_SECRET_RETIRED": settings.secret_retired or files.get(RETIRED, ""),
    }


@app.command()
def rotate() -> None:
    """Make a new secret for the next start; what the present one signed stays good."""
    data = find_own_files(read_settings())
    present = read_file(data / SECRET)
    # In this order: whenever it ends, no secret is gone.
    put_before(data / PREVIOUS, present.replace(",", "%2C"))
    keep_file(data / SECRET, draw())
    typer.echo(f"A new secret signs from the next start on; {data / PREVIOUS} has the one before.")
    typer.echo("After 60 days: taskflow secret retire")


@app.command()
def retire(
    now: bool = typer.Option(False, "--leaked", help="rotate, and accept the present one no more"),
) -> None:
    """Accept earlier secrets no more from the next start on; they still prove the audit."""
    if now:
        rotate()
    data = find_own_files(read_settings())
    put_before(data / RETIRED, read_file(data / PREVIOUS))
    (data / PREVIOUS).unlink(missing_ok=True)
    typer.echo(f"Earlier secrets prove the audit and nothing else: {data / RETIRED}. Keep them.")


def find_own_files(settings: Settings) -> Path:
    """The folder of the files. Ends the command where the secret comes from elsewhere."""
    data = settings.data.resolve()
    if settings.secret or not (data / SECRET).exists():
        way_out = "change it where it is set" if settings.secret else "start TaskFlow first"
        typer.secho(f"The secret is not in {data / SECRET}: {way_out}.", fg="red", err=True)
        raise typer.Exit(1)
    return data


def draw() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def read_file(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def put_before(file: Path, more: str) -> None:
    """Adds secrets at the front of a list, each once."""
    kept = dict.fromkeys(f"{more},{read_file(file)}".split(","))
    kept.pop("", None)
    if kept:
        keep_file(file, ",".join(kept))


def keep_file(file: Path, text: str) -> str:
    """Writes it whole, or not at all, for its owner's eyes alone."""
    draft = file.with_name(f"{file.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.rename(file)
    return text
