"""A collector on the loopback that takes OTLP/HTTP in JSON and reads it by the protocol's own
schema (opentelemetry-proto), every unknown field an error.
"""

import base64
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import ParseDict
from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Proto

IDS = ("traceId", "spanId", "parentSpanId")


class Seen(Struct, frozen=True):
    """A span as it arrived."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    begun: int
    ended: int
    failed: bool
    attributes: dict[str, Any]
    links: list[tuple[str, str]]


class Collector(ThreadingHTTPServer):
    """Answers `status` and keeps what it was given with 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.spans: list[Seen] = []
        self.requests = 0
        self.status = 200

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def keep(self, spans: Iterable[Seen]) -> None:
        """Each once: what was not answered in time is sent again, the same."""
        self.spans += [span for span in spans if span not in self.spans]

    def of_trace(self, trace: str) -> list[Seen]:
        return [span for span in self.spans if span.trace == trace]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests += 1
        right = self.path == "/v1/traces" and self.headers["content-type"] == "application/json"
        status = self.server.status if right else 404
        if status == 200:
            self.server.keep(read_spans(body))
        self.send_response(status)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None: ...


def read_spans(body: bytes) -> Iterator[Seen]:
    request = ParseDict(to_protobuf(json.loads(body)), ExportTraceServiceRequest())
    for resource in request.resource_spans:
        service = read_attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            yield from (read_span(service, span) for span in scope.spans)


def read_span(service: str, span: Any) -> Seen:
    return Seen(
        service=service,
        name=span.name,
        kind=Proto.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        begun=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        failed=span.status.code == 2,
        attributes=read_attributes(span.attributes),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
    )


def read_attributes(pairs: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in pairs}


def to_protobuf(tree: Any) -> Any:
    """OTLP writes ids in hexadecimal where protobuf's own JSON has base64."""
    if isinstance(tree, list):
        return [to_protobuf(one) for one in tree]
    if not isinstance(tree, dict):
        return tree
    return {
        name: base64.b64encode(bytes.fromhex(one)).decode() if name in IDS else to_protobuf(one)
        for name, one in tree.items()
    }


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that runs."""
    with Collector() as collector:
        serving = threading.Thread(target=collector.serve_forever, args=(0.02,), daemon=True)
        serving.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            serving.join()
