"""What a consumer gave up on becomes a row that a person can read, redrive and discard."""

from functions.keep_dead_letter.handler import keep_dead_letter
from taskflow.events import TASK_CHANGES, Record, ReminderCancelled, ReminderScheduled
from taskflow.serve import serve, transaction

main = serve(
    keep_dead_letter,
    wakes_on=(Record,),
    emits=(*TASK_CHANGES, ReminderScheduled, ReminderCancelled),
    within=transaction,
)
