"""Every overlay, rendered: nothing refers to what is not there, and each function may do just what
its manifests and its code say.
"""

import re
from collections import defaultdict

import pytest

from functions.__main__ import find_functions
from local.manifests import KEPT_DONE
from tests.infra.render import (
    CLOUDS,
    KUBERNETES,
    NAMESPACE,
    OVERLAYS,
    ROOT,
    Manifest,
    containers,
    environment,
    find,
    of_kind,
    pods,
    render,
)

FUNCTIONS = {function.app_id: function for function in find_functions()}
CLUSTER_WIDE = {"Namespace", "VolumeSnapshotClass"}
DEAD_LETTERS = "-dead-letters"
KNATIVE = "serving.knative.dev"
MINUTE = 60_000

every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def subscriptions() -> dict[str, list[Manifest]]:
    """App-id → what Dapr delivers to it, in the base."""
    found = defaultdict(list)
    for one in of_kind(render("aks"), "Subscription").values():
        for app_id in one["scopes"]:
            found[app_id].append(one["spec"])
    return found


def reads(app_id: str) -> set[str]:
    return {one["topic"] for one in subscriptions()[app_id]}


def writes(app_id: str) -> set[str]:
    emitted = {kind.topic for kind in FUNCTIONS[app_id].emits}
    aside = {one["deadLetterTopic"] for one in subscriptions()[app_id] if "deadLetterTopic" in one}
    return emitted | aside


def wanted_rules(app_id: str) -> set[tuple[str, str, str]]:
    rules = {("topic", topic, "Read") for topic in reads(app_id)}
    rules |= {("group", app_id, "Read")} if rules else set()
    rules |= {("topic", topic, "Write") for topic in writes(app_id)}
    return rules | {(kind, name, "Describe") for kind, name, _ in rules}


def rules_of(user: Manifest) -> set[tuple[str, str, str]]:
    return {
        (rule["resource"]["type"], rule["resource"]["name"], operation)
        for rule in user["spec"]["authorization"]["acls"]
        for operation in rule["operations"]
    }


def workload(manifests: tuple[Manifest, ...], app_id: str) -> Manifest:
    """The pod of a function or of the gateway, whoever starts it."""
    (found,) = (
        pod
        for pod in pods(manifests).values()
        if pod["metadata"].get("annotations", {}).get("dapr.io/app-id") == app_id
    )
    return found


@every_overlay
def test_everything_is_in_one_namespace_and_once(overlay: str) -> None:
    seen = set()
    for one in render(overlay):
        meta = one["metadata"]
        if one["kind"] not in CLUSTER_WIDE:
            assert meta["namespace"] == NAMESPACE, (one["kind"], meta["name"])
        key = (one["apiVersion"], one["kind"], meta["name"])
        assert key not in seen
        seen.add(key)


def proofs(overlay: str, app_id: str) -> list[str]:
    """What a sidecar shows to Kafka, and where it is kept."""
    if overlay == "scram":
        return [f"KAFKA_PASSWORD={app_id}:password"]
    return [f"KAFKA_CERTIFICATE={app_id}:user.crt", f"KAFKA_KEY={app_id}:user.key"]


@every_overlay
def test_every_function_has_its_own_certificate_account_and_role(overlay: str) -> None:
    manifests = render(overlay)
    for app_id in (*FUNCTIONS, "gateway"):
        pod = workload(manifests, app_id)
        shown = pod["metadata"]["annotations"]["dapr.io/env-from-secret"].split(",")
        assert shown == [f"KAFKA_CA={NAMESPACE}-cluster-ca-cert:ca.crt", *proofs(overlay, app_id)]
        assert pod["spec"]["serviceAccountName"] == app_id
        (container,) = pod["spec"]["containers"]
        (database,) = (one for one in container["env"] if one["name"] == "TASKFLOW_DATABASE")
        assert database["valueFrom"]["secretKeyRef"] == {"name": f"{app_id}-database", "key": "uri"}
        role = of_kind(manifests, "DatabaseRole")[app_id]["spec"]
        assert role["name"] == environment(container)["TASKFLOW_DATABASE_ROLE"]
        assert role["passwordSecret"]["name"] == f"{app_id}-database"


def test_the_sidecar_shows_the_certificate_that_stands_in_its_environment() -> None:
    spec = of_kind(render("aks"), "Component")["taskflow"]["spec"]
    metadata = {one["name"]: one.get("value", one.get("envRef")) for one in spec["metadata"]}
    assert metadata["authType"] == "mtls"
    assert metadata["disableTls"] == "false"
    shown = (metadata[name] for name in ("caCert", "clientCert", "clientKey"))
    assert tuple(shown) == ("KAFKA_CA", "KAFKA_CERTIFICATE", "KAFKA_KEY")


def test_with_names_and_passwords_nobody_shows_a_certificate() -> None:
    manifests = render("scram")
    (listener,) = of_kind(manifests, "Kafka")["taskflow"]["spec"]["kafka"]["listeners"]
    users = of_kind(manifests, "KafkaUser").values()
    wanted = {"type": "scram-sha-512"}
    assert [listener["authentication"], *(one["spec"]["authentication"] for one in users)] == [
        wanted
    ] * (1 + len(users))
    spec = of_kind(manifests, "Component")["taskflow"]["spec"]
    metadata = {one["name"]: one.get("value", one.get("envRef")) for one in spec["metadata"]}
    assert metadata["authType"] == "password"
    assert (metadata["disableTls"], metadata["caCert"]) == ("false", "KAFKA_CA")
    assert (metadata["saslUsername"], metadata["saslPassword"]) == ("{appID}", "KAFKA_PASSWORD")
    assert not {"clientCert", "clientKey"} & metadata.keys()


@pytest.mark.parametrize("app_id", FUNCTIONS)
def test_kafka_lets_a_function_do_what_it_does_and_no_more(app_id: str) -> None:
    assert rules_of(of_kind(render("aks"), "KafkaUser")[app_id]) == wanted_rules(app_id)


def test_kafka_lets_the_gateway_publish_and_redrive() -> None:
    # A dead letter goes back to the topic it came from.
    origins = {topic for app_id in FUNCTIONS for topic in reads(app_id)}
    origins = {topic for topic in origins if not topic.endswith(DEAD_LETTERS)}
    wanted = {("topic", topic, right) for topic in origins for right in ("Describe", "Write")}
    assert rules_of(of_kind(render("aks"), "KafkaUser")["gateway"]) == wanted


def test_topics_that_keep_everything_are_trimmed_behind_their_reader() -> None:
    manifests = render("aks")
    kept = {
        name
        for name, topic in of_kind(manifests, "KafkaTopic").items()
        if topic["spec"]["config"]["retention.ms"] == "-1"
    }
    readers = {f"{topic}={app_id}" for app_id in FUNCTIONS for topic in reads(app_id) & kept}
    ((_, container),) = ((n, c) for n, c in containers(manifests) if c["name"] == "trim-topics")
    assert set(container["args"]) == readers
    assert environment(container)["KEPT_DAYS"] == str(KEPT_DONE.days)
    rules = {("topic", topic, right) for topic in kept for right in ("Delete", "Describe")}
    rules |= {("group", pair.split("=")[1], "Describe") for pair in readers}
    assert rules_of(of_kind(manifests, "KafkaUser")["trim-topics"]) == rules


@every_overlay
def test_keda_shows_a_certificate_to_kafka_and_a_role_to_postgresql(overlay: str) -> None:
    manifests = render(overlay)
    known = of_kind(manifests, "TriggerAuthentication")
    for app_id, scaled in of_kind(manifests, "ScaledObject").items():
        for trigger in scaled["spec"]["triggers"]:
            wanted = "kafka" if trigger["type"] == "kafka" else app_id
            assert trigger["authenticationRef"]["name"] == wanted
            if wanted == app_id:
                (shown,) = known[wanted]["spec"]["secretTargetRef"]
                assert shown["name"] == f"{app_id}-database"
                assert shown["key"] == "uri"
    assert rules_of(of_kind(manifests, "KafkaUser")["keda"]) == {
        ("topic", "*", "Describe"),
        ("group", "*", "Describe"),
    }


def named_secrets(manifests: tuple[Manifest, ...]) -> set[str]:
    """Every Secret that anything refers to."""
    references = [*find(manifests, "secretKeyRef"), *find(manifests, "secretRef")]
    named = {one["name"] for one in references}
    named |= {one["name"] for some in find(manifests, "secretTargetRef") for one in some}
    named |= {one["name"] for one in find(manifests, "passwordSecret")}
    named |= {
        one["ref"]["name"] for auth in find(manifests, "auth") for one in find(auth, "secret")
    }
    named |= {name for name in find(manifests, "secretName")}
    for pod in pods(manifests).values():
        annotations = pod["metadata"].get("annotations", {})
        shown = annotations.get("dapr.io/env-from-secret", "")
        named |= set(re.findall(r"=([^:,]+):", shown))
        named |= {v for k, v in annotations.items() if k.endswith("-token-secret")}
    return named


def made_secrets(manifests: tuple[Manifest, ...]) -> set[str]:
    """Those that an operator makes, and those that secrets.sh does."""
    made = {f"{name}-cluster-ca-cert" for name in of_kind(manifests, "Kafka")}
    made |= of_kind(manifests, "KafkaUser").keys()
    for name, database in of_kind(manifests, "Cluster").items():
        made |= {f"{name}-superuser"} if database["spec"]["enableSuperuserAccess"] else set()
    made |= {f"{name}-database" for name in of_kind(manifests, "DatabaseRole")}
    script = (KUBERNETES / "secrets.sh").read_text()
    return made | set(re.findall(r"exists (taskflow[a-z-]*) \|\|", script))


@every_overlay
def test_every_secret_is_made_or_its_bringing_documented(overlay: str) -> None:
    manifests = render(overlay)
    named, made = named_secrets(manifests), made_secrets(manifests)
    assert {"taskflow", "gateway", "write-task-database", "taskflow-redis"} <= named & made
    brought = named - made
    told = (ROOT / "docs" / "cluster.md").read_text()
    assert {name for name in brought if f"`{name}`" not in told} == set()


def test_the_script_makes_a_database_secret_for_every_role() -> None:
    folder = KUBERNETES / "base" / "functions"
    looped = {path.stem for path in folder.glob("*.yaml")} | {"configuration"}
    assert looped == of_kind(render("aks"), "DatabaseRole").keys()


@every_overlay
def test_accounts_config_maps_and_configurations_are_there(overlay: str) -> None:
    manifests = render(overlay)
    accounts, maps = of_kind(manifests, "ServiceAccount"), of_kind(manifests, "ConfigMap")
    configurations = of_kind(manifests, "Configuration")
    for pod in pods(manifests).values():
        assert pod["spec"].get("serviceAccountName", "default") in {"default", *accounts}
        config = pod["metadata"].get("annotations", {}).get("dapr.io/config")
        assert config is None or config in configurations
    for volume in (one for some in find(manifests, "volumes") for one in some):
        assert "configMap" not in volume or volume["configMap"]["name"] in maps
    for some in find(manifests, "configMapTargetRef"):
        assert {one["name"] for one in some} <= maps.keys()


@every_overlay
def test_roles_are_bound_to_accounts_that_are_there(overlay: str) -> None:
    manifests = render(overlay)
    for binding in of_kind(manifests, "RoleBinding").values():
        assert binding["roleRef"]["name"] in of_kind(manifests, "Role")
        for subject in binding["subjects"]:
            assert subject["name"] in of_kind(manifests, "ServiceAccount")
            assert subject["namespace"] == NAMESPACE


@every_overlay
def test_only_the_gateway_has_a_token_for_kubernetes(overlay: str) -> None:
    for name, pod in pods(render(overlay)).items():
        has_token = pod["spec"]["automountServiceAccountToken"]
        assert has_token is (name == "Service/gateway"), name
        if not has_token and "dapr.io/enabled" in pod["metadata"].get("annotations", {}):
            # Such a sidecar ends when it looks for secrets in Kubernetes.
            key = "dapr.io/disable-builtin-k8s-secret-store"
            assert pod["metadata"]["annotations"][key] == "true", name
    store = of_kind(render(overlay), "Component")["secrets"]
    assert store["scopes"] == ["gateway"]


@every_overlay
def test_only_the_gateway_may_ask_a_function_and_only_for_its_health(overlay: str) -> None:
    configurations = of_kind(render(overlay), "Configuration", "dapr.io")
    policies = {name: one["spec"]["accessControl"] for name, one in configurations.items()}
    assert {one["defaultAction"] for one in policies.values()} == {"deny"}
    assert "policies" not in policies["gateway"]
    (policy,) = policies["taskflow"]["policies"]
    assert (policy["appId"], policy["namespace"]) == ("gateway", NAMESPACE)
    assert policy["defaultAction"] == "deny"
    assert policy["operations"] == [{"name": "/healthz", "httpVerb": ["GET"], "action": "allow"}]


@every_overlay
def test_every_image_is_pinned_and_ours_is_one(overlay: str) -> None:
    images = {name: container["image"] for name, container in containers(render(overlay))}
    ours = set()
    for name, image in images.items():
        repository, _, tag = image.rpartition(":")
        assert repository and tag != "latest", (name, image)
        if repository.rsplit("/", 1)[-1] == "taskflow":
            ours.add(image)
    assert len(ours) == 1
    assert {name for name, image in images.items() if image in ours} >= {
        "Service/gateway",
        "Job/migrate",
    }


@every_overlay
def test_every_container_is_confined_and_bounded(overlay: str) -> None:
    for name, pod in pods(render(overlay)).items():
        whole = pod["spec"].get("securityContext", {})
        for container in pod["spec"]["containers"]:
            confined = {**whole, **container["securityContext"]}
            assert confined["runAsNonRoot"] is True, name
            assert confined["seccompProfile"] == {"type": "RuntimeDefault"}, name
            assert confined["readOnlyRootFilesystem"] is True, name
            assert confined["allowPrivilegeEscalation"] is False, name
            assert confined["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["limits"]["memory"], name


@every_overlay
def test_every_topic_that_anything_names_is_there(overlay: str) -> None:
    manifests = render(overlay)
    named = {one["spec"]["topic"] for one in of_kind(manifests, "Subscription").values()}
    named |= set(find([one["spec"] for one in manifests if "spec" in one], "deadLetterTopic"))
    for scaled in of_kind(manifests, "ScaledObject").values():
        triggers = scaled["spec"]["triggers"]
        named |= {one["metadata"]["topic"] for one in triggers if one["type"] == "kafka"}
    named |= {topic for topics in find(manifests, "topics") for topic in topics}
    assert named <= of_kind(manifests, "KafkaTopic").keys()


@every_overlay
def test_offsets_outlive_every_topic(overlay: str) -> None:
    manifests = render(overlay)
    config = of_kind(manifests, "Kafka")["taskflow"]["spec"]["kafka"]["config"]
    longest = max(
        int(topic["spec"]["config"]["retention.ms"])
        for topic in of_kind(manifests, "KafkaTopic").values()
    )
    assert config["offsets.retention.minutes"] * MINUTE > longest > 0
    assert config["group.initial.rebalance.delay.ms"] == 0
    assert config["auto.create.topics.enable"] is False


@pytest.mark.parametrize("overlay", CLOUDS)
def test_in_a_cloud_one_machine_may_be_lost(overlay: str) -> None:
    manifests = render(overlay)
    nodes = of_kind(manifests, "KafkaNodePool")["node"]["spec"]
    config = of_kind(manifests, "Kafka")["taskflow"]["spec"]["kafka"]["config"]
    assert nodes["replicas"] == config["default.replication.factor"] == 3
    assert config["min.insync.replicas"] == 2
    database = of_kind(manifests, "Cluster")["database"]["spec"]
    assert database["instances"] == 3
    assert database["postgresql"]["synchronous"]["dataDurability"] == "required"
    classes = {one["class"] for one in nodes["storage"]["volumes"]}
    classes |= {database[name]["storageClass"] for name in ("storage", "walStorage")}
    assert len(classes) == 1


@every_overlay
def test_connections_fit_the_database(overlay: str) -> None:
    manifests = render(overlay)
    allowed = of_kind(manifests, "Cluster")["database"]["spec"]["postgresql"]["parameters"]
    pooler = of_kind(manifests, "Pooler")["pooler"]["spec"]
    pooled = int(pooler["pgbouncer"]["parameters"]["max_db_connections"]) * pooler["instances"]
    gateway = of_kind(manifests, "Service", KNATIVE)["gateway"]["spec"]["template"]
    most = int(gateway["metadata"]["annotations"]["autoscaling.knative.dev/max-scale"])
    (container,) = gateway["spec"]["containers"]
    direct = int(environment(container)["TASKFLOW_DATABASE_POOL"]) + 1
    assert pooled + most * direct <= int(allowed["max_connections"]) * 0.8


@every_overlay
def test_a_function_at_its_widest_finds_room_in_the_pooler(overlay: str) -> None:
    manifests = render(overlay)
    pooler = of_kind(manifests, "Pooler")["pooler"]["spec"]
    room = int(pooler["pgbouncer"]["parameters"]["default_pool_size"])
    # Without it no function connects: a pooler knows no start parameter `role`.
    assert pooler["pgbouncer"]["parameters"]["ignore_startup_parameters"] == "role"
    for app_id, scaled in of_kind(manifests, "ScaledObject").items():
        (container,) = workload(manifests, app_id)["spec"]["containers"]
        if environment(container)["TASKFLOW_DATABASE_POOL"] == "1":
            assert scaled["spec"]["maxReplicaCount"] <= room * pooler["instances"]


@every_overlay
def test_nobody_speaks_to_anybody_unless_a_rule_says_so(overlay: str) -> None:
    policies = of_kind(render(overlay), "NetworkPolicy")
    assert policies["nobody"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    names = {
        pod["metadata"]["labels"]["app.kubernetes.io/name"]
        for pod in pods(render(overlay)).values()
    }
    for selector in find(list(policies.values()), "matchLabels"):
        name = selector.get("app.kubernetes.io/name")
        assert name is None or name in names


def test_under_eventing_the_function_is_delivered_by_knative_alone() -> None:
    manifests = render("eventing")
    assert "fan-out-update" not in of_kind(manifests, "Deployment")
    assert "fan-out-update" not in of_kind(manifests, "ScaledObject")
    delivered = {
        app for one in of_kind(manifests, "Subscription").values() for app in one["scopes"]
    }
    assert "fan-out-update" not in delivered
    source = of_kind(manifests, "KafkaSource")["fan-out-update"]["spec"]
    assert set(source["topics"]) == reads("fan-out-update")
    assert source["consumerGroup"] == "fan-out-update"
    assert source["sink"]["ref"]["name"] in of_kind(manifests, "Service", KNATIVE)
    sink = source["delivery"]["deadLetterSink"]["ref"]["name"]
    assert of_kind(manifests, "KafkaSink")[sink]["spec"]["topic"] in writes("fan-out-update")


@every_overlay
def test_what_knative_runs_stays_clear_of_its_ports(overlay: str) -> None:
    for service in of_kind(render(overlay), "Service", KNATIVE).values():
        template = service["spec"]["template"]
        assert template["metadata"]["annotations"]["dapr.io/metrics-port"] == "9095"
        assert template["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] == "0"
        for container in template["spec"]["containers"]:
            # Knative sets it itself, and refuses a manifest that does.
            assert "PORT" not in environment(container)
            assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"


def test_the_job_after_a_restore_is_confined_and_let_in() -> None:
    """It stands apart, with the rules that let it in, to be applied when it is needed."""
    manifests, base = render("after-restore"), render("aks")
    label = {"app.kubernetes.io/name": "after-restore"}
    ((_, pod),) = pods(manifests).items()
    (container,) = pod["spec"]["containers"]
    assert pod["metadata"]["labels"].items() >= label.items()
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["spec"]["securityContext"]["runAsNonRoot"] and container["resources"]["limits"]
    policies = of_kind(manifests, "NetworkPolicy")
    out = policies.pop("after-restore")["spec"]
    assert out["podSelector"]["matchLabels"] == label
    peers = {str((one["to"][0]["podSelector"], one["ports"])) for one in out["egress"]}
    for policy in policies.values():
        (rule,) = policy["spec"]["ingress"]
        assert rule["from"] == [{"podSelector": {"matchLabels": label}}]
        peers.remove(str((policy["spec"]["podSelector"], rule["ports"])))
    assert not peers
    trimmer = next(one for _, one in containers(base) if one["name"] == "trim-topics")
    assert environment(container)["TASKFLOW_KAFKA"] == environment(trimmer)["BOOTSTRAP"]
    made = {*of_kind(manifests, "KafkaUser"), "taskflow-cluster-ca-cert"}
    assert named_secrets(manifests) <= made | {"taskflow", "database-superuser"}
