"""The page: the files that `web/` was built into, under a policy that no inline script passes;
apart from the nouns, because it answers browsers with files and knows nothing of tasks.
"""

import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.staticfiles import NotModifiedResponse
from starlette.types import Receive, Scope, Send

BUILT = Path(__file__).parent.parent / "web" / "out"

# What belongs to the interface answers as the interface does, also where nothing is.
INTERFACE = ("/v1/", "/api/", "/docs", "/redoc", "/openapi.json", "/healthz", "/readyz", "/metrics")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# Their names hold their content's hash.
LASTING = "/_next/static/"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))

NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>TaskFlow</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<h1>The page is not built yet</h1>
<p>TaskFlow itself is running; its interface is at <a href="/docs">/docs</a>.</p>
<p>To build the page, say <code>make run</code> in TaskFlow's folder (it needs to reach npm once),
then load this again. Nothing has to be started anew.</p>
</html>
"""


class PageRoute(BaseRoute):
    """Every GET that no other route wants; the last one of the application.

    A route and no mount, which would take other methods' 405 from the interface.
    """

    def __init__(self, folder: Path = BUILT) -> None:
        self._folder = folder.resolve()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope.get("path", "")
        wanted = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if not wanted or f"{path}/".startswith(INTERFACE):
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self.handle}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await anyio.to_thread.run_sync(
            answer_file, self._folder, scope["path"], Headers(scope=scope)
        )
        await answer(scope, receive, send)


def answer_file(folder: Path, path: str, wanted: Mapping[str, str]) -> Response:
    """The file of a path, or the page's own word that there is none. Raises HTTPException (404)
    for what no page can be."""
    if not (folder / "index.html").is_file():
        return HTMLResponse(NOT_BUILT, 503 if path == "/" else 404, HEADERS)
    file = find_file(folder, path)
    if file is not None:
        return _send(file, path, wanted, 200)
    if "." in path.rsplit("/", 1)[-1] or "text/html" not in wanted.get("accept", ""):
        raise HTTPException(404, f"Nothing is at {path[:64]!r}.")
    return _send(folder / "404.html", path, wanted, 404)


def find_file(folder: Path, path: str) -> Path | None:
    """The file that a path names inside of `folder`: itself, or its page."""
    name = path.strip("/") or "index"
    if "\0" in name:
        return None
    for candidate in (folder / name, folder / f"{name}.html"):
        if candidate.is_file() and candidate.resolve().is_relative_to(folder):
            return candidate
    return None


def _send(file: Path, path: str, wanted: Mapping[str, str], status: int) -> Response:
    """The file in the smallest form that the browser takes."""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    headers: dict[str, str] = {**HEADERS, "Vary": "Accept-Encoding"}
    headers["Cache-Control"] = FOR_EVER if path.startswith(LASTING) else ASK_AGAIN
    for encoding, suffix in ENCODINGS:
        packed = file.with_name(file.name + suffix)
        if encoding in wanted.get("accept-encoding", "") and packed.is_file():
            file, headers["Content-Encoding"] = packed, encoding
            break
    answer = FileResponse(file, status, headers, kind, stat_result=file.stat())
    if status == 200 and wanted.get("if-none-match") == answer.headers["etag"]:
        return NotModifiedResponse(answer.headers)
    return answer


def serve_page(app: Any, folder: Path = BUILT) -> None:
    """Puts the page behind every other route of `app`."""
    app.router.routes.append(PageRoute(folder))
