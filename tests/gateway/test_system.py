"""What probes, Prometheus and the person who runs it are told."""

import json
import re

import httpx
import msgspec

from gateway.app import create_app
from gateway.task_query import TaskQuery
from taskflow.settings import Settings
from tests.gateway.log import LiveLog

Client = httpx.AsyncClient


async def test_alive_and_ready(anyone: Client, live_log: LiveLog) -> None:
    assert (await anyone.get("/healthz")).json() == {"status": "ok"}
    ready = await anyone.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    live_log.down = True
    for path in ("/readyz", "/api/health"):
        broken = await anyone.get(path)
        assert broken.status_code == 503
        assert broken.json()["checks"] == {"database": "up", "log": "down", "sidecar": "up"}


async def test_a_database_that_is_away_is_named(
    gateway_settings: Settings, live_log: LiveLog
) -> None:
    away = msgspec.structs.replace(gateway_settings, database="postgresql://x@127.0.0.1:1/x")
    app = create_app(away, live_log)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://localhost"
        ) as client,
    ):
        login = {"email": "a@example.com", "password": "whatever it is"}
        answer = await client.post("/v1/auth/login", json=login)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert (await client.get("/readyz")).json()["checks"]["database"] == "down"
        assert (await client.get("/healthz")).status_code == 200


async def test_requests_are_counted_by_route(paris: Client) -> None:
    await paris.get("/v1/tasks")
    text = (await paris.get("/metrics")).text
    assert 'taskflow_requests_total{method="GET",route="/v1/tasks",status="200"}' in text


async def test_the_system_is_for_admins(paris: Client) -> None:
    assert (await paris.get("/v1/system")).status_code == 403


async def test_unknown_paths_and_methods_are_problems(anyone: Client) -> None:
    missing = await anyone.get("/v1/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (await anyone.put("/v1/tasks")).status_code == 405


async def test_the_interface_describes_itself(anyone: Client) -> None:
    described = (await anyone.get("/openapi.json")).json()
    assert "/v1/tasks/{task_id}/complete" in described["paths"]
    assert described["components"]["schemas"]["Task"]["properties"]["recurrence"]
    listing = described["paths"]["/v1/tasks"]["get"]["parameters"]
    assert {one["name"] for one in listing} == set(TaskQuery.model_fields)
    assert "highlight" in described["components"]["schemas"]["ListedTask"]["properties"]
    assert {"/v1/views/{view_id}", "/v1/filters/complete", "/v1/users"} <= set(described["paths"])
    named = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    assert set(re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(described))) <= named


async def test_a_form_that_is_no_json_is_malformed(anyone: Client) -> None:
    for content in (b"{", b'{"email": "\xff"}'):
        kind = {"content-type": "application/json"}
        answer = await anyone.post("/v1/auth/login", content=content, headers=kind)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
