"""What is asked of a sidecar, how it is named, and what becomes of one that hangs up."""

import asyncio
from collections.abc import Iterator

import pytest

from taskflow.errors import InvalidSetting, Unavailable
from taskflow.sidecar import Address, Answer, Sidecar, expect, read_address, write_path
from tests.sidecar import Loopback, serve_sidecar


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with serve_sidecar() as server:
        yield server


@pytest.fixture
def sidecar(loopback: Loopback) -> Iterator[Sidecar]:
    found = Sidecar(read_address("X", loopback.address()))
    yield found
    found.close()


@pytest.mark.parametrize(
    ("address", "names", "found"),
    [
        ("dapr://127.0.0.1:3501/store", 1, Address("127.0.0.1", 3501, ("store",))),
        ("dapr://127.0.0.1/store/a,b", 2, Address("127.0.0.1", 4444, ("store", "a,b"))),
        ("dapr://sidecar:1", 0, Address("sidecar", 1)),
    ],
)
def test_an_address_names_a_sidecar(address: str, names: int, found: Address) -> None:
    assert read_address("X", address, names, {"DAPR_HTTP_PORT": "4444"}) == found


def test_a_port_that_nobody_names_is_dapr_s_own() -> None:
    assert read_address("X", "dapr://127.0.0.1", environment={}).url == "http://127.0.0.1:3500"


@pytest.mark.parametrize("address", ["", "on", "http://127.0.0.1:3500/store", "dapr:///store"])
def test_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^X='.*' cannot be used: give it as dapr://"):
        read_address("X", address, 1)


def test_a_name_too_few_is_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"dapr://127.0.0.1/<name>/<name>"):
        read_address("X", "dapr://127.0.0.1:1/store", 2)


def test_a_path_is_quoted() -> None:
    assert write_path("state", "my store", "a/b||ü") == "/v1.0/state/my%20store/a%2Fb%7C%7C%C3%BC"


async def test_many_may_ask_at_once(sidecar: Sidecar, loopback: Loopback) -> None:
    paths = [write_path("healthz", str(n)) for n in range(20)]
    answers = await asyncio.gather(*(sidecar.ask("GET", path) for path in paths))
    assert answers == [Answer(204)] * 20
    assert sorted(loopback.memory.asked) == sorted(("GET", path) for path in paths)


async def test_a_connection_that_was_closed_while_idle_is_no_failure(
    sidecar: Sidecar, loopback: Loopback
) -> None:
    for _ in range(3):
        assert await sidecar.ask("GET", write_path("healthz")) == Answer(204)
        loopback.hang_up()


async def test_one_that_says_nothing_is_away(loopback: Loopback) -> None:
    impatient = Sidecar(read_address("X", loopback.address()), timeout=0.05)
    with loopback.turn, pytest.raises(Unavailable, match="TimeoutError"):
        await impatient.ask("GET", write_path("healthz"))
    impatient.close()


async def test_nobody_there_is_unavailable(sidecar: Sidecar, loopback: Loopback) -> None:
    loopback.memory.mode = "dies"
    with pytest.raises(Unavailable, match=r"The sidecar at 127.0.0.1:\d+ is away"):
        await sidecar.ask("GET", write_path("healthz"))
    loopback.memory.mode = "normal"
    assert (await sidecar.ask("GET", write_path("healthz"))).status == 204


async def test_a_question_whose_asker_went_away_disturbs_no_other(
    sidecar: Sidecar, loopback: Loopback
) -> None:
    with loopback.turn:
        given_up = asyncio.create_task(sidecar.ask("GET", write_path("healthz", "1")))
        while not loopback.memory.asked:
            await asyncio.sleep(0.005)
        given_up.cancel()
        other = asyncio.create_task(sidecar.ask("GET", write_path("healthz", "2")))
        await asyncio.gather(given_up, return_exceptions=True)
    assert await other == Answer(204)


def test_another_status_than_wanted_is_told() -> None:
    answer = Answer(500, b'{"errorCode":"ERR_STATE_GET"}' + b"x" * 500)
    assert expect(answer, [500], "") is answer
    with pytest.raises(Unavailable, match=r"did not read it: 500 .*ERR_STATE_GET") as caught:
        expect(answer, [200], "read it")
    assert len(str(caught.value)) < 300
