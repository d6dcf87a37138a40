"""The links of a mail: each good for one verb of one delivery, for a while, and nothing else."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow.errors import Refused, Unavailable
from taskflow.reminder_link import LIFETIME, VERBS, Answer, Verb, read_answer, sign_answer

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
SECRET = "a secret for tests, long enough"
GOT_IT = Answer("got_it", "5f0c0000-0000-4000-8000-000000000001")


@given(st.sampled_from(VERBS), st.uuids())
def test_a_link_is_read_as_it_was_signed(verb: Verb, name: UUID) -> None:
    answer = Answer(verb, str(name))
    token = sign_answer(SECRET, answer, NOW)
    assert read_answer([SECRET], token, NOW + LIFETIME - timedelta(seconds=1)) == answer
    assert len(token) == 51


@given(st.integers(0, 50), st.sampled_from("ABCxyz019-_"))
def test_a_changed_character_makes_it_void(place: int, other: str) -> None:
    token = sign_answer(SECRET, GOT_IT, NOW)
    changed = token[:place] + other + token[place + 1 :]
    if changed != token and place < 50:
        with pytest.raises(Refused):
            read_answer([SECRET], changed, NOW)


@pytest.mark.parametrize("token", ["", "x", "A" * 51, "é" * 51, "A" * 5000])
def test_what_is_no_link_is_refused(token: str) -> None:
    with pytest.raises(Refused) as refused:
        read_answer([SECRET], token, NOW)
    assert refused.value.status == 422


def test_it_ends_some_day() -> None:
    token = sign_answer(SECRET, GOT_IT, NOW)
    with pytest.raises(Refused, match="too old"):
        read_answer([SECRET], token, NOW + LIFETIME)


def test_another_secret_makes_it_void_and_none_makes_none() -> None:
    token = sign_answer(SECRET, GOT_IT, NOW)
    with pytest.raises(Refused):
        read_answer(["another secret"], token, NOW)
    with pytest.raises(Unavailable):
        sign_answer("", GOT_IT, NOW)
