"""Whoever writes with another Kafka client must put a key where we put it."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from taskflow.partition import choose_partition


@given(st.binary(max_size=100), st.integers(1, 50))
def test_a_key_goes_where_the_client_library_puts_it(key: bytes, count: int) -> None:
    partitions = list(range(count))
    theirs = DefaultPartitioner()(key, partitions, partitions)
    assert choose_partition(key, partitions) == theirs


def test_records_without_a_key_go_everywhere() -> None:
    assert {choose_partition(None, [0, 1, 2]) for _ in range(200)} == {0, 1, 2}
