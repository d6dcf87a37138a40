"""The domain's shapes in OpenAPI: the structs that decide are the ones that are documented."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from gateway.highlights import Highlight
from taskflow.task import Task, TaskInput

REF = "#/components/schemas/{name}"


class Problem(msgspec.Struct):
    """Problem details (RFC 9457) with TaskFlow's stable `code`; where a filter is wrong, where."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, str]]
    position: int | UnsetType = UNSET


class ListedTask(Task, frozen=True, kw_only=True):
    """A task in a list; `highlight` is there where it was asked for."""

    highlight: Highlight | UnsetType = UNSET


class TaskPage(msgspec.Struct):
    items: list[ListedTask]
    next_cursor: str | None


def components(*more: type) -> dict[str, Any]:
    """The JSON Schemas of every struct that the gateway names."""
    _, schemas = msgspec.json.schema_components(
        (Task, TaskInput, Problem, TaskPage, *more), ref_template=REF
    )
    return schemas


def _content(kind: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REF.format(name=kind.__name__)}}}


def accepts(kind: type) -> dict[str, Any]:
    """The request body of a route, for its `openapi_extra`."""
    return {"requestBody": {"required": True, "content": _content(kind)}}


def task_answer(status: int) -> dict[int | str, dict[str, Any]]:
    """A task, or 202 while its command is on its way."""
    return {
        status: {"description": "The task", "content": _content(Task)},
        202: {"description": "The command is on its way"},
    }


def answers(kind: type, description: str) -> dict[int | str, dict[str, Any]]:
    """A body of this kind, or a problem with what was asked."""
    return {
        200: {"description": description, "content": _content(kind)},
        422: {"description": "What is wrong", "content": _problem()},
    }


def _problem() -> dict[str, Any]:
    return {"application/problem+json": {"schema": {"$ref": REF.format(name=Problem.__name__)}}}
