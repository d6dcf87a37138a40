"""Every command, fact and notice of TaskFlow, one class each, and the CloudEvents 1.0 envelope
around them; apart from everything that sends or receives, so that it can be read as the contract.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from hashlib import sha1
from typing import Annotated, Any, ClassVar, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct

from taskflow.errors import Unreadable
from taskflow.task import Ending, Imported, Scope, Series, Task, TaskInput

NAMESPACE = UUID("b1b1f3a4-5d0c-5e3b-9a56-7a5c0f10cafe").bytes


class Payload(Struct, frozen=True, kw_only=True):
    """The data of one kind of event; `type`, `topic` and `key` say where it belongs."""

    type: ClassVar[str]
    topic: ClassVar[str]
    # Whether it carries its own place among those of its key, by which a reader restores the order.
    numbered: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """The partition key: what this event must stay in order with."""
        raise NotImplementedError

    @property
    def subject(self) -> str | None:
        """What the event is about, as CloudEvents' `subject`."""
        return None


P = TypeVar("P", bound=Payload)


class Event(Struct, Generic[P], frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent 1.0 in its JSON form, with TaskFlow's extensions."""

    specversion: str
    id: str
    source: str
    type: str
    time: datetime
    datacontenttype: str
    partitionkey: str
    subject: str | None = None
    causationid: str | None = None
    correlationid: str | None = None
    traceparent: str | None = None
    traceid: str | None = None
    replyto: str | None = None
    redrivefor: str | None = None
    data: P


class Envelope(Struct, frozen=True, kw_only=True):
    """An event whose data has not been read yet."""

    specversion: str
    id: str
    source: str
    type: str
    time: Annotated[datetime, Meta(tz=True)]
    partitionkey: str = ""
    subject: str | None = None
    causationid: str | None = None
    correlationid: str | None = None
    traceparent: str | None = None
    traceid: str | None = None
    replyto: str | None = None
    redrivefor: str | None = None
    data: Raw = Raw(b"null")


# --- commands: somebody asks -------------------------------------------------------------------


class Command(Payload, frozen=True, kw_only=True):
    """A request to `write_task`; `fingerprint` tells a repeated request from another one.

    A part of a batch names the batch and how many parts it has.
    """

    topic = "task-commands"

    user_id: str
    actor_id: str
    stream: str
    fingerprint: str = ""
    batch_id: str | None = None
    parts: int = 1

    @property
    def key(self) -> str:
        return self.stream


class TaskCommand(Command, frozen=True, kw_only=True):
    """A command about one task that exists; `if_version` is what the person saw (If-Match)."""

    task_id: str
    if_version: int | None = None

    @property
    def subject(self) -> str:
        return self.task_id


class CreateTask(TaskCommand, frozen=True, kw_only=True):
    type = "taskflow.task.create.v1"
    task: TaskInput


class UpdateTask(TaskCommand, frozen=True, kw_only=True):
    type = "taskflow.task.update.v1"
    changes: TaskInput
    scope: Scope = "this"


class CompleteTask(TaskCommand, frozen=True, kw_only=True):
    type = "taskflow.task.complete.v1"


class ReopenTask(TaskCommand, frozen=True, kw_only=True):
    type = "taskflow.task.reopen.v1"


class CancelTask(TaskCommand, frozen=True, kw_only=True):
    type = "taskflow.task.cancel.v1"


class SkipOccurrence(TaskCommand, frozen=True, kw_only=True):
    """`missed` says that its time passed untouched: nobody asked for the skip. Then the series and
    the recurrence id name the task, for a changed rule keeps tasks that it did not name."""

    type = "taskflow.task.skip.v1"
    missed: bool = False
    series_version: int | None = None
    series_id: str | None = None
    recurrence_id: str | None = None


class SnoozeTask(TaskCommand, frozen=True, kw_only=True):
    type = "taskflow.task.snooze.v1"
    until: datetime


class DeleteTask(TaskCommand, frozen=True, kw_only=True):
    type = "taskflow.task.delete.v1"
    scope: Scope = "this"


class ImportTask(TaskCommand, frozen=True, kw_only=True):
    """A task with its history, from an export or a calendar; what is there already stays."""

    type = "taskflow.task.import.v1"
    imported: Imported


class CreateOccurrence(TaskCommand, frozen=True, kw_only=True):
    """The next occurrence of a series; content and instants come from the series that `write_task`
    locks: the due fields are for one that is older than this."""

    type = "taskflow.occurrence.create.v1"
    series_id: str
    series_version: int
    recurrence_id: str
    due_at: datetime | None = None
    due_on: date | None = None


class ResolveTimes(TaskCommand, frozen=True, kw_only=True):
    """The instants of an open task are to be worked out anew from its wall-clock times, for its
    person is in another zone (`former`: the one before), or its zone has new rules."""

    type = "taskflow.task.resolve-times.v1"
    former: str | None = None


class FollowZone(Command, frozen=True, kw_only=True):
    """All that hangs on a person's zone is to be looked at: they left the zone `former`, or the
    rules of `zones` have changed. It goes in portions, `after` the last task that was looked at; a
    second look takes what was written `since` the first was asked for."""

    type = "taskflow.account.follow-zone.v1"
    former: str | None = None
    zones: list[str] = []
    after: str | None = None
    since: datetime | None = None

    @property
    def subject(self) -> str:
        return self.user_id


class Operation(Struct, frozen=True, kw_only=True):
    """One line of a batch, at its place in the request."""

    position: int
    op: str
    task_id: str
    task: TaskInput | None = None
    imported: Imported | None = None


class RefusedLine(Struct, frozen=True, kw_only=True):
    """A line of a batch that was refused before it could be an operation, with its problem."""

    position: int
    status: int
    problem: dict[str, Any]


class WriteTasks(Command, frozen=True, kw_only=True):
    """A part of a batch: operations that are done in order, each failing alone. The first part
    brings the lines that were `refused` before, so that the outcome tells of each line."""

    type = "taskflow.task.write-batch.v1"
    operations: list[Operation]
    refused: list[RefusedLine] = []


# --- facts: something happened -----------------------------------------------------------------


class TaskFact(Payload, frozen=True, kw_only=True):
    """What happened to one task, with all of it as it is now.

    `before` holds the old values of the fields that changed; it is null for a new task.
    """

    topic = "task-events"

    event_type: str
    task_id: str
    task_data: Task
    user_id: str
    timestamp: datetime
    actor_id: str
    stream: str
    before: dict[str, Any] | None = None
    series: Series | None = None

    @property
    def key(self) -> str:
        return self.stream

    @property
    def subject(self) -> str:
        return self.task_id


class TaskCreated(TaskFact, frozen=True, kw_only=True):
    """`ended_how` and `ended_at`: an imported occurrence that came with its end."""

    type = "taskflow.task.created.v1"
    event_type: str = "created"
    ended_how: Ending | None = None
    ended_at: datetime | None = None


class TaskUpdated(TaskFact, frozen=True, kw_only=True):
    type = "taskflow.task.updated.v1"
    event_type: str = "updated"


class TaskCompleted(TaskFact, frozen=True, kw_only=True):
    type = "taskflow.task.completed.v1"
    event_type: str = "completed"


class TaskReopened(TaskFact, frozen=True, kw_only=True):
    type = "taskflow.task.reopened.v1"
    event_type: str = "reopened"


class TaskCancelled(TaskFact, frozen=True, kw_only=True):
    type = "taskflow.task.cancelled.v1"
    event_type: str = "cancelled"


class TaskSkipped(TaskFact, frozen=True, kw_only=True):
    """`missed`: its time passed untouched, and its series keeps only what is newer."""

    type = "taskflow.task.skipped.v1"
    event_type: str = "skipped"
    missed: bool = False


class TaskSnoozed(TaskFact, frozen=True, kw_only=True):
    type = "taskflow.task.snoozed.v1"
    event_type: str = "snoozed"


class TaskDeleted(TaskFact, frozen=True, kw_only=True):
    """`superseded`: nobody deleted it, it went with the rule that made it."""

    type = "taskflow.task.deleted.v1"
    event_type: str = "deleted"
    superseded: bool = False


class SeriesDue(TaskFact, frozen=True, kw_only=True):
    """Time has passed for an occurrence: the next one must exist, or it was missed itself. No
    change of the task. `timezone`: the person's own, in which days without a zone begin."""

    type = "taskflow.series.due.v1"
    event_type: str = "series.due"
    timezone: str = "UTC"


TASK_CHANGES = (
    TaskCreated,
    TaskUpdated,
    TaskCompleted,
    TaskReopened,
    TaskCancelled,
    TaskSkipped,
    TaskSnoozed,
    TaskDeleted,
)


class ReminderFact(Payload, frozen=True, kw_only=True):
    """One reminder of one task at one instant."""

    topic = "reminders"

    event_type: str
    task_id: str
    title: str
    due_at: datetime | None = None
    due_on: date | None = None
    remind_at: datetime
    user_id: str
    reminder_id: str
    channels: list[str] = []
    stream: str

    @property
    def key(self) -> str:
        return self.stream

    @property
    def subject(self) -> str:
        return self.task_id


class ReminderScheduled(ReminderFact, frozen=True, kw_only=True):
    """`born_late`: its instant had passed when it was written, so it is never sent."""

    type = "taskflow.reminder.scheduled.v1"
    event_type: str = "scheduled"
    born_late: bool = False


class ReminderTriggered(ReminderFact, frozen=True, kw_only=True):
    """The instant has come; `delivery_id` names the one delivery to look at again, and `again` says
    that a person wants it once more although it is settled."""

    type = "taskflow.reminder.triggered.v1"
    event_type: str = "triggered"
    delivery_id: str | None = None
    again: bool = False


class ReminderCancelled(ReminderFact, frozen=True, kw_only=True):
    type = "taskflow.reminder.cancelled.v1"
    event_type: str = "cancelled"


class DigestDue(Payload, frozen=True, kw_only=True):
    """The hour of a person's daily digest; their clock and choice, read when it comes, say whether
    it is still that hour."""

    type = "taskflow.digest.due.v1"
    topic = "reminders"

    user_id: str

    @property
    def key(self) -> str:
        return self.user_id

    @property
    def subject(self) -> str:
        return self.user_id


class ReminderSent(Payload, frozen=True, kw_only=True):
    """A delivery has left, by its attempt number `attempts`: kept outside the database, so that one
    that was set back in time sends nothing twice. Ids and instants, no word of a person."""

    type = "taskflow.reminder.sent.v1"
    topic = "reminders-sent"

    delivery_id: str
    reminder_id: str
    task_id: str
    user_id: str
    channel_id: str
    channel: str
    due_at: datetime
    remind_at: datetime
    sent_at: datetime
    late_by_seconds: int
    attempts: int

    @property
    def key(self) -> str:
        return self.delivery_id

    @property
    def subject(self) -> str:
        return self.task_id


class AccountFact(Payload, frozen=True, kw_only=True):
    """What happened to an account; `detail` never holds a secret."""

    topic = "account-events"

    event_type: str
    user_id: str
    actor_id: str
    timestamp: datetime
    detail: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return self.user_id

    @property
    def subject(self) -> str:
        return self.user_id


class SignedUp(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.signed-up.v1"
    event_type: str = "signed_up"


class LoggedIn(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.logged-in.v1"
    event_type: str = "logged_in"


class LogInFailed(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.log-in-failed.v1"
    event_type: str = "log_in_failed"


class LoggedOut(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.logged-out.v1"
    event_type: str = "logged_out"


class TokenReused(AccountFact, frozen=True, kw_only=True):
    """An old refresh token came back: the whole family was revoked."""

    type = "taskflow.account.token-reused.v1"
    event_type: str = "token_reused"


class AccountUpdated(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.updated.v1"
    event_type: str = "account_updated"


class DataExported(AccountFact, frozen=True, kw_only=True):
    """Everything that is kept of the person was read at once."""

    type = "taskflow.account.data-exported.v1"
    event_type: str = "data_exported"


class AccountDeleted(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.deleted.v1"
    event_type: str = "account_deleted"


class RolesChanged(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.roles-changed.v1"
    event_type: str = "roles_changed"


class ApiTokenCreated(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.api-token-created.v1"
    event_type: str = "api_token_created"


class ApiTokenRevoked(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.api-token-revoked.v1"
    event_type: str = "api_token_revoked"


class ViewCreated(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.view-created.v1"
    event_type: str = "view_created"


class ViewUpdated(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.view-updated.v1"
    event_type: str = "view_updated"


class ViewDeleted(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.view-deleted.v1"
    event_type: str = "view_deleted"


class ChannelAdded(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.channel-added.v1"
    event_type: str = "channel_added"


class ChannelRemoved(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.channel-removed.v1"
    event_type: str = "channel_removed"


class ChannelUpdated(AccountFact, frozen=True, kw_only=True):
    """`detail.what`: `secret_rotated`, `enabled` or `unsubscribed`."""

    type = "taskflow.account.channel-updated.v1"
    event_type: str = "channel_updated"


class ChannelDisabled(AccountFact, frozen=True, kw_only=True):
    """Nothing could be delivered there for a day, or it said that it is gone."""

    type = "taskflow.account.channel-disabled.v1"
    event_type: str = "channel_disabled"


class AdminRead(AccountFact, frozen=True, kw_only=True):
    """An admin or auditor read what is not their own."""

    type = "taskflow.account.admin-read.v1"
    event_type: str = "admin_read"


class DeadLetterRedriven(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.dead-letter-redriven.v1"
    event_type: str = "dead_letter_redriven"


class DeadLetterDiscarded(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.dead-letter-discarded.v1"
    event_type: str = "dead_letter_discarded"


class HoldPlaced(AccountFact, frozen=True, kw_only=True):
    """Nothing of a person may go any more, `detail` says whose and why. It is told of whoever
    placed it, not of the person."""

    type = "taskflow.account.hold-placed.v1"
    event_type: str = "hold_placed"


class HoldLifted(AccountFact, frozen=True, kw_only=True):
    type = "taskflow.account.hold-lifted.v1"
    event_type: str = "hold_lifted"


class DatabaseRestored(AccountFact, frozen=True, kw_only=True):
    """The database was set back in time; `detail` says from which entry on the audit was written
    anew, and where the chain ended that was lost. The host did it."""

    type = "taskflow.account.database-restored.v1"
    event_type: str = "database_restored"


class RealtimeUpdate(Payload, frozen=True, kw_only=True):
    """What one person may see of one change, at its place in their feed."""

    type = "taskflow.realtime-update.v1"
    topic = "task-updates"
    numbered = True

    user_id: str
    cursor: int
    event_type: str
    task_id: str
    task: Task | None
    timestamp: datetime

    @property
    def key(self) -> str:
        return self.user_id

    @property
    def subject(self) -> str:
        return self.task_id


class AuditSealed(Payload, frozen=True, kw_only=True):
    """The last number and hash of the audit chain, kept outside the database."""

    type = "taskflow.audit.sealed.v1"
    topic = "audit-seals"

    seq: int
    hash: str
    entries: int

    @property
    def key(self) -> str:
        return "audit"


class AuditRestored(Payload, frozen=True, kw_only=True):
    """The database was set back to the entry `seq`: seals of later ones before this are of a chain
    that was lost, which ended at `lost_seq`. The entry of the event `entry_id` says the same inside
    the new chain; `proof` is worth what the audit's key is worth."""

    type = "taskflow.audit.restored.v1"
    topic = "audit-seals"

    seq: int
    hash: str
    lost_seq: int
    lost_hash: str
    entry_id: str
    at: datetime
    proof: str

    @property
    def key(self) -> str:
        return "audit"


# --- notices and ticks: hints between live processes, never stored -----------------------------


class Notice(Struct, frozen=True, kw_only=True):
    """Hints to gateways by NOTIFY, after the commit: losing one costs time, never truth. Each is a
    line: an id to look for, or what would be found."""

    channel: str
    hints: list[str]


class Tick(Payload, frozen=True, kw_only=True):
    """The cron binding's call to a function that is awake: look at the clock."""

    type = "taskflow.tick.v1"
    topic = ""

    @property
    def key(self) -> str:
        return ""


class RetentionDue(Payload, frozen=True, kw_only=True):
    """Rows that were kept long enough are to go, those of `rule` first, from a place among them on.
    The clock carries it out itself, so it stands in no topic."""

    type = "taskflow.retention.due.v1"
    topic = ""

    rule: str = ""
    after: tuple[str, int] = ("00000000-0000-0000-0000-000000000000", 0)

    @property
    def key(self) -> str:
        return ""


class Record(Payload, frozen=True, kw_only=True):
    """A record of a dead-letter topic, byte for byte, with where it came from."""

    type = "taskflow.record.v1"
    topic = ""

    value: bytes
    record_topic: str
    partition: int
    offset: int
    record_key: str | None = None
    consumer: str

    @property
    def key(self) -> str:
        return self.record_key or ""


# --- reading and deriving ----------------------------------------------------------------------


def concrete(root: type[Payload]) -> Iterable[type[Payload]]:
    """Every payload class that names a type of its own, below `root`."""
    for cls in root.__subclasses__():
        if "type" in vars(cls):
            yield cls
        yield from concrete(cls)


TYPES: dict[str, type[Payload]] = {cls.type: cls for cls in concrete(Payload)}
# Facts of accounts are all of one shape, whatever a newer release has to tell.
OF_ACCOUNTS = re.compile(r"taskflow\.account\.[a-z-]+\.v1")
_ENVELOPE = msgspec.json.Decoder(Envelope)
# The last is of what is nested without end.
WRONG_SHAPE = (msgspec.DecodeError, ValueError, RecursionError)
_DECODERS: dict[type[Payload], msgspec.json.Decoder[Any]] = {}
_ENCODER = msgspec.json.Encoder()


def read_envelope(body: bytes | Raw) -> Envelope:
    """The attributes of a structured CloudEvent. Raises Unreadable."""
    try:
        envelope = _ENVELOPE.decode(body)
    except WRONG_SHAPE as error:
        raise Unreadable(f"This is no structured CloudEvent: {error}") from error
    if envelope.specversion != "1.0":
        raise Unreadable(f"CloudEvents {envelope.specversion} is not spoken here, only 1.0.")
    return envelope


def read_event(body: bytes | Raw) -> Event[Any]:
    """A whole event with its data in its own class. Raises Unreadable."""
    return read_data(read_envelope(body))


def read_data(envelope: Envelope) -> Event[Any]:
    """The event of an envelope; what is unknown of an account is an AccountFact. Raises Unreadable
    for another unknown type, or a wrong shape."""
    known = TYPES.get(envelope.type)
    if known is None and OF_ACCOUNTS.fullmatch(envelope.type):
        known = AccountFact
    if known is None:
        raise Unreadable(f"No event has the type {envelope.type!r}, or not in this version.")
    try:
        data = _decoder(known).decode(envelope.data)
    except WRONG_SHAPE as error:
        raise Unreadable(f"{envelope.type} {envelope.id}: {error}") from error
    return _wrap(envelope, data)


def _decoder(known: type[Payload]) -> msgspec.json.Decoder[Any]:
    decoder = _DECODERS.get(known)
    if decoder is None:
        decoder = _DECODERS[known] = msgspec.json.Decoder(known)
    return decoder


def _wrap(envelope: Envelope, data: Payload) -> Event[Any]:
    return Event(
        specversion="1.0",
        id=envelope.id,
        source=envelope.source,
        type=envelope.type,
        time=envelope.time,
        datacontenttype="application/json",
        partitionkey=envelope.partitionkey,
        subject=envelope.subject,
        causationid=envelope.causationid,
        correlationid=envelope.correlationid,
        traceparent=envelope.traceparent,
        traceid=envelope.traceid,
        replyto=envelope.replyto,
        redrivefor=envelope.redrivefor,
        data=data,
    )


def encode(value: Any) -> bytes:
    """JSON of an event or payload, UTF-8."""
    return _ENCODER.encode(value)


def new_event(
    payload: P,
    *,
    id: str,
    source: str,
    time: datetime,
    cause: Event[Any] | None = None,
    replyto: str | None = None,
    traceparent: str | None = None,
) -> Event[P]:
    """An event with a chosen id; its chain of causes and its trace go on from `cause`, or the trace
    from the `traceparent` of a request."""
    return Event(
        specversion="1.0",
        id=id,
        source=f"/taskflow/{source}",
        type=payload.type,
        time=time,
        datacontenttype="application/json",
        partitionkey=payload.key,
        subject=payload.subject,
        causationid=cause.id if cause else None,
        correlationid=(cause.correlationid or cause.id) if cause else id,
        traceparent=cause.traceparent if cause else traceparent,
        # Beside a `traceparent` alone, a Dapr sidecar would write its own over it.
        traceid=cause.traceid if cause else traceparent,
        replyto=replyto,
        data=payload,
    )


def derive_id(cause_id: str, kind: str, position: int | str = 0) -> str:
    """The same id for the same effect of the same cause, however often it is worked out: what
    `uuid5` makes of it (RFC 9562, section 5.5), in half of its time, for each event has one."""
    name = f"{cause_id}/{kind}/{position}".encode()
    made = sha1(NAMESPACE + name, usedforsecurity=False).hexdigest()
    variant = "89ab"[int(made[16], 16) & 3]
    return f"{made[:8]}-{made[8:12]}-5{made[13:16]}-{variant}{made[17:20]}-{made[20:32]}"


def occurrence_id(series_id: str, recurrence_id: str) -> str:
    """The task id of an occurrence that its series makes; the first one is an older task."""
    return derive_id(series_id, "occurrence", recurrence_id)


def derive_events(
    cause: Event[Any], payloads: Iterable[Payload], *, source: str, time: datetime | None = None
) -> list[Event[Any]]:
    """The events that follow from `cause`, in order, with derived ids."""
    return [
        new_event(
            payload,
            id=derive_id(cause.id, payload.type, position),
            source=source,
            time=time or cause.time,
            cause=cause,
        )
        for position, payload in enumerate(payloads)
    ]
