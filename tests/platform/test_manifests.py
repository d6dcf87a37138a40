"""Every manifest on a real API server, unknown fields refused: as it stands, and as kustomize puts
it together.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.render import COMPONENTS, KUBERNETES, NAMESPACE, with_component
from tests.platform.cluster import Cluster, run
from tests.platform.pods import ROOT, read_documents

FOLDERS = (
    "dapr",
    "keda",
    "knative",
    "knative/eventing",
    "infra/kubernetes/base/topics",
    "infra/kubernetes/monitoring/monitors",
    "infra/kubernetes/monitoring/rules",
)
POSTGRES = re.search(r"postgres=(\S+)", (KUBERNETES / "minikube" / "up.sh").read_text())
assert POSTGRES is not None
# Whose definitions the cluster does not bring: the Go modules that do, and where in them.
ELSEWHERE = {
    "postgresql.cnpg.io": (
        f"github.com/cloudnative-pg/cloudnative-pg@v{POSTGRES[1]}",
        "config/crd/bases",
    ),
    "snapshot.storage.k8s.io": (
        "github.com/kubernetes-csi/external-snapshotter/client/v8@v8.2.0",
        "config/crd/snapshot.storage.k8s.io_volumesnapshotclasses.yaml",
    ),
}


def find_kustomizations() -> list[Path]:
    """Folders that kustomize can put together alone."""
    names = ("kustomization.yaml", "Kustomization")
    found = [path for name in names for path in ROOT.glob(f"infra/kubernetes/**/{name}")]
    whole = [path for path in found if "kind: Component" not in path.read_text()]
    return sorted(path.parent.relative_to(ROOT) for path in whole)


@pytest.fixture(scope="module", autouse=True)
async def namespace(cluster: Cluster) -> None:
    """Where the manifests say they belong; a dry run makes nothing."""
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})


@pytest.fixture(scope="module")
async def definitions(cluster: Cluster) -> None:
    """The other operators' definitions, from where they are published."""
    if shutil.which("go") is None:
        pytest.skip("there is no Go to bring the definitions of PostgreSQL's operator")
    for module, path in ELSEWHERE.values():
        found = json.loads(await run("go", "mod", "download", "-json", module))
        await cluster.kubectl("apply", "--server-side", "-f", f"{found['Dir']}/{path}")
    await cluster.kubectl("wait", "crd", "--all", "--for=condition=Established")


@pytest.mark.parametrize("folder", FOLDERS)
async def test_a_folder_fits_its_schemas(cluster: Cluster, folder: str, tmp_path: Path) -> None:
    await check(cluster, read_documents(ROOT / folder), tmp_path)


@pytest.mark.parametrize("folder", find_kustomizations(), ids=str)
async def test_an_overlay_fits_its_schemas(cluster: Cluster, folder: Path, tmp_path: Path) -> None:
    rendered = await render(ROOT / folder)
    await check(cluster, [one for one in rendered if group_of(one) not in ELSEWHERE], tmp_path)


@pytest.mark.usefixtures("definitions")
async def test_what_other_operators_are_told_fits_their_schemas(
    cluster: Cluster, tmp_path: Path
) -> None:
    rendered = [await render(ROOT / folder) for folder in find_kustomizations()]
    found = [one for some in rendered for one in some if group_of(one) in ELSEWHERE]
    assert {group_of(one) for one in found} == ELSEWHERE.keys()
    await check(cluster, found, tmp_path)


@pytest.mark.parametrize("name", COMPONENTS)
async def test_the_base_with_a_component_fits_its_schemas(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    rendered = await render(with_component(name))
    await check(cluster, [one for one in rendered if group_of(one) not in ELSEWHERE], tmp_path)


async def render(folder: Path) -> list[Any]:
    rendered = await run("kubectl", "kustomize", str(folder))
    return [one for one in yaml.safe_load_all(rendered) if one]


async def check(cluster: Cluster, documents: list[Any], folder: Path) -> None:
    assert documents
    (folder / "all.yaml").write_text(yaml.safe_dump_all(documents))
    said = await cluster.run("validate", str(folder))
    assert said.count("ok ") == len(documents), said


def group_of(document: Any) -> str:
    return str(document["apiVersion"].partition("/")[0])
