"""An ordinary service to compare with: FastAPI and SQLModel, plain inserts and nothing else. The
bounds were set beside one like it, so what both make in the same minute tells a slow machine from
slow code.
"""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import ARRAY, Column, DateTime, Text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from bench.stack import wait_until_up
from local.process import choose_port

DATABASE = "ORDINARY_DATABASE"


class TaskIn(BaseModel):
    title: str
    notes: str = ""
    tags: list[str] = []
    due_at: datetime | None = None


class Batch(BaseModel):
    tasks: list[TaskIn]


class OrdinaryTask(SQLModel, table=True):
    __tablename__ = "ordinary_tasks"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    title: str
    notes: str
    tags: list[str] = Field(sa_column=Column(ARRAY(Text)))
    due_at: datetime | None = Field(sa_type=DateTime(timezone=True))
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


def create_app() -> FastAPI:
    engine = create_async_engine(os.environ[DATABASE], pool_size=10)

    @asynccontextmanager
    async def live_on(_: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as db:
            await db.run_sync(SQLModel.metadata.tables["ordinary_tasks"].create)
        yield
        await engine.dispose()

    app = FastAPI(lifespan=live_on)

    async def insert(given: list[TaskIn]) -> list[OrdinaryTask]:
        now = datetime.now(UTC)
        rows = [OrdinaryTask(created_at=now, **one.model_dump()) for one in given]
        async with AsyncSession(engine, expire_on_commit=False) as session:
            session.add_all(rows)
            await session.commit()
        return rows

    @app.post("/tasks", status_code=201)
    async def create_task(task: TaskIn) -> OrdinaryTask:
        return (await insert([task]))[0]

    @app.post("/tasks/batch", status_code=201)
    async def create_tasks(batch: Batch) -> list[OrdinaryTask]:
        return await insert(batch.tasks)

    return app


@contextmanager
def ordinary_service(database: str) -> Iterator[int]:
    """The port of one that runs until the block ends, its table in the PostgreSQL at `database`."""
    port = choose_port()
    options = ["--factory", "--port", str(port), "--log-level", "warning", "--no-access-log"]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "bench.ordinary:create_app", *options],
        env={**os.environ, DATABASE: database.replace("postgresql:", "postgresql+asyncpg:", 1)},
    )
    try:
        wait_until_up(process, f"http://127.0.0.1:{port}/openapi.json")
        yield port
    finally:
        process.terminate()
        process.wait()
