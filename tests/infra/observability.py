"""Rules, dashboards and runbooks as their tests read them."""

import json
from functools import cache
from typing import Any

import promql_parser
import yaml

from taskflow.numbers import QUERIES
from tests.infra.render import KUBERNETES, ROOT

FOLDER = KUBERNETES / "monitoring"
RUNBOOKS = ROOT / "docs" / "runbooks"
# What the gateway counts itself, by the name of its samples.
GATEWAY = (
    "taskflow_requests_total",
    "taskflow_request_seconds_bucket",
    "taskflow_request_seconds_count",
)


@cache
def read_rules() -> tuple[dict[str, Any], ...]:
    """Every PrometheusRule."""
    return tuple(yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("rules/*.yaml")))


def all_rules() -> list[dict[str, Any]]:
    groups = (group for one in read_rules() for group in one["spec"]["groups"])
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in all_rules() if "alert" in rule]


def dashboards() -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("dashboards/*.json")}


def panel_queries() -> list[tuple[str, str]]:
    """(dashboard and panel, query) of every graph."""
    return [
        (f"{name}: {panel['title']}", target["expr"])
        for name, board in dashboards().items()
        for panel in board["panels"]
        for target in panel["targets"]
    ]


def metrics_of(query: str) -> set[str]:
    """The metrics that a query asks for. Raises ValueError for what is no PromQL."""
    found: set[str] = set()

    def note(node: object) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.add(node.name)

    promql_parser.walk(promql_parser.parse(query), note)
    return found


def our_metrics() -> set[str]:
    """What TaskFlow exports itself, compared with a live scrape elsewhere."""
    return {*GATEWAY, *(name for query in QUERIES for name in query.numbers)}


def foreign_metrics() -> set[str]:
    listed = yaml.safe_load((ROOT / "tests/infra/foreign_metrics.yaml").read_text())
    return {name for one in listed for name in one["metrics"]}


def recorded() -> set[str]:
    return {rule["record"] for rule in all_rules() if "record" in rule}
