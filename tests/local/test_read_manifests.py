"""The manifests as they are, and what is said of wrong ones."""

import shutil
from pathlib import Path

import pytest

from local.manifests import ManifestError
from local.read_manifests import read_duration, read_manifests, read_resources
from local.tend import Folders

FOLDERS = Folders()


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A copy of the manifests, to spoil."""
    for name in ("keda", "dapr", "topics"):
        shutil.copytree(getattr(FOLDERS, name), tmp_path / name)
    return Folders(*(tmp_path / name for name in ("keda", "dapr", "topics")))


def spoil(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def test_every_function_is_read_with_what_wakes_and_feeds_it() -> None:
    manifests = read_manifests(FOLDERS.keda, FOLDERS.dapr, FOLDERS.topics)
    audit = manifests.functions["write-audit"]
    assert audit.door == "functions.write_audit.main:main.door"
    assert (audit.replicas, audit.concurrency) == (1, 1)
    assert {one.topic for one in audit.lags} == {"task-events", "account-events"}
    assert {(one.topic, one.bulk) for one in audit.subscriptions} == {
        ("task-events", 500),
        ("account-events", 500),
    }
    timer = manifests.functions["fire-timer"]
    assert (timer.ticks[0].seconds, len(timer.queries), timer.subscriptions) == (1, 1, ())
    letters = manifests.functions["keep-dead-letter"]
    assert all(one.raw and not one.dead_letter_topic for one in letters.subscriptions)
    assert manifests.retry.ceiling == 30


def test_every_dead_letter_topic_exists_and_is_read_and_trimmed() -> None:
    manifests = read_manifests(FOLDERS.keda, FOLDERS.dapr, FOLDERS.topics)
    groups = manifests.groups()
    targets = {
        subscription.dead_letter_topic
        for function in manifests.functions.values()
        for subscription in function.subscriptions
    } - {""}
    assert targets
    assert all(groups[name] == ["keep-dead-letter"] for name in targets)
    assert all(manifests.topics[name].trimmed for name in targets)
    assert set(groups) <= set(manifests.topics)


@pytest.mark.parametrize(
    ("folder", "file", "old", "new", "told"),
    [
        ("keda", "task-commands.write-task", "maxReplicaCount: 6", "maxReplicaCount: many", "max"),
        ("keda", "task-commands.write-task", 'lagThreshold: "1000"', "lagThreshold: x", "lagThre"),
        ("keda", "task-commands.write-task", "Group: write-task", "Group: other", "consumerGroup"),
        ("keda", "task-commands.write-task", "dapr.io/app-id", "dapr.io/app", "dapr.io/app-id"),
        ("keda", "timers.fire-timer", "query:", "sql:", "lacks query"),
        ("keda", "timers.fire-timer", "{cpu: 50m", "{cpu: some", "no CPU share"),
        ("dapr", "every-second.fire-timer", "@every 1s", "0 0 * * *", "@every"),
        ("dapr", "failure.retry", "maxRetries: -1", "maxRetries: 3", "give up"),
        ("dapr", "failure.retry", "maxInterval: 30s", "maxInterval: 30x", "duration"),
        (
            "dapr",
            "failure.retry",
            "  components:\n      taskflow:",
            "  components:\n      x:",
            "taskflow",
        ),
        ("dapr", "task-commands.write-task", "pubsubname: taskflow", "pubsubname: x", "pubsubname"),
        ("dapr", "publish.taskflow", "pubsub.kafka", "pubsub.redis", "pubsub.kafka"),
        ("dapr", "publish.taskflow", "kind: Component", "kind: [", "publish.taskflow"),
        ("dapr", "publish.taskflow", "kind: Component", "sort: Component", "kind"),
        ("topics", "task-events", "partitions: 6", "partitions: six", "partitions"),
    ],
)
def test_a_wrong_manifest_is_refused_by_file_and_field(
    folders: Folders, folder: str, file: str, old: str, new: str, told: str
) -> None:
    spoil(getattr(folders, folder), f"{file}.yaml", old, new)
    with pytest.raises(ManifestError) as error:
        read_manifests(folders.keda, folders.dapr, folders.topics)
    assert told in str(error.value)
    assert str(getattr(folders, folder)) in str(error.value)


def test_cpu_requests_are_weights() -> None:
    manifests = read_manifests(FOLDERS.keda, FOLDERS.dapr, FOLDERS.topics)
    functions = manifests.functions
    shares = {name: manifests.nice(function) for name, function in functions.items()}
    assert shares["write-task"] == 0 == min(shares.values())
    # A tenth of the CPU: ten steps of a quarter less each.
    assert shares["write-audit"] == shares["fan-out-update"] == shares["expand-recurrence"] == 10


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("1m30s", 90), ("500ms", 0.5), ("1.5h", 5400)]
)
def test_durations_are_gos(text: str, seconds: float) -> None:
    assert read_duration(read_resources(FOLDERS.dapr)[0], text) == seconds
