"""Who may see a task: the one place where sharing will go."""

from taskflow.events import TaskFact


def audience(fact: TaskFact) -> list[str]:
    """The ids of everyone who may see this change; today its owner."""
    return [fact.user_id]
