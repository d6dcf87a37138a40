"""The broker at home, for real: what it keeps, however it ends, and that it starts again."""

import asyncio
import os
import sys
from pathlib import Path
from signal import SIGKILL

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from local import process
from local.kafka import CACHE, Kafka, Runtime, prepare_runtime, start_kafka

TOPIC = "notes"
PARENT = """
import asyncio, sys
from pathlib import Path
from local.kafka import start_kafka

async def main() -> None:
    print((await start_kafka(Path(sys.argv[1]), lambda _: None)).pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
async def runtime() -> Runtime:
    """The jars and Java's cache that every data directory of this machine shares."""
    return await prepare_runtime(CACHE.expanduser(), print)


@pytest.fixture(scope="module")
async def data(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data directory with one topic for all tests: each leaves it stopped in order."""
    folder = tmp_path_factory.mktemp("home")
    kafka = await start_kafka(folder, refuse_progress)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()
    await kafka.stop()
    return folder


def refuse_progress(line: str) -> None:
    raise AssertionError(f"a start with everything at hand has nothing to tell: {line}")


async def write(kafka: Kafka, *notes: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        for note in notes:
            await producer.send_and_wait(TOPIC, note)


async def read_newest(kafka: Kafka, count: int) -> list[bytes]:
    """The last `count` records of the topic."""
    async with AIOKafkaConsumer(TOPIC, bootstrap_servers=kafka.bootstrap) as consumer:
        (partition,) = consumer.assignment()
        end = (await consumer.end_offsets([partition]))[partition]
        consumer.seek(partition, end - count)
        return [(await consumer.getone()).value for _ in range(count)]


async def test_a_restart_keeps_records_and_address(data: Path) -> None:
    kafka = await start_kafka(data, refuse_progress)
    await write(kafka, b"restart")
    await kafka.stop()
    again = await start_kafka(data, refuse_progress)
    assert await read_newest(again, 1) == [b"restart"]
    assert (kafka.recovered, again.recovered) == (False, False)
    assert again.bootstrap == kafka.bootstrap
    await again.stop()


async def test_a_kill_keeps_what_was_acknowledged(data: Path) -> None:
    kafka = await start_kafka(data, refuse_progress)
    notes = [b"kill-%d" % number for number in range(100)]
    await write(kafka, *notes)
    os.kill(kafka.pid, SIGKILL)
    await kafka.process.wait()
    again = await start_kafka(data, refuse_progress)
    assert again.recovered
    assert await read_newest(again, 100) == notes
    await again.stop()


async def test_a_stray_is_stopped_before_the_start(data: Path) -> None:
    stray = await start_kafka(data, refuse_progress)
    await write(stray, b"stray")
    kafka = await start_kafka(data, refuse_progress)
    assert stray.process.returncode is not None
    assert not kafka.recovered and await read_newest(kafka, 1) == [b"stray"]
    await kafka.stop()


async def test_the_broker_ends_in_order_with_a_killed_parent(data: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", PARENT, str(data)],
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert parent.stdout is not None
    broker = psutil.Process(int(await parent.stdout.readline()))
    parent.kill()
    await parent.communicate()
    await process.Stray(broker).wait()
    kafka = await start_kafka(data, refuse_progress)
    assert not kafka.recovered
    await kafka.stop()


async def test_a_group_resumes_where_it_committed(data: Path) -> None:
    kafka = await start_kafka(data, refuse_progress)
    await write(kafka, b"first", b"second")
    for note in (b"first", b"second"):
        consumer = AIOKafkaConsumer(
            TOPIC, bootstrap_servers=kafka.bootstrap, group_id="g", auto_offset_reset="earliest"
        )
        async with consumer:
            while (await consumer.getone()).value != note:
                pass
            await consumer.commit()
        if note == b"first":
            await kafka.stop()
            kafka = await start_kafka(data, refuse_progress)
    await kafka.stop()


async def test_a_record_of_four_megabytes_passes_on_this_machine_alone(
    kafka: Kafka, admin: AIOKafkaAdminClient
) -> None:
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    large = os.urandom(4_000_000)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, max_request_size=4 << 20)
    async with producer:
        await producer.send_and_wait(TOPIC, large)
    assert await read_newest(kafka, 1) == [large]
    listening = [
        one for one in psutil.Process(kafka.pid).net_connections() if one.status == "LISTEN"
    ]
    assert {one.laddr.ip.removeprefix("::ffff:") for one in listening} == {"127.0.0.1"}


async def test_a_damaged_class_cache_does_not_bar_the_start(
    data: Path, runtime: Runtime, tmp_path: Path
) -> None:
    damaged = Runtime(tmp_path / runtime.folder.name)
    damaged.folder.mkdir()
    (damaged.folder / "jars").symlink_to(runtime.folder / "jars")
    damaged.bootstrap_records.symlink_to(runtime.bootstrap_records)
    damaged.warm_classes.write_bytes(runtime.warm_classes.read_bytes()[: 1 << 20])
    kafka = await start_kafka(data, refuse_progress, cache=tmp_path)
    await write(kafka, b"slower")
    await kafka.stop()


async def test_a_failed_start_tells_why(data: Path) -> None:
    identity = data / "kafka" / "log" / "meta.properties"
    before = identity.read_text()
    identity.write_text(before.replace("node.id=1", "node.id=7"))
    with pytest.raises(process.StartFailed, match="Kafka ended with code 1"):
        await start_kafka(data, refuse_progress)
    identity.write_text(before)
