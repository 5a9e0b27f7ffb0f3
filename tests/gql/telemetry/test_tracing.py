"""Tracing: one span for each request, in the trace of the client, without secrets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.testclient import TestClient

from gql.composition.app import create_app
from gql.settings import load_settings
from gql.telemetry.tracing import RequestTracer
from store import MemoryRepository
from store.errors import StoreUnavailableError

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


class Traced:
    """An application whose spans are exported to memory."""

    def __init__(self, repository: MemoryRepository, store: Path) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        app = create_app(load_settings({"store": store}), repository)
        app.request_hooks.append(RequestTracer(provider).record_span)
        self.client = TestClient(app, raise_server_exceptions=False)

    def span(self) -> ReadableSpan:
        """The only span so far."""
        [span] = self.exporter.get_finished_spans()
        return span


def attributes(span: ReadableSpan) -> dict[str, object]:
    """A span's attributes by name."""
    return dict(span.attributes or {})


@pytest.fixture
def traced(tmp_path: Path) -> Traced:
    """A traced application over an empty store."""
    return Traced(MemoryRepository(), tmp_path / "store.json")


def test_span_is_named_by_its_operation(traced: Traced) -> None:
    """An operation is one span, however many fields it has, with the usual attributes."""
    query = "query Front { articles { totalCount nodes { id title } } }"
    response = traced.client.post("/graphql", json={"query": query})
    span = traced.span()
    assert span.name == "Front"
    assert span.kind is SpanKind.SERVER
    assert span.start_time
    assert span.end_time
    assert span.start_time < span.end_time
    assert attributes(span) == {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "http.response.status_code": 200,
        "http.response.body.size": len(response.content),
        "url.scheme": "http",
        "url.path": "/graphql",
        "server.address": "testserver",
        "server.port": 80,
        "client.address": "testclient",
        "user_agent.original": "testclient",
        "network.protocol.version": "1.1",
        "graphql.operation.name": "Front",
    }


def test_span_of_other_requests_is_named_by_method_and_route(traced: Traced) -> None:
    """The name that the semantic conventions define."""
    traced.client.get("/healthz")
    assert traced.span().name == "GET /healthz"


def test_span_continues_the_trace_of_its_caller(traced: Traced) -> None:
    """A W3C traceparent header names the trace and the parent."""
    traced.client.get("/healthz", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    span = traced.span()
    assert span.context
    assert span.parent
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT


@pytest.mark.parametrize("header", ["", "nonsense", f"00-{'0' * 32}-{PARENT}-01"])
def test_invalid_traceparent_starts_a_new_trace(traced: Traced, header: str) -> None:
    """It is ignored."""
    traced.client.get("/healthz", headers={"traceparent": header})
    assert traced.span().parent is None


def test_span_of_a_client_error_has_its_code_and_no_error_status(traced: Traced) -> None:
    """It is no failure of the server."""
    traced.client.post("/graphql", json={"query": "{ nonsense }"})
    span = traced.span()
    assert attributes(span)["error.type"] == "GRAPHQL_VALIDATION_FAILED"
    assert span.status.status_code is StatusCode.UNSET


def test_span_of_a_server_error_has_the_error_status(tmp_path: Path) -> None:
    """Such as an unreadable store."""

    class Broken(MemoryRepository):
        async def snapshot(self):
            raise StoreUnavailableError("gone")

    traced = Traced(Broken(), tmp_path / "store.json")
    traced.client.get("/readyz")
    span = traced.span()
    assert span.status.status_code is StatusCode.ERROR
    assert attributes(span)["error.type"] == "503"


def test_span_has_no_query_string(traced: Traced) -> None:
    """Variables and documents may be secret."""
    traced.client.get("/graphql", params={"query": '{ article(by: {slug: "hush"}) { id } }'})
    assert "hush" not in traced.span().to_json()


def test_opentelemetry_is_not_imported_without_tracing() -> None:
    """So it costs no time at the start."""
    program = """
import sys
from gql.composition.app import create_app
from gql.settings import Settings
from store import MemoryRepository
create_app(Settings(), MemoryRepository())
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_tracing_without_its_extra_is_an_error() -> None:
    """The error names the command that installs it."""
    program = """
import sys
sys.modules["opentelemetry.sdk.trace"] = None
from gql.composition.app import create_app
from gql.settings import Settings, SettingsError
from store import MemoryRepository
try:
    create_app(Settings(trace=True), MemoryRepository())
except SettingsError as error:
    assert "newsgraph[otel]" in str(error), error
else:
    raise AssertionError("no error")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
