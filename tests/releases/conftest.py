"""The last release, unpacked once; where the history lacks it, its tests say so and are skipped."""

import os
from pathlib import Path

import pytest

from tests.releases.release import ROOT, Release, find_missing, read_name, unpack


@pytest.fixture(scope="session")
def last(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The last release. Where all of the history is promised, its absence is a failure."""
    name = read_name()
    if missing := find_missing(name):
        assert "GITHUB_ACTIONS" not in os.environ, f"{name}: {missing}"
        pytest.skip(f"tests/releases: the last release is {name[:12]}, and {missing}")
    return unpack(name, tmp_path_factory.mktemp("last"))


@pytest.fixture(scope="session")
def today() -> Release:
    return Release("today", Path(ROOT))
