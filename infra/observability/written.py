"""Every derived file of infra/kubernetes/monitoring with its content."""

from pathlib import Path

import yaml

from infra.observability.dashboards import write_dashboards
from infra.observability.promises import write_promises
from taskflow.numbers import QUERIES, Query

FOLDER = Path(__file__).parent.parent / "kubernetes" / "monitoring"
HEAD = "# Derived: python -m infra.observability.\n"


def write_all() -> dict[str, str]:
    """Path below FOLDER → content."""
    boards = {f"dashboards/{name}.json": text for name, text in write_dashboards().items()}
    return {
        "numbers.yaml": HEAD + _dump({f"taskflow_{one.name}": write_query(one) for one in QUERIES}),
        "rules/promises.yaml": HEAD + _dump(write_promises()),
        **boards,
    }


def write_query(query: Query) -> dict[str, object]:
    """A query as CloudNativePG's exporter reads it, on the primary alone: standbys lag behind."""
    metrics = [
        {one.name: {"usage": one.usage, "description": one.meaning}} for one in query.columns
    ]
    return {
        "query": query.sql.strip(),
        "primary": True,
        "target_databases": ["taskflow"],
        "metrics": metrics,
    }


class _Text(yaml.SafeDumper):
    """Lines stay lines."""


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Text.add_representer(str, _write_text)


def _dump(tree: object) -> str:
    return str(yaml.dump(tree, Dumper=_Text, sort_keys=False, width=100))
