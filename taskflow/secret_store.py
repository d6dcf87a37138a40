"""The settings that are secret, from the sidecar's secret store: read once, at the start, so that
they stand neither in a manifest nor in a process's environment. There is no event loop yet to wait
in, so this is the one question that is asked by the standard library's client.
"""

import http.client
import logging
import time
from collections.abc import Iterable

import msgspec

from taskflow.errors import Unavailable
from taskflow.sidecar import TIMEOUT, Address, Answer, expect, read_address, write_path

VARIABLE = "TASKFLOW_SECRETS"
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0

log = logging.getLogger("taskflow")


def read_secrets(address: str, patience: float) -> dict[str, str]:
    """The variables in the secrets of `dapr://host:port/<store>/<secret>[,<secret>]`, where each
    secret is a set of variables and its values, the last one winning.

    Waits up to `patience` seconds for a sidecar that starts beside this process. Raises
    InvalidSetting for an address that is none, Unavailable with the last reason.
    """
    where = read_address(VARIABLE, address, names=2)
    return _read_patiently(where, where.names[1].split(","), time.monotonic() + patience)


def _read_patiently(where: Address, names: Iterable[str], until: float) -> dict[str, str]:
    pause = FIRST_PAUSE
    while True:
        try:
            return {k: v for name in names for k, v in _read_secret(where, name).items()}
        except Unavailable as error:
            if time.monotonic() + pause > until:
                way_out = f"Is there a sidecar, and has it what {VARIABLE} names?"
                raise Unavailable(f"No secrets, so no start. {error} {way_out}") from error
            if pause == FIRST_PAUSE:
                log.warning("waiting for secrets: %s", error)
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _read_secret(where: Address, name: str) -> dict[str, str]:
    store = where.names[0]
    answer = _ask(where, write_path("secrets", store, name))
    expect(answer, [200], f"give the secret {name!r} of {store!r}")
    try:
        return msgspec.json.decode(answer.body, type=dict[str, str])
    except msgspec.DecodeError as error:
        raise Unavailable(f"The secret {name!r} of {store!r} cannot be read: {error}") from error


def _ask(where: Address, path: str) -> Answer:
    connection = http.client.HTTPConnection(where.host, where.port, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Answer(response.status, response.read())
    except (OSError, http.client.HTTPException) as error:
        reason = f"{type(error).__name__}: {error}"
        raise Unavailable(f"The sidecar at {where.url} is away ({reason}).") from error
    finally:
        connection.close()
