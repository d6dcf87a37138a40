"""The record that cannot be changed unseen: every change of a task or an account is chained."""

from functions.write_audit.handler import write_audit
from taskflow.events import TASK_CHANGES, AccountFact, AuditSealed
from taskflow.serve import serve, transaction

main = serve(
    write_audit,
    wakes_on=(*TASK_CHANGES, AccountFact),
    emits=(AuditSealed,),
    within=transaction,
    batch=True,
)
