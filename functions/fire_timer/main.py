"""The clock that works while everything sleeps: publishes the events whose instant has come."""

from functions.fire_timer.handler import FIRES, fire_timer
from taskflow.events import Tick
from taskflow.serve import lease, serve

main = serve(fire_timer, wakes_on=(Tick,), emits=FIRES, within=lease)
