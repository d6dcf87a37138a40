"""What goes into the image and what does not, and the door that it opens. Only an engine can build
it; what its steps do is tried here without one.
"""

import asyncio
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from signal import SIGTERM

import httpx
import pytest
import yaml

from infra.image.select_packages import read_blocks, read_name, read_wanted
from local import process
from tests.conftest import address
from tests.infra.render import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
# Whoever reads no source but finds bytecode: PEP 552, checked by nothing.
UNCHECKED = 0b01
LOCK = """\
# how it was made
alpha==1.0 \\
    --hash=sha256:aa
beta-two==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:bb \\
    --hash=sha256:cc
"""


def test_a_block_of_the_lock_is_kept_whole() -> None:
    blocks = read_blocks(LOCK)
    assert blocks == {
        "alpha": "alpha==1.0 \\\n    --hash=sha256:aa\n",
        "beta-two": (
            "beta-two==2.0 ; sys_platform == 'win32' \\\n"
            "    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
        ),
    }


@pytest.mark.parametrize(
    ("requirement", "name"),
    [("pwdlib[argon2]>=0.3", "pwdlib"), ("SSE_Starlette>=3", "sse-starlette"), ("a.b==1", "a-b")],
)
def test_a_requirement_is_known_by_its_name(requirement: str, name: str) -> None:
    assert read_name(requirement) == name


def test_what_only_a_home_runs_stays_at_home() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    at_home = {read_name(one) for one in tomllib.loads(text)["dependency-groups"]["home"]}
    assert not at_home & {read_name(one) for one in read_wanted(text)}
    packages = "|".join(name.replace("-", "_") for name in at_home)
    for folder in ("taskflow", "functions", "gateway"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not re.search(rf"^\s*(import|from) ({packages})\b", path.read_text(), re.M), path


def test_the_lock_has_all_that_is_wanted() -> None:
    blocks = read_blocks((ROOT / "requirements.lock").read_text())
    wanted = {read_name(one) for one in read_wanted((ROOT / "pyproject.toml").read_text())}
    assert wanted <= blocks.keys()
    assert all("--hash=sha256:" in block for block in blocks.values())


def test_bases_are_pinned_by_digest() -> None:
    bases = re.findall(r"^ARG (?:PYTHON|NODE)=(\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    for base in bases:
        assert re.fullmatch(
            r"\w+:\d+\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}|"
            r"\w+:\d+\.\d+\.\d+-\w+-slim@sha256:[0-9a-f]{64}",
            base,
        ), base
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert set(stages) == {"${NODE}", "${PYTHON}", "scratch"}


def test_it_runs_as_nobody_in_particular() -> None:
    (user,) = re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)
    # A number: Kubernetes cannot tell whether a name is root's.
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_what_is_copied_is_not_ignored() -> None:
    allowed = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert copied
    for source in copied:
        path = source.rstrip("/.") or "web"
        assert any(path == one or path.startswith(f"{one}/") for one in allowed), source


def test_a_file_system_is_slimmed_and_compiled(tmp_path: Path) -> None:
    site = tmp_path / "usr" / "local" / "lib" / "python3.11" / "site-packages"
    kept, gone = (
        ("good/__init__.py", "good/data.json"),
        (
            "good/tests/test_good.py",
            "good/fast.c",
            "good/fast.pyx",
            "good/words.po",
            "pip/__init__.py",
            "pip-24.0.dist-info/METADATA",
            "../ensurepip/__init__.py",
        ),
    )
    for name in (*kept, *gone):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("")
    handler = tmp_path / "app" / "handler.py"
    handler.parent.mkdir()
    handler.write_text("def handle(): ...\n")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = ["sh", str(ROOT / "infra" / "image" / "slim.sh"), str(tmp_path)]
    subprocess.run(script, check=True, env={**os.environ, "PATH": path})
    assert all((site / name).exists() for name in kept)
    assert not any((site / name).exists() for name in gone)
    compiled = Path(importlib.util.cache_from_source(str(handler))).read_bytes()
    assert int.from_bytes(compiled[4:8], "little") == UNCHECKED
    # Its place in the image, not the one where it was made.
    assert b"/app/handler.py" in compiled
    assert str(tmp_path).encode() not in compiled


@pytest.mark.parametrize("program", ["gateway", "write-task"])
async def test_the_entrypoint_opens_every_door(
    program: str, server: Path, template: str, tmp_path: Path
) -> None:
    port = process.choose_port()
    arguments = [word.replace("$(PORT)", str(port)) for word in read_arguments(program)]
    env = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "UVICORN_HOST": "127.0.0.1",
        "TASKFLOW_DATA": str(tmp_path),
        "TASKFLOW_SECRET": "s" * 43,
        "TASKFLOW_DATABASE": address(server, template),
        "TASKFLOW_PUBLISH": "kafka://127.0.0.1:1",
    }
    argv = [sys.executable, *read_entrypoint()[1:], *arguments]
    child = await process.spawn(argv, log=tmp_path / "log", env=env)
    try:
        await process.wait_for_port(port, child)
        process.check_running(child, program, tmp_path / "log")
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{port}/healthz", timeout=30)
        assert answer.status_code == 200
        child.send_signal(SIGTERM)
        async with asyncio.timeout(30):
            await child.wait()
    finally:
        await process.end(child)


def read_entrypoint() -> list[str]:
    (found,) = re.findall(r"^ENTRYPOINT (\[.*\])$", DOCKERFILE, re.MULTILINE)
    words: list[str] = json.loads(found)
    assert words[0] == "python"
    return words


def read_arguments(program: str) -> list[str]:
    files = [*(ROOT / "keda").glob("*.yaml"), ROOT / "knative" / "http.gateway.yaml"]
    for one in (one for file in files for one in yaml.safe_load_all(file.read_text())):
        if one["metadata"]["name"] == program and one["kind"] in ("Deployment", "Service"):
            words: list[str] = one["spec"]["template"]["spec"]["containers"][0]["args"]
            return words
    raise AssertionError(f"no manifest of {program}")
