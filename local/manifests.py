"""What `keda/`, `dapr/` and the topics' manifests say, in the few words that the platform at home
obeys; apart from their reading, so that everything else here knows no YAML.
"""

import math
from collections import defaultdict
from datetime import timedelta

from msgspec import Struct

# cenkalti/backoff's defaults, which Dapr's exponential policy keeps.
INITIAL_INTERVAL, MULTIPLIER, MAX_INTERVAL = 0.5, 1.5, 60.0
# What is done stays so long in topics that keep everything else: how far a restore may go back and
# lose nothing. The same as in infra/kubernetes/base/trim.
KEPT_DONE = timedelta(days=7)


class ManifestError(ValueError):
    """A manifest that cannot be obeyed; the message names the file, the resource and the field."""


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
    process gets at a time, 0 for as many as it has partitions; `cpu` its share of a busy machine
    beside the others' (Kubernetes' CPU request).
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
    cpu: float = 1.0


class Retry(Struct, frozen=True):
    """Seconds between the deliveries of a record that was not finished: `first`, growing by
    `factor` to `ceiling`; and how long one delivery may take."""

    first: float = INITIAL_INTERVAL
    factor: float = MULTIPLIER
    ceiling: float = MAX_INTERVAL
    timeout: float = 120.0


class Topic(Struct, frozen=True):
    """A topic as it must be; `trimmed` ones keep their records until all their groups have them,
    and KEPT_DONE longer."""

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

    def nice(self, function: Function) -> int:
        """Its niceness: the one with the largest share has 0, and each step is a quarter less
        (sched(7))."""
        largest = max(one.cpu for one in self.functions.values())
        return min(19, round(math.log(largest / function.cpu, 1.25)))

    def groups(self) -> dict[str, list[str]]:
        """Topic → the consumer groups that read it."""
        found: dict[str, list[str]] = defaultdict(list)
        for function in self.functions.values():
            for subscription in function.subscriptions:
                found[subscription.topic].append(function.app_id)
        return found
