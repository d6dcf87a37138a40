"""Topics made, aligned and trimmed on real Kafka, by the program that does it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from local.manifests import KEPT_DONE
from local.read_manifests import read_manifests
from local.tend import Folders, WrongTopic, care_for_topics, has_topics
from tests.local.home import Home

FUNCTION = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: reader}
spec:
  template:
    metadata: {annotations: {dapr.io/app-id: reader}}
    spec: {containers: [{name: reader, args: [m:door]}]}
---
kind: ScaledObject
metadata: {name: reader}
spec: {scaleTargetRef: {name: reader}, triggers: []}
"""
PUBSUB = "kind: Component\nmetadata: {name: p}\nspec: {type: pubsub.kafka, metadata: []}\n"
SUBSCRIPTION = """
kind: Subscription
metadata: {name: s}
spec: {pubsubname: p, topic: TOPIC, routes: {default: /}}
scopes: [reader]
"""


def write_folders(folder: Path, *topics: tuple[str, int, str]) -> Folders:
    """Manifests of one function that reads all of these (name, partitions, retention)."""
    made = Folders(*(folder / name for name in ("keda", "dapr", "topics")))
    for place in (made.keda, made.dapr, made.topics):
        place.mkdir(exist_ok=True)
    (made.keda / "reader.yaml").write_text(FUNCTION)
    (made.dapr / "pubsub.yaml").write_text(PUBSUB)
    for name, partitions, retention in topics:
        (made.dapr / f"{name}.yaml").write_text(SUBSCRIPTION.replace("TOPIC", name))
        (made.topics / f"{name}.yaml").write_text(
            f"kind: KafkaTopic\nmetadata: {{name: {name}}}\n"
            f"spec: {{partitions: {partitions}, config: {{retention.ms: {retention}}}}}\n"
        )
    return made


async def present(home: Home, folders: Folders) -> bool:
    manifests = read_manifests(folders.keda, folders.dapr, folders.topics)
    return await has_topics(home.bootstrap, manifests)


async def retention(home: Home, topic: str) -> str:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": None})
    (answer,) = await home.admin.describe_configs([resource])
    return str(answer.resources[0][4][0][1])


async def test_topics_are_made_and_follow_their_manifests(home: Home, tmp_path: Path) -> None:
    folders = write_folders(tmp_path, ("made", 3, "1000"))
    assert not await present(home, folders)
    await care_for_topics("create", home.bootstrap, folders, home.data)
    assert await present(home, folders)
    assert await retention(home, "made") == "1000"
    write_folders(tmp_path, ("made", 3, "2000"))
    await care_for_topics("tend", home.bootstrap, folders, home.data)
    assert await retention(home, "made") == "2000"


async def test_another_number_of_partitions_is_refused(home: Home, tmp_path: Path) -> None:
    folders = write_folders(tmp_path, ("counted", 2, "1000"))
    await care_for_topics("create", home.bootstrap, folders, home.data)
    write_folders(tmp_path, ("counted", 3, "1000"))
    with pytest.raises(WrongTopic, match="counted has 2 partitions, its manifest says 3"):
        await present(home, folders)


async def test_only_what_is_done_and_old_is_trimmed_and_only_where_nothing_expires(
    home: Home, tmp_path: Path
) -> None:
    folders = write_folders(tmp_path, ("kept", 2, "-1"), ("expiring", 1, "100000000000"))
    await care_for_topics("create", home.bootstrap, folders, home.data)
    old = int((datetime.now(UTC) - KEPT_DONE).timestamp() * 1000) - 60_000
    for topic in ("kept", "expiring"):
        for number in range(5):
            at = None if number == 2 else old
            await home.producer.send_and_wait(topic, b"{}", partition=0, timestamp_ms=at)
    places = [TopicPartition("kept", 0), TopicPartition("kept", 1), TopicPartition("expiring", 0)]
    async with AIOKafkaConsumer(
        bootstrap_servers=home.bootstrap, group_id="reader", enable_auto_commit=False
    ) as consumer:
        consumer.assign(places)
        await consumer.commit({places[0]: 3, places[2]: 4})
        await care_for_topics("tend", home.bootstrap, folders, home.data)
        await care_for_topics("tend", home.bootstrap, folders, home.data)
        starts = await consumer.beginning_offsets(places)
    # The third is done too, but young: a database set back by a day would need it.
    assert [starts[place] for place in places] == [2, 0, 0]
