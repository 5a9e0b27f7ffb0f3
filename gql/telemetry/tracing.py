"""One OpenTelemetry span for each request. Imported only where tracing is on: it is optional.

Where spans go, how many and under which service's name is set by OpenTelemetry's own environment
variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, `OTEL_SERVICE_NAME`, …):
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

from . import NO_ROUTE, Observation

SERVICE_NAME = "newsgraph"


class Tracing:
    """Makes a span of each observed request, as part of the trace that its headers name.

    A span is made when the request is over, with the times at which it began and ended: nothing
    below it is traced, so nothing needs to find it before.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("newsgraph")
        self._extract = TraceContextTextMapPropagator().extract

    def observe(self, seen: Observation) -> None:
        """Make a request's span. An `Observer`."""
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in seen.scope["headers"]}
        span = self._tracer.start_span(
            _name(seen),
            context=self._extract(headers),
            kind=SpanKind.SERVER,
            attributes=_attributes(seen, headers),
            start_time=seen.started_ns,
        )
        if _has_failed(seen):
            span.set_status(Status(StatusCode.ERROR))
        span.end(seen.started_ns + int(seen.duration_s * 1e9))

    def close(self) -> None:
        """Send what has not been sent yet."""
        self._provider.shutdown()


def start_tracing() -> Tracing:
    """Tracing to an OTLP collector over HTTP."""
    name = os.environ.get("OTEL_SERVICE_NAME", SERVICE_NAME)
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)


def _name(seen: Observation) -> str:
    if seen.graphql is not None and seen.graphql.operation_name is not None:
        return seen.graphql.operation_name
    method = seen.scope["method"]
    return str(method) if seen.route == NO_ROUTE else f"{method} {seen.route}"


def _attributes(seen: Observation, headers: dict[str, str]) -> dict[str, Any]:
    """By OpenTelemetry's conventions for HTTP servers and for GraphQL.

    https://opentelemetry.io/docs/specs/semconv/http/http-spans/
    https://opentelemetry.io/docs/specs/semconv/graphql/graphql-spans/
    Query strings and documents are left out: they may hold what a client keeps secret.
    """
    scope = seen.scope
    client, server, summary = scope.get("client"), scope.get("server"), seen.graphql
    codes = summary.error_codes if summary else ()
    found = {
        "http.request.method": scope["method"],
        "http.route": None if seen.route == NO_ROUTE else seen.route,
        "http.response.status_code": seen.status or None,
        "http.response.body.size": seen.size_bytes,
        "url.scheme": scope.get("scheme", "http"),
        "url.path": scope["path"],
        "server.address": server[0] if server else None,
        "server.port": server[1] if server else None,
        "client.address": client[0] if client else None,
        "user_agent.original": headers.get("user-agent"),
        "network.protocol.version": scope.get("http_version"),
        "graphql.operation.name": summary.operation_name if summary else None,
        "error.type": codes[0] if codes else str(seen.status) if _has_failed(seen) else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _has_failed(seen: Observation) -> bool:
    """Whether the server is at fault, not the client."""
    masked = seen.graphql is not None and INTERNAL_ERROR in seen.graphql.error_codes
    return masked or seen.status >= 500 or seen.status == 0
