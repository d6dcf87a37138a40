"""Which of Apprise's services may be used: none whose host a person could choose."""

from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import pytest

from taskflow.apprise_address import FIXED_HOSTS, open_service, read_service
from taskflow.webhook_address import AddressRefused

ADDRESSES = {
    "discord": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "pover": "pover://u" + "k" * 29 + "@" + "t" * 30,
    "tgram": "tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678/12315544",
}


@pytest.mark.parametrize("service", FIXED_HOSTS)
def test_no_part_of_an_address_is_a_host(service: str) -> None:
    module, name = FIXED_HOSTS[service]
    kind: Any = getattr(import_module(module), name)
    assert kind.templates and not any("{host" in one or "{url" in one for one in kind.templates)
    named = [
        value
        for key, value in vars(kind).items()
        if key.endswith("_url") and key not in ("service_url", "setup_url")
    ]
    hosts = [urlsplit(one).hostname or "" for one in named if isinstance(one, str)]
    assert hosts and all("." in host and "{" not in host for host in hosts)


@pytest.mark.parametrize("service", ADDRESSES)
def test_an_offered_service_understands_its_address(service: str) -> None:
    assert read_service(ADDRESSES[service], "") == service
    assert open_service(ADDRESSES[service], service) is not None


def test_an_operator_may_allow_more() -> None:
    assert read_service("ntfys://home.example/topic", "ntfys, matrixs") == "ntfys"


@pytest.mark.parametrize(
    "address",
    [
        "json://localhost/",
        "ntfys://home.example/topic",
        "http://example.com/",
        "discord",
        "",
        "://x",
    ],
)
def test_the_rest_is_refused_and_what_is_offered_is_named(address: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        read_service(address, "")
    assert refused.value.errors.keys() == {"address"}
    assert "discord" in refused.value.detail
