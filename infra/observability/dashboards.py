"""The dashboards as code (grafana-foundation-sdk): the promises, the functions, the reminders, and
what everything stands on.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from infra.observability.promises import PROMISES

SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")


class Panel(NamedTuple):
    """A graph: legend → query."""

    title: str
    unit: str
    queries: Mapping[str, str]
    meaning: str


READY = 'max by (deployment) (kube_deployment_status_replicas_ready{namespace="taskflow"})'
LAG = "sum by (consumergroup) (kafka_consumergroup_lag)"

BOARDS: dict[str, tuple[str, Sequence[Panel]]] = {
    "promises": (
        "TaskFlow: promises",
        [
            Panel(
                f"{one.alert}: part of the budget that burns",
                "percentunit",
                {
                    "over 5 minutes": f"{one.record}:ratio_5m / {one.budget}",
                    "over 1 hour": f"{one.record}:ratio_1h / {one.budget}",
                    "over 3 days": f"{one.record}:ratio_3d / {one.budget}",
                },
                f"{one.summary} 100 % is just what may be.",
            )
            for one in PROMISES
        ],
    ),
    "functions": (
        "TaskFlow: functions",
        [
            Panel("Awake", "short", {"{{deployment}}": READY}, "Pods that are ready."),
            Panel("Waiting", "short", {"{{consumergroup}}": LAG}, "Records that are not done."),
            Panel(
                "Wanted by KEDA",
                "short",
                {"{{scaledObject}}": "max by (scaledObject) (keda_scaler_active)"},
                "1 while something waits; with nothing awake below, a cold start is under way.",
            ),
            Panel(
                "Time to handle a delivery",
                "ms",
                {
                    f"{part} {{{{app_id}}}}": f"histogram_quantile({part}, sum by (app_id, le)"
                    " (rate(dapr_component_pubsub_ingress_bulk_latencies_bucket[5m])))"
                    for part in ("0.5", "0.99")
                },
                "As the sidecar sees it, from asking the function to its answer.",
            ),
            Panel(
                "Scalers that fail",
                "short",
                {
                    "{{scaledObject}}": "sum by (scaledObject)"
                    " (increase(keda_scaler_detail_errors_total[5m]))"
                },
                "KEDA could not ask Kafka or PostgreSQL.",
            ),
            Panel(
                "Time of KEDA's look",
                "s",
                {"{{scaledObject}}": "max by (scaledObject) (keda_scaler_metrics_latency_seconds)"},
                "A slow look is a late wake.",
            ),
        ],
    ),
    "reminders": (
        "TaskFlow: reminders and the clock",
        [
            Panel(
                "How late reminders are",
                "s",
                {"{{quantile}}": "max by (quantile) (taskflow_reminders_late_seconds)"},
                "Of those sent in the last hour.",
            ),
            Panel(
                "Timers that are due",
                "short",
                {
                    "due": "max(taskflow_timers_overdue)",
                    "set aside": "max(taskflow_timers_set_aside)",
                },
                "Due ones are gone within a second; what nobody can read is set aside.",
            ),
            Panel(
                "The oldest timer that is due",
                "s",
                {"overdue": "max(taskflow_timers_overdue_seconds)"},
                "The clock's own lateness.",
            ),
            Panel(
                "Dead letters",
                "short",
                {"{{consumer}}": "max by (consumer) (taskflow_dead_letters_kept)"},
                "What waits for a person.",
            ),
        ],
    ),
    "ground": (
        "TaskFlow: database and log",
        [
            Panel(
                "Requests",
                "reqps",
                {"{{status}}": "sum by (status) (rate(taskflow_requests_total[5m]))"},
                "By the status of their answer.",
            ),
            Panel(
                "Time to answer",
                "s",
                {
                    part: f"histogram_quantile({part}, sum by (le)"
                    " (rate(taskflow_request_seconds_bucket[5m])))"
                    for part in ("0.5", "0.95", "0.99")
                },
                "All routes.",
            ),
            Panel(
                "Facts on record",
                "short",
                {"a second": "max(rate(taskflow_audit_entries_total[5m]))"},
                "Entries of the audit.",
            ),
            Panel(
                "From a write to its entry in the audit",
                "s",
                {"{{quantile}}": "max by (quantile) (taskflow_audit_delay_seconds)"},
                "Of the newest 1,000 entries: from the gateway to the last effect, Kafka included.",
            ),
            Panel(
                "What must be zero",
                "short",
                {
                    "broken links of the audit": "max(taskflow_audit_broken_links)",
                    "numbers missing in feeds": "max(taskflow_feed_gaps)",
                    "partitions with too few copies": "sum("
                    "kafka_topic_partition_under_replicated_partition)",
                },
                "Each of them has an alert.",
            ),
            Panel(
                "Written to the log",
                "short",
                {"{{topic}}": "sum by (topic) (rate(kafka_topic_partition_current_offset[5m]))"},
                "Records a second.",
            ),
        ],
    ),
}


def write_dashboards() -> dict[str, str]:
    """Name → its JSON."""
    encode = JSONEncoder(sort_keys=True, indent=2).encode
    return {
        name: encode(build(name, title, panels).build()) + "\n"
        for name, (title, panels) in BOARDS.items()
    }


def build(name: str, title: str, panels: Sequence[Panel]) -> dashboard.Dashboard:
    board = (
        dashboard.Dashboard(title)
        .uid(f"taskflow-{name}")
        .tags(["taskflow"])
        .refresh("30s")
        .time("now-6h", "now")
        .with_variable(dashboard.DatasourceVariable("source").type("prometheus"))
    )
    for panel in panels:
        board = board.with_panel(draw(panel))
    return board


def draw(panel: Panel) -> timeseries.Panel:
    graph = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.meaning)
        .unit(panel.unit)
        .min(0)
        .height(8)
        .span(12)
        .datasource(SOURCE)
    )
    for number, (legend, query) in enumerate(panel.queries.items()):
        target = prometheus.Dataquery().expr(query).legend_format(legend).ref_id(chr(65 + number))
        graph = graph.with_target(target)
    return graph
