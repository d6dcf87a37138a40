"""The Kubernetes and Dapr resources that the platform at home reads, each with just the fields that
it obeys; apart, because these are other people's shapes and change with their versions.
"""

from typing import Any

import msgspec
from msgspec import Struct

# Dapr's own defaults (pkg/runtime/pubsub, components-contrib pubsub/kafka).
BULK_MESSAGES = 80
BULK_AWAIT_MS = 1_000


class Meta(Struct):
    name: str
    annotations: dict[str, str] = {}


class Env(Struct):
    name: str
    value: str | None = None


class Resources(Struct):
    requests: dict[str, str] = {}


class Container(Struct):
    args: list[str]
    env: list[Env] = []
    resources: Resources = msgspec.field(default_factory=Resources)


class PodSpec(Struct):
    containers: list[Container]


class PodMeta(Struct):
    annotations: dict[str, str]


class Pod(Struct):
    metadata: PodMeta
    spec: PodSpec


class DeploymentSpec(Struct):
    template: Pod


class Deployment(Struct):
    metadata: Meta
    spec: DeploymentSpec


class Target(Struct):
    name: str


class Trigger(Struct):
    type: str
    metadata: dict[str, str]


class ScaledObjectSpec(Struct, rename="camel"):
    scale_target_ref: Target
    triggers: list[Trigger]
    polling_interval: int = 30
    max_replica_count: int = 100


class ScaledObject(Struct):
    metadata: Meta
    spec: ScaledObjectSpec


class Item(Struct):
    name: str
    value: Any = None


class ComponentSpec(Struct):
    type: str
    metadata: list[Item]


class Component(Struct):
    metadata: Meta
    spec: ComponentSpec
    scopes: list[str] = []


class Routes(Struct):
    default: str


class Bulk(Struct, rename="camel"):
    enabled: bool
    max_messages_count: int = BULK_MESSAGES
    max_await_duration_ms: int = BULK_AWAIT_MS


class SubscriptionSpec(Struct, rename="camel"):
    pubsubname: str
    topic: str
    routes: Routes
    dead_letter_topic: str = ""
    bulk_subscribe: Bulk | None = None
    metadata: dict[str, str] = {}


class Subscription(Struct):
    metadata: Meta
    spec: SubscriptionSpec
    scopes: list[str]


class RetryPolicy(Struct, rename="camel"):
    policy: str = "constant"
    max_interval: str = "60s"
    max_retries: int = -1


class Policies(Struct):
    timeouts: dict[str, str] = {}
    retries: dict[str, RetryPolicy] = {}


class Inbound(Struct):
    timeout: str = ""
    retry: str = ""


class ComponentTarget(Struct):
    inbound: Inbound = msgspec.field(default_factory=Inbound)


class Targets(Struct):
    components: dict[str, ComponentTarget] = {}


class ResiliencySpec(Struct):
    policies: Policies
    targets: Targets


class Resiliency(Struct):
    metadata: Meta
    spec: ResiliencySpec


class TopicSpec(Struct, rename="camel"):
    partitions: int
    config: dict[str, Any] = {}
    topic_name: str = ""


class Topic(Struct):
    metadata: Meta
    spec: TopicSpec


class Kind(Struct):
    kind: str
