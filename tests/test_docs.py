"""The documentation: its site builds without a broken link, the commands in it exist, and its
example of a new function is one.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_readme import ROOT, exists

PAGES = sorted((ROOT / "docs").rglob("*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_of_the_nav_is_there(site: Path) -> None:
    for page in ("index.html", "decisions/index.html", "cloud/index.html", "runbooks/index.html"):
        assert "TaskFlow" in (site / page).read_text()


def test_the_reference_names_every_event_and_route(site: Path) -> None:
    asyncapi = json.loads((site / "reference/asyncapi.json").read_text())
    assert "TaskCreated" in asyncapi["channels"]["task-events"]["messages"]
    assert asyncapi["operations"]["write_task.receive.task-commands"]["action"] == "receive"
    events = (site / "reference/events/index.html").read_text()
    assert all(name in events for name in asyncapi["components"]["messages"])
    routes = json.loads((site / "reference/openapi.json").read_text())["paths"]
    page = (site / "reference/http/index.html").read_text()
    assert all(path in page for path in routes)


def test_every_command_in_the_documentation_exists() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in PAGES:
        text = page.read_text()
        said = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
        assert said <= set(targets), page
    words = {
        found
        for page in PAGES
        for found in re.findall(r"bin/taskflow ([a-z-]+(?: [a-z]+)?)", page.read_text())
    }
    for command in sorted(words):
        assert exists(command), command


def test_the_example_of_a_new_function_is_one(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "extend.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    folder = tmp_path / "count_done"
    folder.mkdir()
    for name, block in zip(("handler.py", "main.py"), blocks, strict=True):
        (folder / name).write_text("\n".join(line[3:] for line in block.splitlines()))
    ask = (
        f"import functions; functions.__path__.append({str(tmp_path)!r});"
        "from functions.count_done.main import main as plug;"
        "print(plug.function.app_id, *(kind.__name__ for kind in plug.function.wakes_on))"
    )
    told = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["count-done", "TaskCompleted"]
