"""A place for the sidecars of one test."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.blocks.sidecars import Place


@pytest.fixture
def place(daprd: Path) -> Iterator[Place]:
    """Short, because a socket's path must be."""
    folder = Path(tempfile.mkdtemp(prefix="taskflow-"))
    yield Place(daprd, folder)
    shutil.rmtree(folder, ignore_errors=True)
