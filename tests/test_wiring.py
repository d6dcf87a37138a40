"""The code and the manifests say the same, read both ways; so a function is its folder and its
manifest, and nothing else has to be kept in step.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.__main__ import find_functions
from taskflow.events import TYPES, Record, Tick
from taskflow.serve import Function, Within

ROOT = Path(__file__).parent.parent
FUNCTIONS = {function.app_id: function for function in find_functions()}
MAX_CONNECTIONS = 100


@cache
def documents(folder: str) -> tuple[tuple[Path, Any], ...]:
    paths = sorted((ROOT / folder).rglob("*.yaml"))
    return tuple(
        (path, document)
        for path in paths
        for document in yaml.safe_load_all(path.read_text())
        if document
    )


def of_kind(folder: str, kind: str) -> dict[str, Any]:
    found = [document for _, document in documents(folder) if document["kind"] == kind]
    return {document["metadata"]["name"]: document for document in found}


def subscriptions(app_id: str) -> list[Any]:
    every = of_kind("dapr", "Subscription").values()
    return [one for one in every if one["scopes"] == [app_id]]


def kafka_triggers(app_id: str) -> list[Any]:
    triggers = of_kind("keda", "ScaledObject")[app_id]["spec"]["triggers"]
    return [t["metadata"] for t in triggers if t["type"] == "kafka"]


def wanted_topics(function: Function) -> set[str]:
    if Record in function.wakes_on:
        return {f"{one}-dead-letters" for one in consumers() if one != function.app_id}
    return {kind.topic for kind in function.wakes_on if kind is not Tick}


def consumers() -> Iterable[str]:
    return (app_id for app_id, one in FUNCTIONS.items() if Tick not in one.wakes_on)


def test_every_function_has_its_manifest_and_the_other_way_round() -> None:
    assert of_kind("keda", "Deployment").keys() == FUNCTIONS.keys()
    assert of_kind("keda", "ScaledObject").keys() == FUNCTIONS.keys()


def test_everybody_reads_the_whole_secret_with_the_earlier_ones() -> None:
    """So that a rotation reaches all of them, and nobody's manifest names what is in it."""
    services = [one for _, one in documents("knative") if one["kind"] == "Service"]
    everybody = [*of_kind("keda", "Deployment").values(), *services]
    assert len(everybody) == len(FUNCTIONS) + 2
    for one in everybody:
        (container,) = one["spec"]["template"]["spec"]["containers"]
        assert {"secretRef": {"name": "taskflow"}} in container["envFrom"], one["metadata"]["name"]
        assert not any(name["name"].startswith("TASKFLOW_SECRET") for name in container["env"])


def test_every_manifest_is_named_when_and_what() -> None:
    for folder in ("keda", "dapr"):
        for path, _ in documents(folder):
            assert len(path.name.split(".")) == 3, path


@pytest.mark.parametrize("app_id", FUNCTIONS)
def test_a_function_is_woken_by_what_it_handles(app_id: str) -> None:
    wanted = wanted_topics(FUNCTIONS[app_id])
    assert {one["spec"]["topic"] for one in subscriptions(app_id)} == wanted
    assert {trigger["topic"] for trigger in kafka_triggers(app_id)} == wanted
    assert {trigger["consumerGroup"] for trigger in kafka_triggers(app_id)} <= {app_id}


@pytest.mark.parametrize("app_id", FUNCTIONS)
def test_deliveries_are_as_the_function_takes_them(app_id: str) -> None:
    for one in subscriptions(app_id):
        spec = one["spec"]
        assert spec["routes"]["default"]
        takes_many = Record not in FUNCTIONS[app_id].wakes_on
        assert spec.get("bulkSubscribe", {}).get("enabled", False) is takes_many
        assert spec["metadata"]["rawPayload"] == "true"
        if takes_many:
            assert 0 < spec["bulkSubscribe"]["maxAwaitDurationMs"] <= 10
        if Record in FUNCTIONS[app_id].wakes_on:
            assert "deadLetterTopic" not in spec
        else:
            assert spec["deadLetterTopic"] == f"{app_id}-dead-letters"


@pytest.mark.parametrize("app_id", FUNCTIONS)
def test_a_function_sleeps_at_zero_and_wakes_from_the_oldest(app_id: str) -> None:
    spec = of_kind("keda", "ScaledObject")[app_id]["spec"]
    assert spec["minReplicaCount"] == 0
    assert {t["offsetResetPolicy"] for t in kafka_triggers(app_id)} <= {"earliest"}
    assert {t["activationLagThreshold"] for t in kafka_triggers(app_id)} <= {"0"}
    for trigger in kafka_triggers(app_id):
        topic = of_kind("infra/kubernetes/base/topics", "KafkaTopic")[trigger["topic"]]
        assert spec["maxReplicaCount"] <= topic["spec"]["partitions"]


def test_every_topic_exists_and_none_is_for_nobody() -> None:
    emitted = {kind.topic for one in FUNCTIONS.values() for kind in one.emits}
    read = {topic for one in FUNCTIONS.values() for topic in wanted_topics(one)}
    named = {kind.topic for kind in TYPES.values() if kind.topic}
    assert of_kind("infra/kubernetes/base/topics", "KafkaTopic").keys() == emitted | read | named


def test_whatever_a_topic_takes_its_dead_letters_take() -> None:
    topics = of_kind("infra/kubernetes/base/topics", "KafkaTopic")
    sizes = {name: int(t["spec"]["config"]["max.message.bytes"]) for name, t in topics.items()}
    kept = {size for name, size in sizes.items() if name.endswith("-dead-letters")}
    others = {size for name, size in sizes.items() if not name.endswith("-dead-letters")}
    assert min(kept) > max(others)
    assert int(log_metadata()["maxMessageBytes"]) >= max(kept)


def log_metadata() -> dict[str, Any]:
    component = of_kind("dapr", "Component")["taskflow"]
    return {one["name"]: one.get("value") for one in component["spec"]["metadata"]}


def test_the_oldest_offset_is_read_on_both_sides() -> None:
    assert log_metadata()["initialOffset"] == "oldest"


def test_every_failure_comes_again_without_end_and_a_circuit_opens_outward_only() -> None:
    """Finite retries would make dead letters of an outage, an open circuit inward at once."""
    spec = of_kind("dapr", "Resiliency")["taskflow"]["spec"]
    target = spec["targets"]["components"]["taskflow"]
    assert target["inbound"].keys() == {"timeout", "retry"}
    retry = spec["policies"]["retries"][target["inbound"]["retry"]]
    assert retry == {"policy": "exponential", "maxInterval": "30s", "maxRetries": -1}
    assert target["outbound"].keys() == {"timeout", "retry", "circuitBreaker"}
    for kind in ("timeout", "retry", "circuitBreaker"):
        assert target["outbound"][kind] in spec["policies"][f"{kind.replace('y', 'ie')}s"]


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


@pytest.mark.parametrize("app_id", FUNCTIONS)
def test_a_pod_has_time_to_finish(app_id: str) -> None:
    """The sidecar drains while the function still answers, and neither is killed before its end."""
    pod = of_kind("keda", "Deployment")[app_id]["spec"]["template"]
    told = {name.removeprefix("dapr.io/"): v for name, v in pod["metadata"]["annotations"].items()}
    spec, (container,) = pod["spec"], pod["spec"]["containers"]
    block, sleep = (
        seconds(told["block-shutdown-duration"]),
        container["lifecycle"]["preStop"]["sleep"]["seconds"],
    )
    assert spec["terminationGracePeriodSeconds"] >= block + sleep
    assert spec["terminationGracePeriodSeconds"] > float(told["graceful-shutdown-seconds"])
    assert told["enable-app-health-check"] == "true"
    assert told["disable-init-endpoints"] == "subscribe,config"
    assert told["app-token-secret"] == "taskflow-delivery"
    assert float(told["app-health-probe-timeout"]) <= 1000 * int(told["app-health-probe-interval"])


@pytest.mark.parametrize("app_id", FUNCTIONS)
def test_a_sidecar_s_collector_stays_below_its_limit(app_id: str) -> None:
    pod = of_kind("keda", "Deployment")[app_id]["spec"]["template"]
    told = {name.removeprefix("dapr.io/"): v for name, v in pod["metadata"]["annotations"].items()}
    env = dict(item.split("=") for item in told["env"].split(","))
    soft, hard = env["GOMEMLIMIT"], told["sidecar-memory-limit"]
    assert int(soft.removesuffix("MiB")) <= 0.75 * int(hard.removesuffix("Mi"))


@pytest.mark.parametrize("app_id", FUNCTIONS)
def test_an_outage_starts_no_function_anew(app_id: str) -> None:
    """Whether it is ready depends on its database, whether it is alive does not."""
    (container,) = of_kind("keda", "Deployment")[app_id]["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/liveness"


@pytest.mark.parametrize("app_id", FUNCTIONS)
def test_a_container_has_no_more_rights_than_it_needs(app_id: str) -> None:
    spec = of_kind("keda", "Deployment")[app_id]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    security = container["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] and security["readOnlyRootFilesystem"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert not spec["automountServiceAccountToken"]
    assert {"requests", "limits"} <= container["resources"].keys()
    assert spec["topologySpreadConstraints"]


def test_the_only_writer_of_the_audit_is_one() -> None:
    assert of_kind("keda", "ScaledObject")["write-audit"]["spec"]["maxReplicaCount"] == 1


def test_connections_fit_the_database() -> None:
    total = 0
    for app_id, deployment in of_kind("keda", "Deployment").items():
        pod = deployment["spec"]["template"]
        (container,) = pod["spec"]["containers"]
        pool = {one["name"]: one.get("value") for one in container["env"]}["TASKFLOW_DATABASE_POOL"]
        usual = 1 if FUNCTIONS[app_id].batch else 2
        assert pool == pod["metadata"]["annotations"].get("dapr.io/app-max-concurrency", str(usual))
        assert (FUNCTIONS[app_id].within is Within.nothing) or int(pool)
        most = of_kind("keda", "ScaledObject")[app_id]["spec"]["maxReplicaCount"]
        total += int(pool) * most
    assert total + 11 <= MAX_CONNECTIONS * 0.8
