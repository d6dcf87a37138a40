"""The component that gives `fire-timer` a second clock, on top of the base: what it changes, and
that nothing else is changed.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.render import (
    KUBERNETES,
    Manifest,
    environment,
    need_kubectl,
    of_kind,
    with_component,
)


def build(folder: Path) -> tuple[Manifest, ...]:
    command = [need_kubectl(), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.load_all(done.stdout, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


@pytest.fixture(scope="module")
def plain() -> tuple[Manifest, ...]:
    return build(KUBERNETES / "base")


@pytest.fixture(scope="module")
def with_jobs() -> tuple[Manifest, ...]:
    return build(with_component("jobs"))


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Where two trees differ, but for the image's tag; a list that has grown, at its new places."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(old.get(key), new.get(key), f"{path}.{key}")
    elif isinstance(old, list) and isinstance(new, list):
        for place in range(max(len(old), len(new))):
            before, after = (one[place] if place < len(one) else None for one in (old, new))
            yield from differences(before, after, f"{path}[{place}]")
    elif old != new and not path.endswith(".image"):
        yield path


def test_a_job_wakes_nobody_so_one_replica_stays(with_jobs: tuple[Manifest, ...]) -> None:
    scaled = of_kind(with_jobs, "ScaledObject")
    assert scaled["fire-timer"]["spec"]["minReplicaCount"] == 1
    (container,) = of_kind(with_jobs, "Deployment")["fire-timer"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert environment(container)["TASKFLOW_CLOCK"] == "jobs"
    allowed = of_kind(with_jobs, "Configuration", "dapr.io")["taskflow"]["spec"]["api"]["allowed"]
    assert {"name": "jobs", "version": "v1.0", "protocol": "http"} in allowed


def test_nothing_else_is_changed(
    plain: tuple[Manifest, ...], with_jobs: tuple[Manifest, ...]
) -> None:
    def name(one: Manifest) -> tuple[str, str, str]:
        return one["apiVersion"], one["kind"], one["metadata"]["name"]

    before, after = ({name(one): one for one in found} for found in (plain, with_jobs))
    assert before.keys() == after.keys()
    changed = {key[1:]: set(differences(before[key], after[key])) for key in before}
    assert {key for key, found in changed.items() if found} == {
        ("ScaledObject", "fire-timer"),
        ("Deployment", "fire-timer"),
        ("Component", "every-second"),
        ("Configuration", "taskflow"),
    }
    assert changed["Component", "every-second"] == {".spec.metadata[0].value"}
    assert changed["ScaledObject", "fire-timer"] == {".spec.minReplicaCount"}
