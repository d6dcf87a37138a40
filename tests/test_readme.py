"""What the README claims of the code is so: the map is the one that the functions print, the
targets and commands exist, and every setting is named.
"""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
from typer.testing import CliRunner

from local.cli import app
from taskflow.settings import Settings, name_variable

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
# Set by the platform for the processes it starts, not by people.
INNER = {"database_role", "database_pool", "database_pooled", "publish", "delivery_token",
         "retry_ceiling", "platform", "sidecar_patience"}  # fmt: skip


def run(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def exists(command: str) -> bool:
    """Whether the command line has it; asked in this process, for each other takes a second."""
    told = CliRunner().invoke(app, [*command.split(), "--help"])
    return told.exit_code == 0 and "Usage" in told.output


def test_a_command_that_is_none_does_not_exist() -> None:
    assert "Usage" in run("local", "tasks", "add", "--help") and exists("tasks add")
    assert not exists("tasks forget") and not exists("forget")


def test_the_map_is_what_the_functions_say() -> None:
    assert run("functions").rstrip() in README


def test_every_command_of_the_readme_exists() -> None:
    for words in re.findall(r"^bin/taskflow ([a-z-]+(?: [a-z]+)?)", README, re.MULTILINE):
        assert exists(words), words


def test_every_target_of_the_readme_exists() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)", README)) <= set(targets)
    assert len(targets) <= 10


def test_every_setting_is_named() -> None:
    people = [f.name for f in msgspec.structs.fields(Settings) if f.name not in INNER]
    for name in people:
        assert f"`{name_variable(name)}`" in README, name
