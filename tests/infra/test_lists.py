"""Kustomize reads lists, not folders: these lists name every file."""

from pathlib import Path

import pytest
import yaml

from tests.infra.render import KUBERNETES, ROOT


@pytest.mark.parametrize("folder", ["dapr", "keda", "knative", "knative/eventing"])
def test_a_folder_of_manifests_is_listed_whole(folder: str) -> None:
    listed = yaml.safe_load((ROOT / folder / "Kustomization").read_text())["resources"]
    there = sorted(path.name for path in (ROOT / folder).glob("*.yaml"))
    assert sorted(listed) == there, f"add what is missing to {folder}/Kustomization"


def test_the_base_lists_every_file_of_its_own() -> None:
    base = KUBERNETES / "base"
    whole = yaml.safe_load((base / "kustomization.yaml").read_text())
    patches = {one["path"] for one in whole["patches"] if "path" in one}
    listed = {one for one in whole["resources"] if not one.startswith("..")} | patches
    there = {str(path.relative_to(base)) for path in base.rglob("*.yaml")}
    assert listed == there - {"kustomization.yaml"}


def test_manifests_are_named_when_and_what() -> None:
    for path in (ROOT / "knative").rglob("*.yaml"):
        assert len(path.name.split(".")) == 3, path


def test_overlays_are_known_to_the_tests() -> None:
    from tests.infra.render import ON_DEMAND, OVERLAYS

    folders = {path.parent.name for path in KUBERNETES.glob("*/kustomization.yaml")}
    assert folders == {"base", *OVERLAYS, *ON_DEMAND}, Path(__file__).with_name("render.py")
