"""The command line's own log-in: one HTTP client with the token that `taskflow login` kept."""

import json
from pathlib import Path
from typing import Any

import typer

from taskflow.settings import Settings


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


def call(
    settings: Settings, method: str, path: str, body: Any = None, *, token: str | None = ""
) -> Any:
    """The JSON answer of the gateway; a problem ends the command with its detail."""
    # Loaded here: `taskflow up` must not carry it.
    import httpx

    token = read_token(settings) if token == "" else token
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = httpx.request(
            method, base_url(settings) + path, json=body, headers=headers, timeout=30
        )
    except httpx.TransportError as error:
        where = base_url(settings)
        raise typer.Exit(say(f"{where} does not answer ({error}): taskflow up")) from None
    if answer.status_code >= 400:
        problem = answer.json()
        raise typer.Exit(say(f"{problem['code']}: {problem['detail']}"))
    return answer.json() if answer.content else None
