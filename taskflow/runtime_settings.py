"""The settings that an operator may change while everything runs: channel switches and limits, from
the sidecar's configuration store, remembered for a moment so that nobody waits for it twice.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import cache
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from taskflow.errors import InvalidSetting, Unavailable
from taskflow.settings import Settings, change_settings
from taskflow.sidecar import Sidecar, expect, read_address, write_path

VARIABLE = "TASKFLOW_CONFIGURATION"
CHANGEABLE = ("TASKFLOW_CHANNELS_OFF", "TASKFLOW_RATE_LIMIT")
REMEMBERED_SECONDS = 5.0

log = logging.getLogger("taskflow")


class _Item(Struct):
    """One value of the configuration API."""

    value: str


_ITEMS = msgspec.json.Decoder(dict[str, _Item])


class RuntimeSettings:
    """The process's own settings, and over them what the configuration store says now; its keys are
    the variables. Where it says nothing, or is away, what was known last holds."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._own = self._known = settings
        self._clock = clock
        self._until = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._away = False
        self._sidecar: Sidecar | None = None
        if settings.configuration:
            where = read_address(VARIABLE, settings.configuration, names=1)
            self._sidecar, self._store = Sidecar(where), where.names[0]

    async def read(self) -> Settings:
        """As they are now; waits for the store once every five seconds."""
        self.peek()
        if self._reading is not None:
            await asyncio.shield(self._reading)
        return self._known

    def peek(self) -> Settings:
        """As they were known last; they are read anew meanwhile, and nobody waits for it."""
        if self._sidecar is not None and self._reading is None and self._clock() >= self._until:
            self._reading = asyncio.create_task(self._read_anew(self._sidecar))
        return self._known

    async def _read_anew(self, sidecar: Sidecar) -> None:
        try:
            self._known = change_settings(self._own, await self._fetch(sidecar))
            self._away = False
        except (Unavailable, InvalidSetting) as error:
            if not self._away:
                log.warning("the settings stay as they were: %s", error)
            self._away = True
        finally:
            self._until = self._clock() + REMEMBERED_SECONDS
            self._reading = None

    async def _fetch(self, sidecar: Sidecar) -> dict[str, str]:
        query = urlencode([("key", name) for name in CHANGEABLE])
        answer = await sidecar.ask("GET", f"{write_path('configuration', self._store)}?{query}")
        expect(answer, [200, 204], f"give the configuration of {self._store!r}")
        try:
            items = _ITEMS.decode(answer.body or b"{}")
        except msgspec.DecodeError as error:
            raise Unavailable(f"The configuration of {self._store!r}: {error}") from error
        return {name: items[name].value for name in CHANGEABLE if name in items}

    async def close(self) -> None:
        if self._reading is not None:
            await asyncio.wait([self._reading])
        if self._sidecar is not None:
            self._sidecar.close()


@cache
def runtime_settings(settings: Settings) -> RuntimeSettings:
    """The one of this process, for those that are given nothing but its settings."""
    return RuntimeSettings(settings)


def is_off(settings: Settings, channel: str) -> bool:
    """Whether the operator has switched this kind of channel off."""
    return channel in settings.channels_off.replace(" ", "").split(",")
