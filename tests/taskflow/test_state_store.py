"""Values that several change at once: no change is lost, and none stays for ever."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest
from msgspec import Struct

from taskflow.errors import InvalidSetting, Unavailable
from taskflow.state_store import TRIES, StateStore, open_state_store
from tests.sidecar import Kept, Loopback, serve_sidecar


class Tally(Struct):
    count: int


def add(value: Tally | None) -> Tally:
    return Tally((value.count if value else 0) + 1)


@pytest.fixture
def sidecar() -> Iterator[Loopback]:
    with serve_sidecar() as server:
        yield server


@pytest.fixture
def stores(sidecar: Loopback) -> Iterator[list[StateStore[Tally]]]:
    """Three processes' views of one store."""
    found = [open_state_store("X", sidecar.address("counters"), Tally) for _ in range(3)]
    yield found
    for store in found:
        store.close()


async def test_a_value_is_changed_and_kept_for_a_while(
    stores: list[StateStore[Tally]], sidecar: Loopback
) -> None:
    assert [await stores[0].change("a", add, 10) for _ in range(3)] == [
        Tally(1),
        Tally(2),
        Tally(3),
    ]
    assert sidecar.memory.state["a"].value == {"count": 3}
    assert sidecar.memory.state["a"].seconds == 10
    assert await stores[1].change("b", add, 10) == Tally(1)


async def test_no_change_is_lost_between_several(
    stores: list[StateStore[Tally]], sidecar: Loopback
) -> None:
    async def add_many(store: StateStore[Tally]) -> int:
        """How often it was added: not when five times somebody else was faster."""
        added = 0
        for _ in range(20):
            with suppress(Unavailable):
                await store.change("a", add, 10)
                added += 1
        return added

    added = sum(await asyncio.gather(*map(add_many, stores)))
    assert added >= 20
    assert sidecar.memory.state["a"].value == {"count": added}


async def test_who_is_always_too_late_is_told(
    stores: list[StateStore[Tally]], sidecar: Loopback
) -> None:
    def meddle(value: Tally | None) -> Tally:
        etag = f"another {next(sidecar.memory.versions)}"
        sidecar.memory.state["a"] = Kept({"count": 9}, etag, 1)
        return add(value)

    with pytest.raises(Unavailable, match="'a' of 'counters' could not be saved: 409"):
        await stores[0].change("a", meddle, 10)
    writes = [path for _, path in sidecar.memory.asked if not path.endswith("/bulk")]
    assert len(writes) == TRIES


@pytest.mark.parametrize("mode", ["breaks", "dies"])
async def test_a_store_that_is_away_is_unavailable(
    stores: list[StateStore[Tally]], sidecar: Loopback, mode: str
) -> None:
    sidecar.memory.mode = mode
    with pytest.raises(Unavailable):
        await stores[0].change("a", add, 10)
    sidecar.memory.mode = "normal"
    assert await stores[0].change("a", add, 10) == Tally(1)


async def test_a_value_of_another_kind_is_named(
    stores: list[StateStore[Tally]], sidecar: Loopback
) -> None:
    sidecar.memory.state["a"] = Kept("many", "1", 1)
    with pytest.raises(Unavailable, match="'a' of 'counters' cannot be read"):
        await stores[0].change("a", add, 10)


def test_an_address_without_a_store_is_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"TASKFLOW_COUNTERS='dapr://127.0.0.1:1'"):
        open_state_store("TASKFLOW_COUNTERS", "dapr://127.0.0.1:1", Tally)
