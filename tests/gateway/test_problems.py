"""What a request is told that the gateway cannot read."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.gateway.account_app import problem_of

WRITES = [
    ("POST", "/v1/auth/signup"),
    ("POST", "/v1/auth/login"),
    ("POST", "/v1/auth/password"),
    ("PATCH", "/v1/me"),
    ("PATCH", "/v1/me/reminders"),
    ("POST", "/v1/tokens"),
    ("POST", "/v1/channels"),
    ("POST", "/v1/tasks"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded; charset=x"])
async def test_another_media_type_is_named_on_every_route(
    paris: httpx.AsyncClient, method: str, path: str, kind: str
) -> None:
    answer = await paris.request(method, path, content=b"{}", headers={"content-type": kind})
    told = problem_of(answer, 415, "unsupported_media_type")
    assert kind.partition(";")[0] in told["detail"] and "application/json" in told["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "application/json; charset=utf-8"},
        {"content-type": "Application/JSON"},
    ],
)
async def test_json_is_read_whether_it_says_so_or_nothing(
    paris: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await paris.patch("/v1/me", content=b'{"name": "Ann"}', headers=headers)
    assert (answer.status_code, answer.json()["name"]) == (200, "Ann")


async def test_what_says_that_it_is_json_and_is_none(paris: httpx.AsyncClient) -> None:
    kind = {"content-type": "application/json"}
    problem_of(
        await paris.patch("/v1/me", content=b"name=Ann", headers=kind), 400, "malformed_json"
    )
    fields = problem_of(await paris.patch("/v1/me", json={"colour": "red"}), 422, "invalid")
    assert [one["field"] for one in fields["errors"]] == ["colour"]
    fields = problem_of(await paris.patch("/v1/me", json="Ann"), 422, "invalid")
    assert fields["errors"]


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "once"}])
@pytest.mark.parametrize(("method", "path"), [w for w in WRITES if w[1] != "/v1/tasks"])
async def test_a_body_has_a_limit_whether_it_says_its_length_or_not(
    paris: httpx.AsyncClient, method: str, path: str, key: dict[str, str]
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 65_536

    kind = {"content-type": "application/json", **key}
    for content in (b" " * (1024 * 1024 + 1), pieces()):
        answer = await paris.request(method, path, content=content, headers=kind)
        problem_of(answer, 413, "too_large")
