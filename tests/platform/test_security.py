"""The log as an installation guards it: each sidecar shows who it is, by certificate or by name and
password, and may do what its function does and nothing else.
"""

import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.http import Server
from taskflow.dialects import Answer, read_delivery, write_answer
from taskflow.door import Door
from taskflow.events import encode
from taskflow.publish import open_publisher
from tests.functions.commands import create, send
from tests.infra.render import of_kind, render
from tests.platform.blocks.sidecars import (
    Place,
    Running,
    give_values,
    read_resource,
    run_sidecar,
    until_ready,
)
from tests.platform.guarded import Guarded, guarded_broker
from tests.platform.log import Log
from tests.platform.stage import until

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("kubectl", "openssl"))),
    reason="there is no kubectl to render the overlays, or no openssl to make certificates",
)


@pytest.fixture(scope="module", params=["aks", "scram"])
async def overlay(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
async def broker(overlay: str, folder: Path) -> AsyncIterator[Guarded]:
    users = list(of_kind(render(overlay), "KafkaUser").values())
    async with guarded_broker(folder / overlay, users, overlay == "scram") as broker:
        log = Log(broker.open)
        await log.create_topics()
        yield broker
        await log.close()


@pytest.fixture
def component(overlay: str, broker: Guarded) -> dict[str, Any]:
    """The overlay's own, but for where the broker is."""
    return give_values(of_kind(render(overlay), "Component")["taskflow"], brokers=broker.guarded)


async def publish(sidecar: Running, topic: str, title: str = "x") -> bool:
    """Whether the log takes an event from this sidecar."""
    publisher = open_publisher(sidecar.address("taskflow"))
    failed = await publisher.publish(topic, [send(create("u", title=title))])
    await publisher.close()
    return not failed


async def test_a_sidecar_publishes_what_its_function_emits_and_nothing_else(
    broker: Guarded, component: dict[str, Any], place: Place
) -> None:
    env = broker.proofs("write-task")
    async with run_sidecar(place, "write-task", [component], env=env) as sidecar:
        await until_ready(sidecar)
        assert await publish(sidecar, "task-events")
        assert not await publish(sidecar, "account-events")


class Reader:
    """A function's worker that notes what it is handed and takes it all."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    async def wake(self) -> None: ...

    async def answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        delivery = read_delivery(headers, body)
        self.seen += [entry.body for entry in delivery.entries]
        return write_answer(delivery.dialect, delivery.entries, ["SUCCESS"] * len(delivery.entries))

    async def healthy(self) -> bool:
        return True

    async def close(self) -> None: ...


async def test_a_sidecar_reads_what_its_function_is_woken_by(
    broker: Guarded, component: dict[str, Any], place: Place
) -> None:
    reader, listener = Reader(), socket.create_server(("127.0.0.1", 0))
    server = Server(Door(lambda: reader), listener)
    await server.start()
    wanted = read_resource("dapr/task-commands.write-task")
    told = {"env": broker.proofs("write-task"), "app_port": listener.getsockname()[1]}
    async with run_sidecar(place, "write-task", [component, wanted], **told) as sidecar:
        await until_ready(sidecar)
        event, log = encode(send(create("u", title="guarded"))), Log(broker.open)
        await log.send("task-commands", event)

        async def is_seen() -> bool:
            return event in reader.seen

        await until(is_seen, "the command at its function")
        await log.close()
    await server.stop()
    listener.close()


async def test_who_shows_a_wrong_proof_is_let_nowhere(
    broker: Guarded, component: dict[str, Any], place: Place
) -> None:
    """A wrong password, with which the sidecar does not even start; or a certificate of the right
    authority for a name that has no rights."""
    stranger = broker.proofs("nobody") | ({"KAFKA_PASSWORD": "wrong"} if broker.scram else {})
    async with run_sidecar(place, "write-task", [component], env=stranger) as sidecar:
        assert not await publish(sidecar, "task-events", "by a stranger")
    found = await Log(broker.open).read("task-events")
    assert not any(b"by a stranger" in (one.value or b"") for one in found)
