"""Makes Kafka's topics what their manifests say, and deletes what every reader has done from those
that keep everything until then, a week later: a database that is set back in time needs it again. A
program of its own, because the platform needs it only now and then and the admin client weighs more
than all else it imports.

Run as `python -m local.topics create|tend BOOTSTRAP KEDA DAPR TOPICS`, the last three folders.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import CoordinatorNotAvailableError, GroupIdNotFoundError, TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

from local.manifests import KEPT_DONE, Topic
from local.read_manifests import read_manifests

TIMEOUT_MS = 30_000


def create_topics(admin: KafkaAdminClient, topics: Iterable[Topic]) -> None:
    """Create what is missing; replication is the broker's default."""
    present = set(admin.list_topics())
    for topic in topics:
        if topic.name in present:
            continue
        try:
            admin.create_topics(
                {topic.name: {"num_partitions": topic.partitions, "configs": topic.config}},
                wait_for_metadata=True,
            )
        except TopicAlreadyExistsError:
            # Somebody else's TaskFlow on the same Kafka was quicker.
            continue


def align_configs(admin: KafkaAdminClient, topics: Iterable[Topic]) -> None:
    """Set the configuration of every topic to its manifest's, where it differs."""
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.config) for topic in topics
    ]
    found = admin.describe_configs(resources, config_filter="all")["topic"]
    differing = [
        resource
        for resource in resources
        if {name: found[resource.name][name]["value"] for name in resource.configs}
        != resource.configs
    ]
    if differing:
        admin.alter_configs(differing)


def trim_topics(
    admin: KafkaAdminClient,
    topics: Iterable[Topic],
    groups: Mapping[str, Sequence[str]],
    before: datetime,
) -> None:
    """Delete the records of trimmed topics from before that instant which all their groups have
    behind them."""
    trimmed = [topic for topic in topics if topic.trimmed and groups.get(topic.name)]
    committed = read_offsets(admin, {group for topic in trimmed for group in groups[topic.name]})
    young = find_young(admin, trimmed, before)
    behind = {
        place: offset
        for topic in trimmed
        for place in partitions_of(topic)
        if (offset := min(find_offset(place, groups[topic.name], committed), young[place])) > 0
    }
    if behind:
        admin.delete_records(behind)


def find_young(
    admin: KafkaAdminClient, topics: Sequence[Topic], before: datetime
) -> dict[TopicPartition, int]:
    """The first offset of each partition that is no older; where all are, the end."""
    places = [place for topic in topics for place in partitions_of(topic)]
    instant = int(before.timestamp() * 1000)
    young = admin.list_partition_offsets(dict.fromkeys(places, instant))
    old = [place for place in places if young[place].offset < 0]
    ends = admin.list_partition_offsets(dict.fromkeys(old, OffsetSpec.LATEST)) if old else {}
    return {place: found.offset for place, found in {**young, **ends}.items()}


def partitions_of(topic: Topic) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for number in range(topic.partitions)]


def find_offset(
    place: TopicPartition,
    groups: Sequence[str],
    committed: Mapping[str, Mapping[TopicPartition, OffsetAndMetadata]],
) -> int:
    """The first offset that some group has not done; 0 while one has done nothing."""
    return min(
        committed[group][place].offset if place in committed[group] else 0 for group in groups
    )


def read_offsets(
    admin: KafkaAdminClient, groups: Iterable[str]
) -> dict[str, dict[TopicPartition, OffsetAndMetadata]]:
    found = {}
    for group in groups:
        try:
            found[group] = admin.list_group_offsets(group)[group]
        except (GroupIdNotFoundError, CoordinatorNotAvailableError):
            # Nobody has committed yet, in this group or in any.
            found[group] = {}
    return found


def main(task: str, bootstrap: str, *folders: str) -> None:
    """Create what is missing; to `tend` is to align and trim as well."""
    manifests = read_manifests(*map(Path, folders))
    topics = list(manifests.topics.values())
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=TIMEOUT_MS)
    try:
        create_topics(admin, topics)
        if task == "tend":
            align_configs(admin, topics)
            trim_topics(admin, topics, manifests.groups(), datetime.now(UTC) - KEPT_DONE)
    finally:
        admin.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
