"""Highlights for the tasks of a page: one more statement, for these rows alone."""

from collections.abc import Sequence
from typing import Any

from gateway.context import Context
from gateway.filter_syntax import And, Node, Or, Words
from gateway.highlights import BEGIN, END, highlight
from gateway.statements import Statement, fetch_rows
from gateway.task_query import TaskQuery
from gateway.text_query import SPACELESS, read_terms

# Stems by one configuration, beginnings by the other; punctuation as in the index.
MARK = r"""
SELECT ts_headline('taskflow_words', t.title, q.sought, $3) AS title_stems,
    ts_headline('taskflow_beginnings', t.title, q.sought, $3) AS title_beginnings,
    ts_headline('taskflow_words', t.notes, q.sought, $3) AS notes_stems,
    ts_headline('taskflow_beginnings', t.notes, q.sought, $3) AS notes_beginnings
FROM (SELECT search_query($1) AS sought) AS q, (
    SELECT translate(tasks.title, s.signs, s.spaces) AS title,
        translate(tasks.notes, s.signs, s.spaces) AS notes, given.place
    FROM unnest($2::uuid[]) WITH ORDINALITY AS given (id, place) JOIN tasks USING (id),
        (VALUES ('-#%&*+./:<=>?@\^_`|~', repeat(' ', 19))) AS s (signs, spaces)
) AS t ORDER BY t.place
"""
OPTIONS = f'HighlightAll=true, StartSel="{BEGIN}", StopSel="{END}"'
STATEMENT = Statement(MARK, ("terms", "ids", "options"), {"options": OPTIONS})


async def highlight_tasks(
    context: Context, query: TaskQuery, items: Sequence[dict[str, Any]]
) -> None:
    """Adds to each task where it holds what is searched for, by `q` and by the expression."""
    texts = find_texts(query)
    terms = [term for text in texts for term in ("|", *read_terms(text))]
    runs = {run for text in texts for run in SPACELESS.findall(text)}
    values = {"terms": terms, "ids": [item["id"] for item in items]}
    rows: list[Any] = [[""] * 4] * len(items)
    if terms:
        rows = await fetch_rows(context, STATEMENT, values)
    for item, (*title, stems, beginnings) in zip(items, rows, strict=True):
        own = item["title"], item["notes"]
        item["highlight"] = highlight(own, (title, (stems, beginnings)), sorted(runs))


def find_texts(query: TaskQuery) -> list[str]:
    """What is searched for, but for what shall not be there."""
    texts = [query.q] if query.q and query.searches else []
    if query.filters:
        from gateway.filter_language import parse_filter

        texts += _list_words(parse_filter(query.filter or ""))
    return texts


def _list_words(node: Node) -> list[str]:
    if isinstance(node, Words):
        return [node.text]
    parts = node.parts if isinstance(node, And | Or) else ()
    return [text for part in parts for text in _list_words(part)]
