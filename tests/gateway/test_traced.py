"""A request is a span, with what its answer was and no word of what was asked."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from msgspec import structs

from gateway.app import create_app
from taskflow.settings import Settings
from taskflow.spans import name_span
from tests.collector import Collector, Seen, collecting
from tests.gateway.log import LiveLog

PERSON = {"email": "ada@example.com", "password": "a good password"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture
async def spans(
    gateway_settings: Settings, live_log: LiveLog, collector: Collector
) -> AsyncIterator[list[Seen]]:
    """What came of some requests, after the end of the application."""
    watched = structs.replace(gateway_settings, otlp=collector.endpoint)
    app = create_app(watched, live_log)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        token = (await client.post("/v1/auth/signup", json=PERSON)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        for path in ("/healthz", "/metrics", "/readyz", "/v1/tasks?q=persimmon", "/v1/persimmon"):
            await client.get(path)
        live_log.down = True
        await client.post("/v1/tasks", json={"title": "persimmon"})
    yield collector.spans


def only(spans: list[Seen], name: str) -> Seen:
    (found,) = [span for span in spans if span.name == name]
    return found


async def test_requests_are_spans_and_probes_are_none(spans: list[Seen]) -> None:
    servers = {span.name for span in spans if span.kind == "SERVER"}
    assert servers == {"POST /v1/auth/signup", "GET /v1/tasks", "GET", "POST /v1/tasks"}
    listed = only(spans, "GET /v1/tasks")
    assert listed.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/v1/tasks",
        "url.scheme": "http",
    }
    assert only(spans, "GET").attributes["http.response.status_code"] == 404
    assert "persimmon" not in repr(spans)


async def test_a_fact_of_the_gateway_leaves_under_its_request(
    spans: list[Seen], live_log: LiveLog
) -> None:
    request, sent = only(spans, "POST /v1/auth/signup"), only(spans, "send account-events")
    (event,) = [one for one in live_log.events if one.data.topic == "account-events"]
    assert (sent.trace, sent.parent) == (request.trace, request.id)
    assert sent.id == name_span(event.id)


async def test_a_log_that_is_away_is_a_failure_of_both(spans: list[Seen]) -> None:
    request, sent = only(spans, "POST /v1/tasks"), only(spans, "send task-commands")
    assert request.failed and request.attributes["error.type"] == "503"
    assert sent.failed and sent.attributes["error.type"] == "not_acknowledged"
    assert sent.parent == request.id


async def test_of_new_traces_the_part_that_is_asked_for_is_recorded(
    gateway_settings: Settings, live_log: LiveLog, collector: Collector
) -> None:
    watched = structs.replace(gateway_settings, otlp=collector.endpoint, trace_ratio=0)
    app = create_app(watched, live_log)
    given = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        await client.post("/v1/auth/signup", json=PERSON)
        await client.post("/v1/auth/login", json=PERSON, headers=given)
    assert {span.trace for span in collector.spans} == {"a" * 32}
    assert only(collector.spans, "POST /v1/auth/login").parent == "b" * 16
