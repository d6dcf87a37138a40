"""Functions under real KEDA, as keda/ says but for what an overlay would change; shared by the
tests of scaling and by what measures a start from zero.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.platform.cluster import Cluster, make_image, make_secret
from tests.platform.pods import BROKER, ROOT, Surroundings, read_documents
from tests.platform.stage import until


def read_manifests(bootstrap: str, names: Collection[str]) -> list[Any]:
    """keda/ for these functions: the broker elsewhere, and everything less patient."""
    found = [one for one in read_documents(ROOT / "keda") if one["metadata"]["name"] in names]
    for document in found:
        if document["kind"] == "ScaledObject":
            hasten_scaling(document["spec"], bootstrap)
        if document["kind"] == "Deployment":
            hasten_end(document["spec"]["template"])
    return found


def hasten_scaling(spec: Any, bootstrap: str) -> None:
    spec |= {"pollingInterval": 1, "cooldownPeriod": 5}
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] = behavior
    for trigger in (one["metadata"] for one in spec["triggers"]):
        if trigger.get("bootstrapServers") == BROKER:
            trigger |= {"bootstrapServers": bootstrap, "lagThreshold": "50"}


def hasten_end(pod: Any) -> None:
    pod["metadata"]["annotations"]["dapr.io/block-shutdown-duration"] = "2s"
    pod["spec"]["containers"][0]["lifecycle"] = {"preStop": {"sleep": {"seconds": 1}}}


@asynccontextmanager
async def scaled(
    cluster: Cluster, around: Surroundings, manifests: Sequence[Any], image: Path
) -> AsyncIterator[None]:
    """Until the block ends these manifests hold, with the Secrets that they name; at its beginning
    every function sleeps."""
    settings = {name: value for name, value in around.env.items() if name != "TASKFLOW_DATA"}
    async with cluster.kubelet(make_image(image), around):
        await cluster.apply(
            # The injector would give the token to the sidecar; the stand-in gives it this.
            make_secret("taskflow", settings | {"APP_API_TOKEN": around.token}),
            make_secret("taskflow-delivery", {"token": around.token}),
            *manifests,
        )
        try:
            for one in manifests:
                if one["kind"] == "Deployment":
                    await until_replicas(cluster, one["metadata"]["name"], 0, 0)
            yield
        finally:
            await cluster.kubectl("delete", "scaledobject,deployment", "--all", "--timeout=60s")


async def until_replicas(cluster: Cluster, name: str, least: int, most: int) -> None:
    async def are() -> bool:
        return least <= await cluster.replicas(name) <= most

    await until(are, f"{least} to {most} replicas of {name}", patience=90)
