"""The next occurrence of a series, when one ends or its time has passed."""

from functions.expand_recurrence.handler import expand_recurrence
from taskflow.events import (
    CreateOccurrence,
    SeriesDue,
    SkipOccurrence,
    TaskCancelled,
    TaskCompleted,
    TaskDeleted,
    TaskSkipped,
    TaskUpdated,
)
from taskflow.serve import serve

main = serve(
    expand_recurrence,
    wakes_on=(SeriesDue, TaskCompleted, TaskSkipped, TaskCancelled, TaskDeleted, TaskUpdated),
    emits=(CreateOccurrence, SkipOccurrence),
)
