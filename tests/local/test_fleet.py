"""Deliveries, retries, dead letters and scaling on real Kafka, with real processes."""

import os
from signal import SIGKILL

import asyncpg
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from local.fleet import Fleet
from local.manifests import LagTrigger, QueryTrigger, Subscription, Tick, Topic
from local.replica import SMALL_BYTES
from local.scale import Report
from local.sidecar import choose_pace
from tests.local.home import Home, event, make_function, until


def report(fleet: Fleet, place: int = 0) -> Report:
    return fleet.read_state().functions[place]


async def committed(home: Home, group: str, topic: Topic, partition: int = 0) -> int | None:
    async with AIOKafkaConsumer(
        bootstrap_servers=home.bootstrap, group_id=group, enable_auto_commit=False
    ) as consumer:
        offset: int | None = await consumer.committed(TopicPartition(topic.name, partition))
        return offset


async def test_a_function_wakes_for_a_record_and_sleeps_again(home: Home) -> None:
    (topic,) = await home.topics(3)
    async with home.running([make_function(topic.name, "one.door", topic)], [topic]) as fleet:
        assert (report(fleet).replicas, report(fleet).last_wake) == (0, None)
        await home.send(topic, event(0))
        await until(lambda: home.notes("done") == ["0"], "the first record is handled")
        await until(lambda: report(fleet).replicas == 0, "it sleeps again")
        await home.send(topic, event(1))
        await until(lambda: home.notes("done") == ["0", "1"], "the second record is handled")
        await until(lambda: report(fleet).replicas == 0, "it sleeps again")
        assert report(fleet).lag == 0
        assert report(fleet).delivered == 2
        assert report(fleet).cold_start_ms is not None
    assert len({line["pid"] for line in home.lines()}) == 2
    assert await committed(home, topic.name, topic) == 2


async def test_records_of_a_partition_come_in_order_and_partitions_do_not_wait(home: Home) -> None:
    (topic,) = await home.topics(2)
    held = home.flag("held")
    async with home.running([make_function(topic.name, "one.door", topic)], [topic]):
        await home.send(topic, event("a0", wait_while=str(held)), *map(event, ("a1", "a2")))
        await home.send(topic, *map(event, ("b0", "b1", "b2")), partition=1)
        await until(lambda: len(home.notes("done")) == 3, "the other partition is done")
        await until(lambda: home.notes("id").count("a0") > 2, "the first is tried again")
        assert home.notes("done") == ["b0", "b1", "b2"]
        assert "a1" not in home.notes("id")
        held.unlink()
        await until(lambda: len(home.notes("done")) == 6, "all is done")
    assert home.notes("done")[3:] == ["a0", "a1", "a2"]


async def test_one_bad_entry_of_a_batch_holds_up_only_what_is_behind_it(home: Home) -> None:
    (topic,) = await home.topics(2)
    held = home.flag("held")
    function = make_function(topic.name, "held", topic, bulk=100, concurrency=1)
    await home.send(topic, event(0), event(1, wait_while=str(held)), event(2))
    await home.send(topic, event(10), event(11), partition=1)
    async with home.running([function], [topic]):
        await until(lambda: home.notes("batch").count(["1"]) > 1, "the bad one comes alone")
        assert set(home.notes("done")) == {"0", "2", "10", "11"}
        await home.send(topic, event(3))
        await home.send(topic, event(12), partition=1)
        await until(lambda: "12" in home.notes("done"), "the other partition goes on")
        assert "3" not in home.notes("done")
        held.unlink()
        await until(lambda: "3" in home.notes("done"), "what was behind it comes")
    assert [one for one in home.notes("done") if one in ("1", "2", "3")] == ["2", "1", "3"]
    assert await committed(home, topic.name, topic) == 4


async def test_what_is_refused_goes_to_the_dead_letters_with_its_place(home: Home) -> None:
    (topic,) = await home.topics(2)
    letters = Topic(f"{topic.name}-dead-letters", 1, {})
    await home.create(letters)
    keeper = make_function(
        f"{topic.name}-keeper",
        "record.door",
        letters,
        subscriptions=(Subscription(letters.name, "/", "", 0, True),),
    )
    function = make_function(topic.name, "batch.door", topic, bulk=100)
    async with home.running([function, keeper], [topic, letters]) as fleet:
        await home.send(topic, event(0), b"no event", b'{"specversion":"0.3"}', event(1))
        await home.send(topic, b"\xff", None, partition=1, key=b"a\nb")
        await until(lambda: len(home.notes("record")) == 4, "the dead letters are kept")
        await until(lambda: len(home.notes("done")) == 2, "the good ones are done")
        assert report(fleet).dead_letters == 4
    found = sorted(zip(home.notes("place"), home.notes("record"), strict=True))
    assert found == [
        ([topic.name, 0, 1, "k"], "no event"),
        ([topic.name, 0, 2, "k"], '{"specversion":"0.3"}'),
        ([topic.name, 1, 0, "a%0Ab"], "\ufffd"),
        ([topic.name, 1, 1, "a%0Ab"], ""),
    ]


async def test_a_single_record_that_is_no_object_is_set_aside_unasked(home: Home) -> None:
    (topic,) = await home.topics(1)
    await home.create(Topic(f"{topic.name}-dead-letters", 1, {}))
    async with home.running([make_function(topic.name, "one.door", topic)], [topic]) as fleet:
        await home.send(topic, b"[]", event(0))
        await until(lambda: home.notes("done") == ["0"], "the record behind it is done")
        assert report(fleet).dead_letters == 1


async def test_the_fifth_failure_of_a_handler_ends_it(home: Home) -> None:
    (topic,) = await home.topics(1)
    await home.create(Topic(f"{topic.name}-dead-letters", 1, {}))
    async with home.running([make_function(topic.name, "one.door", topic)], [topic]) as fleet:
        await home.send(topic, event(0, fail=True), event(1))
        await until(lambda: home.notes("done") == ["1"], "the partition goes on")
        assert report(fleet).dead_letters == 1
    assert home.notes("id") == ["0"] * 5 + ["1"]


async def test_a_process_killed_while_it_works_loses_nothing(home: Home) -> None:
    (topic,) = await home.topics(1)
    deadly = str(home.flag("deadly"))
    async with home.running([make_function(topic.name, "one.door", topic)], [topic]):
        await home.send(topic, event(0), event(1, die_while=deadly), event(2))
        await until(lambda: len(home.notes("done")) == 3, "all three are done")
    assert home.notes("done") == ["0", "1", "2"]
    assert home.notes("id") == ["0", "1", "1", "2"]


async def test_an_idle_process_that_is_killed_is_replaced_when_needed(home: Home) -> None:
    (topic,) = await home.topics(1)
    home.settings = msgspec.structs.replace(home.settings, cooldown=60)
    async with home.running([make_function(topic.name, "one.door", topic)], [topic]) as fleet:
        await home.send(topic, event(0))
        await until(lambda: len(home.notes("done")) == 1, "the first is done")
        os.kill(home.lines()[0]["pid"], SIGKILL)
        await until(lambda: report(fleet).replicas == 0, "its death is seen")
        await home.send(topic, event(1))
        await until(lambda: len(home.notes("done")) == 2, "the second is done")


async def test_many_waiting_records_start_several_processes(home: Home) -> None:
    (topic,) = await home.topics(4)
    function = make_function(
        topic.name,
        "one.door",
        topic,
        replicas=2,
        concurrency=1,
        lags=(LagTrigger(topic.name, 5, 0),),
    )
    for partition in range(4):
        waiting = [event(f"{partition}-{n}", seconds=0.02) for n in range(10)]
        await home.send(topic, *waiting, partition=partition)
    async with home.running([function], [topic]) as fleet:
        await until(lambda: report(fleet).replicas == min(2, os.cpu_count() or 1), "it grows")
        await until(lambda: len(home.notes("done")) == 40, "all is done")
        await until(lambda: report(fleet).replicas == 0, "all sleep")
    assert len({line["pid"] for line in home.lines()}) == min(2, os.cpu_count() or 1)
    for partition in range(4):
        mine = [one for one in home.notes("done") if one.startswith(f"{partition}-")]
        assert mine == [f"{partition}-{n}" for n in range(10)]


async def test_a_batch_gathers_what_comes_while_the_last_one_is_worked_on(home: Home) -> None:
    (topic,) = await home.topics(3)
    function = make_function(topic.name, "batch.door", topic, bulk=50, concurrency=1)
    async with home.running([function], [topic]):
        await home.send(topic, event("first", seconds=2))
        await until(lambda: home.notes("batch") == [["first"]], "it is at work")
        for number in range(60):
            await home.send(topic, event(number), partition=number % 3)
        await until(lambda: len(home.notes("done")) == 61, "all is done")
    sizes = [len(batch) for batch in home.notes("batch")]
    # What comes late, while the second is fetched, is a request of its own.
    assert (sizes[0], max(sizes), sum(sizes), len(sizes) <= 5) == (1, 50, 61, True)


async def test_small_requests_follow_each_other_and_a_large_one_goes_beside(home: Home) -> None:
    (topic,) = await home.topics(3)
    function = make_function(topic.name, "batch.door", topic, bulk=50, concurrency=2)
    async with home.running([function], [topic]) as fleet:
        await home.send(topic, event("slow", seconds=4))
        await until(lambda: home.notes("batch") == [["slow"]], "it is at work")
        await home.send(topic, event("small"), partition=1)
        await until(lambda: report(fleet).lag == 2, "a small one waits")
        await home.send(topic, event("large", text="x" * SMALL_BYTES), partition=2)
        await until(lambda: len(home.notes("done")) == 3, "all is done")
    assert home.notes("batch") == [["slow"], ["small", "large"]]
    assert home.notes("done") == ["small", "large", "slow"]


async def test_single_records_do_not_wait_for_each_other(home: Home) -> None:
    (topic,) = await home.topics(2)
    function = make_function(topic.name, "one.door", topic, concurrency=2)
    async with home.running([function], [topic]):
        await home.send(topic, event("slow", seconds=4))
        await until(lambda: home.notes("id") == ["slow"], "it is at work")
        await home.send(topic, event("fast"), partition=1)
        await until(lambda: len(home.notes("done")) == 2, "all is done")
    assert home.notes("done") == ["fast", "slow"]


async def test_what_follows_the_first_record_gathers_for_a_while(home: Home) -> None:
    (topic,) = await home.topics(3)
    gathering = Subscription(topic.name, "/", "", 50, False, gather=0.5)
    function = make_function(topic.name, "batch.door", topic, subscriptions=(gathering,))
    async with home.running([function], [topic]):
        await home.send(topic, event("first"))
        await until(lambda: home.notes("done") == ["first"], "the first comes at once")
        for number in range(20):
            await home.send(topic, event(number), partition=number % 3)
        await until(lambda: len(home.notes("done")) == 21, "all is done")
    sizes = [len(batch) for batch in home.notes("batch")]
    # What a fetch that was under way brings makes a request of its own.
    assert (sizes[0], sum(sizes), len(sizes) <= 4) == (1, 21, True)


@pytest.mark.parametrize(
    ("gather", "took", "carried", "yields", "pace"),
    [
        (0.01, 0.2, 500, False, 0.01),  # nobody waits for anything: as its manifest says
        (0.01, 0.001, 1, True, 0.01),
        (0.01, 0.01, 1, True, 0.03),  # a third of the time at most
        (0.01, 2.0, 1, True, 0.5),
        (0.01, 0.01, 500, True, 0.1),  # a tenth, where much comes
        (0.01, 2.0, 500, True, 1.0),
        (0.0, 0.2, 500, True, 0.0),  # one record at a time: nothing gathers
    ],
)
def test_while_a_person_waits_others_rest(
    gather: float, took: float, carried: int, yields: bool, pace: float
) -> None:
    assert choose_pace(gather, took, carried, yields=yields) == pytest.approx(pace)


async def test_a_query_wakes_a_function_and_ticks_follow_each_other(
    home: Home, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await owner.execute("CREATE TABLE due (n integer)")
    function = make_function(
        "clock",
        "tick.door",
        Topic("none", 1, {}),
        lags=(),
        subscriptions=(),
        queries=(QueryTrigger("SELECT count(*) FROM due", 10, 0),),
        ticks=(Tick("/", 0.1),),
    )
    async with home.running([function], []) as fleet:
        assert report(fleet).replicas == 0
        await owner.execute("INSERT INTO due VALUES (1)")
        await until(lambda: len(home.notes("tick")) > 5, "it ticks")
        await owner.execute("DELETE FROM due")
        await until(lambda: report(fleet).replicas == 0, "it sleeps")
    ticks = home.notes("tick")
    assert ticks == ["begun", "ended"] * (len(ticks) // 2)


async def test_what_was_not_committed_comes_again_to_the_next_run(home: Home) -> None:
    (topic,) = await home.topics(1)
    held = home.flag("held")
    function = make_function(topic.name, "one.door", topic)
    await home.send(topic, event(0), event(1, wait_while=str(held)), event(2))
    async with home.running([function], [topic]):
        await until(lambda: home.notes("id").count("1") > 1, "the second is held")
    assert await committed(home, topic.name, topic) == 1
    held.unlink()
    async with home.running([function], [topic]):
        await until(lambda: len(home.notes("done")) == 3, "the rest is done")
    assert home.notes("done") == ["0", "1", "2"]


@pytest.mark.parametrize("bulk", [0, 100])
async def test_a_function_that_is_held_up_does_not_fill_the_memory(home: Home, bulk: int) -> None:
    (topic,) = await home.topics(2)
    held = home.flag("held")
    door = "batch.door" if bulk else "one.door"
    function = make_function(topic.name, door, topic, bulk=bulk, concurrency=2)
    padding = "x" * 500_000
    async with home.running([function], [topic]):
        await home.send(topic, event("first", wait_while=str(held)))
        large = [event(number, padding=padding) for number in range(40)]
        await home.send(topic, *large)
        await home.send(topic, event("other"), partition=1)
        await until(lambda: "other" in home.notes("done"), "the other partition goes on")
        held.unlink()
        await until(lambda: len(home.notes("done")) == 42, "all is done")
    assert [one for one in home.notes("done") if one != "other"] == [
        "first",
        *map(str, range(40)),
    ]
