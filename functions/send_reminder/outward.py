"""One POST to an address that a stranger gave: to a checked address only, never redirected, never
by a proxy, and read no further than its first kilobyte; webhooks and pushes go this way.
"""

import asyncio
import re
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from taskflow.mail import DeliveryFailed, flatten_line
from taskflow.webhook_address import (
    AddressRefused,
    IPAddress,
    IPNetwork,
    NameUnresolved,
    WebhookTarget,
    resolve_public,
)

if TYPE_CHECKING:
    import httpx

TOTAL_SECONDS = 10
# Leaves time for a second address when the first is dead.
CONNECT_SECONDS = 3
# The status is known by then; what follows is only for the reason that a person reads.
ANSWER_SECONDS = 1
ANSWER_BYTES = 1024
QUOTED_CHARACTERS = 200
RETRY_AFTER_SECONDS = 6 * 3600


class Answer(msgspec.Struct, frozen=True):
    """What the other side answered: its status, its headers in lower case, the beginning of its
    body; `host` is who answered."""

    status: int
    headers: dict[str, str]
    beginning: str
    host: str

    @property
    def told(self) -> str:
        """The status and the first words, fit for a person's eyes."""
        return f"{self.status} {flatten_line(self.beginning)[:QUOTED_CHARACTERS]}".strip()

    def wait_asked(self, now: datetime) -> float | None:
        """The seconds of its Retry-After, if there is one."""
        return read_retry_after(self.headers.get("retry-after", ""), now)


async def call_out(
    address: str, headers: dict[str, str], body: bytes, allow: tuple[IPNetwork, ...], name: str
) -> Answer:
    """Posts `body` to `address`, which `name` calls in words ("The webhook").

    Raises DeliveryFailed: permanent for an address that may not be called, otherwise worth another
    try. Whatever status comes is an answer.
    """
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            target = await _resolve(address, allow)
            return await _post(target, headers, body, name)
    except TimeoutError as error:
        reason = f"{name} did not answer within {TOTAL_SECONDS} s. It is tried again."
        raise DeliveryFailed(reason, permanent=False) from error


async def _resolve(address: str, allow: tuple[IPNetwork, ...]) -> WebhookTarget:
    try:
        return await resolve_public(address, allow)
    except NameUnresolved as error:
        raise DeliveryFailed(error.detail, permanent=False) from error
    except AddressRefused as error:
        raise DeliveryFailed(error.detail, permanent=True) from error


async def _post(target: WebhookTarget, given: dict[str, str], body: bytes, name: str) -> Answer:
    """Tries the addresses in turn; only a connection that never stood leads to the next."""
    # Imported here: a third of a second that a cold start without webhooks need not pay.
    import httpx

    fixed = {"host": target.host_header, "accept-encoding": "identity"}
    headers = given | fixed
    patience = httpx.Timeout(None, connect=CONNECT_SECONDS)
    failure: httpx.HTTPError | None = None
    # trust_env: a proxy would resolve and connect in our place.
    async with httpx.AsyncClient(verify=_trust(), trust_env=False, timeout=patience) as client:
        for address in target.addresses:
            try:
                request = _build_request(target, address, headers, body)
                return await _post_to(client, request, target.host)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
            except httpx.HTTPError as error:
                failure = error
                break
    said = flatten_line(str(failure))[:QUOTED_CHARACTERS] or type(failure).__name__
    reason = f"{name} at {target.host} cannot be reached: {said}. It is tried again."
    raise DeliveryFailed(reason, permanent=False) from failure


@cache
def _trust() -> ssl.SSLContext:
    """The authorities of SSL_CERT_FILE or else certifi; kept, because loading takes 20-50 ms."""
    import httpx

    return httpx.create_ssl_context()


def _build_request(
    target: WebhookTarget, address: IPAddress, headers: dict[str, str], body: bytes
) -> "httpx.Request":
    """Connects to the checked address, while TLS still asks for and verifies the name."""
    import httpx

    return httpx.Request(
        "POST",
        target.url_at(address),
        headers=headers,
        content=body,
        extensions={"sni_hostname": target.host},
    )


async def _post_to(client: "httpx.AsyncClient", request: "httpx.Request", host: str) -> Answer:
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        beginning = await _read_beginning(response)
    finally:
        await response.aclose()
    return Answer(response.status_code, dict(response.headers), beginning, host)


async def _read_beginning(response: "httpx.Response") -> str:
    import httpx

    read = bytearray()
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(ANSWER_SECONDS):
            async for chunk in response.aiter_raw():
                read += chunk[:ANSWER_BYTES]
                if len(read) >= ANSWER_BYTES:
                    break
    return bytes(read[:ANSWER_BYTES]).decode("utf-8", "replace")


def read_retry_after(text: str, now: datetime) -> float | None:
    """RFC 9110, section 10.2.3: seconds or a date; at most six hours, nothing if unreadable."""
    if re.fullmatch(r"[0-9]{1,9}", text):
        wait = float(text)
    else:
        try:
            until = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        wait = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return min(max(wait, 0.0), float(RETRY_AFTER_SECONDS))
