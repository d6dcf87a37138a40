"""Every manifest on a real API server, unknown fields refused: as it stands, and as kustomize puts
it together.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.platform.cluster import Cluster, find_cluster, run, running_cluster
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
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "taskflow"}}
# Whose definitions the cluster does not have; their own operator has to judge them.
UNKNOWN = {"postgresql.cnpg.io", "snapshot.storage.k8s.io"}


def find_kustomizations() -> list[Path]:
    """Folders that kustomize can put together alone."""
    names = ("kustomization.yaml", "Kustomization")
    found = [path for name in names for path in ROOT.glob(f"infra/kubernetes/**/{name}")]
    whole = [path for path in found if "kind: Component" not in path.read_text()]
    return sorted(path.parent.relative_to(ROOT) for path in whole)


@pytest.fixture(scope="module")
async def cluster() -> AsyncIterator[Cluster]:
    command = find_cluster()
    assert command is not None
    async with running_cluster(command, "manifests") as running:
        # Where the manifests say they belong; a dry run makes nothing.
        await running.apply(NAMESPACE)
        yield running


@pytest.mark.parametrize("folder", FOLDERS)
async def test_a_folder_fits_its_schemas(cluster: Cluster, folder: str, tmp_path: Path) -> None:
    await check(cluster, read_documents(ROOT / folder), tmp_path)


@pytest.mark.parametrize("folder", find_kustomizations(), ids=str)
async def test_an_overlay_fits_its_schemas(cluster: Cluster, folder: Path, tmp_path: Path) -> None:
    rendered = await run("kubectl", "kustomize", str(ROOT / folder))
    await check(cluster, [one for one in yaml.safe_load_all(rendered) if one], tmp_path)


async def check(cluster: Cluster, documents: list[Any], folder: Path) -> None:
    known = [one for one in documents if group_of(one) not in UNKNOWN]
    assert known
    (folder / "all.yaml").write_text(yaml.safe_dump_all(known))
    said = await cluster.run("validate", str(folder))
    assert said.count("ok ") == len(known), said


def group_of(document: Any) -> str:
    return str(document["apiVersion"].partition("/")[0])
