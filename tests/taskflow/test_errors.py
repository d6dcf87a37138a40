"""What people are told when something may not be."""

from taskflow.errors import (
    InvalidSetting,
    LeaseHeld,
    Refused,
    Unavailable,
    Unreadable,
    invalid,
    not_found,
    problem,
)


def test_a_refusal_as_problem_details() -> None:
    assert problem(invalid("title", "is required"), current=None) == {
        "type": "urn:taskflow:problem:invalid",
        "title": "Invalid",
        "status": 422,
        "detail": "title: is required",
        "code": "invalid",
        "errors": [{"field": "title", "message": "is required"}],
        "current": None,
    }


def test_what_is_not_found_does_not_say_whose_it_is() -> None:
    refused = not_found("The task 7")
    assert (refused.status, refused.code, refused.errors) == (404, "not_found", {})
    assert str(refused) == refused.detail == "The task 7 does not exist, or is not yours."


def test_each_reader_catches_its_own() -> None:
    kinds = (Refused, Unreadable, Unavailable, LeaseHeld, InvalidSetting)
    assert not [(a, b) for a in kinds for b in kinds if a is not b and issubclass(a, b)]
