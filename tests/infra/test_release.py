"""What workflows run: the notes of a version, the canary's decision, the order of a deployment and
its way back.
"""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.infra.render import CLOUDS, ROOT, need_kubectl

RELEASE = ROOT / "infra/release"
DIGEST = "sha256:" + "1" * 64
OLD = "registry.example.com/taskflow@sha256:" + "0" * 64
NEW = f"registry.example.com/taskflow@{DIGEST}"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, RELEASE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


canary = load("canary")
notes = load("notes")
pins = load("pins")
Seen, Verdict = canary.Seen, canary.Verdict

CHANGELOG = """# Changelog
## [Unreleased]
- something
## [0.2.0] - 2026-12-01
### Added
- a thing

## [0.1.0]
## [0.0.1]
- the first
[0.2.0]: https://example.com
"""


def test_the_notes_of_a_version_are_its_section() -> None:
    assert notes.cut_notes(CHANGELOG, "0.2.0") == "### Added\n- a thing"
    assert notes.cut_notes(CHANGELOG, "0.0.1") == "- the first"


@pytest.mark.parametrize(("version", "reason"), [("0.1.0", "says nothing"), ("9", "no section")])
def test_a_version_without_notes_is_refused(version: str, reason: str) -> None:
    with pytest.raises(LookupError, match=reason):
        notes.cut_notes(CHANGELOG, version)


WELL = Seen(1000, 0, 10)


@pytest.mark.parametrize(
    ("seen", "stable", "waited", "verdict"),
    [
        (WELL, WELL, 300, "ON"),
        (WELL, WELL, 299, "HOLD"),
        # The budget burns: at once, and though few were sent.
        (Seen(1000, 15, 0), WELL, 15, "BACK"),
        (Seen(20, 2, 0), WELL, 15, "BACK"),
        # Within what may burn, and one alone, which is anybody's.
        (Seen(1000, 14, 0), WELL, 300, "ON"),
        (Seen(20, 1, 0), WELL, 15, "HOLD"),
        # Slow beyond the promise; but not where everything is.
        (Seen(1000, 0, 60), WELL, 15, "BACK"),
        (Seen(1000, 0, 60), Seen(1000, 0, 40), 300, "ON"),
        # Nobody came: wait, then go on, for nothing speaks against it.
        (Seen(0, 0, 0), WELL, 300, "HOLD"),
        (Seen(0, 0, 0), WELL, 1800, "ON"),
    ],
)
def test_the_canary_decides(seen: object, stable: object, waited: float, verdict: str) -> None:
    assert canary.decide(seen, stable, waited) is Verdict[verdict]


class Rehearsal:
    """A gateway that fails from a given part of people on; its clock is ours."""

    def __init__(self, breaks_at: int = 101, pages_at: int = 101) -> None:
        self.sent: list[int] = []
        self.breaks_at, self.pages_at = breaks_at, pages_at

    def send(self, part: int) -> None:
        self.sent.append(part)

    def see(self) -> tuple[object, object]:
        failed = 50 if self.sent[-1] >= self.breaks_at else 0
        return Seen(1000, failed, 0), WELL

    def pages(self) -> set[str]:
        """One fires all the time; another once many people have come."""
        return {"OldTrouble"} | (
            {"EventsLost"} if self.sent and self.sent[-1] >= self.pages_at else set()
        )

    def wait(self, seconds: float) -> None:
        pass


@pytest.mark.parametrize(
    ("breaks_at", "sent"),
    [(101, [5, 25, 50, 100]), (5, [5, 0]), (50, [5, 25, 50, 0]), (100, [5, 25, 50, 100, 0])],
)
def test_people_go_on_step_by_step_and_back_at_once(breaks_at: int, sent: list[int]) -> None:
    gateway = Rehearsal(breaks_at)
    assert canary.roll_out(gateway) is (breaks_at > 100)
    assert gateway.sent == sent


def test_a_page_that_is_new_sends_people_back_too() -> None:
    gateway = Rehearsal(pages_at=50)
    assert canary.roll_out(gateway) is False
    assert gateway.sent == [5, 25, 50, 0]


def test_traffic_is_always_a_hundred() -> None:
    for part in (0, *canary.STEPS):
        assert sum(one["percent"] for one in canary.split_traffic("a", "b", part)) == 100


def test_what_is_not_a_commit_is_listed() -> None:
    commit = "a" * 40
    text = f"""
      - uses: actions/checkout@{commit} # v7.0.1
      - uses: actions/checkout@{commit}
      - uses: docker/login-action@v4
      uses: ./.github/workflows/check.yaml
    """
    assert pins.list_unpinned(text) == [f"actions/checkout@{commit}", "docker/login-action@v4"]


# A kubectl that renders for real, answers what the script asks, and notes the rest.
KUBECTL = """#!/bin/sh
case "$*" in
  kustomize*) exec "$REAL_KUBECTL" "$@" ;;
  *"get revision"*) printf %s "$BEFORE"; exit ;;
  *"get kservice gateway"*latestReady*) printf gateway-00002; exit ;;
  *"get kservice gateway"*) printf %s "$STABLE"; exit ;;
  *"get secret"*) exit 1 ;;
  *"rollout status"*) echo "$*" >> "$LOG"; exit "$STUCK" ;;
  *"get --raw"*ALERTS*) printf '{"data": {"result": []}}'; exit ;;
  *"get --raw"*) printf '{"data": {"result": [{"value": [0, "%s"]}]}}' "$FAILING"; exit ;;
  *"--force-conflicts"*) cp .taskflow/deploy/all.yaml "$LOG.$(wc -l < "$LOG")" ;;
esac
echo "$*" >> "$LOG"
"""


class Deployment:
    """The script, on a copy of the repository's manifests and a cluster that only listens."""

    def __init__(self, folder: Path) -> None:
        for name in ("infra/kubernetes", "infra/release", "keda", "dapr", "knative"):
            shutil.copytree(ROOT / name, folder / name)
        (folder / "bin").mkdir()
        (folder / "bin/kubectl").write_text(KUBECTL)
        (folder / "bin/kubectl").chmod(0o755)
        self.folder, self.log = folder, folder / "log"
        self.log.touch()

    def run(self, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "LOG": str(self.log),
            "REAL_KUBECTL": str(shutil.which("kubectl")), "CLOUD": "aks", "IMAGE": NEW,
            "DOMAIN": "tasks.example.org", "BEFORE": "", "STABLE": "", "FAILING": "0",
            "STUCK": "0", **more,
        }  # fmt: skip
        script = self.folder / "infra/release/deploy.sh"
        return subprocess.run(
            [script], env=environment, text=True, capture_output=True, check=False, timeout=100
        )

    def said(self) -> list[str]:
        return self.log.read_text().splitlines()

    def applied(self) -> list[list[dict[str, object]]]:
        """What each apply was given, in order."""
        files = sorted(self.folder.glob("log.*"), key=lambda file: int(file.suffix[1:]))
        return [list(yaml.safe_load_all(file.read_text())) for file in files]


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    need_kubectl()
    return Deployment(tmp_path)


def find(objects: list[dict[str, object]], kind: str, name: str) -> dict[str, object]:
    """The one of this kind and name; Knative's service, where there are two."""
    found = [
        one for one in objects
        if one["kind"] == kind and one["metadata"]["name"] == name and one["apiVersion"] != "v1"
    ]  # fmt: skip
    assert len(found) == 1, (kind, name)
    return found[0]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_first_time_secrets_come_first(deployment: Deployment, cloud: str) -> None:
    done = deployment.run(TASKFLOW_SMTP="smtps://mail.example.com:465", CLOUD=cloud)
    assert done.returncode == 0, done.stderr
    said = deployment.said()
    first = next(i for i, line in enumerate(said) if "create secret generic taskflow" in line)
    assert first < next(i for i, line in enumerate(said) if "apply --server-side" in line)
    [objects] = deployment.applied()
    gateway = find(objects, "Service", "gateway")
    assert gateway["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]
    assert gateway["spec"]["template"]["spec"]["containers"][0]["image"] == NEW
    assert find(objects, "DomainMapping", "tasks.example.org")
    writer = find(objects, "Deployment", "write-task")["spec"]["template"]["spec"]
    assert {one["key"] for one in writer["tolerations"]} > {"cloud.google.com/gke-spot"}


def test_an_upgrade_migrates_before_anything_else_changes(deployment: Deployment) -> None:
    # So few come that the canary would wait half an hour, which is not tried here.
    stop = deployment.folder / "infra/release/canary.py"
    stop.write_text("import subprocess; subprocess.run(['kubectl', 'now people are sent'])")
    done = deployment.run(BEFORE=OLD, STABLE="gateway-00001")
    assert done.returncode == 0, done.stderr
    said = deployment.said()
    assert "delete job migrate" in said[0]
    assert "-l app.kubernetes.io/name=migrate" in said[1]
    assert "--for=condition=Complete job/migrate" in said[2]
    assert said[3].endswith("-l app.kubernetes.io/name!=migrate")
    assert "rollout status deployment -l app.kubernetes.io/part-of=taskflow" in said[4]
    assert said[5] == "now people are sent"
    objects = deployment.applied()[-1]
    assert find(objects, "Service", "gateway")["spec"]["traffic"] == [
        {"revisionName": "gateway-00001", "percent": 100},
        {"latestRevision": True, "percent": 0, "tag": "canary"},
    ]


def test_a_budget_that_burns_leads_back_to_the_code_before(deployment: Deployment) -> None:
    # The real canary asks a Prometheus that answers 500 to everything: all requests failed.
    fast = deployment.folder / "infra/release/canary.py"
    fast.write_text(fast.read_text().replace("PAUSE = 15.0", "PAUSE = 0.0"))
    done = deployment.run(BEFORE=OLD, STABLE="gateway-00001", FAILING="500")
    assert done.returncode == 1
    assert "5 % after 0 s: back" in done.stdout
    assert "Back to " + OLD in done.stdout
    last = deployment.applied()[-1]
    writer = find(last, "Deployment", "write-task")["spec"]["template"]["spec"]
    assert writer["containers"][0]["image"] == OLD
    assert deployment.said()[-1].endswith("-l app.kubernetes.io/name!=migrate")
    patches = [line for line in deployment.said() if "patch kservice gateway" in line]
    assert '"percent": 5' in patches[0] and '"percent": 100' in patches[-1]


def test_functions_that_do_not_start_lead_back_before_anybody_is_sent(
    deployment: Deployment,
) -> None:
    done = deployment.run(BEFORE=OLD, STABLE="gateway-00001", STUCK="1")
    assert done.returncode == 1
    assert "Back to " + OLD in done.stdout
    assert not [line for line in deployment.said() if "patch kservice gateway" in line]
    writer = find(deployment.applied()[-1], "Deployment", "write-task")["spec"]["template"]["spec"]
    assert writer["containers"][0]["image"] == OLD


@pytest.mark.parametrize("cloud", CLOUDS)
def test_whoever_deploys_may_apply_every_object(deployment: Deployment, cloud: str) -> None:
    """Rights are given by platform/, kind by kind; a new kind in a manifest wants a new one."""
    deployment.run(TASKFLOW_SMTP="smtps://mail.example.com:465", CLOUD=cloud)
    text = (ROOT / "infra/terraform/platform/objects.tf").read_text()
    given: set[tuple[str, str]] = set()
    for groups, resources in re.findall(r"apiGroups = \[(.*?)\], resources = \[(.*?)\]", text):
        given |= {
            (g, r)
            for g in re.findall(r'"(.*?)"', groups)
            for r in re.findall(r'"(.*?)"', resources)
        }
    for one in deployment.applied()[0]:
        version, kind = str(one["apiVersion"]), str(one["kind"]).lower()
        group = version.rpartition("/")[0]
        plural = (
            kind[:-1] + "ies"
            if kind.endswith("y")
            else kind + ("es" if kind.endswith("ss") else "s")
        )
        assert {(group, plural), (group, "*")} & given, f"{group} {plural}"


def test_what_runs_already_is_left_alone(deployment: Deployment) -> None:
    done = deployment.run(BEFORE=NEW, STABLE="gateway-00001")
    assert done.returncode == 0
    assert deployment.said() == []


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"IMAGE": "taskflow:latest"}, "by its digest"),
        ({"CLOUD": "eks"}, "there is no infra/kubernetes/eks"),
    ],
)
def test_a_deployment_is_refused_with_its_reason(
    deployment: Deployment, more: dict[str, str], reason: str
) -> None:
    done = deployment.run(**more)
    assert done.returncode == 1
    assert reason in done.stderr
    assert deployment.said() == []


@pytest.fixture
def home(tmp_path: Path) -> Iterator[str]:
    """The whole of TaskFlow on this machine; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PORT": str(port), "TASKFLOW_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-m", "local", "up"]
    with (tmp_path / "said").open("w") as said:
        running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)
    yield f"http://127.0.0.1:{port}"
    running.send_signal(signal.SIGINT)
    running.wait(60)


def test_what_tries_a_deployment_goes_through_the_real_system(home: str) -> None:
    command = [sys.executable, RELEASE / "try.py", home]
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    assert "keeps what it promises" in done.stdout


def test_what_tries_a_deployment_names_what_is_broken() -> None:
    class Broken(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [sys.executable, RELEASE / "try.py", f"http://127.0.0.1:{server.server_port}"]
        done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=60)
        server.shutdown()
    assert done.returncode == 1
    assert "POST /v1/auth/signup is 202, not 201" in done.stderr
