"""One secret makes many keys, and no secret makes none."""

import pytest

from taskflow.errors import Unavailable
from taskflow.keys import derive_key


def test_each_purpose_has_a_key_of_its_own() -> None:
    keys = {derive_key(secret, purpose) for secret in ("a", "b") for purpose in ("jwt", "cursor")}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}


def test_without_a_secret_there_is_no_key() -> None:
    with pytest.raises(Unavailable, match="TASKFLOW_SECRET"):
        derive_key("", "jwt")
