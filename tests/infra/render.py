"""What kustomize makes of an overlay, and how to find one's way in it; shared by the tests of the
ground.
"""

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

Manifest: TypeAlias = dict[str, Any]

ROOT = Path(__file__).parent.parent.parent
KUBERNETES = ROOT / "infra" / "kubernetes"
CLOUDS = ("aks", "gke", "oke")
COMPONENTS = ("eventing", "jobs", "monitoring", "scram", "spot")
OVERLAYS = ("minikube", *CLOUDS, *COMPONENTS)
# Applied beside an overlay, when somebody wants it.
ON_DEMAND = ("after-restore",)
NAMESPACE = "taskflow"


@cache
def render(overlay: str) -> tuple[Manifest, ...]:
    """Every object of an overlay, or of the base with a component."""
    folder = with_component(overlay) if overlay in COMPONENTS else KUBERNETES / overlay
    command = [need_kubectl(), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return tuple(yaml.load_all(done.stdout, loader))


def need_kubectl() -> str:
    """The program that renders; without it a test is skipped."""
    found = shutil.which("kubectl")
    if found is None:
        pytest.skip("there is no kubectl on PATH to render manifests")
    return found


def with_component(name: str) -> Path:
    """A folder that adds a component to the base; beside nothing of the repository."""
    folder = ROOT / ".taskflow" / "render" / name
    folder.mkdir(parents=True, exist_ok=True)
    up = "../../../infra/kubernetes"
    whole = {
        "resources": [f"{up}/base"],
        "components": [f"{up}/{name}"],
        "images": [{"name": "taskflow", "newTag": "0.1.0"}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(whole))
    return folder


def of_kind(manifests: tuple[Manifest, ...], kind: str, group: str = "") -> dict[str, Manifest]:
    """Name → object. A Service of Knative's has the group that one of Kubernetes' lacks."""
    found = [
        one
        for one in manifests
        if one["kind"] == kind and (not group or one["apiVersion"].startswith(f"{group}/"))
    ]
    return {one["metadata"]["name"]: one for one in found}


def pods(manifests: tuple[Manifest, ...]) -> dict[str, Manifest]:
    """Kind and name of whatever makes pods → the pod it makes."""
    made = {}
    for one in manifests:
        spec = one.get("spec", {})
        if one["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "containers" in spec.get("template", {}).get("spec", {}) and one["kind"] != "Pooler":
            made[f"{one['kind']}/{one['metadata']['name']}"] = spec["template"]
    return made


def containers(manifests: tuple[Manifest, ...]) -> Iterator[tuple[str, Manifest]]:
    for name, pod in pods(manifests).items():
        for container in pod["spec"]["containers"]:
            yield name, container


def environment(container: Manifest) -> dict[str, str]:
    """The variables whose values stand in the manifest."""
    return {one["name"]: one["value"] for one in container.get("env", []) if "value" in one}


def find(tree: Any, key: str) -> Iterator[Any]:
    """Every value that stands under `key`, however deep."""
    if isinstance(tree, dict):
        if key in tree:
            yield tree[key]
        for value in tree.values():
            yield from find(value, key)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from find(value, key)
