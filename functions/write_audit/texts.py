"""What an audit entry says of a fact: its action, and what was before and is after it."""

from typing import Any

from msgspec import Struct

from taskflow.audit import canonical_text
from taskflow.events import AccountFact, TaskCreated, TaskDeleted, TaskFact


class Account(Struct, frozen=True):
    """A fact as the audit tells it; the texts are canonical JSON."""

    action: str
    task_id: str | None
    before: str | None
    after: str | None


def tell(fact: TaskFact | AccountFact) -> Account:
    """A new task whole, a deleted one as it was, else the fields that changed; of an account, the
    detail of what happened."""
    if isinstance(fact, AccountFact):
        return Account(f"account.{fact.event_type}", None, None, canonical_text(fact.detail))
    before, after = _compare(fact)
    return Account(f"task.{fact.event_type}", fact.task_id, _text(before), _text(after))


def _compare(fact: TaskFact) -> tuple[Any, Any]:
    if isinstance(fact, TaskCreated):
        return None, fact.task_data
    before, now = fact.before or {}, fact.task_data.shown()
    if isinstance(fact, TaskDeleted):
        return now | before, None
    return before, {name: now.get(name) for name in before}


def _text(value: Any) -> str | None:
    return None if value is None else canonical_text(value)
