"""What `keda/`, `dapr/` and the topics' manifests say, in the few words that the platform at home
obeys; apart, so that everything else here knows no YAML and no list of functions.
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

KAFKA_COMPONENT = "pubsub.kafka"
CRON_COMPONENT = "bindings.cron"
T = TypeVar("T")

DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# cenkalti/backoff's defaults, which Dapr's exponential policy keeps.
INITIAL_INTERVAL, MULTIPLIER, MAX_INTERVAL = 0.5, 1.5, 60.0


class ManifestError(ValueError):
    """A manifest that cannot be obeyed; the message names the file, the resource and the field."""


# --- what the platform works with --------------------------------------------------------------


class LagTrigger(Struct, frozen=True):
    """Wake while more than `activation` records of `topic` wait; one process per `threshold`."""

    topic: str
    threshold: float
    activation: float


class QueryTrigger(Struct, frozen=True):
    """The same for the number that `query` returns."""

    query: str
    threshold: float
    activation: float


class Subscription(Struct, frozen=True):
    """How a topic's records reach a function; `bulk` is the most in one request, 0 for singly, and
    `gather` the seconds from one such request to the next."""

    topic: str
    route: str
    dead_letter_topic: str
    bulk: int
    raw: bool
    gather: float = 0.0


class Tick(Struct, frozen=True):
    """A request without a body, every `seconds`, while the function is awake."""

    route: str
    seconds: float


class Function(Struct, frozen=True):
    """One function: what runs, what wakes it, what it is fed.

    `door` is an ASGI application as `module:attribute`; `concurrency` the most requests that one
    process gets at a time, 0 for as many as it has partitions.
    """

    app_id: str
    door: str
    env: dict[str, str]
    concurrency: int
    replicas: int
    polling_seconds: float
    lags: tuple[LagTrigger, ...]
    queries: tuple[QueryTrigger, ...]
    subscriptions: tuple[Subscription, ...]
    ticks: tuple[Tick, ...]


class Retry(Struct, frozen=True):
    """Seconds between the deliveries of a record that was not finished: `first`, growing by
    `factor` to `ceiling`; and how long one delivery may take."""

    first: float = INITIAL_INTERVAL
    factor: float = MULTIPLIER
    ceiling: float = MAX_INTERVAL
    timeout: float = 120.0


class Topic(Struct, frozen=True):
    """A topic as it must be; `trimmed` ones keep their records until all their groups have them."""

    name: str
    partitions: int
    config: dict[str, str]

    @property
    def trimmed(self) -> bool:
        return self.config.get("retention.ms") == "-1"


class Manifests(Struct, frozen=True):
    """Everything that was read."""

    pubsub: str
    functions: dict[str, Function]
    topics: dict[str, Topic]
    retry: Retry

    def groups(self) -> dict[str, list[str]]:
        """Topic → the consumer groups that read it."""
        found: dict[str, list[str]] = defaultdict(list)
        for function in self.functions.values():
            for subscription in function.subscriptions:
                found[subscription.topic].append(function.app_id)
        return found


# --- reading -----------------------------------------------------------------------------------


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
        subscriptions=tuple(subscriptions.get(app_id, ())),
        ticks=tuple(ticks.get(app_id, ())),
    )


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
    """The inbound policy of the pubsub component; Dapr's defaults where there is none."""
    for item in resources:
        if item.kind != "Resiliency":
            continue
        spec = item.read(shapes.Resiliency).spec
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
    return Retry()


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
