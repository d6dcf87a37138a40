"""The Terraform roots: formatted, planned against the providers' own schemas, refusing bad input
with its reason, clean before checkov, priced as their README says.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.infra.render import CLOUDS, ROOT

HERE = ROOT / "infra/terraform"
SAME_FILES = ["main.tf", "network.tf", "identities.tf", "variables.tf", "outputs.tf", "versions.tf"]
EXAMPLES = [(cloud, size) for cloud in CLOUDS for size in ("smallest", "production")]


class Terraform(NamedTuple):
    """The program, with the settings that keep it off the network."""

    program: Path
    environment: dict[str, str]

    def run(self, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        command = [self.program, *words, "-no-color"]
        return subprocess.run(
            command, cwd=folder, env=self.environment, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def must(self, folder: Path, *words: str) -> str:
        done = self.run(folder, *words)
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="session")
def pure(
    terraform: Path, offline: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Terraform:
    """For what needs no provider: none can be fetched."""
    settings = tmp_path_factory.mktemp("none") / "terraform.rc"
    settings.write_text('provider_installation { filesystem_mirror { path = "/nowhere" } }')
    return Terraform(terraform, {**offline, "TF_CLI_CONFIG_FILE": str(settings)})


@pytest.fixture(scope="session")
def mocked(terraform: Path, offline: dict[str, str], mirror: Path, roots: Path) -> Terraform:
    made = Terraform(terraform, {**offline, "TF_CLI_CONFIG_FILE": str(mirror)})
    for name in (*CLOUDS, "platform"):
        made.must(roots / name, "init", "-backend=false", "-input=false")
    return made


def test_everything_is_formatted(pure: Terraform) -> None:
    pure.must(HERE, "fmt", "-check", "-recursive")


def test_sizing_decides_and_refuses(pure: Terraform, roots: Path) -> None:
    pure.must(roots / "sizing", "init", "-backend=false")
    assert "0 failed" in pure.must(roots / "sizing", "test")


@pytest.mark.parametrize("name", [*CLOUDS, "platform"])
def test_a_root_fits_its_provider(mocked: Terraform, roots: Path, name: str) -> None:
    mocked.must(roots / name, "validate")
    assert "0 failed" in mocked.must(roots / name, "test", f"-filter=tests/{name}.tftest.hcl")


def test_what_the_provider_does_not_know_is_found(mocked: Terraform, roots: Path) -> None:
    """The check itself is one that fails."""
    file = roots / "aks/main.tf"
    text = file.read_text()
    wrong = text.replace("local_account_disabled ", "local_accounts_disabled ")
    file.write_text(wrong.replace("node_provisioning_profile {", "default_provisioning_profile {"))
    said = mocked.run(roots / "aks", "validate").stdout
    file.write_text(text)
    assert '"local_accounts_disabled" is not expected here' in said
    assert '"default_provisioning_profile" are not expected here' in said
    assert 'At least 1 "node_provisioning_profile" blocks are required' in said


@pytest.mark.parametrize(("cloud", "size"), EXAMPLES)
def test_an_example_plans(mocked: Terraform, roots: Path, cloud: str, size: str) -> None:
    done = plan_example(mocked, roots, cloud, size)
    assert done.returncode == 0, done.stdout


OVERLAP = {"nodes": "10.40.0.0/20", "services": "10.40.8.0/21", "pods": "10.64.0.0/14"}
FEW = {"machine": "Standard_D4as_v5", "min": 1, "max": 3}
POOR = {"monthly": 1, "emails": ["platform@example.com"]}
# Variable → a bad value, the reason, the way out.
BAD = {
    "region": ("mars-1", "is not a region of", "Choose one of"),
    "name": ("taskflow-of-the-whole-company-and-more", "letters", "Shorten name to"),
    "network": (
        json.dumps(OVERLAP),
        "nodes (10.40.0.0/20) and services (10.40.8.0/21) overlap",
        "give each its own",
    ),
    "api_access": ('["0.0.0.0/0"]', "that is the internet", "Name the office's"),
    "platform": (json.dumps(FEW), "what always runs asks for", "Set it to"),
    "budget": (json.dumps(POOR), "a month while nobody", "Raise the budget"),
}
# What is refused is decided in one place; that it is asked is seen on each cloud by its region.
REFUSED = [("aks", one) for one in BAD] + [("gke", "region"), ("oke", "region")]


@pytest.mark.parametrize(("cloud", "variable"), REFUSED)
def test_bad_input_is_refused_with_its_way_out(
    mocked: Terraform, roots: Path, cloud: str, variable: str
) -> None:
    value, reason, way_out = BAD[variable]
    done = plan_example(mocked, roots, cloud, "smallest", f"-var={variable}={value}")
    said = re.sub(r"[\s│]+", " ", done.stdout)
    assert done.returncode != 0
    assert reason in said, said
    assert way_out in said, said


def plan_example(
    terraform: Terraform, roots: Path, cloud: str, size: str, *more: str
) -> subprocess.CompletedProcess[str]:
    """The example, planned with the mocks of the root's own tests."""
    tests = (roots / cloud / f"tests/{cloud}.tftest.hcl").read_text()
    mocks = tests.partition("\nvariables {")[0]
    example = roots / cloud / "tests/example.tftest.hcl"
    example.write_text(mocks + '\nrun "plans" {\n  command = plan\n}\n')
    values = f"-var-file=../examples/{cloud}/{size}.tfvars"
    done = terraform.run(roots / cloud, "test", f"-filter=tests/{example.name}", values, *more)
    example.unlink()
    return done


def test_the_readme_prices_the_examples(pure: Terraform, roots: Path) -> None:
    pure.must(roots / "sizing", "init", "-backend=false")
    readme = (HERE / "README.md").read_text()
    for cloud, size in EXAMPLES:
        cost = price(pure, roots, cloud, size)
        assert f"| {cloud} | {size} | ${cost['idle']:,} | ${cost['load']:,} |" in readme


def price(terraform: Terraform, roots: Path, cloud: str, size: str) -> dict[str, int]:
    sizing = roots / "sizing"
    values = (HERE / f"examples/{cloud}/{size}.tfvars").read_text()
    more = f'cloud = "{cloud}"\nname = "taskflow"\napi_access = []\n'
    (sizing / "example.tfvars").write_text(values + more)
    terraform.must(sizing, "plan", "-input=false", "-var-file=example.tfvars", "-out=example.plan")
    shown = terraform.must(sizing, "show", "-json", "example.plan")
    start = shown.index("{")
    outputs = json.loads(shown[start:])["planned_values"]["outputs"]
    found: dict[str, int] = outputs["cost"]["value"]
    return found


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_clouds_have_the_same_files(cloud: str) -> None:
    assert sorted(file.name for file in (HERE / cloud).glob("*.tf")) == sorted(SAME_FILES)


def test_the_clouds_have_the_same_outputs() -> None:
    wanted = ["cluster", "registry", "database", "platform", "deploy", "cost"]
    for cloud in CLOUDS:
        text = (HERE / cloud / "outputs.tf").read_text()
        assert re.findall(r'^output "(\w+)"', text, re.M) == wanted, cloud


def test_what_terraform_and_minikube_install_is_the_same() -> None:
    """Both take their versions from one list in all but name."""
    charts = (HERE / "platform/charts.tf").read_text()
    up = (ROOT / "infra/kubernetes/minikube/up.sh").read_text()
    for name, chart in (("keda", "keda"), ("dapr", "dapr"), ("strimzi", "strimzi-kafka-operator"),
                        ("knative", "knative-operator")):  # fmt: skip
        version = re.search(rf"\b{name}=([\d.]+)", up)
        assert version is not None
        found = re.search(rf'chart += "{chart}"\n\s+version += "([\d.]+)"', charts)
        assert found is not None and found[1] == version[1], name
    postgres = re.search(r"\bpostgres=([\d.]+)", up)
    assert postgres is not None and f"Of the operator {postgres[1]}." in charts
