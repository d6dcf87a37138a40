"""Everyone who may see a change gets it in their feed, in order and without a gap."""

from functions.fan_out_update.handler import fan_out_update
from taskflow.events import TASK_CHANGES, RealtimeUpdate
from taskflow.serve import serve, transaction

main = serve(
    fan_out_update, wakes_on=TASK_CHANGES, emits=(RealtimeUpdate,), within=transaction, batch=True
)
