"""The page's files: found by their path alone, packed as the browser takes them, under the policy,
and never in the way of the interface.
"""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from gateway.problems import handle_errors
from gateway.web import serve_page

INDEX = "<!doctype html><title>TaskFlow</title>"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A small page, and beside it what nobody may read."""
    (tmp_path / "secret.txt").write_text("kept from all")
    out = tmp_path / "out"
    (out / "_next" / "static").mkdir(parents=True)
    (out / "index.html").write_text(INDEX)
    (out / "index.html.gz").write_bytes(gzip.compress(INDEX.encode()))
    (out / "week.html").write_text("week")
    (out / "404.html").write_text("nothing here")
    (out / "_next" / "static" / "app-1f2e.js").write_text("run()")
    (out / "link").symlink_to(tmp_path / "secret.txt")
    return out


def serve(folder: Path) -> httpx.AsyncClient:
    app = FastAPI()
    handle_errors(app)

    @app.post("/v1/tasks")
    async def write() -> dict[str, str]:
        return {}

    serve_page(app, folder)
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.fixture
async def browser(built: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(built) as client:
        client.headers.update({"Accept": "text/html,*/*", "Accept-Encoding": "identity"})
        yield client


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", INDEX),
        ("/?view=done", INDEX),
        ("/week", "week"),
        ("/_next/static/app-1f2e.js", "run()"),
    ],
)
async def test_files_are_found(browser: httpx.AsyncClient, path: str, text: str) -> None:
    answer = await browser.get(path)
    assert (answer.status_code, answer.text) == (200, text)


async def test_no_inline_script_passes_the_policy(browser: httpx.AsyncClient) -> None:
    for path in ("/", "/week", "/nowhere", "/_next/static/app-1f2e.js"):
        policy = (await browser.get(path)).headers["content-security-policy"]
        directives = dict(one.strip().split(" ", 1) for one in policy.split(";"))
        assert directives["script-src"] == "'self'"
        assert directives["default-src"] == "'none'"
        assert "unsafe" not in policy


async def test_it_is_packed_for_who_takes_it(browser: httpx.AsyncClient) -> None:
    packed = await browser.get("/", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-type"] == "text/html; charset=utf-8"
    assert packed.text == INDEX
    assert "content-encoding" not in (await browser.get("/")).headers


async def test_what_has_its_hash_in_its_name_lasts(browser: httpx.AsyncClient) -> None:
    lasting = (await browser.get("/_next/static/app-1f2e.js")).headers["cache-control"]
    assert "immutable" in lasting
    page = await browser.get("/")
    assert page.headers["cache-control"] == "no-cache"
    again = await browser.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/link",
        "/a%00b",
        "/gone.js",
        "/_next",
    ],
)
async def test_nothing_else_is_read(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert "kept from all" not in answer.text


async def test_a_person_who_is_lost_gets_a_page_and_a_script_a_problem(
    browser: httpx.AsyncClient,
) -> None:
    lost = await browser.get("/nowhere")
    assert (lost.status_code, lost.text) == (404, "nothing here")
    problem = await browser.get("/nowhere", headers={"Accept": "*/*"})
    assert problem.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/v1/tasks", 405), ("GET", "/v1/nothing", 404), ("POST", "/", 404), ("GET", "/v1", 404),
])  # fmt: skip
async def test_the_interface_answers_for_itself(
    browser: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await browser.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_page_that_is_not_built_says_how(tmp_path: Path) -> None:
    async with serve(tmp_path / "out") as client:
        answer = await client.get("/")
        assert answer.status_code == 503
        assert "make run" in answer.text
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "index.html").write_text(INDEX)
        assert (await client.get("/")).text == INDEX
