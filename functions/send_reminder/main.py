"""The promise people feel: tells them, once by each channel, or says why not."""

from functions.send_reminder.handler import send_reminder
from taskflow.events import (
    DigestDue,
    ReminderCancelled,
    ReminderScheduled,
    ReminderSent,
    ReminderTriggered,
)
from taskflow.serve import lease, serve

main = serve(
    send_reminder,
    wakes_on=(ReminderScheduled, ReminderTriggered, ReminderCancelled, DigestDue),
    emits=(ReminderSent,),
    within=lease,
    batch=True,
)
