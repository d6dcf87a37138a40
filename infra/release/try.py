"""Goes through TaskFlow once as a person would, from the outside: an account, a task, its end, its
history; and takes everything back.

Run as `python3 try.py https://tasks.example.com`; needs nothing else. Ends with an error at the
first answer that is not as promised.
"""

import json
import secrets
import sys
import time
import urllib.error
import urllib.request
from typing import Any

WAIT = {"Prefer": "wait=60"}
# Everything may be asleep, and one machine may have to be fetched.
PATIENCE = 300.0


class Person:
    """Somebody with an account of this one run."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json", **WAIT}

    def ask(self, method: str, path: str, status: int, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, self._headers, method=method)
        with urllib.request.urlopen(request, timeout=90) as answer:
            text = answer.read()
            if answer.status != status:
                raise SystemExit(
                    f"{method} {path} is {answer.status}, not {status}: {text[:500]!r}"
                )
            return json.loads(text) if text else None

    def arrive(self) -> None:
        password = secrets.token_urlsafe(16)
        body = {"email": f"try-{secrets.token_hex(6)}@example.com", "password": password}
        answer = self.ask("POST", "/v1/auth/signup", 201, body)
        self._headers["Authorization"] = f"Bearer {answer['access_token']}"

    def leave(self) -> None:
        self.ask("DELETE", "/v1/me", 204)


def await_gateway(person: Person) -> None:
    """Returns when it answers, however asleep it was."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            person.ask("GET", "/healthz", 200)
            return
        except (OSError, ValueError) as error:
            if time.monotonic() > end:
                raise SystemExit(f"nothing answers after {PATIENCE:.0f} s: {error}") from error
            time.sleep(2)


def await_history(person: Person, place: str, changes: int) -> None:
    """The record is written after the answer, by a function of its own."""
    end = time.monotonic() + PATIENCE
    while len(person.ask("GET", place, 200)["items"]) < changes:
        if time.monotonic() > end:
            raise SystemExit(f"{place} has fewer than {changes} entries after {PATIENCE:.0f} s")
        time.sleep(1)


def live(person: Person) -> None:
    """A task from its beginning to its end."""
    task = person.ask("POST", "/v1/tasks", 201, {"title": "Try TaskFlow", "tags": ["try"]})
    place = f"/v1/tasks/{task['id']}"
    assert person.ask("GET", place, 200)["title"] == "Try TaskFlow"
    assert person.ask("POST", f"{place}/complete", 200)["status"] == "done"
    assert [one["id"] for one in person.ask("GET", "/v1/tasks?tag=try", 200)["items"]] == [
        task["id"]
    ]
    await_history(person, f"{place}/history", changes=2)


def main(url: str) -> None:
    person = Person(url)
    await_gateway(person)
    person.arrive()
    try:
        live(person)
    finally:
        person.leave()
    print(f"{url} keeps what it promises.")


if __name__ == "__main__":
    main(sys.argv[1])
