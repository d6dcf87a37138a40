"""The last release beside today's code: named in the file `last`, unpacked from the history, and
run in processes of its own by the packages of today.
"""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parents[2]
LAST = Path(__file__).with_name("last")


class Release(Struct, frozen=True):
    """Code that runs: its name, and the folder it lies in."""

    name: str
    root: Path

    def environment(self, **given: str) -> dict[str, str]:
        """Ours, with this code alone to import: its folders are namespaces, so of two roots on the
        path a module that one lacks would come from the other."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return {**kept, "PYTHONPATH": str(self.root), **given}

    def run(self, *words: str | Path, given: bytes = b"", **variables: str) -> bytes:
        """What `python WORDS` prints with this code. Fails with what it said when it fails."""
        done = self.start(*words, given=given, **variables)
        assert done.returncode == 0, f"{self.name}: {(done.stderr or done.stdout).decode()}"
        return done.stdout

    def start(
        self, *words: str | Path, given: bytes = b"", **variables: str
    ) -> subprocess.CompletedProcess[bytes]:
        """What came of it, whatever that is."""
        return subprocess.run(
            [sys.executable, "-P", *words],
            cwd=self.root,
            env=self.environment(**variables),
            input=given,
            capture_output=True,
            check=False,
        )


def read_name() -> str:
    """The tag or commit that stands in `last`."""
    lines = LAST.read_text().splitlines()
    (name,) = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return name


def ask_git(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, check=False)


def find_missing(name: str) -> str:
    """Why the history does not give this release; nothing if it does."""
    try:
        found = ask_git("cat-file", "-e", f"{name}^{{commit}}")
    except FileNotFoundError:
        return "there is no git"
    said = found.stderr.decode().strip()
    return f"the history lacks it: fetch all of it (git fetch --unshallow): {said}" if said else ""


def unpack(name: str, folder: Path) -> Release:
    """The release's files in `folder`."""
    packed = ask_git("archive", "--format=tar", name)
    assert packed.returncode == 0, packed.stderr.decode()
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
        files.extractall(folder, filter="data")
    return Release(name[:12], folder)
