"""The promises as rules: for each the part that breaks it, over every window, and alerts when its
budget burns too fast (multi-window, multi-burn-rate: Google's SRE Workbook, chapter 5).
"""

from typing import Any, NamedTuple

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
# (long window, short window, factor): a page for what would eat a month's budget in 2 or 5 days, a
# ticket for 10 days or a month.
PAGE = (("1h", "5m", 14.4), ("6h", "30m", 6.0))
TICKET = (("1d", "2h", 3.0), ("3d", "6h", 1.0))

# Probes say how the system is, and streams last as long as somebody listens.
PROBES = 'route!~"/healthz|/readyz|/api/health|/metrics"'
ANSWERS = 'route!~"/healthz|/readyz|/api/health|/metrics|/v1/events"'
HANDLED = 'topic=~"task-commands|task-events|reminders|account-events"'


class Promise(NamedTuple):
    """`bad` is the part that breaks it, with W for the window; `budget` the part that may."""

    alert: str
    record: str
    bad: str
    budget: float
    summary: str


PROMISES = (
    Promise(
        "RequestsFail",
        "taskflow:requests_failed",
        f'sum(rate(taskflow_requests_total{{{PROBES},status=~"5.."}}[W]))'
        f" / sum(rate(taskflow_requests_total{{{PROBES}}}[W]))",
        0.001,
        "More than 0.1 % of the requests fail: people cannot read or write.",
    ),
    Promise(
        "RequestsSlow",
        "taskflow:requests_slow",
        f'1 - sum(rate(taskflow_request_seconds_bucket{{{ANSWERS},le="0.5"}}[W]))'
        f" / sum(rate(taskflow_request_seconds_count{{{ANSWERS}}}[W]))",
        0.05,
        "More than 5 % of the answers take longer than 500 ms.",
    ),
    Promise(
        "EventsLost",
        "taskflow:events_lost",
        'sum(rate(kafka_topic_partition_current_offset{topic=~".+-dead-letters"}[W]))'
        f" / sum(rate(kafka_topic_partition_current_offset{{{HANDLED}}}[W]))",
        0.0001,
        "More than 0.01 % of the events become dead letters instead of effects.",
    ),
    Promise(
        "EventsSlow",
        "taskflow:events_slow",
        '1 - sum(rate(dapr_component_pubsub_ingress_bulk_latencies_bucket{le="100"}[W]))'
        " / sum(rate(dapr_component_pubsub_ingress_bulk_latencies_count[W]))",
        0.01,
        "More than 1 % of the deliveries to functions take longer than 100 ms.",
    ),
)


def write_promises() -> dict[str, Any]:
    """The PrometheusRule."""
    groups = [{"name": promise.record, "rules": write_rules(promise)} for promise in PROMISES]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "taskflow-promises",
            "namespace": "taskflow",
            "labels": {"app.kubernetes.io/part-of": "taskflow"},
        },
        "spec": {"groups": groups},
    }


def write_rules(promise: Promise) -> list[dict[str, Any]]:
    records = [
        {"record": f"{promise.record}:ratio_{window}", "expr": promise.bad.replace("W", window)}
        for window in WINDOWS
    ]
    alerts = [
        write_alert(promise, severity, pairs)
        for severity, pairs in (("page", PAGE), ("ticket", TICKET))
    ]
    return [*records, *alerts]


def write_alert(
    promise: Promise, severity: str, pairs: tuple[tuple[str, str, float], ...]
) -> dict[str, Any]:
    burns = []
    for long, short, factor in pairs:
        limit = f"{factor * promise.budget:.5g}"
        ratios = (f"{promise.record}:ratio_{window} > {limit}" for window in (long, short))
        burns.append(f"({' and '.join(ratios)})")
    return {
        "alert": promise.alert,
        "expr": " or ".join(burns),
        "labels": {"severity": severity},
        "annotations": {"summary": promise.summary, "runbook": name_runbook(promise.alert)},
    }


def name_runbook(alert: str) -> str:
    """The page of an alert, its name in lower case with dashes."""
    dashed = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in alert)
    return f"docs/runbooks/{dashed.lstrip('-')}.md"
