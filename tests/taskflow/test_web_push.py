"""Push subscriptions as browsers give them, and our one key."""

import msgspec
import pytest

from taskflow.errors import Refused, Unavailable
from taskflow.web_push import (
    Keys,
    Subscription,
    decode_base64url,
    encode_base64url,
    public_key,
    read_keys,
    read_subscription,
    write_keys,
)

KEYS = Keys(encode_base64url(b"\x04" + bytes(64)), encode_base64url(bytes(16)))


def test_a_subscription_is_read_with_what_else_browsers_say() -> None:
    given = {"endpoint": "https://push.example/x", "expirationTime": None, "keys": KEYS}
    found = read_subscription(msgspec.json.encode(given).decode())
    assert found == Subscription("https://push.example/x", KEYS)
    assert read_keys(write_keys(found.keys)) == KEYS


@pytest.mark.parametrize(
    "text",
    [
        "https://push.example/x",
        "{}",
        '{"endpoint": "https://push.example/x"}',
        '{"endpoint": "https://push.example/x", "keys": {"p256dh": "AA", "auth": "AA"}}',
        '{"endpoint": "https://push.example/x", "keys": {"p256dh": "*", "auth": "AA"}}',
        '{"endpoint": 5, "keys": {"p256dh": "AA", "auth": "AA"}}',
    ],
)
def test_what_is_no_subscription_is_refused_by_name(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_subscription(text)
    assert refused.value.errors.keys() == {"address"}
    assert "JSON.stringify(subscription)" in refused.value.detail


def test_every_process_has_the_same_key_and_each_secret_another() -> None:
    key = public_key("a secret for tests")
    assert key == public_key("a secret for tests") != public_key("another secret")
    point = decode_base64url(key)
    assert (len(point), point[0]) == (65, 4)
    with pytest.raises(Unavailable):
        public_key("")
