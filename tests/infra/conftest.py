"""The overlays are rendered by kubectl; without it their tests do not run, and one line of the
report says so.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NO_KUBECTL = "tests/infra/test_overlays.py: skipped, for there is no kubectl on PATH to render them"


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    if shutil.which("kubectl") is None:
        for item in items:
            if item.path == HERE / "test_overlays.py":
                item.add_marker(pytest.mark.skip(reason=NO_KUBECTL))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if shutil.which("kubectl") is None:
        terminalreporter.write_line(NO_KUBECTL)
