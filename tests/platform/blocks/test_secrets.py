"""Settings from the real secrets API, where the environment stands in for Kubernetes' secrets."""

from collections.abc import AsyncIterator

import pytest

from local.process import choose_port
from taskflow.errors import Unavailable
from taskflow.secret_store import read_secrets
from taskflow.settings import read_settings
from tests.platform.blocks.sidecars import (
    Place,
    Running,
    read_resource,
    run_sidecar,
    swap_component,
)

SECRETS = {"TASKFLOW_SECRET": "from the sidecar", "TASKFLOW_DATABASE": "postgresql://secret@x/y"}
STORE = swap_component(read_resource("dapr/start.secrets"), "secretstores.local.env")


@pytest.fixture
async def sidecar(place: Place) -> AsyncIterator[Running]:
    """One that waits for its application, as it does while that one reads its settings."""
    port = choose_port()
    async with run_sidecar(
        place, "write-task", [STORE], env=SECRETS, allows=["secrets"], app_port=port
    ) as running:
        yield running


def test_settings_are_read_before_the_application_is_there(sidecar: Running) -> None:
    where = sidecar.address("secrets", "TASKFLOW_SECRET,TASKFLOW_DATABASE")
    settings = read_settings({"TASKFLOW_SECRETS": where, "TASKFLOW_DATABASE_POOL": "3"})
    assert settings.secret == SECRETS["TASKFLOW_SECRET"]
    assert settings.database == SECRETS["TASKFLOW_DATABASE"]
    assert settings.database_pool == 3


def test_a_store_that_nobody_has_is_named(sidecar: Running) -> None:
    with pytest.raises(Unavailable, match=r"'x' of 'unknown'.*ERR_SECRET_STORE_NOT_FOUND"):
        read_secrets(sidecar.address("unknown", "x"), 0.1)


async def test_the_gateway_may_read_its_own_secret_and_no_other(place: Place) -> None:
    env = {"taskflow": "the gateway's", "another": "somebody else's"}
    async with run_sidecar(place, "gateway", [STORE], env=env) as running:
        assert read_secrets(running.address("secrets", "taskflow"), 5) == {
            "taskflow": "the gateway's"
        }
        with pytest.raises(Unavailable, match=r"'another' of 'secrets': 403 .*PERMISSION_DENIED"):
            read_secrets(running.address("secrets", "another"), 0.1)


async def test_a_function_s_sidecar_gives_nobody_a_secret(place: Place) -> None:
    async with run_sidecar(place, "write-audit", [STORE], env=SECRETS) as running:
        with pytest.raises(Unavailable, match=r"'TASKFLOW_SECRET' of 'secrets': 404"):
            read_secrets(running.address("secrets", "TASKFLOW_SECRET"), 0.1)
