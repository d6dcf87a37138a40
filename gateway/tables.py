"""The tables that the gateway reads, as SQLModel sees them; it writes none of these."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlmodel import Field, SQLModel


class TaskRow(SQLModel, table=True):
    __tablename__ = "tasks"

    id: UUID = Field(primary_key=True)
    user_id: UUID
    stream: UUID
    title: str
    notes: str
    status: str
    priority: str
    tags: list[str] = Field(sa_column=Column(ARRAY(Text)))
    tag_keys: list[str] = Field(sa_column=Column(ARRAY(Text)))
    due_at: datetime | None
    due_on: date | None
    due_sort: datetime | None
    timezone: str | None
    recurrence: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    reminders: list[dict[str, Any]] = Field(sa_column=Column(JSONB))
    series_id: UUID | None
    recurrence_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    created_by: UUID
    deleted_at: datetime | None
    start_at: datetime | None
    start_on: date | None
    floating: bool | None
    search: str = Field(sa_column=Column(TSVECTOR))


class SeriesRow(SQLModel, table=True):
    __tablename__ = "series"

    id: UUID = Field(primary_key=True)
    user_id: UUID
    stream: UUID
    version: int
    recurrence: dict[str, Any] = Field(sa_column=Column(JSONB))
    anchor: str
    timezone: str | None
    template: dict[str, Any] = Field(sa_column=Column(JSONB))
    used: int
    created_at: datetime
    floating: bool | None
    lead: str | None


class OccurrenceRow(SQLModel, table=True):
    __tablename__ = "occurrences"

    series_id: UUID = Field(primary_key=True)
    recurrence_id: str = Field(primary_key=True)
    task_id: UUID
    ended_how: str | None
    ended_at: datetime | None


class FeedRow(SQLModel, table=True):
    __tablename__ = "feed"

    user_id: UUID = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    at: datetime
    task_id: UUID
    version: int
    type: str
    task: str | None


class FeedHeadRow(SQLModel, table=True):
    __tablename__ = "feed_heads"

    user_id: UUID = Field(primary_key=True)
    seq: int
    purged_to: int


class TimerRow(SQLModel, table=True):
    __tablename__ = "timers"

    id: UUID = Field(primary_key=True)
    due_at: datetime
    topic: str
    user_id: UUID
    event: str


class DeliveryRow(SQLModel, table=True):
    __tablename__ = "deliveries"

    id: UUID = Field(primary_key=True)
    reminder_id: UUID
    task_id: UUID
    user_id: UUID
    channel_id: UUID
    channel: str
    due_at: datetime
    state: str
    attempts: int
    sent_at: datetime | None
    late_by_seconds: int | None
    reason: str | None


class DeadLetterRow(SQLModel, table=True):
    __tablename__ = "dead_letters"

    id: UUID = Field(primary_key=True)
    consumer: str
    record_topic: str
    partition: int
    record_offset: int
    record_key: str | None
    value: bytes
    event_id: str | None
    event_type: str | None
    reason: str
    attempts: int
    trace: str
    state: str
    kept_at: datetime
    settled_at: datetime | None
    settled_by: UUID | None
