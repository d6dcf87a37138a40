"""compose.yaml says of functions and sidecars what the manifests of the cluster say."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.infra.render import ROOT

# As compose-go 2.16.2 has it.
SCHEMA = Path(__file__).with_name("compose-spec.json")
# On a cluster the injector turns these into flags of the same name, or of the name after `dapr-`.
FLAGS = {
    "app-id": "app-id",
    "app-port": "app-port",
    "app-max-concurrency": "app-max-concurrency",
    "disable-init-endpoints": "disable-init-endpoints",
    "app-health-check-path": "app-health-check-path",
    "app-health-probe-interval": "app-health-probe-interval",
    "app-health-probe-timeout": "app-health-probe-timeout",
    "app-health-threshold": "app-health-threshold",
    "max-body-size": "max-body-size",
    "graceful-shutdown-seconds": "dapr-graceful-shutdown-seconds",
    "block-shutdown-duration": "dapr-block-shutdown-duration",
}
COLLECTOR = ("GOGC", "GOMEMLIMIT")
ELSEWHERE = {"PORT", "TASKFLOW_DATABASE_POOLED"}


@cache
def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


@cache
def templates() -> dict[str, Any]:
    """App-id → the pod of a function or of the gateway, as the cluster has it."""
    files = [*(ROOT / "keda").glob("*.yaml"), ROOT / "knative" / "http.gateway.yaml"]
    found = [one for file in files for one in yaml.safe_load_all(file.read_text())]
    return {
        one["metadata"]["name"]: one["spec"]["template"]
        for one in found
        if one["kind"] in ("Deployment", "Service")
    }


def read_flags(service: Any) -> dict[str, str]:
    words = [*service["entrypoint"], *service["command"]]
    pairs = (word[2:].partition("=") for word in words if word.startswith("--"))
    return {name: value for name, _, value in pairs}


def test_it_is_a_compose_file() -> None:
    jsonschema_rs.validate(json.loads(SCHEMA.read_text()), compose())


def test_every_function_is_there_with_its_sidecar_and_nothing_else() -> None:
    services = compose()["services"]
    assert {name for name in services if name.endswith("-sidecar")} == {
        f"{app_id}-sidecar" for app_id in templates()
    }
    assert templates().keys() <= services.keys()


@pytest.mark.parametrize("app_id", templates())
def test_a_function_runs_as_on_a_cluster(app_id: str) -> None:
    service, container = compose()["services"][app_id], templates()[app_id]["spec"]["containers"][0]
    assert service["command"] == [word.replace("$(PORT)", "8080") for word in container["args"]]
    wanted = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    for name, value in wanted.items():
        assert name in ELSEWHERE or service["environment"][name] == value, name


@pytest.mark.parametrize("app_id", templates())
def test_a_sidecar_is_told_what_the_injector_tells_it(app_id: str) -> None:
    service = compose()["services"][f"{app_id}-sidecar"]
    assert service["network_mode"] == f"service:{app_id}"
    annotations = templates()[app_id]["metadata"]["annotations"]
    flags = read_flags(service)
    if app_id == "gateway":
        assert flags["app-id"] == app_id
        assert flags["config"] == "/gateway.yaml"
        return
    given = {name.removeprefix("dapr.io/"): value for name, value in annotations.items()}
    for name, flag in FLAGS.items():
        assert flags.get(flag) == given.get(name), flag
    assert given["env"] == ",".join(f"{name}={service['environment'][name]}" for name in COLLECTOR)
    assert ("enable-app-health-check" in flags) == (given["enable-app-health-check"] == "true")


def test_what_a_service_needs_is_there() -> None:
    services = compose()["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= services.keys()
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose()["volumes"] or (ROOT / source).exists(), source


def test_files_in_place_of_others_stand_for_the_same_component() -> None:
    for path in (ROOT / "infra" / "compose").glob("*.yaml"):
        ours, theirs = (
            yaml.safe_load(one.read_text()) for one in (path, ROOT / "dapr" / path.name)
        )
        assert ours["kind"] == theirs["kind"] == "Component"
        assert ours["metadata"] == theirs["metadata"]
        mounts = compose()["services"]["gateway-sidecar"]["volumes"]
        assert f"./infra/compose/{path.name}:/dapr/{path.name}:ro" in mounts


def test_no_sidecar_is_given_a_secret_of_kubernetes() -> None:
    replaced = {path.name for path in (ROOT / "infra" / "compose").glob("*.yaml")}
    for path in (ROOT / "dapr").glob("*.yaml"):
        kubernetes = re.search(r"secretKeyRef|secretstores\.kubernetes", path.read_text())
        assert not kubernetes or path.name in replaced, path


def test_only_this_machine_can_reach_it() -> None:
    published = [port for one in compose()["services"].values() for port in one.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_secrets_have_no_default() -> None:
    text = (ROOT / "compose.yaml").read_text()
    earlier = {"TASKFLOW_SECRET_PREVIOUS", "TASKFLOW_SECRET_RETIRED"}
    wanted = {"TASKFLOW_SECRET", "TASKFLOW_DELIVERY_TOKEN"}
    assert set(re.findall(r"\$\{(\w+)", text)) == wanted | earlier
    # There need not be earlier ones; of the others none has a default.
    assert set(re.findall(r"\$\{(\w+):?-\}", text)) == earlier
    assert not re.search(r"\$\{\w+:?-[^}]", text)


def test_images_are_those_of_the_cluster_or_pinned() -> None:
    for name, service in compose()["services"].items():
        image = service["image"]
        assert image == "taskflow" or re.search(r":v?\d+\.\d+", image), (name, image)
    manifests = "".join(path.read_text() for path in (ROOT / "infra/kubernetes").rglob("*.yaml"))
    for name in ("redis", "mailpit"):
        assert compose()["services"][name]["image"] in manifests
