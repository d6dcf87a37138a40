"""Reads `keda/`, `dapr/` and the topics' manifests, and says which file and field is wrong; the one
place where YAML becomes what the platform at home obeys.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec import Struct

from local import shapes
from local.manifests import (
    Function,
    LagTrigger,
    ManifestError,
    Manifests,
    QueryTrigger,
    Retry,
    Subscription,
    Tick,
    Topic,
)

KAFKA_COMPONENT = "pubsub.kafka"
CRON_COMPONENT = "bindings.cron"
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
GATHER = "taskflow.local/gather"
CORES = re.compile(r"(\d+(?:\.\d+)?)(m?)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
T = TypeVar("T")


class Resource(Struct, frozen=True):
    """One document of one file, not yet looked into."""

    file: Path
    kind: str
    content: Any

    def read(self, shape: type[T]) -> T:
        """The document as `shape`. Raises ManifestError, naming the field."""
        try:
            return msgspec.convert(self.content, shape)
        except msgspec.ValidationError as error:
            raise self.refuse(str(error)) from error

    def refuse(self, reason: str) -> ManifestError:
        return ManifestError(f"{self.file}: {self.kind}: {reason}")


def read_manifests(keda: Path, dapr: Path, topics: Path) -> Manifests:
    """Everything in these folders. Raises ManifestError."""
    scaled, fed = read_resources(keda), read_resources(dapr)
    pubsub = find_pubsub(dapr, fed)
    subscriptions, ticks = read_subscriptions(fed, pubsub), read_ticks(fed)
    doors = {name: (item, door) for item, name, door in read_doors(scaled)}
    functions = [
        read_function(item, doors, subscriptions, ticks)
        for item in scaled
        if item.kind == "ScaledObject"
    ]
    return Manifests(
        pubsub=pubsub,
        functions={function.app_id: function for function in functions},
        topics={topic.name: topic for topic in read_topics(topics)},
        retry=read_retry(fed, pubsub),
    )


def read_resources(folder: Path) -> list[Resource]:
    """Every document of the folder's YAML files, in the order of their names."""
    return [
        Resource(file, read_kind(file, one), one)
        for file in sorted(folder.glob("*.yaml"))
        for one in read_documents(file)
    ]


def read_documents(file: Path) -> list[Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return [one for one in yaml.load_all(file.read_text(), loader) if one is not None]
    except yaml.YAMLError as error:
        raise ManifestError(f"{file}: {error}") from error


def read_kind(file: Path, document: Any) -> str:
    try:
        return msgspec.convert(document, shapes.Kind).kind
    except msgspec.ValidationError as error:
        raise ManifestError(f"{file}: {error}") from error


def read_doors(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str, shapes.Pod]]:
    for item in resources:
        if item.kind == "Deployment":
            deployment = item.read(shapes.Deployment)
            yield item, deployment.metadata.name, deployment.spec.template


def read_function(
    item: Resource,
    doors: Mapping[str, tuple[Resource, shapes.Pod]],
    subscriptions: Mapping[str, list[Subscription]],
    ticks: Mapping[str, list[Tick]],
) -> Function:
    """The function that a ScaledObject scales."""
    spec = item.read(shapes.ScaledObject).spec
    if spec.scale_target_ref.name not in doors:
        raise item.refuse(f"$.spec.scaleTargetRef: no Deployment {spec.scale_target_ref.name!r}")
    origin, pod = doors[spec.scale_target_ref.name]
    app_id = read_annotation(origin, pod, "dapr.io/app-id")
    container = pod.spec.containers[0]
    if not container.args:
        raise origin.refuse("$.spec.template.spec.containers[0].args: the first names the door")
    return Function(
        app_id=app_id,
        door=container.args[0],
        env={env.name: env.value for env in container.env if env.value is not None},
        concurrency=int(pod.metadata.annotations.get("dapr.io/app-max-concurrency", 0)),
        replicas=spec.max_replica_count,
        polling_seconds=spec.polling_interval,
        lags=tuple(read_lags(item, spec, app_id)),
        queries=tuple(read_queries(item, spec)),
        subscriptions=tuple(gather_longer(origin, pod, subscriptions.get(app_id, ()))),
        ticks=tuple(ticks.get(app_id, ())),
        cpu=read_cores(origin, container.resources.requests.get("cpu", "1")),
    )


def gather_longer(
    item: Resource, pod: shapes.Pod, subscriptions: Sequence[Subscription]
) -> Iterator[Subscription]:
    """The subscriptions as one machine gathers for them: longer than a sidecar of its own needs
    to, where the Deployment says so."""
    least = read_duration(item, pod.metadata.annotations.get(GATHER, "0s"))
    for one in subscriptions:
        yield msgspec.structs.replace(one, gather=max(one.gather, least))


def read_cores(item: Resource, text: str) -> float:
    """CPU cores of a quantity such as `0.5` or `250m`."""
    found = CORES.fullmatch(text)
    if not found or not float(found[1]):
        raise item.refuse(f"$.spec.template.spec.containers[0].resources: {text!r} is no CPU share")
    return float(found[1]) / (1000 if found[2] else 1)


def read_annotation(item: Resource, pod: shapes.Pod, name: str) -> str:
    value = pod.metadata.annotations.get(name)
    if not value:
        raise item.refuse(f"$.spec.template.metadata.annotations: {name} is missing")
    return value


def read_lags(item: Resource, spec: shapes.ScaledObjectSpec, app_id: str) -> Iterator[LagTrigger]:
    for trigger in spec.triggers:
        if trigger.type != "kafka":
            continue
        if trigger.metadata.get("consumerGroup") != app_id:
            raise item.refuse(f"$.spec.triggers: the consumerGroup of a kafka trigger is {app_id}")
        yield LagTrigger(
            read_word(item, trigger, "topic"),
            read_number(item, trigger, "lagThreshold", "10"),
            read_number(item, trigger, "activationLagThreshold", "0"),
        )


def read_queries(item: Resource, spec: shapes.ScaledObjectSpec) -> Iterator[QueryTrigger]:
    for trigger in spec.triggers:
        if trigger.type == "postgresql":
            yield QueryTrigger(
                read_word(item, trigger, "query"),
                read_number(item, trigger, "targetQueryValue", ""),
                read_number(item, trigger, "activationTargetQueryValue", "0"),
            )


def read_word(item: Resource, trigger: shapes.Trigger, name: str) -> str:
    if name not in trigger.metadata:
        raise item.refuse(f"$.spec.triggers: a {trigger.type} trigger lacks {name}")
    return trigger.metadata[name]


def read_number(item: Resource, trigger: shapes.Trigger, name: str, default: str) -> float:
    text = trigger.metadata.get(name, default)
    try:
        return float(text)
    except ValueError:
        raise item.refuse(f"$.spec.triggers: {name}={text!r} is no number") from None


def find_pubsub(folder: Path, resources: Sequence[Resource]) -> str:
    """The name of the one Kafka component."""
    names = [
        component.metadata.name
        for _, component in read_components(resources)
        if component.spec.type == KAFKA_COMPONENT
    ]
    if len(names) != 1:
        raise ManifestError(f"{folder}: one Component of type {KAFKA_COMPONENT}, not {len(names)}")
    return names[0]


def read_components(resources: Sequence[Resource]) -> Iterator[tuple[Resource, shapes.Component]]:
    for item in resources:
        if item.kind == "Component":
            yield item, item.read(shapes.Component)


def read_subscriptions(resources: Sequence[Resource], pubsub: str) -> dict[str, list[Subscription]]:
    """App-id → its subscriptions."""
    found: dict[str, list[Subscription]] = defaultdict(list)
    for item in resources:
        if item.kind != "Subscription":
            continue
        whole = item.read(shapes.Subscription)
        spec, bulk = whole.spec, whole.spec.bulk_subscribe
        if spec.pubsubname != pubsub:
            raise item.refuse(f"$.spec.pubsubname: {spec.pubsubname!r} is no component here")
        subscription = Subscription(
            topic=spec.topic,
            route=spec.routes.default,
            dead_letter_topic=spec.dead_letter_topic,
            bulk=bulk.max_messages_count if bulk and bulk.enabled else 0,
            gather=bulk.max_await_duration_ms / 1000 if bulk and bulk.enabled else 0.0,
            raw=spec.metadata.get("rawPayload") == "true",
        )
        for app_id in whole.scopes:
            found[app_id].append(subscription)
    return found


def read_ticks(resources: Sequence[Resource]) -> dict[str, list[Tick]]:
    """App-id → the cron bindings that call it."""
    found: dict[str, list[Tick]] = defaultdict(list)
    for item, component in read_components(resources):
        if component.spec.type != CRON_COMPONENT:
            continue
        values = {one.name: str(one.value) for one in component.spec.metadata}
        every, _, period = values.get("schedule", "").partition(" ")
        if every != "@every":
            raise item.refuse("$.spec.metadata: at home a schedule is written `@every <duration>`")
        tick = Tick(values.get("route", f"/{component.metadata.name}"), read_duration(item, period))
        for app_id in component.scopes:
            found[app_id].append(tick)
    return found


def read_retry(resources: Sequence[Resource], pubsub: str) -> Retry:
    """The inbound policy of the pubsub component, from the one Resiliency that is about it; Dapr's
    defaults where there is none at all."""
    items = [item for item in resources if item.kind == "Resiliency"]
    found = [(item, item.read(shapes.Resiliency).spec) for item in items]
    about = [(item, spec) for item, spec in found if pubsub in spec.targets.components]
    if not found:
        return Retry()
    item, spec = (about or found)[0]
    inbound = spec.targets.components.get(pubsub, shapes.ComponentTarget()).inbound
    policy = spec.policies.retries.get(inbound.retry)
    if policy is None or policy.policy != "exponential" or policy.max_retries != -1:
        raise item.refuse(
            f"$.spec.targets.components.{pubsub}.inbound.retry: names no exponential policy"
            " without limit, and only `serve` may give up on a record"
        )
    limit = spec.policies.timeouts.get(inbound.timeout, "120s")
    return Retry(
        ceiling=read_duration(item, policy.max_interval), timeout=read_duration(item, limit)
    )


def read_duration(item: Resource, text: str) -> float:
    """Seconds of a duration as Go writes it, such as `1m30s`."""
    parts = DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise item.refuse(f"{text!r} is no duration such as 30s or 1m30s")
    return sum(float(number) * SECONDS[unit] for number, unit in parts)


def read_topics(folder: Path) -> Iterator[Topic]:
    for item in read_resources(folder):
        if item.kind == "KafkaTopic":
            topic = item.read(shapes.Topic)
            config = {name: str(value) for name, value in topic.spec.config.items()}
            name = topic.spec.topic_name or topic.metadata.name
            yield Topic(name, topic.spec.partitions, config)
