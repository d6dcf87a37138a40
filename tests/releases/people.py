"""People who live through a rollout: what they write by whichever gateway is there, and what they
have been promised by its answers.
"""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from msgspec import Struct

PASSWORD = "a good password"
PATIENCE = 60.0
PAUSE = 0.05
SOON = timedelta(seconds=1)
BATCH = 5
# The date that a series begins with, far enough away that no clock ends anything.
BEGINS = datetime(2040, 1, 1, 9)
TRY_AGAIN = {202, 502, 503}

Item = dict[str, Any]


class Known(Struct):
    """A task as the answers told it."""

    title: str
    version: int = 1
    status: str = "open"
    tags: tuple[str, ...] = ()

    def change(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)
        self.version += 1


class Person:
    """Somebody who writes one thing after the other; `gateways` are those that are there now."""

    def __init__(self, name: str, gateways: Sequence[httpx.AsyncClient]) -> None:
        self.name = name
        self.user_id = ""
        self.tasks: dict[str, Known] = {}
        self.series: dict[str, int] = {}
        self.reminded: list[str] = []
        self._gateways = gateways
        self._headers = {"Prefer": "wait=10"}
        self._turns = itertools.count()
        self._day = 0

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What a gateway answers in the end; each time another one is asked, under the same key."""
        key = {"Idempotency-Key": str(uuid4())} if method != "GET" else {}
        async with asyncio.timeout(PATIENCE):
            while True:
                gateway = self._gateways[next(self._turns) % len(self._gateways)]
                answer = await self._try(gateway, method, path, body, self._headers | key)
                if answer is not None and answer.status_code not in TRY_AGAIN:
                    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
                    return answer.json() if answer.content else None
                await asyncio.sleep(PAUSE)

    async def _try(
        self, gateway: httpx.AsyncClient, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> httpx.Response | None:
        try:
            return await gateway.request(method, path, json=body, headers=headers)
        except httpx.TransportError:
            return None

    async def arrive(self, webhook: str) -> None:
        """Signs up, with a mailbox and a webhook, and begins a series."""
        person = {"email": f"{self.name}@example.com", "password": PASSWORD, "timezone": "UTC"}
        # Without a person there is no key: the first gateway is there when people come.
        told = await self.ask("POST", "/v1/auth/signup", person)
        self._headers["Authorization"] = f"Bearer {told['access_token']}"
        self.user_id = (await self.ask("GET", "/v1/me"))["id"]
        await self.ask("POST", "/v1/channels", {"kind": "webhook", "address": webhook})
        rule = {"frequency": "daily", "interval": 1}
        first = {"title": f"{self.name}'s habit", "due_at": BEGINS.isoformat(), "recurrence": rule}
        self.series[(await self.create(first))] = 1

    async def create(self, task: Item) -> str:
        made = await self.ask("POST", "/v1/tasks", task)
        self.tasks[made["id"]] = Known(task["title"], tags=tuple(task.get("tags", ())))
        return str(made["id"])

    async def live(self) -> None:
        """A day: everything that people do with tasks, once."""
        self._day += 1
        reminded = await self._be_reminded()
        await self._create_many()
        await self._move_on()
        await self._rename(reminded)
        await self._finish()
        view = {"name": f"view {self._day}", "query": {"status": "open"}}
        await self.ask("POST", "/v1/views", view)

    async def export(self, gateway: httpx.AsyncClient) -> None:
        """Reads everything, which is told by a fact that the last release does not know."""
        answer = await gateway.get("/v1/me/export", headers=self._headers)
        assert answer.is_success, answer.text

    async def _be_reminded(self) -> str:
        """A reminder that comes while the rollout goes on; and one of a task that goes before."""
        at = (datetime.now(UTC) + SOON).isoformat()
        title = f"{self.name}'s reminder {self._day}"
        reminder = {"at": at, "channels": ["email", "webhook"]}
        kept = await self.create({"title": title, "reminders": [reminder], "tags": ["old"]})
        self.reminded.append(title)
        never = {"before": "PT1H"}
        far = {"due_at": BEGINS.isoformat(), "reminders": [never], "title": "never told"}
        await self._delete(await self.create(far))
        return kept

    async def _delete(self, task_id: str) -> None:
        await self.ask("DELETE", f"/v1/tasks/{task_id}")
        del self.tasks[task_id]

    async def _create_many(self) -> None:
        titles = [f"{self.name}'s task {self._day}.{number}" for number in range(BATCH)]
        operations = [{"op": "create", "task": {"title": title}} for title in titles]
        told = await self.ask("POST", "/v1/tasks/batch", {"operations": operations})
        for title, result in zip(titles, told["results"], strict=True):
            assert result["status"] == 201, result
            self.tasks[result["task"]["id"]] = Known(title)

    async def _move_on(self) -> None:
        """The series' open occurrence is done, the next one comes, and all of it is changed."""
        for series_id in self.series:
            await self._complete((await self._find_open(series_id))["id"])
            coming = await self._find_open(series_id)
            self.tasks[coming["id"]] = Known(coming["title"])
            self.series[series_id] += 1
            path = f"/v1/tasks/{coming['id']}?scope=all"
            await self.ask("PATCH", path, {"notes": f"day {self._day}"})
            self.tasks[coming["id"]].change()

    async def _find_open(self, series_id: str) -> Item:
        async with asyncio.timeout(PATIENCE):
            while True:
                path = f"/v1/tasks?status=open&series_id={series_id}"
                items: list[Item] = (await self.ask("GET", path))["items"]
                assert len(items) <= 1, items
                if items:
                    return items[0]
                await asyncio.sleep(PAUSE)

    async def _complete(self, task_id: str) -> None:
        done = await self.ask("POST", f"/v1/tasks/{task_id}/complete")
        self.tasks[task_id].change(status="done")
        assert done["version"] == self.tasks[task_id].version, done

    async def _rename(self, task_id: str) -> None:
        """One change of a task, and one of its tag, which is of this task alone."""
        title = f"{self.tasks[task_id].title}, again"
        await self.ask("PATCH", f"/v1/tasks/{task_id}", {"notes": title, "priority": "high"})
        self.tasks[task_id].change()
        tag = f"day {self._day}"
        changed = await self.ask("PATCH", "/v1/tags/old", {"name": tag})
        assert changed["changed"] == 1, changed
        self.tasks[task_id].change(tags=(tag,))

    async def _finish(self) -> None:
        """One task is done, opened again and deleted; another is put off."""
        first, second = [
            one for one in self.tasks if f"task {self._day}." in self.tasks[one].title
        ][:2]
        await self._complete(first)
        await self.ask("POST", f"/v1/tasks/{first}/reopen")
        self.tasks[first].change(status="open")
        await self._delete(first)
        await self.ask("POST", f"/v1/tasks/{second}/cancel")
        self.tasks[second].change(status="cancelled")

    async def list_tasks(self, gateway: httpx.AsyncClient) -> dict[str, Known]:
        """Everything that a gateway shows of this person."""
        found, cursor = {}, ""
        while True:
            path = f"/v1/tasks?limit=200{cursor}"
            answer = await gateway.get(path, headers=self._headers)
            assert answer.is_success, answer.text
            for one in answer.json()["items"]:
                tags = tuple(one["tags"])
                found[one["id"]] = Known(one["title"], one["version"], one["status"], tags)
            if not answer.json()["next_cursor"]:
                return found
            cursor = f"&cursor={answer.json()['next_cursor']}"
