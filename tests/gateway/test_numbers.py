"""What /metrics leaves out, and says that it does; what it shows is compared with a whole run in
tests/infra/test_observability_live.py.
"""

import httpx
import pytest
from msgspec import structs

from gateway.app import create_app
from taskflow.settings import Settings
from tests.gateway.log import LiveLog

NOBODY = "http://127.0.0.1:1"


async def scrape(settings: Settings, live_log: LiveLog) -> str:
    app = create_app(settings, live_log)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        answer = await client.get("/metrics")
        assert answer.status_code == 200
        return answer.text


async def test_a_platform_that_is_away_hides_no_number_of_the_database(
    gateway_settings: Settings, live_log: LiveLog
) -> None:
    text = await scrape(structs.replace(gateway_settings, platform=NOBODY), live_log)
    assert "taskflow_platform_up 0.0" in text and "taskflow_database_up 1.0" in text
    assert "taskflow_timers_overdue_seconds 0.0" in text
    assert 'taskflow_audit_delay_seconds{quantile="0.99"} 0.0' in text
    assert "taskflow_audit_entries_total 0.0" in text


async def test_a_database_that_is_away_is_said(
    gateway_settings: Settings, live_log: LiveLog
) -> None:
    away = "postgresql://x@127.0.0.1:1/x"
    told = structs.replace(gateway_settings, platform=NOBODY, database=away)
    text = await scrape(told, live_log)
    assert "taskflow_database_up 0.0" in text and "taskflow_timers" not in text


@pytest.mark.parametrize("platform", ["", "dapr://127.0.0.1:1"])
async def test_on_a_cluster_others_say_it(
    gateway_settings: Settings, live_log: LiveLog, platform: str
) -> None:
    """The page is open to everybody there, and several gateways would count twice."""
    text = await scrape(structs.replace(gateway_settings, platform=platform), live_log)
    assert "taskflow_requests" in text and "taskflow_database_up" not in text
