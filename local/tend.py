"""Sees to it that the topics are there before anybody reads them, and that they are trimmed from
time to time; the work itself is done by `local.topics`, in a process of its own.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from msgspec import Struct

from local import process
from local.manifests import Manifests
from local.replica import ROOT

HOUR = 3600.0

log = logging.getLogger("taskflow.local")


class WrongTopic(RuntimeError):
    """A topic that is there, but not as its manifest says."""


class Folders(Struct, frozen=True):
    """Where the manifests are."""

    keda: Path = ROOT / "keda"
    dapr: Path = ROOT / "dapr"
    topics: Path = ROOT / "infra/kubernetes/base/topics"


async def has_topics(bootstrap: str, manifests: Manifests) -> bool:
    """Whether all topics are there. Raises WrongTopic for another number of partitions, because
    keys would then be in other places."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        cluster = await client.fetch_all_metadata()
        present = {name: len(cluster.partitions_for_topic(name)) for name in cluster.topics()}
    finally:
        await client.close()
    for topic in manifests.topics.values():
        if present.get(topic.name, topic.partitions) != topic.partitions:
            raise WrongTopic(
                f"{topic.name} has {present[topic.name]} partitions, its manifest says"
                f" {topic.partitions}: use another Kafka, or mend the manifest"
            )
    return manifests.topics.keys() <= present.keys()


async def care_for_topics(task: str, bootstrap: str, folders: Folders, logs: Path) -> None:
    """`create` or `tend` them. Raises process.StartFailed with the end of its log."""
    argv = [sys.executable, "-m", "local.topics", task, bootstrap]
    argv += map(str, (folders.keda, folders.dapr, folders.topics))
    output, env = logs / "topics.log", {**os.environ, "PYTHONPATH": str(ROOT)}
    tending = await process.spawn(argv, log=output, env=env)
    async with process.ended_on_failure(tending):
        if await tending.wait():
            process.check_running(tending, "The care for the topics", output)


async def tend_for_ever(bootstrap: str, folders: Folders, logs: Path) -> None:
    """Now and every hour."""
    while True:
        try:
            await care_for_topics("tend", bootstrap, folders, logs)
        except process.StartFailed as error:
            log.warning("%s", error)
        await asyncio.sleep(HOUR)
