"""What checkov asks of Terraform, manifests, the image and workflows: all of it is so, or says why
not.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.conftest import need
from tests.infra.render import ROOT, need_kubectl
from tests.infra.tools import find_checkov

TERRAFORM = ROOT / "infra/terraform"
# In Terraform a suppression stands at its resource; manifests and the Dockerfile have no place.
ACCEPTED = {
    "CKV_K8S_8": "Redis holds counters that nobody misses; a look at its port is enough",
    "CKV_K8S_11": "a CPU limit throttles a cold start, the one moment that people wait for",
    "CKV_K8S_15": "images are named by their digest when they are deployed: there is no newer one",
    "CKV_K8S_35": "a function reads its few secrets once, at its start; files cost more of it",
    "CKV_K8S_40": "the image's own user is 65532, and runAsNonRoot refuses any other image",
    "CKV_K8S_43": "deploy.sh puts the digest in place of the overlay's version",
    "CKV_DOCKER_2": "Kubernetes and compose ask in ways of their own",
    "CKV_DOCKER_7": "the base image is named by tag and digest, in an argument",
}


def find_failures(folder: Path, *frameworks: str) -> tuple[set[str], int]:
    """The checks that something fails, and how many are held."""
    checkov = need(find_checkov(), "checkov")
    command = [checkov, "--directory", folder, "--skip-download", "--compact", "--quiet"]
    command += ["--output", "json", "--framework", *frameworks]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    found = json.loads(done.stdout)
    reports = found if isinstance(found, list) else [found]
    failed = [one for report in reports for one in report["results"]["failed_checks"]]
    passed = sum(report["summary"]["passed"] for report in reports)
    return {f"{one['check_id']} {one['resource']}" for one in failed}, passed


@pytest.mark.timeout(300)
def test_terraform_holds_every_policy() -> None:
    failed, passed = find_failures(TERRAFORM, "terraform")
    assert failed == set()
    assert passed > 100


@pytest.mark.timeout(300)
def test_manifests_image_and_workflows_hold_every_policy(tmp_path: Path) -> None:
    render = [need_kubectl(), "kustomize", ROOT / "infra/kubernetes/aks"]
    rendered = subprocess.run(render, check=True, capture_output=True).stdout
    (tmp_path / "aks.yaml").write_bytes(rendered)
    shutil.copy(ROOT / "Dockerfile", tmp_path)
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    failed, passed = find_failures(tmp_path, "kubernetes", "dockerfile", "github_actions")
    assert {one.partition(" ")[0] for one in failed} == set(ACCEPTED)
    assert passed > 1000


def test_every_suppression_has_its_reason() -> None:
    texts = "\n".join(file.read_text() for file in TERRAFORM.rglob("*.tf"))
    found = re.findall(r"#checkov:skip=(\w+)(.*)", texts)
    assert found
    assert [name for name, reason in found if len(reason) < 20] == []
