"""What /metrics says beside the gateway's own counts: the numbers that PostgreSQL knows, and how
each function is. At home alone: on a cluster exporters say it that never sleep, on no open page.
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import RowMapping, text
from sqlalchemy.exc import DBAPIError

from gateway.context import Context
from gateway.platform import Functions, read_functions
from taskflow.database import AWAY
from taskflow.errors import Unavailable
from taskflow.numbers import QUERIES, Query

FUNCTIONS = {
    "replicas": (GaugeMetricFamily, "Processes of a function now"),
    "lag": (GaugeMetricFamily, "Records that wait for it"),
    "delivered": (CounterMetricFamily, "Records that it was given and has done"),
    "dead_letters": (CounterMetricFamily, "Records that it gave up"),
    "wakes": (CounterMetricFamily, "How often it woke from nothing"),
    "cold_start_seconds": (GaugeMetricFamily, "From its last wake to its first answer"),
}


class Numbers:
    """Metrics that are worked out already, as prometheus_client collects them."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


async def write_numbers(context: Context) -> bytes:
    """Prometheus' text; what cannot be known now is left out, and its source said to be down."""
    if not context.settings.platform.startswith("http:"):
        return b""
    database, functions = await asyncio.gather(_ask_database(context), _ask_platform(context))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Numbers([*database, *functions]))
    return generate_latest(registry)


async def _ask_database(context: Context) -> list[Metric]:
    found: list[Metric] = []
    try:
        async with context.engine.connect() as db:
            for query in QUERIES:
                rows = (await db.execute(text(query.sql))).mappings().all()
                found += show_rows(query, rows)
    except (*AWAY, DBAPIError):
        return [_is_up("database", False)]
    return [*found, _is_up("database", True)]


def show_rows(query: Query, rows: Iterable[RowMapping]) -> Iterator[Metric]:
    for name, column in query.numbers.items():
        kind = CounterMetricFamily if column.usage == "COUNTER" else GaugeMetricFamily
        family = kind(name, column.meaning, labels=query.labels)
        for row in rows:
            family.add_metric([row[label] for label in query.labels], float(row[column.name]))
        yield family


async def _ask_platform(context: Context) -> list[Metric]:
    try:
        functions = await read_functions(context.settings.platform)
    except Unavailable:
        return [_is_up("platform", False)]
    return [*show_functions(functions), _is_up("platform", True)]


def show_functions(functions: Functions) -> Iterator[Metric]:
    for field, (kind, meaning) in FUNCTIONS.items():
        family = kind(f"taskflow_function_{field}", meaning, labels=["function"])
        for one in functions:
            if (value := read_field(one, field)) is not None:
                family.add_metric([one["name"]], value)
        yield family


def read_field(function: dict[str, Any], field: str) -> float | None:
    if field == "cold_start_seconds":
        took = function["cold_start_ms"]
        return None if took is None else took / 1000
    return float(function[field])


def _is_up(part: str, up: bool) -> Metric:
    return GaugeMetricFamily(f"taskflow_{part}_up", f"Whether the {part} answers", value=up)
