"""Records as a consumer hands them over, for tests without a log."""

from aiokafka.structs import ConsumerRecord


def record(
    value: bytes | None = b"{}",
    *,
    offset: int = 0,
    key: bytes | None = b"k",
    topic: str = "notes",
    partition: int = 0,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> "ConsumerRecord[bytes | None, bytes | None]":
    return ConsumerRecord(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=len(key or b""),
        serialized_value_size=len(value or b""),
        headers=headers,
    )
