"""What the checks of the ground need of this machine (kubectl, Terraform, checkers); what is
missing is said once, in a line of the report.
"""

import os
import shutil
from pathlib import Path

import pytest

from tests.infra.mirror import build_mirror
from tests.infra.render import ROOT
from tests.infra.tools import SCHEMAS, find_schema, find_stand_in, find_terraform

NEEDED = ("infra/terraform", "infra/kubernetes", "infra/release", "keda")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Each reason once, even where pytest itself is quiet."""
    skipped = terminalreporter.stats.get("skipped", [])
    ours = {str(one.longrepr[2]) for one in skipped if one.nodeid.startswith("tests/infra/")}
    for reason in sorted(ours):
        terminalreporter.write_line(f"tests/infra: {reason}")


def need(found: Path | None, what: str) -> Path:
    """What was found; without it the test is skipped."""
    if found is None:
        pytest.skip(f"there is no {what}; python -m tests.infra.tools fetches it, or says why not")
    return found


@pytest.fixture(scope="session")
def terraform() -> Path:
    return need(find_terraform(), "Terraform 1.10 or OpenTofu")


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Terraform's settings: every provider is one that knows the real one's schema."""
    stand_in = need(find_stand_in(), "provider that stands in (Go builds it)")
    for provider in SCHEMAS:
        need(find_schema(provider), f"schema of {provider}")
    return build_mirror(tmp_path_factory.mktemp("mirror"), ROOT / "infra/terraform", stand_in)


@pytest.fixture(scope="session")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The roots in a copy, for Terraform writes beside what it reads."""
    folder = tmp_path_factory.mktemp("roots")
    for name in NEEDED:
        ignored = shutil.ignore_patterns(".terraform*")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    return folder / "infra/terraform"


@pytest.fixture(scope="session")
def offline() -> dict[str, str]:
    return {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
