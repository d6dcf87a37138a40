"""Tasks over HTTP as API.md promises them: on the real functions and the real database."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.gateway.log import LiveLog

Client = httpx.AsyncClient


async def create(client: Client, **fields: Any) -> dict[str, Any]:
    body, patient = {"title": "Pay rent", **fields}, {"Prefer": "wait=30"}
    answer = await client.post("/v1/tasks", json=body, headers=patient)
    assert answer.status_code == 201, answer.text
    task: dict[str, Any] = answer.json()
    return task


async def test_creating_answers_the_task_as_it_can_be_read(paris: Client) -> None:
    given = {
        "title": "  Pay rent ",
        "tags": ["Home", "home", "money"],
        "priority": "high",
        "due_at": "2026-12-31T10:00:00",
        "recurrence": {"frequency": "monthly"},
        "reminders": [{"before": "PT30M"}],
    }
    answer = await paris.post("/v1/tasks", json=given)
    task = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/tasks/{task['id']}"
    assert answer.headers["etag"] == '"1"'
    assert task["title"] == "Pay rent"
    assert task["tags"] == ["Home", "money"]
    assert task["due_at"] == "2026-12-31T09:00:00Z"
    assert task["recurrence"]["rule"] == "FREQ=MONTHLY;BYMONTHDAY=31"
    assert task["series_id"] == task["id"]
    assert task["recurrence_id"] == "2026-12-31T10:00:00"
    read = await paris.get(f"/v1/tasks/{task['id']}")
    assert read.json() == task
    assert read.headers["etag"] == '"1"'


async def test_null_fields_are_all_there(paris: Client) -> None:
    task = await create(paris)
    assert set(task) == {
        "id", "title", "notes", "status", "priority", "tags", "due_at", "due_on", "timezone",
        "recurrence", "reminders", "series_id", "recurrence_id", "version", "created_at",
        "updated_at", "completed_at", "created_by",
    }  # fmt: skip
    assert task["series_id"] is None
    assert task["status"] == "open"


BAD = [
    ({}, "title"),
    ({"title": "   "}, "title"),
    ({"title": "x" * 501}, "title"),
    ({"title": 3}, "title"),
    ({"title": "x", "colour": "red"}, "colour"),
    ({"title": "x", "notes": "y" * (64 * 1024 + 1)}, "notes"),
    ({"title": "x\x00"}, "title"),
    ({"title": "x", "tags": ["a"] * 51}, "tags"),
    ({"title": "x", "tags": [""]}, "tags"),
    ({"title": "x", "priority": "urgent"}, "priority"),
    ({"title": "x", "due_at": "2026-01-01T00:00:00Z", "due_on": "2026-01-01"}, "due_on"),
    ({"title": "x", "due_at": "tomorrow"}, "due_at"),
    ({"title": "x", "due_at": "9999-01-01T00:00:00Z"}, "due_at"),
    ({"title": "x", "due_at": "2026-01-01T00:00", "timezone": "Mars/Base"}, "timezone"),
    ({"title": "x", "recurrence": {"frequency": "daily"}}, "recurrence"),
    ({"title": "x", "due_on": "2026-01-01", "recurrence": {"rule": "FREQ=SECONDLY"}}, "recurrence"),
    (
        {"title": "x", "due_on": "2026-01-01", "recurrence": {"rule": "FREQ=DAILY;INTERVAL=0"}},
        "recurrence",
    ),
    ({"title": "x", "reminders": [{"before": "PT5M"}]}, "reminders"),
    ({"title": "x", "id": "not a uuid"}, "id"),
]


@pytest.mark.parametrize(("body", "field"), BAD, ids=[str(b)[:50] for b, _ in BAD])
async def test_bad_input_is_refused_by_field(
    paris: Client, live_log: LiveLog, body: dict[str, Any], field: str
) -> None:
    answer = await paris.post("/v1/tasks", json=body)
    problem = answer.json()
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == "invalid"
    assert problem["errors"][0]["field"].split(".")[0] == field
    assert [e for e in live_log.events if e.data.topic == "task-commands"] == []


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_json"),
        (b'{"title": "\xff\xfe"}', "application/json", 400, "malformed_json"),
        (b"title=x", "text/plain", 415, "unsupported_media_type"),
        (b'{"title": "' + b"x" * 2**20 + b'"}', "application/json", 413, "too_large"),
        (b"[]", "application/json", 422, "invalid"),
    ],
)
async def test_what_is_no_request_is_refused(
    paris: Client, content: bytes, kind: str, status: int, code: str
) -> None:
    answer = await paris.post("/v1/tasks", content=content, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_another_persons_task_does_not_exist(paris: Client, somebody_else: Client) -> None:
    task = await create(paris)
    url = f"/v1/tasks/{task['id']}"
    answers = [
        await somebody_else.get(url),
        await somebody_else.patch(url, json={"title": "mine"}),
        await somebody_else.delete(url),
        await somebody_else.post(f"{url}/complete"),
    ]
    assert [a.status_code for a in answers] == [404] * 4
    assert (await paris.get(url)).json() == task


@pytest.mark.parametrize(
    "task_id", ["nope", "0197c0de-0000-7000-8000-000000000000", "%00", "1" * 400]
)
async def test_unknown_ids_are_not_found(paris: Client, task_id: str) -> None:
    answer = await paris.get(f"/v1/tasks/{task_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_patch_changes_what_is_sent_and_null_clears(paris: Client) -> None:
    task = await create(paris, notes="old", due_on="2026-05-05", tags=["a"])
    answer = await paris.patch(f"/v1/tasks/{task['id']}", json={"due_on": None, "tags": ["b"]})
    changed = answer.json()
    assert answer.status_code == 200
    assert (changed["due_on"], changed["tags"], changed["notes"]) == (None, ["b"], "old")
    assert changed["version"] == 2
    assert answer.headers["etag"] == '"2"'


async def test_a_lost_update_is_refused_with_the_present_task(paris: Client) -> None:
    task = await create(paris)
    url = f"/v1/tasks/{task['id']}"
    first = await paris.patch(url, json={"title": "one"}, headers={"If-Match": '"1"'})
    second = await paris.patch(url, json={"title": "two"}, headers={"If-Match": '"1"'})
    assert first.status_code == 200
    assert second.status_code == 412
    assert second.json()["code"] == "version_conflict"
    assert second.json()["current"] == first.json()


async def test_actions_move_a_task_and_repeat_without_effect(paris: Client) -> None:
    task = await create(paris)
    url = f"/v1/tasks/{task['id']}"
    done = (await paris.post(f"{url}/complete")).json()
    again = await paris.post(f"{url}/complete")
    assert done["status"] == "done"
    assert done["completed_at"] is not None
    assert again.json() == done
    assert (await paris.post(f"{url}/cancel")).json()["code"] == "invalid_transition"
    assert (await paris.post(f"{url}/reopen")).json()["status"] == "open"
    assert (await paris.post(f"{url}/skip")).status_code == 409
    assert (await paris.delete(url)).status_code == 204
    assert (await paris.delete(url)).status_code == 204
    assert (await paris.get(url)).status_code == 404
    assert (await paris.post(f"{url}/complete")).json()["code"] == "invalid_transition"


async def test_the_next_occurrence_follows(paris: Client, live_log: LiveLog) -> None:
    task = await create(paris, due_at="2027-01-31T09:00", recurrence={"frequency": "monthly"})
    await paris.post(f"/v1/tasks/{task['id']}/complete")
    await live_log.idle()
    page = (await paris.get(f"/v1/tasks?series_id={task['id']}&sort=due_at")).json()
    assert [t["recurrence_id"] for t in page["items"]] == [
        "2027-01-31T09:00:00",
        "2027-02-28T09:00:00",
    ]
    assert [t["status"] for t in page["items"]] == ["done", "open"]
    listed = (await paris.get(f"/v1/series/{task['id']}/occurrences?planned=2")).json()["items"]
    assert [(o["recurrence_id"][:10], o["planned"]) for o in listed] == [
        ("2027-01-31", False),
        ("2027-02-28", False),
        ("2027-03-31", True),
        ("2027-04-30", True),
    ]


async def test_a_key_makes_a_write_safe_to_repeat(paris: Client, live_log: LiveLog) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = await asyncio.gather(
        *(paris.post("/v1/tasks", json={"title": "x"}, headers=headers) for _ in range(5))
    )
    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 1
    other = await paris.post("/v1/tasks", json={"title": "y"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    page = (await paris.get("/v1/tasks")).json()
    assert len(page["items"]) == 1


async def test_a_chosen_id_is_taken_once(paris: Client, somebody_else: Client) -> None:
    name = str(uuid4())
    first = await paris.post("/v1/tasks", json={"id": name, "title": "x"})
    same = await paris.post("/v1/tasks", json={"id": name, "title": "x"})
    other = await paris.post("/v1/tasks", json={"id": name, "title": "y"})
    foreign = await somebody_else.post("/v1/tasks", json={"id": name, "title": "x"})
    assert first.status_code == same.status_code == 201
    assert first.json() == same.json()
    assert {other.json()["code"], foreign.json()["code"]} == {"id_taken"}


async def test_who_does_not_wait_finds_the_outcome_later(
    paris: Client, somebody_else: Client, live_log: LiveLog
) -> None:
    live_log.running.clear()
    body, headers = {"title": "later"}, {"Prefer": "respond-async"}
    answer = await paris.post("/v1/tasks", json=body, headers=headers)
    pending = answer.json()
    assert answer.status_code == 202
    assert pending["status"] == "pending"
    place = answer.headers["location"]
    assert place == f"/v1/commands/{pending['command_id']}"
    assert (await paris.get(place)).json() == pending
    assert (await somebody_else.get(place)).status_code == 404
    assert (await paris.get(place[:-1] + "A")).status_code in (404, 200)
    live_log.running.set()
    await live_log.idle()
    done = (await paris.get(place)).json()
    assert (done["status"], done["http_status"]) == ("done", 201)
    assert done["body"]["id"] == pending["task_id"]


async def test_an_unreachable_log_says_so(paris: Client, live_log: LiveLog) -> None:
    live_log.down = True
    headers = {"Idempotency-Key": "again"}
    answer = await paris.post("/v1/tasks", json={"title": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
    assert "retry-after" in answer.headers
    assert answer.json()["command_id"]
    live_log.down = False
    again = await paris.post("/v1/tasks", json={"title": "x"}, headers=headers)
    assert again.status_code == 201


async def test_a_walk_meets_each_task_once_while_people_write(paris: Client) -> None:
    made = [(await create(paris, title=f"task {n}"))["id"] for n in range(12)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await paris.get(f"/v1/tasks?limit=5{cursor}")).json()
        seen += [task["id"] for task in page["items"]]
        await create(paris, title="while walking")
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == made[::-1]
    forged = await paris.get(f"/v1/tasks?cursor={cursor[8:-2]}xx")
    assert (forged.status_code, forged.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("sort", ["due_at", "-due_at", "priority,-title", "title", "-updated_at"])
async def test_every_sort_walks_whole_with_nulls_last(paris: Client, sort: str) -> None:
    for n in range(9):
        due = {"due_at": f"2027-01-0{n % 3 + 1}T00:00:00Z"} if n % 4 else {}
        await create(paris, title=f"t{n % 5}", priority=["low", "high"][n % 2], **due)
    whole = (await paris.get(f"/v1/tasks?sort={sort}")).json()["items"]
    walked: list[str] = []
    url = f"/v1/tasks?sort={sort}&limit=2"
    while url:
        page = (await paris.get(url)).json()
        walked += [task["id"] for task in page["items"]]
        cursor = page["next_cursor"]
        url = f"/v1/tasks?sort={sort}&limit=2&cursor={cursor}" if cursor else ""
    assert walked == [task["id"] for task in whole]
    if "due_at" in sort:
        dues = [task["due_at"] for task in whole]
        known = [due for due in dues if due]
        assert dues == sorted(known, reverse=sort.startswith("-")) + [None] * 3


async def test_filters_narrow(paris: Client) -> None:
    await create(paris, title="Green apples", tags=["Food"], due_on="2027-03-01")
    await create(paris, title="Blue sky", tags=["food", "art"], priority="high")

    async def titles(query: str) -> list[str]:
        answer = await paris.get(f"/v1/tasks?{query}")
        assert answer.status_code == 200, answer.text
        return sorted(task["title"] for task in answer.json()["items"])

    assert await titles("tag=FOOD") == ["Blue sky", "Green apples"]
    assert await titles("tag=food&tag=art") == ["Blue sky"]
    assert await titles("any_tag=art&any_tag=none") == ["Blue sky"]
    assert await titles("priority=high") == ["Blue sky"]
    assert await titles("q=apple") == ["Green apples"]
    assert await titles("q=gre") == ["Green apples"]
    assert await titles("q=%22blue%20sky%22&sort=relevance") == ["Blue sky"]
    assert await titles("due_after=2027-02-28T23:00:00Z") == ["Green apples"]
    assert await titles("due_before=2027-03-01T00:00") == []
    assert await titles("status=done") == []
    for bad in ("status=x", "limit=0", "limit=501", "sort=colour", "colour=red", "due_after=x"):
        assert (await paris.get(f"/v1/tasks?{bad}")).status_code == 422, bad


async def test_a_batch_answers_in_order_and_each_line_alone(
    paris: Client, live_log: LiveLog
) -> None:
    old = await create(paris)
    chosen = str(uuid4())
    operations = [
        {"op": "create", "task": {"title": "one"}},
        {"op": "create", "task": {"title": ""}},
        {"op": "create", "task": {"id": chosen, "title": "two"}},
        {"op": "update", "id": chosen, "task": {"title": "two, changed"}},
        {"op": "complete", "id": old["id"]},
        {"op": "delete", "id": str(uuid4())},
        {"op": "update", "id": old["id"], "task": {"colour": "red"}},
        {"op": "cancel", "id": "nonsense"},
    ]
    headers = {"Idempotency-Key": "batch"}
    answer = await paris.post("/v1/tasks/batch", json={"operations": operations}, headers=headers)
    results = answer.json()["results"]
    assert answer.status_code == 200, answer.text
    assert [r["status"] for r in results] == [201, 422, 201, 200, 200, 404, 422, 422]
    assert results[3]["task"]["title"] == "two, changed"
    assert results[4]["task"]["status"] == "done"
    assert results[1]["problem"]["errors"][0]["field"] == "title"
    again = await paris.post("/v1/tasks/batch", json={"operations": operations}, headers=headers)
    assert again.json() == answer.json()
    assert len((await paris.get("/v1/tasks")).json()["items"]) == 3


async def test_a_large_batch_is_whole(paris: Client) -> None:
    operations = [{"op": "create", "task": {"title": f"task {n}"}} for n in range(1000)]
    headers = {"Prefer": "wait=30"}
    answer = await paris.post("/v1/tasks/batch", json={"operations": operations}, headers=headers)
    results = answer.json()["results"]
    assert [r["task"]["title"] for r in results] == [o["task"]["title"] for o in operations]
    too_many = await paris.post(
        "/v1/tasks/batch", json={"operations": [*operations, operations[0]]}
    )
    assert too_many.status_code == 422


async def test_a_line_that_no_record_could_hold_fails_alone(paris: Client) -> None:
    old = await create(paris)
    notes = "x" * (5 * 1024 * 1024)
    operations = [
        {"op": "update", "id": old["id"], "task": {"notes": notes}},
        {"op": "create", "task": {"title": "small"}},
    ]
    headers = {"Prefer": "wait=30"}
    answer = await paris.post("/v1/tasks/batch", json={"operations": operations}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert [line["status"] for line in answer.json()["results"]] == [413, 201]


async def test_tags_are_counted_renamed_and_removed(paris: Client) -> None:
    await create(paris, tags=["Home", "x"])
    await create(paris, tags=["home"])
    tags = (await paris.get("/v1/tags")).json()["items"]
    assert [(t["name"].lower(), t["count"]) for t in tags] == [("home", 2), ("x", 1)]
    renamed = await paris.patch("/v1/tags/HOME", json={"name": "x"})
    assert renamed.status_code == 200, renamed.text
    assert (await paris.get("/v1/tags")).json()["items"] == [{"name": "x", "count": 2}]
    await paris.delete("/v1/tags/x")
    assert (await paris.get("/v1/tags")).json()["items"] == []


async def test_a_repeated_rename_answers_the_same_and_changes_nothing(paris: Client) -> None:
    for _ in range(3):
        await create(paris, tags=["home"])
    once = {"Idempotency-Key": "rename once"}
    answers = [await paris.patch("/v1/tags/home", json={"name": "house"}, headers=once)]
    later = await create(paris, tags=["home"])
    answers.append(await paris.patch("/v1/tags/home", json={"name": "house"}, headers=once))

    assert [answer.json() for answer in answers] == [{"name": "house", "changed": 3}] * 2
    assert (await paris.get(f"/v1/tasks/{later['id']}")).json()["tags"] == ["home"]
    other = await paris.patch("/v1/tags/home", json={"name": "flat"}, headers=once)
    assert other.json()["code"] == "idempotency_key_reused"


async def test_a_rename_that_stopped_half_way_is_finished_by_its_repetition(
    paris: Client, live_log: LiveLog
) -> None:
    names = [(await create(paris, tags=["home"]))["id"] for _ in range(4)]
    once = {"Idempotency-Key": "rename in two halves"}
    live_log.refuses = set(names[2:])
    lost = await paris.patch("/v1/tags/home", json={"name": "house"}, headers=once)
    assert lost.status_code == 503, lost.text
    live_log.refuses = set()

    for _ in range(2):
        answer = await paris.patch("/v1/tags/home", json={"name": "house"}, headers=once)
        assert answer.json() == {"name": "house", "changed": 4}


async def test_a_rename_that_nobody_waits_for_is_known_by_its_place(paris: Client) -> None:
    await create(paris, tags=["home"])
    hurry = {"Prefer": "respond-async"}
    begun = await paris.patch("/v1/tags/home", json={"name": "house"}, headers=hurry)
    assert begun.status_code == 202
    for _ in range(200):
        known = (await paris.get(begun.headers["Location"])).json()
        if known["status"] != "pending":
            break
        await asyncio.sleep(0.02)
    assert (known["status"], known["http_status"]) == ("done", 200)


async def test_a_preview_names_each_adjustment(paris: Client) -> None:
    body = {
        "due_at": "2027-01-31T09:00",
        "recurrence": {"frequency": "monthly", "count": 3},
        "count": 10,
    }
    answer = (await paris.post("/v1/recurrence/preview", json=body)).json()
    assert [item["local"] for item in answer["items"]] == [
        "2027-01-31T09:00:00",
        "2027-02-28T09:00:00",
        "2027-03-31T09:00:00",
    ]
    assert answer["ends"] is True
    assert "February" in answer["items"][1]["adjusted"]
    assert answer["items"][0]["adjusted"] is None


async def test_a_preview_shows_what_words_and_cron_mean(paris: Client) -> None:
    words = {"words": "every other tuesday and thursday at 9 until march"}
    body = {"due_at": "2027-01-05T09:00", "recurrence": words, "count": 3}
    answer = (await paris.post("/v1/recurrence/preview", json=body)).json()
    assert answer["recurrence"]["rule"] == (
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH;UNTIL=20270301T225959Z"
    )
    assert answer["words"] == "every 2 weeks on Tuesday and Thursday at 09:00 until 2027-03-01"
    assert [item["local"][:10] for item in answer["items"]] == [
        "2027-01-05",
        "2027-01-07",
        "2027-01-19",
    ]
    cron = {"recurrence": {"cron": "0 9 * * 1-5"}}
    answer = (await paris.post("/v1/recurrence/preview", json=cron)).json()
    assert answer["words"] == "every weekday at 09:00"
    assert answer["items"][0]["local"].endswith("T09:00:00")
    bad = {"due_at": "2027-01-05T09:00", "recurrence": {"words": "every blue moon"}}
    refused = (await paris.post("/v1/recurrence/preview", json=bad)).json()
    (error,) = refused["errors"]
    assert error["field"] == "recurrence.words" and '"blue moon" is not' in error["message"]


async def test_words_alone_make_a_series(paris: Client) -> None:
    task = await create(paris, recurrence={"words": "every 31st"}, timezone="Europe/Paris")
    assert task["recurrence"]["rule"] == "FREQ=MONTHLY;BYMONTHDAY=31"
    assert task["due_on"][8:] == "31" and task["recurrence_id"] == task["due_on"]
    assert {"words", "cron"}.isdisjoint(task["recurrence"])


async def test_without_a_token_nothing_is_told(anyone: Client) -> None:
    for method, path in (("GET", "/v1/tasks"), ("POST", "/v1/tasks"), ("GET", "/v1/changes")):
        answer = await anyone.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")
