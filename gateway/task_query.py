"""What a list of tasks may be asked for: the parameters of GET /v1/tasks, and those of them that a
view keeps.
"""

from typing import Annotated, Any, Literal, TypeAlias

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic import ValidationError as InvalidParameters
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from taskflow.read_task import UNPRINTABLE

MOST_TAGS = 50
LONGEST_TEXT = 500


def _check_printable(text: str) -> str:
    """What no task holds, PostgreSQL does not even take."""
    if UNPRINTABLE.search(text):
        raise PydanticCustomError("unprintable", "must not hold NUL or lone surrogates")
    return text


Printable: TypeAlias = Annotated[str, AfterValidator(_check_printable)]
Tags: TypeAlias = Annotated[list[Printable], Field(max_length=MOST_TAGS)]
Text: TypeAlias = Annotated[Printable, StringConstraints(max_length=LONGEST_TEXT)]


class TaskChoice(BaseModel):
    """Which tasks, in which order: what a view keeps."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["open", "done", "cancelled"] | None = None
    priority: Literal["high", "medium", "low", "none"] | None = None
    tag: Annotated[Tags, Field(description="all of these")] = []
    any_tag: Annotated[Tags, Field(description="at least one of these")] = []
    q: Annotated[Text | None, Field(description="full text: words, beginnings, quotes, -word")] = (
        None
    )
    filter: Annotated[str | None, Field(description="an expression: due < today+7d")] = None
    sort: Annotated[
        str | None,
        Field(
            description="keys by comma, `-` descending: due_at, priority, created_at, updated_at,"
            " title, relevance; without it relevance where there is a q, else -created_at."
            " Of a q that one in ten of the newest tasks fit, the newest 500 are ranked"
        ),
    ] = None

    @property
    def searches(self) -> bool:
        return self.q is not None and bool(self.q.strip())

    @property
    def filters(self) -> bool:
        return self.filter is not None and bool(self.filter.strip())


class TaskQuery(TaskChoice):
    """The query parameters of GET /v1/tasks."""

    due_after: Annotated[str | None, Field(description="an instant, inclusive")] = None
    due_before: Annotated[str | None, Field(description="an instant, exclusive")] = None
    series_id: str | None = None
    highlight: Annotated[bool, Field(description="show where q was found")] = False
    limit: Annotated[str | None, Field(description="1 to 500, else 50")] = None
    cursor: str | None = None


REPEATED = {"tag", "any_tag"}


def read_query(request: Request) -> TaskQuery:
    """The parameters of a request. Raises what FastAPI would."""
    given = request.query_params
    values = {name: given.getlist(name) if name in REPEATED else given[name] for name in given}
    try:
        return TaskQuery.model_validate(values)
    except InvalidParameters as error:
        wrong = [{**one, "loc": ("query", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(wrong) from error


def describe_query() -> list[dict[str, Any]]:
    """The same parameters for OpenAPI."""
    properties = TaskQuery.model_json_schema()["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in properties.items()
    ]
