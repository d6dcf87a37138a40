"""Deciding which addresses a webhook may reach; apart, because the gateway asks when a channel is
made and `send_reminder` asks again each time, and both must get the same answer.
"""

import asyncio
import re
import socket
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from taskflow.errors import Refused

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

ADDRESS_CHARACTERS = 2048
RESOLVE_SECONDS = 5
DEFAULT_PORTS = {"http": 80, "https": 443}

# RFC 6052: a gateway turns these into the IPv4 address in their last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
# What `is_global` of some Python lets through: Azure's own service at every machine, protocol
# assignments (Oracle's metadata), 6to4 relays and 6to4 itself (RFC 7526), documentation (RFC 9637).
_PRIVATE_IN_FACT = tuple(
    ip_network(text)
    for text in ("168.63.129.16", "192.0.0.0/24", "192.88.99.0/24", "2002::/16", "3fff::/20")
)
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
    r"(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
# The WHATWG URL rule for what a browser takes as a number: 127.1, 0x7f.1, 2130706433.
_ENDS_IN_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")


class AddressRefused(Refused):
    """A webhook address that may not be called; a 422 that names the field `address`."""

    def __init__(self, reason: str) -> None:
        super().__init__("invalid", f"address: {reason}", errors={"address": reason})


class NameUnresolved(AddressRefused):
    """The host name has no address now; it may have one later."""


class WebhookTarget(Struct, frozen=True, kw_only=True):
    """An address taken apart and resolved: connect to `addresses` only, never to `host` again.

    `path` includes the query; `addresses` are in the resolver's order of preference.
    """

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[IPAddress, ...]

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def url_at(self, address: IPAddress) -> str:
        """The URL with `address` in the place of the name, so that nobody resolves it again."""
        literal = f"[{address}]" if address.version == 6 else str(address)
        return f"{self.scheme}://{literal}:{self.port}{self.path}"


def read_networks(text: str) -> tuple[IPNetwork, ...]:
    """The networks of TASKFLOW_WEBHOOK_ALLOW: `127.0.0.0/8, ::1`; ValueError names a wrong one."""
    try:
        return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())
    except ValueError as error:
        raise ValueError(f"TASKFLOW_WEBHOOK_ALLOW: {error}; write 10.1.0.0/16, ::1") from error


async def resolve_public(address: str, allow: tuple[IPNetwork, ...]) -> WebhookTarget:
    """Takes a webhook address apart and resolves its name, once.

    Every address of the name must be public or inside `allow`. Raises AddressRefused, and
    NameUnresolved where only the name failed. The reason names the host, never the path: paths
    of webhooks hold secrets.
    """
    parts = _split_address(address)
    host = _read_host(parts)
    port = _read_port(parts)
    addresses = await _look_up(host, port)
    for found in addresses:
        _require_public(host, found, allow)
    query = f"?{parts.query}" if parts.query else ""
    return WebhookTarget(
        scheme=parts.scheme,
        host=host,
        port=port,
        path=(parts.path or "/") + query,
        addresses=addresses,
    )


def _split_address(address: str) -> SplitResult:
    if len(address) > ADDRESS_CHARACTERS:
        raise AddressRefused(f"It is longer than {ADDRESS_CHARACTERS} characters: shorten it.")
    # urlsplit drops tabs and line ends, and clients disagree about \: refuse before it reads.
    if not address.isprintable() or " " in address or "\\" in address:
        raise AddressRefused(r"It has spaces, control characters or \: write them as %xx.")
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise AddressRefused("It is no URL: write it like https://example.com/hook.") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.netloc:
        raise AddressRefused("It is neither http:// nor https://: write https://example.com/hook.")
    if "@" in parts.netloc:
        raise AddressRefused("It has a user or password: webhooks are signed, leave them out.")
    return parts


def _read_host(parts: SplitResult) -> str:
    """The host in its one form: lower case, IDNA, an IP address as RFC 5952 writes it."""
    host = _encode_host(parts.hostname or "")
    if parts.netloc.startswith("["):
        return str(_read_literal(host))
    if _ENDS_IN_NUMBER.fullmatch(host):
        return str(_read_literal(host))
    if not _HOST_NAME.fullmatch(host):
        raise AddressRefused(f"{host!r} is no host name: write it like example.com.")
    return host


def _encode_host(host: str) -> str:
    if not host.isascii():
        import idna

        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise AddressRefused(f"{host!r} is no host name ({error}).") from error
    return host.lower().removesuffix(".")


def _read_literal(host: str) -> IPAddress:
    try:
        literal = ip_address(host)
    except ValueError as error:
        reason = f"{host!r} is no IP address: write four decimal numbers, or IPv6 in brackets."
        raise AddressRefused(reason) from error
    if isinstance(literal, IPv6Address) and literal.scope_id is not None:
        raise AddressRefused(
            f"{host!r} has a zone (%): only addresses valid everywhere are called."
        )
    return literal


def _read_port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError as error:
        raise AddressRefused("Its port is no number from 1 to 65535: correct it.") from error
    if port == 0:
        raise AddressRefused("Its port is 0, which nobody listens on: correct it.")
    return port or DEFAULT_PORTS[parts.scheme]


async def _look_up(host: str, port: int) -> tuple[IPAddress, ...]:
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
    except (OSError, UnicodeError) as error:
        raise NameUnresolved(f"{host} has no address now: check the name, or wait.") from error
    return tuple(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found))


def _require_public(host: str, found: IPAddress, allow: tuple[IPNetwork, ...]) -> None:
    reached = _unwrap(found)
    if any(reached in network for network in allow) or _is_public(reached):
        return
    reason = f"{host} is {found}, which is not public: use a public one, or have its network"
    raise AddressRefused(f"{reason} added to TASKFLOW_WEBHOOK_ALLOW.")


def _unwrap(address: IPAddress) -> IPAddress:
    """The IPv4 address that a mapped (RFC 4291) or NAT64 (RFC 6052) one leads to, or itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address


def _is_public(address: IPAddress) -> bool:
    if address.is_multicast or any(address in network for network in _PRIVATE_IN_FACT):
        return False
    return address.is_global and (address.version == 4 or address in _UNICAST)
