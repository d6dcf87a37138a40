"""Rules, dashboards, runbooks and the numbers under them say the same: each alert is tried firing
and silent by Prometheus' own program, has its page, and asks for nothing that nobody exports.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.observability.written import FOLDER, write_all
from tests.infra.observability import (
    RUNBOOKS,
    alerts,
    all_rules,
    dashboards,
    foreign_metrics,
    metrics_of,
    our_metrics,
    panel_queries,
    read_rules,
    recorded,
)
from tests.infra.render import ROOT, of_kind, render
from tests.infra.tools import find_promtool

CASES = yaml.load((ROOT / "tests/infra/alerts.yaml").read_text(), yaml.BaseLoader)
NAMES = sorted({alert["alert"] for alert in alerts()})
PARTS = ("What it means for people", "How to look", "How to mend it", "How to tell that it is over")
METRIC = re.compile(r"\b(?:taskflow|dapr|keda|kafka|kube)_[a-z0-9_]+\b")
NO_PROMTOOL = (
    "the alerts are not tried, for there is no promtool: put it on PATH, or let"
    " python -m tests.infra.tools build it"
)
with_promtool = pytest.mark.skipif(find_promtool() is None, reason=NO_PROMTOOL)


# --- what is derived -----------------------------------------------------------------------------


def test_what_is_derived_is_as_its_source_says() -> None:
    written = write_all()
    assert {name: (FOLDER / name).read_text() for name in written} == written


def test_the_component_names_every_file() -> None:
    component = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.*")}
    named = {*component["resources"]}
    named |= {name for one in component["configMapGenerator"] for name in one["files"]}
    assert named == files - {"kustomization.yaml"}


def test_the_exporter_is_told_of_the_numbers() -> None:
    manifests = render("monitoring")
    asked = of_kind(manifests, "Cluster")["database"]["spec"]["monitoring"]
    (told,) = asked["customQueriesConfigMap"]
    held = of_kind(manifests, "ConfigMap")[told["name"]]
    assert yaml.safe_load(held["data"][told["key"]]).keys() == {
        f"taskflow_{name}"
        for name in ("timers", "reminders", "dead_letters", "audit", "audit_delay", "feed")
    }


def test_the_exporter_s_names_become_ours() -> None:
    endpoint = of_kind(render("monitoring"), "PodMonitor")["database"]["spec"]
    (rule,) = endpoint["podMetricsEndpoints"][0]["metricRelabelings"]
    queries = yaml.safe_load((FOLDER / "numbers.yaml").read_text())
    exported = {
        f"cnpg_{query}_{name}"
        for query, told in queries.items()
        for column in told["metrics"]
        for name, meaning in column.items()
        if meaning["usage"] != "LABEL"
    }
    renamed = {re.fullmatch(rule["regex"], name)[1] for name in exported}  # type: ignore[index]
    assert renamed == {name for name in our_metrics() if "request" not in name}


# --- metrics -------------------------------------------------------------------------------------


def known() -> set[str]:
    return our_metrics() | foreign_metrics() | recorded()


@pytest.mark.parametrize(
    "rule", all_rules(), ids=lambda rule: rule.get("alert", rule.get("record"))
)
def test_a_rule_asks_for_what_is_exported(rule: dict[str, Any]) -> None:
    found = metrics_of(rule["expr"])
    assert found and found <= known()


@pytest.mark.parametrize(("place", "query"), panel_queries(), ids=lambda one: str(one)[:40])
def test_a_graph_asks_for_what_is_exported(place: str, query: str) -> None:
    found = metrics_of(query)
    assert found and found <= known(), place


def test_nothing_is_listed_that_nobody_asks_for() -> None:
    asked = {name for rule in all_rules() for name in metrics_of(rule["expr"])}
    asked |= {name for _, query in panel_queries() for name in metrics_of(query)}
    asked |= {name for page in RUNBOOKS.glob("*.md") for name in METRIC.findall(page.read_text())}
    assert foreign_metrics() <= asked
    assert our_metrics() <= asked


def test_our_names_follow_prometheus_rules() -> None:
    units = re.compile(r".*_(?:total|seconds|bucket|count|overdue|aside|kept|links|gaps)")
    assert all(units.fullmatch(name) for name in our_metrics())


def test_a_dashboard_has_a_name_of_its_own() -> None:
    boards = dashboards().values()
    assert len({board["uid"] for board in boards}) == len({b["title"] for b in boards}) == 4
    for board in boards:
        assert all(panel["datasource"]["uid"] == "${source}" for panel in board["panels"])


# --- alerts --------------------------------------------------------------------------------------


def test_every_alert_is_tried_firing_and_silent() -> None:
    assert sorted(CASES) == NAMES
    assert all(case.keys() == {"fires", "silent"} for case in CASES.values())


@with_promtool
def test_prometheus_accepts_the_rules(tmp_path: Path) -> None:
    run_promtool("check", "rules", "--lint=all", "--lint-fatal", *write_rules(tmp_path))


@with_promtool
@pytest.mark.parametrize("name", NAMES)
def test_an_alert_fires_when_it_should_and_only_then(name: str, tmp_path: Path) -> None:
    rules, case = write_rules(tmp_path), CASES[name]
    tests = [write_case(name, case["fires"]), write_case(name, case["silent"])]
    whole = {"rule_files": rules, "evaluation_interval": "1m", "tests": tests}
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump(whole))
    run_promtool("test", "rules", str(file))


def write_rules(folder: Path) -> list[str]:
    """Files as Prometheus itself reads them, without Kubernetes' wrapping."""
    files = []
    for one in read_rules():
        file = folder / f"{one['metadata']['name']}.yaml"
        file.write_text(yaml.safe_dump(one["spec"]))
        files.append(str(file))
    return files


def write_case(name: str, case: dict[str, Any]) -> dict[str, Any]:
    series = [{"series": one, "values": str(values)} for one, values in case["series"].items()]
    expected = [expect(name, labels) for labels in case.get("labels", [])]
    asked = {"eval_time": case["at"], "alertname": name, "exp_alerts": expected}
    return {"interval": "1m", "input_series": series, "alert_rule_test": [asked]}


def expect(name: str, labels: dict[str, str]) -> dict[str, Any]:
    """The alert as it arrives: with what its rule adds and says."""
    (rule,) = (
        one
        for one in alerts()
        if one["alert"] == name
        and one["labels"]["severity"] == labels.get("severity", one["labels"]["severity"])
    )
    said = {key: fill(text, labels) for key, text in rule["annotations"].items()}
    return {"exp_labels": {**rule["labels"], **labels}, "exp_annotations": said}


def fill(text: str, labels: dict[str, str]) -> str:
    return re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)


def run_promtool(*arguments: str) -> None:
    program = find_promtool()
    assert program is not None
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- runbooks ------------------------------------------------------------------------------------


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    named = {alert["annotations"]["runbook"] for alert in alerts()}
    assert named == {str(path.relative_to(ROOT)) for path in RUNBOOKS.glob("*.md")}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_a_page_answers_the_four_questions(alert: dict[str, Any]) -> None:
    text = (ROOT / alert["annotations"]["runbook"]).read_text()
    assert text.startswith(f"# {alert['alert']}\n")
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == PARTS


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_page_names_metrics_that_are_exported(page: Path) -> None:
    assert set(METRIC.findall(page.read_text())) <= known()


def commands() -> set[str]:
    """The words of every `taskflow` command that a page tells people to type."""
    found = set()
    for page in RUNBOOKS.glob("*.md"):
        found |= set(re.findall(r"bin/taskflow ((?:[a-z-]+ ?)+)", page.read_text()))
    return {words.strip() for words in found}


@pytest.mark.parametrize("words", sorted(commands()))
def test_a_command_on_a_page_exists(words: str) -> None:
    asked = [sys.executable, "-m", "local", *words.split(), "--help"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Usage" in done.stdout, done.stderr


def test_what_a_page_looks_at_on_a_cluster_is_there() -> None:
    """Each object that a kubectl command on a page names is one of ours."""
    names = {one["metadata"]["name"] for one in render("monitoring")}
    named = re.compile(r"kubectl -n taskflow .*?\b(?:deployment|scaledobject)/([a-z-]+)")
    for page in RUNBOOKS.glob("*.md"):
        assert set(named.findall(page.read_text())) <= names, page.stem
