"""Tracing: one OpenTelemetry span for each request. Only imported if tracing is on.

OpenTelemetry's own environment variables configure exporter, sampler and service name
(`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, `OTEL_SERVICE_NAME`, …):
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

import os
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gql.errors import INTERNAL_ERROR

from . import UNKNOWN_ROUTE, RequestRecord

SERVICE_NAME = "newsgraph"


class RequestTracer:
    """Makes a span of each request, in the trace of its `traceparent` header.

    The span is made when the request is completed, with its start and end time. It need not exist
    before, since no part of a request has a span of its own.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("newsgraph")
        self._extract = TraceContextTextMapPropagator().extract

    def record_span(self, record: RequestRecord) -> None:
        """Make the span of a request. A `RequestHook`."""
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in record.scope["headers"]}
        span = self._tracer.start_span(
            _span_name(record),
            context=self._extract(headers),
            kind=SpanKind.SERVER,
            attributes=_attributes(record, headers),
            start_time=record.started_ns,
        )
        if _has_failed(record):
            span.set_status(Status(StatusCode.ERROR))
        span.end(record.started_ns + int(record.duration_s * 1e9))

    def close(self) -> None:
        """Export the remaining spans, and stop."""
        self._provider.shutdown()


def start_tracing() -> RequestTracer:
    """Start a tracer that exports spans to an OTLP collector over HTTP."""
    name = os.environ.get("OTEL_SERVICE_NAME", SERVICE_NAME)
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return RequestTracer(provider)


def _span_name(record: RequestRecord) -> str:
    if record.graphql is not None and record.graphql.operation_name is not None:
        return record.graphql.operation_name
    method = record.scope["method"]
    return str(method) if record.route == UNKNOWN_ROUTE else f"{method} {record.route}"


def _attributes(record: RequestRecord, headers: dict[str, str]) -> dict[str, Any]:
    """By OpenTelemetry's conventions for HTTP servers and for GraphQL.

    https://opentelemetry.io/docs/specs/semconv/http/http-spans/
    https://opentelemetry.io/docs/specs/semconv/graphql/graphql-spans/
    Query strings and documents are left out: they may hold secrets of clients.
    """
    scope = record.scope
    client, server, summary = scope.get("client"), scope.get("server"), record.graphql
    codes = summary.error_codes if summary else ()
    attributes = {
        "http.request.method": scope["method"],
        "http.route": None if record.route == UNKNOWN_ROUTE else record.route,
        "http.response.status_code": record.status or None,
        "http.response.body.size": record.size_bytes,
        "url.scheme": scope.get("scheme", "http"),
        "url.path": scope["path"],
        "server.address": server[0] if server else None,
        "server.port": server[1] if server else None,
        "client.address": client[0] if client else None,
        "user_agent.original": headers.get("user-agent"),
        "network.protocol.version": scope.get("http_version"),
        "graphql.operation.name": summary.operation_name if summary else None,
        "error.type": codes[0] if codes else str(record.status) if _has_failed(record) else None,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _has_failed(record: RequestRecord) -> bool:
    """Whether the server is at fault, not the client."""
    masked = record.graphql is not None and INTERNAL_ERROR in record.graphql.error_codes
    return masked or record.status >= 500 or record.status == 0
