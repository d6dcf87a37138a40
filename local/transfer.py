"""Everything of a person into a file, and tasks out of one; apart from the commands about tasks,
because a file is not held but passed on as it comes, and may be standard input or output.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO, Annotated, Any, TypeAlias
from uuid import uuid4

import typer

from local.session import ask, call, say
from taskflow.settings import Settings, read_settings

STREAM = "-"
JSON, CALENDAR = "application/json", "text/calendar"
# A large account is written whole before its first byte leaves, a large import read whole.
PATIENCE = 300.0
LOOK_AGAIN = 0.5
SAID = {201: "taken", 204: "taken", 200: "there"}

File: TypeAlias = Annotated[str, typer.Argument(metavar="FILE")]
Ics: TypeAlias = Annotated[
    bool, typer.Option("--ics", help="a calendar, as it is where FILE ends in .ics")
]


# --- export ------------------------------------------------------------------------------------


def export_account(file: File, ics: Ics = False) -> None:
    """Write everything of yours to FILE, or - (docs/export.md); the tasks alone to an .ics."""
    path = "/v1/me/export" + ("?format=ics" if _is_calendar(file, ics) else "")
    size = 0
    with (
        _open_target(file) as target,
        ask(read_settings(), "GET", path, timeout=PATIENCE) as answer,
    ):
        for chunk in answer.iter_bytes():
            size += target.write(chunk)
    if file != STREAM:
        typer.echo(f"{file}  {size} bytes")


@contextmanager
def _open_target(file: str) -> Iterator[IO[bytes]]:
    """Standard output, or a file that appears whole or not at all, for its owner's eyes alone."""
    if file == STREAM:
        yield typer.get_binary_stream("stdout")
        return
    with _named(file):
        draft = NamedTemporaryFile(dir=Path(file).parent, prefix=".taskflow-", delete=False)
        try:
            with draft:
                yield draft
            os.replace(draft.name, file)
        finally:
            Path(draft.name).unlink(missing_ok=True)


@contextmanager
def _named(file: str) -> Iterator[None]:
    """Ends the command where the file cannot be used, with its name."""
    try:
        yield
    except OSError as error:
        raise typer.Exit(say(f"{file}: {error.strerror or error}")) from None


# --- import ------------------------------------------------------------------------------------


def import_account(
    file: File,
    ics: Ics = False,
    each: Annotated[bool, typer.Option("--each", help="name what was taken, too")] = False,
) -> None:
    """Make what FILE (or -) holds and is not there; what is refused is named, and fails this."""
    settings = read_settings()
    kind = CALENDAR if _is_calendar(file, ics) else JSON
    with _open_source(file) as source:
        told = _send(settings, source, kind)
    for result in told["results"]:
        if each or "problem" in result or "not_taken" in result:
            typer.echo(_write_line(result))
    typer.echo(f"{told['taken']} taken, {told['there']} there already, {told['refused']} refused")
    left_out = [f"{name.replace('_', ' ')} {n}" for name, n in told["left_out"].items() if n]
    if left_out:
        typer.echo(f"left out: {', '.join(left_out)}")
    if told["refused"]:
        raise typer.Exit(1)


@contextmanager
def _open_source(file: str) -> Iterator[IO[bytes]]:
    """The file; standard input as one, for it may have to be read twice."""
    with _named(file):
        if file != STREAM:
            with open(file, "rb") as source:
                yield source
            return
        with TemporaryFile() as source:
            shutil.copyfileobj(typer.get_binary_stream("stdin"), source)
            yield source


def _send(settings: Settings, source: IO[bytes], kind: str) -> dict[str, Any]:
    """What came of it; where that takes longer than a request, asked for once more when it is done:
    only the answer to the request tells of each line."""
    headers = {"Content-Type": kind, "Idempotency-Key": f"import-{uuid4()}"}
    while True:
        source.seek(0)
        with ask(
            settings, "POST", "/v1/me/import", content=source, headers=headers, timeout=PATIENCE
        ) as answer:
            told: dict[str, Any] = json.loads(answer.read())
        if answer.status_code == 200:
            return told
        _await(settings, answer.headers["location"])


def _await(settings: Settings, place: str) -> None:
    typer.echo("It is still being written; it goes on without this command, too.", err=True)
    # An outcome is asked for: no stream tells of it.
    while call(settings, "GET", place)["status"] == "pending":
        time.sleep(LOOK_AGAIN)


def _write_line(result: dict[str, Any]) -> str:
    """One entry of the file in a few words: its place there, what came of it, its id, and why."""
    said = SAID.get(result["status"], "refused")
    words = [f"#{result['position'] + 1}", said, result.get("task_id") or result["id"] or ""]
    if problem := result.get("problem"):
        words.append(problem["detail"])
    if others := result.get("not_taken"):
        words.append(f"but not its {', '.join(others)}")
    return "  ".join(word for word in words if word)


def _is_calendar(file: str, ics: bool) -> bool:
    return ics or file.lower().endswith(".ics")
