"""Apache Kafka's jars: fetched once for all data directories, each checked against the hash that
the repository names; apart because it alone here talks to the world outside.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local.process import StartFailed

LOCK = Path(__file__).with_name("kafka-jars.lock")
FETCHES = 4

Progress = Callable[[str], None]


class JarRefused(StartFailed):
    """A jar is not the one that the lock names."""


class JarsUnreachable(StartFailed):
    """A jar could not be fetched."""


@dataclass(frozen=True)
class Jar:
    """One line of the lock: Maven's coordinate, and the SHA-256 of the file in hex."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """The jars of a lock file: lines `group:artifact:version sha256`, # for comments."""
    lines = [line.split() for line in lock.read_text().splitlines() if not line.startswith("#")]
    return [read_jar(coordinate, sha256) for coordinate, sha256 in lines]


def read_jar(coordinate: str, sha256: str) -> Jar:
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, sha256)


def name_runtime(jars: Iterable[Jar]) -> str:
    """The folder's name for exactly these jars: `kafka-<version>-<digest of all hashes>`."""
    listed = sorted(jars, key=lambda jar: jar.coordinate)
    version = next(jar.version for jar in listed if jar.artifact.startswith("kafka_"))
    digest = hashlib.sha256("".join(jar.sha256 for jar in listed).encode()).hexdigest()
    return f"kafka-{version}-{digest[:8]}"


def fetch_jars(cache: Path, progress: Progress) -> Path:
    """The folder `<cache>/<name_runtime>` with all jars in `jars/`; fetched and checked if absent.

    It gets its name after the last check, so that its existence is all a later start looks at.
    Raises JarRefused, JarsUnreachable.
    """
    jars = read_lock()
    runtime = cache / name_runtime(jars)
    if not runtime.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as draft:
            for line in fetch_all(jars, Path(draft)):
                progress(line)
            check_jars(jars, Path(draft) / "new" / "jars")
            publish(Path(draft) / "new", runtime)
    return runtime


def fetch_all(jars: list[Jar], draft: Path) -> Iterator[str]:
    """Fetch the jars into `<draft>/new/jars`, telling of each one that arrived."""
    folder = draft / "new" / "jars"
    folder.mkdir(parents=True)
    yield f"Apache Kafka: fetching {len(jars)} jars (45 MB), this once"
    with ThreadPoolExecutor(FETCHES) as pool:
        arrivals = pool.map(lambda jar: (jar, fetch_jar(jar, draft / "repository")), jars)
        for number, (jar, path) in enumerate(arrivals, start=1):
            shutil.move(path, folder / jar.file_name)
            yield f"Apache Kafka: {number}/{len(jars)} {jar.file_name}"


def fetch_jar(jar: Jar, repository: Path) -> Path:
    # Imported here because it takes half a second, which only the first start has to pay.
    from jgo.maven import MavenContext

    component = MavenContext(repo_cache=repository).project(jar.group, jar.artifact)
    try:
        return component.at_version(jar.version).artifact().resolve()
    except (OSError, RuntimeError) as error:
        raise JarsUnreachable(
            f"{jar.coordinate} could not be fetched ({error}); connect to the internet for the "
            "first start, or name a running Kafka with TASKFLOW_KAFKA"
        ) from error


def check_jars(jars: Iterable[Jar], folder: Path) -> None:
    """Raise JarRefused for the first jar in the folder that is missing or not the lock's."""
    for jar in jars:
        path = folder / jar.file_name
        found = hash_file(path) if path.exists() else "nothing"
        if found != jar.sha256:
            raise JarRefused(
                f"{jar.coordinate} is not the jar that {LOCK.name} names: expected SHA-256 "
                f"{jar.sha256}, found {found}; fetch again, and if it stays, do not run it"
            )


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def publish(draft: Path, final: Path) -> None:
    """Give a finished draft its name, unless another start was quicker with the same."""
    try:
        draft.rename(final)
    except OSError:
        if not final.exists():
            raise
