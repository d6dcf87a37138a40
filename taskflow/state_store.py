"""Values that several processes share, in the sidecar's state store: each is changed only as it was
read, and forgotten after a while.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from taskflow.errors import Unavailable
from taskflow.sidecar import Answer, Sidecar, expect, read_address, write_path

T = TypeVar("T")

# What others change at the same time is read again and tried again so often.
TRIES = 5
# Dapr's own defaults let the last writer win.
OPTIONS = {"concurrency": "first-write", "consistency": "strong"}


class _Found(Struct):
    """What is found under a key; nothing but the key where there is nothing."""

    data: Raw = Raw()
    etag: str | None = None


_FOUND = msgspec.json.Decoder(list[_Found])


class StateStore(Generic[T]):
    """The values of one kind in one store."""

    def __init__(self, sidecar: Sidecar, name: str, kind: type[T]) -> None:
        self._sidecar = sidecar
        self._name = name
        self._decode = msgspec.json.Decoder(kind).decode

    async def change(self, key: str, update: Callable[[T | None], T], seconds: int) -> T:
        """Puts what `update` makes of the value (None if there is none), for `seconds`; whoever
        changes the same value at the same time, both changes are in it. Raises Unavailable."""
        for _ in range(TRIES):
            value, etag = await self._read(key)
            changed = update(value)
            answer = await self._save(key, changed, etag, seconds)
            if answer.status == 204:
                return changed
            # 409: somebody was faster; 500 when two make a new value at once.
        raise Unavailable(f"{key!r} of {self._name!r} could not be saved: {answer.describe()}")

    async def _read(self, key: str) -> tuple[T | None, str]:
        """The value and its version; of several keys, because only that answer has both in it."""
        path, body = write_path("state", self._name, "bulk"), msgspec.json.encode({"keys": [key]})
        answer = await self._sidecar.ask("POST", path, body)
        expect(answer, [200], f"read {key!r} of {self._name!r}")
        try:
            (found,) = _FOUND.decode(answer.body)
            return (self._decode(found.data) if found.data else None), found.etag or ""
        except (msgspec.DecodeError, ValueError) as error:
            raise Unavailable(f"{key!r} of {self._name!r} cannot be read: {error}") from error

    async def _save(self, key: str, value: T, etag: str, seconds: int) -> Answer:
        ttl = {"ttlInSeconds": str(seconds)}
        item: dict[str, Any] = {"key": key, "value": value, "options": OPTIONS, "metadata": ttl}
        if etag:
            item["etag"] = etag
        body = msgspec.json.encode([item])
        return await self._sidecar.ask("POST", write_path("state", self._name), body)

    def close(self) -> None:
        self._sidecar.close()


def open_state_store(variable: str, address: str, kind: type[T]) -> StateStore[T]:
    """The store of `dapr://host:port/<store>`. Raises InvalidSetting, naming `variable`."""
    where = read_address(variable, address, names=1)
    return StateStore(Sidecar(where), where.names[0], kind)
