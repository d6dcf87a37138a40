"""Writes what is derived: the promises' rules, the dashboards and the exporter's queries, each from
its one source, into infra/kubernetes/monitoring; a test compares.

Run as `python -m infra.observability`.
"""

from infra.observability.written import FOLDER, write_all

for name, text in write_all().items():
    (FOLDER / name).write_text(text)
