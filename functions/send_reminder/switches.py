"""Channels that the operator has switched off while everything runs: what is due by one of them
waits with the reason, and is sent once it is on again.
"""

from datetime import datetime, timedelta

from functions.send_reminder.step import Wait
from taskflow.runtime_settings import is_off
from taskflow.settings import Settings

# Somebody who switches a channel on again waits so long at the most.
LOOK_AGAIN = timedelta(seconds=60)


def wait_for_switch(kind: str, settings: Settings, now: datetime) -> Wait | None:
    """Why a delivery by this kind of channel must wait, if it must."""
    if not is_off(settings, kind):
        return None
    reason = f"Channels of kind {kind} are switched off for now: it is sent once they are on again."
    return Wait(now + LOOK_AGAIN, reason)
