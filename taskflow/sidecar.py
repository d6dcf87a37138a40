"""One conversation with the Dapr sidecar over HTTP; apart from the building blocks that speak
through it, and loaded only by who speaks to one of them.
"""

import os
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

from msgspec import Struct

from taskflow.caller import Caller, Disconnected
from taskflow.errors import InvalidSetting, Unavailable

TIMEOUT = 2.0
SIDECAR_PORT = 3500
QUOTED_CHARACTERS = 200


class Address(Struct, frozen=True):
    """`dapr://host[:port]/name/name`: a sidecar, and what is asked of it there."""

    host: str
    port: int
    names: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Where its HTTP API is."""
        return f"http://{self.host}:{self.port}"


class Answer(Struct, frozen=True):
    """What the sidecar said."""

    status: int
    body: bytes = b""

    def describe(self) -> str:
        """Status and the beginning of the body, for a log."""
        text = self.body[:QUOTED_CHARACTERS].decode("utf-8", "replace")
        return f"{self.status} {text}".strip()


def read_address(
    variable: str, address: str, names: int = 0, environment: Mapping[str, str] = os.environ
) -> Address:
    """The sidecar that the setting `variable` names, and at least so many `names`; without a port
    it is where it announces itself (DAPR_HTTP_PORT). Raises InvalidSetting."""
    parts = urlsplit(address)
    found = tuple(filter(None, parts.path.split("/")))
    if parts.scheme == "dapr" and parts.hostname and len(found) >= names:
        port = parts.port or int(environment.get("DAPR_HTTP_PORT", SIDECAR_PORT))
        return Address(parts.hostname, port, found)
    form = "dapr://127.0.0.1" + "/<name>" * names
    raise InvalidSetting(f"{variable}={address!r} cannot be used: give it as {form}.")


def write_path(*parts: str) -> str:
    """A path of the HTTP API, each part quoted."""
    return "/v1.0/" + "/".join(quote(part, safe="") for part in parts)


class Sidecar:
    """Asks one sidecar, over kept connections."""

    def __init__(self, address: Address, timeout: float = TIMEOUT) -> None:
        self._where = f"{address.host}:{address.port}"
        self._caller = Caller(address.host, address.port, [("content-type", "application/json")])
        self._timeout = timeout

    async def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        """The sidecar's answer, whatever its status. Raises Unavailable without one."""
        try:
            return await self._ask_twice(method, path, body)
        except OSError as error:
            reason = f"{type(error).__name__}: {error}"
            raise Unavailable(f"The sidecar at {self._where} is away ({reason}).") from error

    async def _ask_twice(self, method: str, path: str, body: bytes) -> Answer:
        """Once more if the connection had been closed while it was idle; all that is asked here
        may be asked twice."""
        try:
            return Answer(*await self._caller.send(method, path, body, timeout=self._timeout))
        except Disconnected:
            return Answer(*await self._caller.send(method, path, body, timeout=self._timeout))

    def close(self) -> None:
        self._caller.close()


def expect(answer: Answer, wanted: Sequence[int], what: str) -> Answer:
    """The same answer. Raises Unavailable, naming `what`, if its status is none of `wanted`."""
    if answer.status not in wanted:
        raise Unavailable(f"The sidecar did not {what}: {answer.describe()}")
    return answer
