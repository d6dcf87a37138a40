"""What a story of the page needs on this machine: Chromium, Node, and the page's own parts."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STORIES = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# The driver of the browser, fetched by make test-web; without it only the page itself is built.
DRIVER = ROOT / "web" / "node_modules" / "playwright-core"
PAGE = ROOT / "web" / "out" / "index.html"

Story = Callable[[str, str], tuple[list[str], dict[str, str]]]


@pytest.fixture(scope="session")
def story() -> Story:
    """The command that tells the stories of a file to the page at an address."""
    missing = [
        words
        for words, found in (
            ("Chromium is absent", any(shutil.which(name) for name in BROWSERS)),
            ("Node is absent", shutil.which("node") is not None),
            ("the page is not built (make run builds it)", PAGE.exists()),
            ("its test driver is not fetched (make test-web)", DRIVER.exists()),
        )
        if not found
    ]
    if missing:
        pytest.skip(f"The page is not looked at in a browser: {', '.join(missing)}.")

    def command(file: str, address: str) -> tuple[list[str], dict[str, str]]:
        argv = ["node", "--test", "--test-concurrency=1", str(STORIES / file)]
        return argv, {**os.environ, "PAGE_URL": address}

    return command
