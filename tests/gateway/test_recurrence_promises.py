"""What people are promised of series and zones (R6, R7, R9, T4, T5), as they see it: over HTTP,
with the real functions behind it.
"""

import asyncio
from typing import Any

import httpx
import pytest

from taskflow.events import FollowZone
from tests.gateway.log import LiveLog

Client = httpx.AsyncClient
DAILY = {"frequency": "daily", "count": 6}


async def create(client: Client, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/v1/tasks", json={"title": "Water", **fields})
    assert answer.status_code == 201, answer.text
    task: dict[str, Any] = answer.json()
    return task


async def act(client: Client, task_id: str, verb: str) -> dict[str, Any]:
    answer = await client.post(f"/v1/tasks/{task_id}/{verb}")
    assert answer.status_code == 200, answer.text
    task: dict[str, Any] = answer.json()
    return task


async def change(
    client: Client, task_id: str, scope: str = "this", **fields: Any
) -> dict[str, Any]:
    answer = await client.patch(f"/v1/tasks/{task_id}?scope={scope}", json=fields)
    assert answer.status_code == 200, answer.text
    task: dict[str, Any] = answer.json()
    return task


async def read(client: Client, task_id: str) -> dict[str, Any]:
    task: dict[str, Any] = (await client.get(f"/v1/tasks/{task_id}")).json()
    return task


async def find(client: Client, query: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/tasks?sort=due_at&{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def occurrences(client: Client, series_id: str, planned: int = 9) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/series/{series_id}/occurrences?planned={planned}")
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def newest(client: Client, log: LiveLog) -> dict[str, Any]:
    await log.idle()
    return (await find(client, "status=open"))[-1]


# --- R6 ----------------------------------------------------------------------------------------


async def test_r6_one_occurrence_at_a_time_and_counts_add_up(
    paris: Client, live_log: LiveLog
) -> None:
    """Six days, split at the third: whatever happens to each, there are six, and history stays."""
    first = await create(paris, due_at="2099-06-01T09:00", recurrence=DAILY)
    planned = await occurrences(paris, first["id"])
    assert [one["status"] for one in planned] == ["open", *["planned"] * 5]
    done = await act(paris, first["id"], "complete")
    second = await newest(paris, live_log)
    await act(paris, second["id"], "skip")
    third = await newest(paris, live_log)

    moved = await change(paris, third["id"], due_at="2099-06-03T18:00", title="Water, late")
    assert (moved["recurrence_id"], moved["series_id"]) == ("2099-06-03T09:00:00", first["id"])
    assert await read(paris, first["id"]) == done

    split = await change(paris, third["id"], scope="following", priority="high")
    assert split["series_id"] != first["id"] and split["due_at"] == moved["due_at"]
    assert split["recurrence"]["count"] == 4
    await live_log.idle()
    history = await occurrences(paris, first["id"])
    assert [one["ended_how"] for one in history] == ["done", "skipped"]
    assert history[0]["ended_at"] == done["completed_at"]

    await paris.delete(f"/v1/tasks/{third['id']}")
    fourth = await newest(paris, live_log)
    assert (fourth["title"], fourth["priority"]) == ("Water", "high")
    await act(paris, fourth["id"], "complete")
    fifth = await newest(paris, live_log)
    await act(paris, fourth["id"], "reopen")
    assert await read(paris, fifth["id"]) == fifth
    await act(paris, fourth["id"], "complete")
    await act(paris, fifth["id"], "complete")
    sixth = await newest(paris, live_log)
    assert sixth["recurrence_id"] == "2099-06-06T09:00:00"
    await act(paris, sixth["id"], "complete")
    await live_log.idle()
    assert await find(paris, "status=open") == []
    parts = [await occurrences(paris, name) for name in (first["id"], split["series_id"])]
    assert [[one["ended_how"] for one in part] for part in parts] == [
        ["done", "skipped"],
        ["deleted", "done", "done", "done"],
    ]


# --- R7 ----------------------------------------------------------------------------------------


async def test_r7_a_finished_occurrence_keeps_its_own_and_the_next_starts_clean(
    paris: Client, live_log: LiveLog
) -> None:
    first = await create(
        paris, due_at="2099-06-01T09:00", recurrence=DAILY, notes="Both cans", tags=["garden"]
    )
    await change(paris, first["id"], notes="Anna did it", tags=["garden", "Anna"])
    done = await act(paris, first["id"], "complete")
    second = await newest(paris, live_log)

    assert (second["notes"], second["tags"]) == ("Both cans", ["garden"])
    assert (second["completed_at"], second["version"]) == (None, 1)
    (listed,) = await find(paris, "status=done")
    assert listed == done
    assert (listed["notes"], listed["recurrence_id"]) == ("Anna did it", "2099-06-01T09:00:00")
    assert listed["completed_at"] == listed["updated_at"]
    history = (await paris.get(f"/v1/tasks/{first['id']}/history")).json()["items"]
    assert [one["action"] for one in history] == ["created", "updated", "completed"]
    (told, *_) = await occurrences(paris, first["id"])
    assert (told["ended_how"], told["ended_at"]) == ("done", done["completed_at"])
    by_tag = [one["id"] for one in await find(paris, f"series_id={first['id']}&tag=anna")]
    assert by_tag == [first["id"]]


# --- R9 ----------------------------------------------------------------------------------------


PREVIEWS: list[tuple[dict[str, Any], list[str | None]]] = [
    (
        {"due_at": "2027-01-31T09:00", "recurrence": {"frequency": "monthly"}, "count": 3},
        [None, "February has no 31st: moved back to the 28th", None],
    ),
    (
        {"due_at": "2027-03-27T02:30", "recurrence": {"frequency": "daily"}, "count": 3},
        [None, "02:30 does not exist on that day: 03:30", None],
    ),
    (
        {"due_at": "2026-10-24T02:30", "recurrence": {"frequency": "daily"}, "count": 2},
        [None, "02:30 happens twice on that day: the first one"],
    ),
]


@pytest.mark.parametrize(("asked", "reasons"), PREVIEWS)
async def test_r9_a_preview_gives_the_reason_of_every_adjustment(
    paris: Client, asked: dict[str, Any], reasons: list[str | None]
) -> None:
    answer = (await paris.post("/v1/recurrence/preview", json=asked)).json()
    assert [item["adjusted"] for item in answer["items"]] == reasons


async def test_r9_a_tag_renamed_reaches_what_comes_once(paris: Client, live_log: LiveLog) -> None:
    """Finished ones keep theirs only where a person does not rename the tag everywhere."""
    first = await create(paris, due_at="2099-06-01T09:00", recurrence=DAILY, tags=["garden"])
    await act(paris, first["id"], "complete")
    second = await newest(paris, live_log)
    await change(paris, second["id"], scope="all", tags=["balcony"])
    await act(paris, second["id"], "complete")
    third = await newest(paris, live_log)
    found = await find(paris, f"series_id={first['id']}")
    assert [one["tags"] for one in found] == [["garden"], ["balcony"], ["balcony"]]
    assert third["recurrence_id"] == "2099-06-03T09:00:00"


# --- T4 ----------------------------------------------------------------------------------------


async def test_t4_changing_ones_zone_takes_along_what_floats(
    paris: Client, live_log: LiveLog
) -> None:
    floats = await create(paris, due_at="2099-06-01T09:00", reminders=[{"before": "PT1H"}])
    fixed = await create(paris, due_at="2099-06-01T09:00", timezone="Europe/Paris")
    assert floats["floating"] is True and "floating" not in fixed
    await live_log.idle()
    cursor = (await paris.get("/v1/changes")).json()["cursor"]

    await paris.patch("/v1/me", json={"timezone": "Asia/Tokyo"})
    await until_followed(live_log)

    moved = await read(paris, floats["id"])
    assert (moved["due_at"], moved["timezone"]) == ("2099-06-01T00:00:00Z", "Asia/Tokyo")
    assert moved["version"] == 2 and await read(paris, fixed["id"]) == fixed
    changes = (await paris.get(f"/v1/changes?since={cursor}")).json()["items"]
    assert [(one["type"], one["task"]) for one in changes] == [("updated", moved)]
    history = (await paris.get(f"/v1/tasks/{floats['id']}/history")).json()["items"]
    assert history[-1]["after"] == {"due_at": "2099-06-01T00:00:00Z", "timezone": "Asia/Tokyo"}
    told = [one["remind_at"] for one in (await paris.get("/v1/reminders")).json()["items"]]
    assert told == ["2099-05-31T23:00:00Z"]


async def until_followed(log: LiveLog) -> None:
    """The gateway publishes after its answer."""
    for _ in range(200):
        await asyncio.sleep(0.01)
        if any(isinstance(event.data, FollowZone) for event in log.events):
            return await log.idle()
    raise AssertionError("nothing was asked for")


async def test_t4_the_same_zone_again_asks_for_nothing(
    paris: Client, live_log: LiveLog, owner: Any
) -> None:
    await paris.patch("/v1/me", json={"timezone": "Europe/Paris", "name": "Anna"})
    asked = "SELECT count(*) FROM timers WHERE topic = 'task-commands'"
    assert await owner.fetchval(asked) == 0
    assert not any(isinstance(event.data, FollowZone) for event in live_log.events)


# --- T5 ----------------------------------------------------------------------------------------

TODAY = "due_after=2099-06-02T00:00&due_before=2099-06-03T00:00"


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York", "Europe/Paris"])
async def test_t5_today_is_the_callers(paris: Client, zone: str) -> None:
    """Seven in the morning of Auckland is yesterday in UTC; the evening of New York, tomorrow."""
    await paris.patch("/v1/me", json={"timezone": zone})
    today = [
        await create(paris, title="morning", due_at="2099-06-02T07:00"),
        await create(paris, title="evening", due_at="2099-06-02T23:30"),
        await create(paris, title="all day", due_on="2099-06-02"),
    ]
    for other in ("2099-06-01T23:30", "2099-06-03T00:00"):
        await create(paris, title="another day", due_at=other)
    for day in ("2099-06-01", "2099-06-03"):
        await create(paris, title="another day", due_on=day)
    found = await find(paris, TODAY)
    assert {one["title"] for one in found} == {one["title"] for one in today}
    overdue = await find(paris, "status=open&due_before=2099-06-02T00:00")
    assert {one["due_at"] or one["due_on"] for one in overdue} >= {"2099-06-01"}
    assert len(overdue) == 2


async def test_t5_monday_evening_in_new_york_stays_a_monday(
    paris: Client, live_log: LiveLog
) -> None:
    await paris.patch("/v1/me", json={"timezone": "America/New_York"})
    sent = {"frequency": "weekly", "weekdays": ["MO"]}
    first = await create(paris, due_at="2027-03-08T20:30", recurrence=sent)
    assert first["due_at"] == "2027-03-09T01:30:00Z"
    implied = await create(paris, due_at="2027-03-09T01:30:00Z", recurrence={"frequency": "weekly"})
    assert implied["recurrence"]["rule"] == "FREQ=WEEKLY;BYDAY=MO"
    for series in (first, implied):
        found = await occurrences(paris, series["id"], planned=3)
        assert [one["due_at"] for one in found] == [
            "2027-03-09T01:30:00Z",
            "2027-03-16T00:30:00Z",
            "2027-03-23T00:30:00Z",
            "2027-03-30T00:30:00Z",
        ]
