"""The workflows: clean before their checkers, pinned, with no more rights than their work, and
thin: what they run stands in files that are tested.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.conftest import need
from tests.infra.render import ROOT
from tests.infra.test_release import pins
from tests.infra.tools import find_actionlint, find_shellcheck, find_zizmor

GITHUB = ROOT / ".github"
FILES = sorted((GITHUB / "workflows").glob("*.yaml"))
SCRIPTS = [ROOT / ".ci/run", *sorted((ROOT / "infra").rglob("*.sh"))]
# May be written to, and by whom; everything else only reads.
WRITES = {
    "packages": {"image"},
    "attestations": {"image"},
    "id-token": {"image", "deploy"},
    "security-events": {"scan"},
    "contents": {"publish", "propose"},
    "pull-requests": {"propose"},
}


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(file.read_text(), yaml.BaseLoader)
    return found


def run(*command: str | Path) -> str:
    done = subprocess.run(
        command, cwd=ROOT, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_actionlint_finds_nothing() -> None:
    shellcheck = need(find_shellcheck(), "shellcheck")
    run(need(find_actionlint(), "actionlint"), f"-shellcheck={shellcheck}", *FILES)


def test_zizmor_finds_nothing() -> None:
    run(need(find_zizmor(), "zizmor"), "--offline", "--no-progress", GITHUB)


def test_shellcheck_finds_nothing() -> None:
    # `CDPATH= cd` is how POSIX clears a variable for one command.
    run(need(find_shellcheck(), "shellcheck"), "--severity=info", "--exclude=SC1007", *SCRIPTS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_everything_is_named_by_its_commit(file: Path) -> None:
    assert pins.list_unpinned(file.read_text()) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_rights_are_given_one_by_one(file: Path) -> None:
    workflow = read(file)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["permissions"], f"{name} says no permissions, so it has its caller's"
        for right, level in job["permissions"].items():
            called = Path(job.get("uses", f"{file.stem}.yaml")).stem
            allowed = WRITES.get(right, set()) & {name, called}
            assert level == "read" or allowed, f"{name} may write {right}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_job_ends_and_its_steps_are_thin(file: Path) -> None:
    for name, job in read(file)["jobs"].items():
        assert "uses" in job or int(job["timeout-minutes"]) <= 180, name
        for step in job.get("steps", []):
            assert len(step.get("run", "").splitlines()) <= 8, f"{name}: write a script"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_run_is_here(file: Path) -> None:
    text = file.read_text()
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.M)
    for script in re.findall(r"infra/release/[a-z-]+\.(?:sh|py)", text):
        assert (ROOT / script).exists(), script
    for target in re.findall(r"run: make ([a-z-]+)$", text, re.M):
        assert target in targets, target
    for matrix in re.findall(r"target: \[(.*)\]", text):
        assert set(matrix.split(", ")) <= set(targets), matrix


def test_where_tests_run_all_of_the_history_is_there() -> None:
    """The last release is taken out of it, and its tests would be skipped (tests/releases)."""
    steps = read(GITHUB / "workflows/check.yaml")["jobs"]["make"]["steps"]
    (checkout,) = [one for one in steps if one.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["fetch-depth"] == "0"


def test_no_secret_is_known_but_by_its_name() -> None:
    text = "\n".join(file.read_text() for file in FILES)
    used = set(re.findall(r"secrets\.(\w+)", text))
    assert used == {"GITHUB_TOKEN", "TASKFLOW_SMTP"}


def test_every_environment_variable_is_an_output_of_terraform() -> None:
    """What deploy.yaml asks of an environment, each cloud's root says."""
    deploys = (GITHUB / "workflows/deploy.yaml").read_text()
    asked = set(re.findall(r"vars\.(\w+)", deploys)) - {"RUNNER"}
    given: set[str] = set()
    for cloud in ("aks", "gke", "oke"):
        text = (ROOT / f"infra/terraform/{cloud}/outputs.tf").read_text()
        deploy = text[text.index('output "deploy"') :].partition("\n}\n")[0]
        here = set(re.findall(r"^    ([A-Z_]+) +=", deploy, re.M))
        assert {"CLOUD", "REGISTRY", "CLUSTER", "CLUSTER_PLACE", "DOMAIN"} <= here, cloud
        given |= here
    assert given == asked


CHARTS = {
    "kube-prometheus-stack",
    "cert-manager",
    "keda",
    "dapr",
    "strimzi-kafka-operator",
    "cloudnative-pg",
    "knative-operator",
}
CHECKERS = {"checkov", "zizmor", "github.com/rhysd/actionlint", "github.com/opentofu/opentofu"}


@pytest.mark.parametrize(
    ("file", "wanted"),
    [("infra/terraform/platform/charts.tf", CHARTS), ("tests/infra/tools.py", CHECKERS)],
)
def test_renovate_sees_what_is_pinned(file: str, wanted: set[str]) -> None:
    found: set[str] = set()
    for manager in json.loads((GITHUB / "renovate.json").read_text())["customManagers"]:
        if not any(re.search(one.strip("/"), file) for one in manager["managerFilePatterns"]):
            continue
        for pattern in manager["matchStrings"]:
            for match in re.finditer(pattern.replace("(?<", "(?P<"), (ROOT / file).read_text()):
                parts = match.groupdict()
                assert re.fullmatch(r"v?[\d.]+", parts["currentValue"])
                found.add(parts.get("depName") or parts["chart"])
    assert wanted <= found
