"""What was taken along comes back: into the same account, where only what is missing is made, and
into another one, the same but for ids and instants.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from uuid import uuid4

import httpx

from taskflow.events import encode
from tests.gateway.log import LiveLog

Client: TypeAlias = httpx.AsyncClient
Document: TypeAlias = dict[str, Any]

# What an import gives anew, and what hangs on that.
IDS = ("id", "series_id", "created_by", "version", "updated_at")


async def export(client: Client) -> Document:
    answer = await client.get("/v1/me/export")
    assert answer.status_code == 200, answer.text
    document: Document = answer.json()
    return document


async def take_in(client: Client, document: Document) -> Document:
    headers = {"Prefer": "wait=20"}
    answer = await client.post("/v1/me/import", json=document, headers=headers)
    assert answer.status_code == 200, answer.text
    told: Document = answer.json()
    return told


def counts(told: Document) -> tuple[int, int, int]:
    return told["taken"], told["there"], told["refused"]


async def write(client: Client, path: str = "/v1/tasks", **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json=body) if body else await client.post(path)
    assert answer.status_code in (200, 201), answer.text
    made: dict[str, Any] = answer.json()
    return made


def bare(task: dict[str, Any]) -> dict[str, Any]:
    """A task without what is given anew; what is finished is shown under the rule of its series."""
    kept = {name: value for name, value in task.items() if name not in IDS}
    if task["status"] != "open":
        del kept["recurrence"]
    kept["reminders"] = [{k: v for k, v in r.items() if k != "id"} for r in task["reminders"]]
    return kept


def shown(document: Document) -> dict[str, list[Any]]:
    """What must be the same before and after, sorted by what does not change."""
    series = {one["id"]: one for one in document["series"]}
    alive = [task for task in document["tasks"] if task["deleted_at"] is None]
    tasks = [bare(task) for task in alive]
    kept = {task["series_id"] for task in alive}
    rules = [
        {name: one[name] for name in one if name not in ("id", "version")}
        | {"template": one["template"] | {"reminders": len(one["template"]["reminders"])}}
        for one in series.values()
        if one["id"] in kept
    ]
    # A task may have left its date, or its series: then the place that it left has its name too.
    places = {(one["series_id"], one["recurrence_id"]) for one in document["tasks"]}
    occurrences = [
        (series[one["series_id"]]["template"]["title"], one["recurrence_id"], one["ended_how"])
        for one in document["occurrences"]
        if one["series_id"] in kept and (one["series_id"], one["recurrence_id"]) in places
    ]
    return {
        "tasks": sorted(tasks, key=lambda one: json.dumps(one, sort_keys=True)),
        "series": sorted(rules, key=lambda one: json.dumps(one, sort_keys=True)),
        "occurrences": sorted(map(str, occurrences)),
        "tags": document["tags"],
    }


async def open_of(client: Client, title: str) -> dict[str, Any]:
    found = (await client.get("/v1/tasks", params={"q": title, "status": "open"})).json()["items"]
    return min(found, key=lambda one: one["recurrence_id"] or "")


async def fill(client: Client, live_log: LiveLog) -> None:
    """Tasks of every kind: floating, fixed, all day, done, cancelled, deleted; series with dates
    added and left out, with done, skipped, moved and deleted occurrences, one that was split."""
    remind = [{"before": "PT1H", "channels": ["email"]}, {"at": "2027-03-01T08:00:00Z"}]
    await write(client, title="Floats", due_at="2027-02-01T09:30", reminders=remind, tags=["Home"])
    await write(
        client, title="Fixed", due_at="2027-02-01T09:30:00+09:00", timezone="Asia/Tokyo",
        start_at="2027-01-30T08:00:00+09:00", priority="high", notes="two\nlines, a comma; 信",
    )  # fmt: skip
    await write(client, title="All day", due_on="2027-02-02", start_on="2027-02-01")
    for title, verb in (("Finished", "complete"), ("Given up", "cancel")):
        task = await write(client, title=title)
        await write(client, f"/v1/tasks/{task['id']}/{verb}")
    gone = await write(client, title="Gone")
    assert (await client.delete(f"/v1/tasks/{gone['id']}")).status_code == 204
    rule = {"frequency": "weekly", "exdates": ["2027-01-25"], "rdates": ["2027-01-27T09:00:00"]}
    await write(
        client, title="Water", due_at="2027-01-04T09:00", recurrence=rule,
        reminders=[{"before": "PT15M"}], start_at="2027-01-04T08:00",
    )  # fmt: skip
    for verb in ("complete", "skip", "complete"):
        task = await open_of(client, "Water")
        await write(client, f"/v1/tasks/{task['id']}/{verb}")
        await live_log.idle()
    task = await open_of(client, "Water")
    await client.patch(f"/v1/tasks/{task['id']}", json={"due_at": "2027-02-03T18:00"})
    daily = {"frequency": "daily", "count": 9, "missed": "keep_all"}
    await write(client, title="Walk", due_on="2027-01-10", recurrence=daily)
    task = await open_of(client, "Walk")
    assert (await client.delete(f"/v1/tasks/{task['id']}")).status_code == 204
    await live_log.idle()
    task = await open_of(client, "Walk")
    await write(client, f"/v1/tasks/{task['id']}/complete")
    await live_log.idle()
    task = await open_of(client, "Walk")
    await client.patch(
        f"/v1/tasks/{task['id']}", params={"scope": "following"}, json={"title": "Walk far"}
    )
    after = {"frequency": "monthly", "repeat_from": "completion", "short_months": "forward"}
    await write(client, title="Filter", due_on="2027-01-31", recurrence=after)
    await live_log.idle()


async def test_another_account_gets_the_same_and_exports_it_again(
    paris: Client, somebody_else: Client, live_log: LiveLog
) -> None:
    await fill(paris, live_log)
    first = await export(paris)
    told = await take_in(somebody_else, first)
    assert told["refused"] == 0, told
    assert told["there"] == 0 and told["taken"] == len(told["results"])
    assert told["left_out"]["deleted_tasks"] == 1 and told["left_out"]["audit"] > 0
    await live_log.idle()
    second = await export(somebody_else)
    for part, expected in shown(first).items():
        assert shown(second)[part] == expected, part
    ids = {task["id"] for task in first["tasks"]}
    assert ids.isdisjoint(task["id"] for task in second["tasks"])
    # A repetition doubles nothing; nor does the export of the copy, taken in where it came from.
    again = await take_in(somebody_else, first)
    assert counts(again) == (0, told["taken"], 0)
    third = await take_in(somebody_else, second)
    assert third["refused"] == 0
    assert shown(await export(somebody_else)) == shown(second)
    verdict = (await paris.get("/v1/audit/verify")).json()
    assert verdict["ok"], verdict


async def test_a_copied_series_goes_on_as_the_first_one_would(
    paris: Client, somebody_else: Client, live_log: LiveLog
) -> None:
    await fill(paris, live_log)
    await take_in(somebody_else, await export(paris))
    await live_log.idle()
    for _ in range(3):
        names = []
        for client in (paris, somebody_else):
            task = await open_of(client, "Water")
            await write(client, f"/v1/tasks/{task['id']}/complete")
            await live_log.idle()
            coming = await open_of(client, "Water")
            names.append((coming["recurrence_id"], coming["due_at"], coming["start_at"]))
        assert names[0] == names[1]
    walks = []
    for client in (paris, somebody_else):
        while True:
            task = await open_of(client, "Walk far")
            await write(client, f"/v1/tasks/{task['id']}/complete")
            await live_log.idle()
            left = await client.get("/v1/tasks", params={"q": "Walk far", "status": "open"})
            if not left.json()["items"]:
                break
        done = await client.get("/v1/tasks", params={"q": "Walk", "status": "done"})
        walks.append(sorted(one["recurrence_id"] for one in done.json()["items"]))
    assert walks[0] == walks[1] and len(walks[0]) == 8


async def test_the_same_account_gets_back_what_it_deleted_and_keeps_what_it_changed(
    paris: Client, live_log: LiveLog
) -> None:
    kept = await write(paris, title="Kept")
    gone = await write(paris, title="Gone", tags=["x"])
    rule = {"frequency": "weekly"}
    series = await write(paris, title="Series", due_on="2027-01-04", recurrence=rule)
    document = await export(paris)
    await paris.patch(f"/v1/tasks/{kept['id']}", json={"title": "Changed"})
    await paris.delete(f"/v1/tasks/{gone['id']}")
    await paris.delete(f"/v1/tasks/{series['id']}", params={"scope": "all"})
    await live_log.idle()
    assert counts(await take_in(paris, document)) == (2, 1, 0)
    await live_log.idle()
    titles = {one["title"] for one in (await paris.get("/v1/tasks")).json()["items"]}
    assert titles == {"Changed", "Gone", "Series"}
    back = (await paris.get(f"/v1/tasks/{gone['id']}")).json()
    assert (back["tags"], back["version"]) == (["x"], 3)
    await write(paris, f"/v1/tasks/{series['id']}/complete")
    await live_log.idle()
    assert (await open_of(paris, "Series"))["due_on"] == "2027-01-11"
    assert counts(await take_in(paris, document)) == (0, 3, 0)


async def test_a_task_of_somebody_else_is_nobodys_to_take(
    paris: Client, somebody_else: Client, live_log: LiveLog
) -> None:
    hers = await write(paris, title="Hers")
    forged = await export(paris)
    forged["account"]["id"] = (await somebody_else.get("/v1/me")).json()["id"]
    told = await take_in(somebody_else, forged)
    assert counts(told) == (0, 0, 1) and told["results"][0]["problem"]["code"] == "id_taken"
    assert (await somebody_else.get(f"/v1/tasks/{hers['id']}")).status_code == 404
    assert (await paris.get(f"/v1/tasks/{hers['id']}")).json()["title"] == "Hers"
    honest = await take_in(somebody_else, await export(paris))
    assert honest["results"][0]["task_id"] != hers["id"]
    assert (await somebody_else.get(f"/v1/tasks/{hers['id']}")).status_code == 404


def document(*tasks: Any, series: Any = (), **more: Any) -> Document:
    head = {"format": "taskflow-export", "version": 1}
    return {**head, "tasks": list(tasks), "series": list(series), **more}


def task(**fields: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "title": "x", **fields}


SERIES = str(uuid4())
IN_SERIES = {"series_id": SERIES, "recurrence_id": "2027-01-04", "due_on": "2027-01-04"}
RULE = {"id": SERIES, "recurrence": {"rule": "FREQ=DAILY"}, "anchor": "2027-01-04"}

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no title": (task(title=" "), "title"),
    "no id": ({"title": "x"}, "id"),
    "an id that is none": (task(id="1"), "id"),
    "a title that is no text": (task(title=3), "title"),
    "a status of its own": (task(status="later"), "status"),
    "an instant without an offset": (task(due_at="2027-01-01T00:00:00"), "due_at"),
    "two due dates": (task(due_at="2027-01-01T00:00:00Z", due_on="2027-01-01"), "due_on"),
    "a NUL": (task(notes="\0"), "notes"),
    "a reminder of another kind": (task(reminders=[{"sometimes": 1}]), "reminders.sometimes"),
    "an unknown series": (task(**IN_SERIES | {"series_id": str(uuid4())}), "series_id"),
    "a place that is none": (task(**IN_SERIES | {"recurrence_id": "\0"}), "recurrence_id"),
    "a place of the other kind": (
        task(**IN_SERIES | {"recurrence_id": "2027-01-04T09:00:00"}),
        "recurrence_id",
    ),
    "no due date": (task(series_id=SERIES, recurrence_id="2027-01-04"), "recurrence"),
}
BAD_SERIES: dict[str, dict[str, Any]] = {
    "a rule that never comes": {"recurrence": {"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}},
    "no rule": {"recurrence": {}},
    "dates that are none": {"recurrence": {"rule": "FREQ=DAILY", "rdates": [1]}},
    "an anchor that is none": {"anchor": "soon"},
    "a year far away": {"anchor": "0001-01-01"},
    "an unknown zone": {"anchor": "2027-01-04T09:00:00", "timezone": "Mars/Olympus"},
    "a template that is none": {"template": {"title": 3}},
    "a reminder that counts from no start": {
        "template": {"title": "x", "reminders": [{"before": "PT1H", "relative_to": "start"}]}
    },
    "a start after the end of time": {"lead": "P999999999D"},
    "a number beyond reason": {"used": 10**12},
}


async def test_what_is_wrong_fails_alone_and_is_named(paris: Client, live_log: LiveLog) -> None:
    told = await take_in(
        paris, document(task(), *(one for one, _ in BAD.values()), task(**IN_SERIES), series=[RULE])
    )
    assert counts(told) == (2, 0, len(BAD))
    problems = told["results"][1:-1]
    for (name, (_, field)), one in zip(BAD.items(), problems, strict=True):
        assert one["status"] == 422, (name, one)
        assert [error["field"] for error in one["problem"]["errors"]] == [field], (name, one)


async def test_a_series_that_cannot_be_refuses_its_tasks(paris: Client, live_log: LiveLog) -> None:
    tasks, series = [], []
    for changes in BAD_SERIES.values():
        name = str(uuid4())
        series.append({**RULE, "template": {"title": "x"}, **changes, "id": name})
        place = IN_SERIES | {"series_id": name}
        later = place | {"recurrence_id": "2027-01-05", "due_on": "2027-01-05", "status": "done"}
        tasks += [task(**place), task(**later)]
    told = await take_in(paris, document(*tasks, series=series))
    for name, one in zip((n for n in BAD_SERIES for _ in range(2)), told["results"], strict=True):
        assert one["status"] == 422, (name, one)
    assert (await export(paris))["series"] == []


NO_DOCUMENTS = (
    ("{", 400),
    ("[]", 422),
    ('{"format": "taskflow-export", "version": 2}', 422),
    ('{"format": "another", "version": 1}', 422),
    ('{"format": "taskflow-export", "version": 1, "tasks": ' + "[" * 100_000, 400),
    (json.dumps({"format": "taskflow-export", "version": 1, "tasks": [0] * 10_001}), 422),
    (" " * (16 * 1024 * 1024 + 1), 413),
)


async def test_no_document_at_all(paris: Client) -> None:
    json_kind = {"content-type": "application/json"}
    for body, status in NO_DOCUMENTS:
        answer = await paris.post("/v1/me/import", content=body, headers=json_kind)
        assert answer.status_code == status, (body[:60], answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_what_nobody_asked_for_does_not_travel(paris: Client, live_log: LiveLog) -> None:
    """A megabyte beside a rule, or of dates before it begins, would be more than the log takes."""
    junk = {"x": "y" * 1_000_000}
    early = [f"{year}-01-01" for year in range(1900, 2000)] * 1_000
    rule = {"rule": "FREQ=DAILY", "exdates": [*early, "2027-01-05"], **junk}
    series = {**RULE, "recurrence": rule, "template": {"title": "x", **junk}, **junk}
    told = await take_in(paris, document(task(**IN_SERIES, **junk), series=[series], **junk))
    assert counts(told) == (1, 0, 0)
    await live_log.idle()
    assert max(len(encode(event)) for event in live_log.events) < 10_000
    (kept,) = (await export(paris))["series"]
    assert kept["recurrence"]["exdates"] == ["2027-01-05"]


async def test_who_may(
    paris: Client, sign_up: Callable[[], Awaitable[Client]], live_log: LiveLog
) -> None:
    """A script with the scope write may write tasks, so it may take them in."""
    for scopes, status in ((["read"], 403), (["read", "write"], 200)):
        token = await write(paris, "/v1/tokens", name="script", scopes=scopes)
        bearer = {"Authorization": f"Bearer {token['token']}"}
        answer = await paris.post("/v1/me/import", json=document(task()), headers=bearer)
        assert answer.status_code == status, answer.text
    nobody = {"Authorization": ""}
    assert (await paris.post("/v1/me/import", json={}, headers=nobody)).status_code == 401


async def test_many_tasks_go_in_parts_and_a_key_is_one_import(
    paris: Client, live_log: LiveLog
) -> None:
    many = document(*(task(title=f"task {number}") for number in range(600)))
    key = {"Idempotency-Key": "all of it", "Prefer": "wait=30"}
    first = await paris.post("/v1/me/import", json=many, headers=key)
    assert first.status_code == 200 and first.json()["taken"] == 600
    again = await paris.post("/v1/me/import", json=many, headers=key)
    assert again.json() == first.json()
    other = await paris.post("/v1/me/import", json=document(task()), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    later = {"Prefer": "respond-async"}
    answer = await paris.post("/v1/me/import", json=many, headers=later)
    assert answer.status_code == 202
    await live_log.idle()
    told = (await paris.get(answer.headers["location"])).json()
    assert told["status"] == "done"
    assert {one["status"] for one in told["body"]["results"]} == {200}
