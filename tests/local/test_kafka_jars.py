"""The lock of Kafka's jars, and that nothing else than what it names is run."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from local.kafka import CACHE
from local.kafka_jars import (
    Jar,
    JarRefused,
    JarsUnreachable,
    check_jars,
    fetch_jar,
    fetch_jars,
    name_runtime,
    read_lock,
)

GONE = Jar("org.apache.kafka", "kafka-clients", "0.0.0-never", "0" * 64)


@pytest.fixture(scope="module")
def fetched() -> Path:
    """The jars as they were fetched for this machine, once."""
    return fetch_jars(CACHE.expanduser(), print) / "jars"


def test_the_lock_names_each_jar_once_with_a_hash() -> None:
    jars = read_lock()
    assert len({jar.coordinate for jar in jars}) == len(jars)
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in jars)
    assert {"kafka_2.13", "kafka-clients", "slf4j-jdk14"} <= {jar.artifact for jar in jars}


def test_other_jars_get_another_folder() -> None:
    jars = read_lock()
    changed = [replace(jars[0], sha256="0" * 64), *jars[1:]]
    assert name_runtime(jars) == name_runtime(list(reversed(jars)))
    assert name_runtime(jars) != name_runtime(changed)


def test_what_was_fetched_is_what_the_lock_names(fetched: Path) -> None:
    jars = read_lock()
    check_jars(jars, fetched)
    assert {path.name for path in fetched.iterdir()} == {jar.file_name for jar in jars}


def test_a_changed_jar_is_refused_by_name(fetched: Path, tmp_path: Path) -> None:
    jars = [jar for jar in read_lock() if jar.artifact in ("kafka-raft", "slf4j-api")]
    for jar in jars:
        shutil.copy(fetched / jar.file_name, tmp_path)
    check_jars(jars, tmp_path)
    with (tmp_path / jars[0].file_name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(JarRefused, match=f"{jars[0].coordinate} is not .*{jars[0].sha256}"):
        check_jars(jars, tmp_path)


def test_a_missing_jar_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(JarRefused, match=r"kafka-clients:0\.0\.0-never .* found nothing"):
        check_jars([GONE], tmp_path)


def test_a_jar_that_cannot_be_fetched_is_named(tmp_path: Path) -> None:
    with pytest.raises(JarsUnreachable, match=r"kafka-clients:0\.0\.0-never could not be fetched"):
        fetch_jar(GONE, tmp_path)
