"""The errors that cross a module's border, as one tree, so that each reader knows what to do.

TaskFlowError
├── Refused         a command or request that may not be: its outcome, never a retry
├── Unreadable      an event that nobody can read: a dead letter at once
├── Unavailable     the database, sidecar or broker is away: again later, never counted
├── LeaseHeld       another worker is at it: again later, never counted
└── InvalidSetting  a variable whose value cannot be used: the process does not start
"""

from typing import Any


class TaskFlowError(Exception):
    """An error whose message names the thing, the reason and the way out."""


class Refused(TaskFlowError):
    """A write that the rules do not allow.

    `code` and `status` are the problem's (RFC 9457, API.md); `errors` maps a field to its message;
    `headers` are the answer's where it needs some (`Retry-After`, `WWW-Authenticate`); `more` are
    members of the problem beyond the usual ones.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int = 422,
        errors: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.errors = errors or {}
        self.headers = headers or {}
        self.more = more or {}


class Unreadable(TaskFlowError):
    """No CloudEvent, an unknown type or version, or a payload of the wrong shape."""


class Unavailable(TaskFlowError):
    """A part of the platform does not answer; nothing is wrong with the message."""


class LeaseHeld(TaskFlowError):
    """A live lease of another worker covers this row."""


class InvalidSetting(TaskFlowError):
    """A variable whose value cannot be used."""


def invalid(field: str, message: str) -> Refused:
    """A 422 that names one field."""
    return Refused("invalid", f"{field}: {message}", errors={field: message})


def not_found(what: str) -> Refused:
    """A 404, also for what belongs to somebody else."""
    return Refused("not_found", f"{what} does not exist, or is not yours.", status=404)


def problem(refused: Refused, **more: Any) -> dict[str, Any]:
    """A refusal as problem details (RFC 9457)."""
    return {
        "type": f"urn:taskflow:problem:{refused.code}",
        "title": refused.code.replace("_", " ").capitalize(),
        "status": refused.status,
        "detail": refused.detail,
        "code": refused.code,
        "errors": [{"field": f, "message": m} for f, m in refused.errors.items()],
        **refused.more,
        **more,
    }
