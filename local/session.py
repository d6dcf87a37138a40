"""The command line's own log-in: one HTTP client with the token that `taskflow login` kept."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from taskflow.settings import Settings

if TYPE_CHECKING:
    import httpx


def session_file(settings: Settings) -> Path:
    return settings.data / "session.json"


def base_url(settings: Settings) -> str:
    return settings.url or f"http://localhost:{settings.port}"


def log_in(settings: Settings, email: str, password: str, *, sign_up: bool = False) -> None:
    """Logs in (or signs up) and keeps the tokens, readable by this user alone."""
    path = "/v1/auth/signup" if sign_up else "/v1/auth/login"
    answer = call(settings, "POST", path, {"email": email, "password": password}, token=None)
    keep(settings, answer)


def keep(settings: Settings, answer: dict[str, Any]) -> None:
    file = session_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps({name: answer[name] for name in ("access_token", "refresh_token")}))


def read_token(settings: Settings) -> str:
    """A fresh access token. Ends the command where nobody is logged in."""
    try:
        tokens = json.loads(session_file(settings).read_text())
    except FileNotFoundError:
        raise typer.Exit(say("Nobody is logged in: taskflow login EMAIL")) from None
    given = {"refresh_token": tokens["refresh_token"]}
    answer = call(settings, "POST", "/v1/auth/refresh", given, token=None)
    keep(settings, answer)
    return str(answer["access_token"])


def say(message: str) -> int:
    """An error for the person; the exit code."""
    typer.secho(message, fg="red", err=True)
    return 1


@contextmanager
def ask(
    settings: Settings,
    method: str,
    path: str,
    *,
    token: str | None = "",
    timeout: float = 30,
    headers: Mapping[str, str] | None = None,
    **given: Any,
) -> Iterator["httpx.Response"]:
    """The answer of the gateway as it arrives; a problem ends the command with its detail."""
    # Loaded here: `taskflow up` must not carry it.
    import httpx

    token = read_token(settings) if token == "" else token
    whole = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
    where = base_url(settings)
    try:
        with httpx.stream(method, where + path, headers=whole, timeout=timeout, **given) as answer:
            if answer.status_code >= 400:
                problem = json.loads(answer.read())
                raise typer.Exit(say(f"{problem['code']}: {problem['detail']}"))
            yield answer
    except httpx.TransportError as error:
        raise typer.Exit(say(f"{where} does not answer ({error}): taskflow up")) from None


def call(
    settings: Settings, method: str, path: str, body: Any = None, *, token: str | None = ""
) -> Any:
    """The JSON answer of the gateway; a problem ends the command with its detail."""
    with ask(settings, method, path, token=token, json=body) as answer:
        content = answer.read()
    return json.loads(content) if content else None
