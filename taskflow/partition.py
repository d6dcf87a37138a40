"""Which partition a key belongs to, as Kafka's own clients say (murmur2 of the key); apart, because
it is worked out for every record and the client library's takes twice as long.
"""

import random
from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

SEED, FACTOR, WORD = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


def choose_partition(key: bytes | None, partitions: Sequence[int]) -> int:
    """One of `partitions`, in their order; any of them for a record without a key."""
    if key is None:
        return random.choice(partitions)
    return partitions[(murmur2(key) & 0x7FFFFFFF) % len(partitions)]


def murmur2(key: bytes) -> int:
    """MurmurHash2 with Kafka's seed (org.apache.kafka.common.utils.Utils.murmur2), unsigned."""
    made = SEED ^ len(key)
    for word in _words(len(key) // 4).unpack_from(key):
        mixed = word * FACTOR & WORD
        made = made * FACTOR & WORD ^ (mixed ^ mixed >> 24) * FACTOR & WORD
    if rest := len(key) & 3:
        made = (made ^ int.from_bytes(key[-rest:], "little")) * FACTOR & WORD
    made = (made ^ made >> 13) * FACTOR & WORD
    return made ^ made >> 15


@lru_cache(64)
def _words(count: int) -> Struct:
    return Struct(f"<{count}I")
