"""Sends people to the newest revision of the gateway, a few at a time, and back when it burns the
error budget; apart from deploy.sh because its decision is arithmetic that is tested.

Run as `python3 canary.py STABLE_REVISION`, where kubectl leads to the cluster; needs nothing else.
Ends with 1 when people were sent back.
"""

import json
import subprocess
import sys
import time
from enum import Enum
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

STEPS = (5, 25, 50, 100)
SOAK = 300.0
PATIENCE = 1800.0
PAUSE = 15.0
# What the promises allow (99.9 % of requests, 95 % within 500 ms), and how fast the first may burn:
# a month's budget in two days.
MAY_FAIL = 0.001
MAY_BE_SLOW = 0.05
BURN = 14.4
# Fewer have shown nothing, and one failure is anybody's.
ENOUGH = 100
# What pages somebody while people are sent, whoever's fault it looks like, ends it too.
PAGES = 'ALERTS{alertstate="firing",severity="page"}'
WHOLE = "/healthz|/readyz|/api/health|/metrics"
PROMETHEUS = (
    "/api/v1/namespaces/monitoring/services/http:monitoring-kube-prometheus-prometheus:9090"
    "/proxy/api/v1/query?query="
)


class Verdict(Enum):
    ON = "on"
    HOLD = "hold"
    BACK = "back"


class Seen(NamedTuple):
    """What people got of one revision within the window."""

    requests: float
    failed: float
    slow: float

    def part(self, count: float) -> float:
        return count / self.requests if self.requests else 0.0


def decide(canary: Seen, stable: Seen, waited: float) -> Verdict:
    """Whether more people are sent, after so many seconds at this step."""
    if canary.failed >= 2 and canary.part(canary.failed) > BURN * MAY_FAIL:
        return Verdict.BACK
    if canary.requests >= ENOUGH and is_slower(canary, stable):
        return Verdict.BACK
    if waited < SOAK or (canary.requests < ENOUGH and waited < PATIENCE):
        return Verdict.HOLD
    return Verdict.ON


def is_slower(canary: Seen, stable: Seen) -> bool:
    """Slow beyond the promise, and not only because everything is."""
    slow = canary.part(canary.slow)
    return slow > MAY_BE_SLOW and slow > 2 * stable.part(stable.slow)


class Gateway(Protocol):
    def send(self, part: int) -> None: ...
    def see(self) -> tuple[Seen, Seen]: ...
    def pages(self) -> set[str]: ...
    def wait(self, seconds: float) -> None: ...


def roll_out(gateway: Gateway) -> bool:
    """Whether everybody is at the newest revision in the end; otherwise nobody."""
    before = gateway.pages()
    for part in STEPS:
        gateway.send(part)
        if not is_well(gateway, part, before):
            gateway.send(0)
            return False
    return True


def is_well(gateway: Gateway, part: int, before: set[str]) -> bool:
    waited = 0.0
    while True:
        gateway.wait(PAUSE)
        waited += PAUSE
        canary, stable = gateway.see()
        new = gateway.pages() - before
        verdict = Verdict.BACK if new else decide(canary, stable, waited)
        if verdict is not Verdict.HOLD:
            why = f"{', '.join(sorted(new))} fires" if new else canary
            print(f"{part} % after {waited:.0f} s: {verdict.value}; {why}", flush=True)
            return verdict is Verdict.ON


class Knative:
    """The gateway on a cluster: traffic is said to Knative, numbers are asked of Prometheus."""

    def __init__(self, stable: str) -> None:
        self._stable = stable
        self._canary = await_newer(stable)

    def send(self, part: int) -> None:
        print(f"{part} % to {self._canary}, the others to {self._stable}", flush=True)
        patch = json.dumps({"spec": {"traffic": split_traffic(self._stable, self._canary, part)}})
        kubectl("patch", "kservice", "gateway", "--type=merge", "--patch", patch)

    def see(self) -> tuple[Seen, Seen]:
        return ask_revision(self._canary), ask_revision(self._stable)

    def pages(self) -> set[str]:
        return {one["metric"]["alertname"] for one in ask_prometheus(PAGES)}

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


def await_newer(stable: str) -> str:
    """The newest revision that is ready, once it is another one."""
    end = time.monotonic() + PATIENCE
    ready = "jsonpath={.status.latestReadyRevisionName}"
    while (newest := kubectl("get", "kservice", "gateway", "-o", ready)) in ("", stable):
        if time.monotonic() > end:
            sys.exit(f"no revision newer than {stable} is ready after {PATIENCE:.0f} s")
        time.sleep(5)
    return newest


def split_traffic(stable: str, canary: str, part: int) -> list[dict[str, object]]:
    """What Knative is told; at the end no revision is named, so that the next one is the newest."""
    if part == 100:
        return [{"latestRevision": True, "percent": 100}]
    return [
        {"revisionName": stable, "percent": 100 - part},
        {"revisionName": canary, "percent": part, "tag": "canary"},
    ]


def write_queries(revision: str) -> tuple[str, str, str]:
    """Requests, failed ones and slow ones of five minutes, by the gateway's own counts."""
    pods = f'pod=~"{revision}-deployment-.+"'
    people = f'{pods},route!~"{WHOLE}"'
    # Streams last as long as somebody listens.
    answers = f'{pods},route!~"{WHOLE}|/v1/events"'
    return (
        f"sum(increase(taskflow_requests_total{{{people}}}[5m]))",
        f'sum(increase(taskflow_requests_total{{{people},status=~"5.."}}[5m]))',
        f"sum(increase(taskflow_request_seconds_count{{{answers}}}[5m]))"
        f' - sum(increase(taskflow_request_seconds_bucket{{{answers},le="0.5"}}[5m]))',
    )


def ask_revision(revision: str) -> Seen:
    return Seen(*(ask_number(query) for query in write_queries(revision)))


def ask_number(query: str) -> float:
    found = ask_prometheus(query)
    return float(found[0]["value"][1]) if found else 0.0


def ask_prometheus(query: str) -> list[dict[str, Any]]:
    answer = json.loads(kubectl("get", "--raw", PROMETHEUS + quote(query)))
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def kubectl(*words: str) -> str:
    command = ["kubectl", "-n", "taskflow", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(0 if roll_out(Knative(sys.argv[1])) else 1)
