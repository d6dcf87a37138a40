"""The pages of the site that the code writes: what stands in the repository's own documents, in the
event classes and in the gateway is shown from there, so that the site cannot be out of date.
"""

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from functions.__main__ import draw, find_functions, topics
from gateway.app import create_app
from taskflow.events import TYPES
from taskflow.schema import event_schemas
from taskflow.settings import Settings

ROOT = Path(__file__).parent.parent.parent
# Documents of the repository → pages of the site.
SHOWN = {
    "README.md": "index.md",
    "DECISIONS.md": "decisions.md",
    "CHANGELOG.md": "changelog.md",
    "infra/terraform/README.md": "cloud.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """MkDocs' own hook: adds the pages, and the two documents that programs read."""
    pages = {page: show_document(name) for name, page in SHOWN.items()}
    openapi = create_app(Settings()).openapi()
    pages["reference/http.md"] = write_http(openapi)
    pages["reference/openapi.json"] = json.dumps(openapi, indent=1)
    pages["reference/events.md"] = write_events()
    pages["reference/asyncapi.json"] = json.dumps(describe_topics(), indent=1)
    pages["runbooks/index.md"] = write_runbooks(files)
    for place, content in pages.items():
        files.append(File.generated(config, place, content=content))
    return files


def show_document(name: str) -> str:
    """A document whose links lead to pages of the site where there are some, to files otherwise."""
    text = (ROOT / name).read_text()
    return re.sub(r"\]\(([^)#:]+)\)", lambda link: f"]({find_page(name, link[1])})", text)


def find_page(document: str, link: str) -> str:
    target = ((ROOT / document).parent / link).resolve().relative_to(ROOT).as_posix()
    return SHOWN.get(target, target.removeprefix("docs/"))


def write_http(openapi: dict[str, Any]) -> str:
    """Every route with what it does; the whole description beside it."""
    lines = [
        "# HTTP interface",
        "",
        "Generated from the gateway. The whole description, for programs: "
        "[openapi.json](openapi.json). A running TaskFlow shows it at `/docs`, to be tried.",
        "",
        "| | | |",
        "|---|---|---|",
    ]
    for path, methods in sorted(openapi["paths"].items()):
        lines += [
            f"| `{method.upper()}` | `{path}` | {summarize(operation)} |"
            for method, operation in methods.items()
        ]
    return "\n".join(lines)


def summarize(operation: dict[str, Any]) -> str:
    told = operation.get("description") or operation.get("summary", "")
    return str(told).split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def write_events() -> str:
    """The path of every event, then each with its schema."""
    path = "\n".join(line for function in find_functions() for line in draw(function))
    parts = [
        "# Events",
        "Generated from `taskflow/events.py`. All topics for programs: "
        "[asyncapi.json](asyncapi.json) (AsyncAPI 3.0).",
        f"## The path\n```\n{path}\n```",
        "## Each event",
    ]
    for name, schema in event_schemas().items():
        kind = TYPES[name]
        about = (kind.__doc__ or "").strip()
        shown = json.dumps(schema, indent=1)
        parts.append(
            f"### {kind.__name__}\n`{name}` on `{kind.topic}`. {about}\n\n"
            f'??? note "JSON Schema"\n    ```json\n{indent(shown)}\n    ```'
        )
    return "\n\n".join(parts)


def indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def describe_topics() -> dict[str, Any]:
    """AsyncAPI 3.0: each topic with its messages, each function with what it takes and sends."""
    schemas = event_schemas()
    kinds = [TYPES[name] for name in schemas]
    places = sorted({kind.topic for kind in kinds})
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "TaskFlow", "version": "1"},
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            place: {
                "address": place,
                "messages": {
                    kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}
                    for kind in kinds
                    if kind.topic == place
                },
            }
            for place in places
        },
        "operations": describe_functions(places),
        "components": {
            "messages": {
                TYPES[name].__name__: {"name": name, "payload": schema}
                for name, schema in schemas.items()
            }
        },
    }


def describe_functions(places: list[str]) -> dict[str, Any]:
    return {
        f"{function.name}.{action}.{place}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{place}"},
        }
        for function in find_functions()
        for action, kinds in (("receive", function.wakes_on), ("send", function.emits))
        for place in topics(kinds)
        if place in places
    }


def write_runbooks(files: Files) -> str:
    """Every runbook by its title."""
    books = sorted(file.src_uri for file in files if file.src_uri.startswith("runbooks/"))
    lines = [f"- [{read_title(name)}]({Path(name).name})" for name in books]
    return "# Runbooks\n\nEach alert links to its page.\n\n" + "\n".join(lines)


def read_title(name: str) -> str:
    return (ROOT / "docs" / name).read_text().split("\n", 1)[0].removeprefix("# ")
