"""The metrics of HTTP requests."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from .pending import BUCKETS_S, PendingCounts

_METHODS = frozenset("GET HEAD POST OPTIONS PUT PATCH DELETE".split())
OTHER = "other"
"""The label for values that have none of their own, because clients make them up."""


class HttpMetrics:
    """Counters of HTTP requests and refusals, and the histogram of durations."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "newsgraph_http_requests",
            "HTTP requests by method, route and status (0: no response).",
            ("method", "route", "status"),
            registry=registry,
        )
        self._durations = Histogram(
            "newsgraph_http_request_duration_seconds",
            "The duration of HTTP requests, by route.",
            ("route",),
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._bytes = Counter(
            "newsgraph_http_response_bytes",
            "The size of response bodies, by route.",
            ("route",),
            registry=registry,
        )
        self._refused = Counter(
            "newsgraph_http_refused",
            "Requests and connections that the server refused before the application, by status.",
            ("status",),
            registry=registry,
        )

    def add(self, method: str, route: str, status: int, pending: PendingCounts) -> None:
        """Add pending counts of requests."""
        self._requests.labels(method, route, status).inc(sum(pending.buckets))
        self._bytes.labels(route).inc(pending.size_bytes)
        _add_durations(self._durations.labels(route), pending)

    def count_refusal(self, status: int) -> None:
        """Count a request or a connection that the protocol refused."""
        self._refused.labels(status).inc()


def method_label(method: str) -> str:
    """The label of an HTTP method."""
    return method if method in _METHODS else OTHER


def _add_durations(histogram: Histogram, pending: PendingCounts) -> None:
    """Add many durations at once, for which prometheus-client has no public method."""
    histogram._sum.inc(pending.duration_s)
    for bucket, count in zip(histogram._buckets, pending.buckets, strict=True):
        if count:
            bucket.inc(count)
