"""Every write to a task: commands become rows, timers, outcomes and facts."""

from functions.write_task.handler import write_task
from taskflow.events import (
    TASK_CHANGES,
    Command,
    FollowZone,
    ReminderCancelled,
    ReminderScheduled,
    ResolveTimes,
)
from taskflow.serve import serve, transaction

main = serve(
    write_task,
    wakes_on=(Command,),
    emits=(*TASK_CHANGES, ReminderScheduled, ReminderCancelled, ResolveTimes, FollowZone),
    within=transaction,
    batch=True,
)
