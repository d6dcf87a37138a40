"""Which webhook addresses may be called: every way of writing a private one is refused."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow.errors import Refused
from taskflow.webhook_address import (
    ADDRESS_CHARACTERS,
    AddressRefused,
    NameUnresolved,
    read_networks,
    resolve_public,
)

LOOPBACK = read_networks("127.0.0.0/8, ::1")

NOT_PUBLIC = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "0.0.0.0",
    "0.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "192.88.99.1",
    "168.63.129.16",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::7f00:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a00:1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::808:808]",
    "[2002:7f00:1::]",
    "[2001::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
    "[4000::1]",
]

NO_ADDRESS = [
    "",
    "example.com",
    "//example.com/x",
    "http:example.com",
    "http:///x",
    "ftp://example.com",
    "file:///etc/passwd",
    "gopher://example.com",
    "unix:///var/run/docker.sock",
    "javascript:alert(1)",
    "http://user@example.com",
    "http://user:password@example.com",
    "http://example.com@127.0.0.1/",
    "http://@example.com/",
    "http://2130706433/",
    "http://134744072/",
    "http://0177.0.0.1/",
    "http://0x7f.0.0.1/",
    "http://0x7f000001/",
    "http://127.1/",
    "http://127.0.1./",
    "http://8.8.8.256/",
    "http://example.0x/",
    "http://\uff11\uff12\uff17.\uff11/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[127.0.0.1/",
    "http://[example.com]/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:-1/",
    "http://example.com:http/",
    "http://exa mple.com/",
    "http://example.com\\@127.0.0.1/",
    "http://example.com/\r\nHost: other",
    "http://example.com/\tx",
    "http://127.0.0.1%2eexample.com/",
    "http://-example.com/",
    "http://a..example.com/",
    "http://" + "a" * 64 + ".com/",
    "http://" + ".".join(["a" * 60] * 5) + "/",
    "http://example.com/" + "a" * ADDRESS_CHARACTERS,
    "http://\u2100.com/",
    "http://xn--\u00fc.com/",
]


class Names:
    """A resolver that knows a few names and counts how often it is asked."""

    def __init__(self, known: dict[str, list[str]]) -> None:
        self.known = known
        self.asked: list[str] = []

    async def getaddrinfo(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(0, socket.SOCK_STREAM, 6, "", (each, port)) for each in self.known[host]]


def resolve_with(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.getaddrinfo)


@pytest.mark.parametrize("host", NOT_PUBLIC)
async def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused, match="not public"):
        await resolve_public(f"https://{host}/hook", ())


@pytest.mark.parametrize("address", NO_ADDRESS)
async def test_what_is_no_plain_web_address_is_refused_unresolved(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names({})
    resolve_with(names, monkeypatch)

    with pytest.raises(AddressRefused) as refusal:
        await resolve_public(address, LOOPBACK)

    assert not isinstance(refusal.value, NameUnresolved)
    assert names.asked == []


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "1.1.1.1", "[2606:4700::1111]", "[::ffff:8.8.8.8]", "[64:ff9b::808:808]"]
)
async def test_a_public_address_is_taken(host: str) -> None:
    target = await resolve_public(f"https://{host}/", ())

    assert [str(each) for each in target.addresses] == [str(_literal(host))]


def _literal(host: str) -> IPv4Address | IPv6Address:
    return IPv6Address(host[1:-1]) if host.startswith("[") else IPv4Address(host)


@given(number=st.integers(0, 2**32 - 1))
async def test_an_ipv4_address_inside_an_ipv6_one_is_judged_alike(number: int) -> None:
    plain = IPv4Address(number)
    forms = [f"{plain}", f"[::ffff:{plain}]", f"[64:ff9b::{plain}]"]

    verdicts = {await _is_taken(f"http://{form}/") for form in forms}

    assert len(verdicts) == 1
    assert verdicts == {False} or plain.is_global


@given(number=st.integers(0, 2**128 - 1))
async def test_an_ipv6_address_is_taken_only_if_it_is_global(number: int) -> None:
    taken = await _is_taken(f"http://[{IPv6Address(number)}]/")

    assert not taken or IPv6Address(number).is_global


async def _is_taken(address: str) -> bool:
    try:
        await resolve_public(address, ())
    except AddressRefused:
        return False
    return True


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "localhost"]
)
async def test_an_allowed_network_is_open(host: str) -> None:
    target = await resolve_public(f"http://{host}:8081/hook", LOOPBACK)

    assert target.port == 8081
    assert all("127." in str(each) or str(each).startswith("::") for each in target.addresses)


async def test_an_allowed_network_opens_no_other() -> None:
    with pytest.raises(AddressRefused):
        await resolve_public("http://10.0.0.1/", LOOPBACK)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["8.8.8.8", "::1"],
        ["2606:4700::1111", "::ffff:10.0.0.1"],
        ["8.8.8.8", "fe80::1%eth0"],
    ],
)
async def test_one_private_address_of_a_name_is_enough_to_refuse_it(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_with(Names({"rebind.example": addresses}), monkeypatch)

    with pytest.raises(AddressRefused, match=r"rebind\.example is .* not public"):
        await resolve_public("https://rebind.example/", ())


async def test_a_name_is_asked_for_once_and_its_addresses_kept_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names({"two.example": ["2606:4700::1111", "8.8.8.8", "8.8.8.8"]})
    resolve_with(names, monkeypatch)

    target = await resolve_public("https://two.example/a?b=c#d", ())

    assert names.asked == ["two.example"]
    urls = [target.url_at(each) for each in target.addresses]
    assert urls == ["https://[2606:4700::1111]:443/a?b=c", "https://8.8.8.8:443/a?b=c"]


@pytest.mark.parametrize(
    ("address", "host", "header", "url"),
    [
        ("http://A.Example", "a.example", "a.example", "http://8.8.8.8:80/"),
        ("https://a.example:/", "a.example", "a.example", "https://8.8.8.8:443/"),
        ("https://a.example:8443/x", "a.example", "a.example:8443", "https://8.8.8.8:8443/x"),
        ("http://a.example:443?q", "a.example", "a.example:443", "http://8.8.8.8:443/?q"),
        ("https://a.example./x", "a.example", "a.example", "https://8.8.8.8:443/x"),
        ("https://faß.example/", "xn--fa-hia.example", None, "https://8.8.8.8:443/"),
        (
            "https://\uff26\uff2f\uff2f.example/",
            "foo.example",
            "foo.example",
            "https://8.8.8.8:443/",
        ),
    ],
)
async def test_an_address_is_taken_apart(
    address: str, host: str, header: str | None, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_with(Names({host: ["8.8.8.8"]}), monkeypatch)

    target = await resolve_public(address, ())

    assert (target.host, target.host_header) == (host, header or host)
    assert target.url_at(target.addresses[0]) == url


async def test_an_ipv6_literal_keeps_its_brackets_in_the_host_header() -> None:
    target = await resolve_public("http://[::1]:8080/", LOOPBACK)

    assert target.host_header == "[::1]:8080"
    assert target.url_at(target.addresses[0]) == "http://[::1]:8080/"


async def test_a_name_without_an_address_is_told_apart() -> None:
    with pytest.raises(NameUnresolved, match=r"nowhere\.invalid has no address"):
        await resolve_public("https://nowhere.invalid/", ())


async def test_a_refusal_is_a_422_about_the_field_that_keeps_the_path_to_itself() -> None:
    with pytest.raises(Refused) as refusal:
        await resolve_public("https://10.0.0.1/services/T0/secret", ())

    assert (refusal.value.status, refusal.value.code) == (422, "invalid")
    assert list(refusal.value.errors) == ["address"]
    assert "secret" not in refusal.value.detail


def test_networks_are_read_from_the_setting() -> None:
    assert [str(each) for each in read_networks("10.1.0.0/16, ::1,")] == ["10.1.0.0/16", "::1/128"]
    assert read_networks("") == ()
    with pytest.raises(ValueError, match=r"TASKFLOW_WEBHOOK_ALLOW.*host bits"):
        read_networks("10.1.0.1/16")
