"""The page's types are those of the gateway that serves it: written anew, they are what is kept."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.web.conftest import ROOT

WEB = ROOT / "web"
KEPT = WEB / "src" / "api" / "openapi.d.ts"
WRITER = WEB / "node_modules" / ".bin" / "openapi-typescript"


async def test_the_types_of_the_interface_are_fresh(tmp_path: Path) -> None:
    if shutil.which("node") is None or not WRITER.exists():
        pytest.skip("Node or openapi-typescript is absent (make test-web fetches it).")
    fresh = tmp_path / "openapi.d.ts"
    writing = await asyncio.create_subprocess_exec(
        "sh", str(WEB / "build" / "types.sh"), str(fresh), stdout=asyncio.subprocess.DEVNULL
    )
    assert await writing.wait() == 0
    told = "The interface has changed: say npm run types in web/, then npm run check."
    assert fresh.read_text() == KEPT.read_text(), told
