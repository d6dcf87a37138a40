"""Cuts from the lock what the image needs: all that pyproject.toml depends on, without its groups;
apart from the Dockerfile, because the same cut is what its tests install.

Run as `python select_packages.py PYPROJECT LOCK > CUT`; asks pip which packages those are, with
the lock's own versions, and leaves their hashes as they stand in the lock.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
BLOCK = re.compile(r"^(?=[a-z0-9])", re.MULTILINE)


def read_name(requirement: str) -> str:
    """The normal form of the name that a requirement begins with (PEP 503)."""
    found = NAME.match(requirement)
    if found is None:
        raise SystemExit(f"{requirement!r} names no package")
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def read_wanted(pyproject: str) -> list[str]:
    declared: list[str] = tomllib.loads(pyproject)["project"]["dependencies"]
    return declared


def read_blocks(lock: str) -> dict[str, str]:
    """Name → its lines in the lock: version, marker and hashes."""
    blocks = [block for block in BLOCK.split(lock) if read_lines(block)]
    return {read_name(block): block for block in blocks}


def read_lines(block: str) -> list[str]:
    return [line for line in block.splitlines() if line.strip() and not line.startswith("#")]


def resolve(wanted: list[str], blocks: dict[str, str]) -> set[str]:
    """The names that pip would install, in the lock's versions."""
    pins = "\n".join(block.split("\\")[0].strip() for block in blocks.values())
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "constraints")
        constraints.write_text(pins)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--report=-"]
        command += ["--ignore-installed", f"--constraint={constraints}"]
        answer = subprocess.run([*command, *wanted], check=True, stdout=subprocess.PIPE)
    installs = json.loads(answer.stdout)["install"]
    return {read_name(one["metadata"]["name"]) for one in installs}


def main(pyproject: str, lock: str) -> None:
    blocks = read_blocks(Path(lock).read_text())
    names = resolve(read_wanted(Path(pyproject).read_text()), blocks)
    sys.stdout.write("".join(blocks[name] for name in sorted(names)))


if __name__ == "__main__":
    main(*sys.argv[1:])
