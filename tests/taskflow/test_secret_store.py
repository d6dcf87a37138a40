"""Settings whose values stand in secrets: read once, waited for, named when they are missing."""

import threading
from collections.abc import Iterator

import pytest

from local.process import choose_port
from taskflow.errors import InvalidSetting, Unavailable
from taskflow.secret_store import read_secrets
from taskflow.settings import read_settings
from tests.sidecar import Loopback, serve_sidecar

DATABASE = "postgresql://who:secret@somewhere/taskflow"


@pytest.fixture
def sidecar() -> Iterator[Loopback]:
    with serve_sidecar() as server:
        server.memory.secrets["secrets/taskflow"] = {
            "TASKFLOW_DATABASE": DATABASE,
            "TASKFLOW_SECRET": "from the store",
        }
        server.memory.secrets["secrets/more"] = {"TASKFLOW_SECRET": "newer", "unrelated": "x"}
        yield server


def test_secrets_are_settings(sidecar: Loopback) -> None:
    where = sidecar.address("secrets", "taskflow")
    settings = read_settings({"TASKFLOW_SECRETS": where, "TASKFLOW_DATABASE_POOL": "3"})
    assert (settings.database, settings.secret) == (DATABASE, "from the store")
    assert settings.database_pool == 3
    assert sidecar.memory.asked == [("GET", "/v1.0/secrets/secrets/taskflow")]


def test_what_stands_in_the_environment_wins(sidecar: Loopback) -> None:
    where = sidecar.address("secrets", "taskflow")
    settings = read_settings({"TASKFLOW_SECRETS": where, "TASKFLOW_SECRET": "mine"})
    assert (settings.database, settings.secret) == (DATABASE, "mine")


def test_the_last_of_several_secrets_wins(sidecar: Loopback) -> None:
    found = read_secrets(sidecar.address("secrets", "taskflow,more"), 1)
    assert found["TASKFLOW_SECRET"] == "newer"
    assert found["TASKFLOW_DATABASE"] == DATABASE


def test_without_the_setting_nobody_is_asked(sidecar: Loopback) -> None:
    assert read_settings({"TASKFLOW_SECRET": "mine"}).secret == "mine"
    assert sidecar.memory.asked == []


def test_a_bad_value_in_a_secret_is_named(sidecar: Loopback) -> None:
    sidecar.memory.secrets["secrets/taskflow"] = {"TASKFLOW_DATABASE_POOL": "many"}
    with pytest.raises(InvalidSetting, match="TASKFLOW_DATABASE_POOL='many' cannot be used"):
        read_settings({"TASKFLOW_SECRETS": sidecar.address("secrets", "taskflow")})


def test_a_sidecar_that_starts_later_is_waited_for() -> None:
    port = choose_port()
    found: list[dict[str, str]] = []
    where = f"dapr://127.0.0.1:{port}/secrets/taskflow"
    waiting = threading.Thread(target=lambda: found.append(read_secrets(where, 30)))
    waiting.start()
    with serve_sidecar(port) as server:
        server.memory.mode = "breaks"
        while len(server.memory.asked) < 2:
            waiting.join(0.01)
        assert not found
        server.memory.secrets["secrets/taskflow"] = {"TASKFLOW_SECRET": "late"}
        server.memory.mode = "normal"
        waiting.join()
    assert found == [{"TASKFLOW_SECRET": "late"}]


@pytest.mark.parametrize(
    ("names", "reason"),
    [("secrets/unknown", "ERR_SECRET_GET"), ("secrets/wrong", "cannot be read")],
)
def test_a_secret_that_cannot_be_had_ends_the_start(
    sidecar: Loopback, names: str, reason: str
) -> None:
    sidecar.memory.secrets["secrets/wrong"] = {"a": 1}  # type: ignore[dict-item]
    with pytest.raises(Unavailable, match=f"No secrets, so no start.*{reason}.*TASKFLOW_SECRETS"):
        read_secrets(sidecar.address(names), 0.01)


def test_an_address_without_a_secret_is_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"TASKFLOW_SECRETS='dapr://127.0.0.1:1/secrets'"):
        read_settings({"TASKFLOW_SECRETS": "dapr://127.0.0.1:1/secrets"})
