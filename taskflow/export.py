"""The way of finished spans to a collector, by OTLP/HTTP: gathered for a second, sent beside the
work and never in its way; apart and loaded late, because most processes have nobody who looks.
"""

import asyncio
import logging
import os
import socket
from urllib.parse import urlsplit

from taskflow.caller import Caller
from taskflow.errors import InvalidSetting
from taskflow.settings import Settings
from taskflow.spans import Attributes, Span, write_spans

PATH = "/v1/traces"
JSON = [("content-type", "application/json")]
GATHER = 1.0
TIMEOUT = 5.0
# What waits for a collector that is away, and what one request carries.
MOST_WAITING = 4_096
AT_ONCE = 512

log = logging.getLogger("taskflow")


class Exporter:
    """Takes spans at any time; the newest are lost when too many wait, which is said once."""

    def __init__(self, endpoint: str, resource: Attributes) -> None:
        host, port, self._path = read_endpoint(endpoint)
        self._caller = Caller(host, port)
        self._where = f"{host}:{port}"
        self._resource = resource
        self._waiting: list[Span] = []
        self._sending: asyncio.Task[None] | None = None
        self._away = False
        self.lost = 0

    def add(self, span: Span) -> None:
        """One more span that is over."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(span)
        else:
            self._lose()
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_soon())

    def _lose(self) -> None:
        if not self.lost:
            log.warning("spans are lost: %d wait for the collector already", MOST_WAITING)
        self.lost += 1

    async def _send_soon(self) -> None:
        await asyncio.sleep(GATHER)
        await self._send_all()

    async def _send_all(self) -> None:
        while self._waiting:
            part = self._waiting[:AT_ONCE]
            if not await self._send(part):
                return
            del self._waiting[: len(part)]

    async def _send(self, spans: list[Span]) -> bool:
        """Whether they need not be sent again: a collector that refuses them is heeded."""
        body = write_spans(self._resource, spans)
        try:
            status, _ = await self._caller.send(
                "POST", self._path, body, headers=JSON, timeout=TIMEOUT
            )
        except (OSError, TimeoutError) as error:
            return self._note(f"is away ({error!r})", True)
        if status in (429, 502, 503, 504):
            return self._note(f"is busy ({status})", True)
        return self._note(f"refuses spans ({status})" if status >= 300 else "", False)

    def _note(self, problem: str, again: bool) -> bool:
        if problem and not self._away:
            log.warning("the collector at %s %s; traces have holes meanwhile", self._where, problem)
        self._away = bool(problem)
        return not again

    async def close(self) -> None:
        """Sends what is left, once."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        await self._send_all()
        self._caller.close()


def read_endpoint(endpoint: str) -> tuple[str, int, str]:
    """Host, port and path of OTEL_EXPORTER_OTLP_ENDPOINT. Raises InvalidSetting."""
    parts = urlsplit(endpoint)
    if parts.scheme != "http" or not parts.hostname:
        raise InvalidSetting(
            f"OTEL_EXPORTER_OTLP_ENDPOINT={endpoint!r} cannot be used: it must be http://host:port"
            " of a collector that takes OTLP/HTTP; one beside this process speaks TLS for it."
        )
    return parts.hostname, parts.port or 4318, parts.path.rstrip("/") + PATH


def open_exporter(settings: Settings, name: str) -> Exporter:
    """The exporter of this process, which is an instance of the service `name`."""
    instance = f"{socket.gethostname()}-{os.getpid()}"
    resource = {
        "service.name": name,
        "service.namespace": "taskflow",
        "service.instance.id": instance,
        "faas.name": name,
        "faas.instance": instance,
    }
    return Exporter(settings.otlp, resource)
