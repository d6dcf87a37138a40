"""Settings from the real secrets API: from Kubernetes, and from the environment in its place."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from local.process import choose_port
from taskflow.errors import Unavailable
from taskflow.secret_store import read_secrets
from taskflow.settings import read_settings
from tests.platform.blocks.sidecars import (
    Place,
    Running,
    need_component,
    open_sdk,
    read_resource,
    run_sidecar,
    swap_component,
)
from tests.platform.cluster import Cluster, make_secret
from tests.platform.pods import ROOT

SECRETS = {"TASKFLOW_SECRET": "from the sidecar", "TASKFLOW_DATABASE": "postgresql://secret@x/y"}
KUBERNETES_OWN = ("v1", "rbac.authorization.k8s.io/v1")
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


async def test_dapr_s_own_client_reads_the_same_secret(sidecar: Running) -> None:
    ours = read_secrets(sidecar.address("secrets", "TASKFLOW_SECRET"), 5)
    async with open_sdk(sidecar) as client:
        assert (await client.get_secret("secrets", "TASKFLOW_SECRET")).secret == ours


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


async def write_kubeconfig(cluster: Cluster, path: Path) -> None:
    """What the service account of the gateway may do, and nothing more."""
    manifest = (ROOT / "infra/kubernetes/base/functions/gateway.yaml").read_text()
    account = yaml.safe_load_all(manifest)
    await cluster.apply(*(one for one in account if one["apiVersion"] in KUBERNETES_OWN))
    shown = json.loads(await cluster.kubectl("config", "view", "--raw", "--output=json"))
    token = (await cluster.kubectl("create", "token", "gateway")).strip()
    shown["users"] = [{"name": "gateway", "user": {"token": token}}]
    shown["contexts"][0]["context"]["user"] = "gateway"
    path.write_text(json.dumps(shown))


@need_component("secretstores/kubernetes")
async def test_kubernetes_gives_the_gateway_its_own_secret_and_no_other(
    place: Place, cluster: Cluster
) -> None:
    """The store of dapr/ as it is, with the account and the rights of infra/."""
    await cluster.apply(make_secret("taskflow", SECRETS), make_secret("another", {"key": "x"}))
    kubeconfig = place.folder / "kubeconfig"
    await write_kubeconfig(cluster, kubeconfig)
    env = {"KUBECONFIG": str(kubeconfig), "NAMESPACE": cluster.namespace}
    store = read_resource("dapr/start.secrets")
    async with run_sidecar(place, "gateway", [store], env=env) as running:
        where = running.address("secrets", "taskflow")
        assert read_secrets(where, 5) == SECRETS
        assert read_settings({"TASKFLOW_SECRETS": where}).secret == SECRETS["TASKFLOW_SECRET"]
        with pytest.raises(Unavailable, match=r"'another' of 'secrets': 403 .*PERMISSION_DENIED"):
            read_secrets(running.address("secrets", "another"), 0.1)
    # Where a sidecar would let it pass, Kubernetes still does not.
    async with run_sidecar(place, "unbound", [store], env=env) as running:
        with pytest.raises(Unavailable, match=r"'another' of 'secrets': 500 .*forbidden"):
            read_secrets(running.address("secrets", "another"), 0.1)
