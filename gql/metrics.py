"""What Prometheus reads at `/metrics`. The only module on prometheus-client.

Every application counts into a registry of its own. Where several processes serve and
`PROMETHEUS_MULTIPROC_DIR` was set before this was imported, they count into files in that folder,
and whichever of them is asked answers for all.
https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from importlib import metadata
from itertools import chain

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from store import LoadReport, Severity, Snapshot, Visibility, Window

from .observe import Observation

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
MAX_OPERATIONS = 100
"""How many names of operations are told apart: clients make them up."""
OTHER = "other"
ANONYMOUS = "anonymous"
_METHODS = frozenset("GET HEAD POST OPTIONS PUT PATCH DELETE".split())
_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class _Families(Collector):
    """Ready families of samples."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self.families = families

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self.families


class Metrics:
    """Counts requests, operations and loads; `exposition` writes them down for Prometheus."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._requests = Counter(
            "newsgraph_http_requests",
            "Requests by method, template of the path and status (0: not answered).",
            ("method", "route", "status"),
            registry=registry,
        )
        self._durations = Histogram(
            "newsgraph_http_request_duration_seconds",
            "How long requests took, by template of the path.",
            ("route",),
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._bytes = Counter(
            "newsgraph_http_response_bytes",
            "Bytes of the bodies of responses, by template of the path.",
            ("route",),
            registry=registry,
        )
        self._operations = Summary(
            "newsgraph_graphql_operation_duration_seconds",
            f"GraphQL operations by name, of which {MAX_OPERATIONS} are told apart.",
            ("operation",),
            registry=registry,
        )
        self._errors = Counter(
            "newsgraph_graphql_errors",
            "GraphQL responses with an error of this code.",
            ("code",),
            registry=registry,
        )
        self._loads = Summary(
            "newsgraph_load_duration_seconds",
            "Loads and refreshes of the folder, by outcome (ok, failed).",
            ("outcome",),
            registry=registry,
        )
        self._per_request: dict[tuple[str, str, int], tuple[Counter, Histogram, Counter]] = {}
        self._per_operation: dict[str | None, Summary] = {}
        self._registry = _shared(registry)

    def observe(self, seen: Observation) -> None:
        """Count a request. An `Observer`."""
        key = (seen.scope["method"], seen.route, seen.status)
        found = self._per_request.get(key)
        if found is None:
            found = self._request_metrics(*key)
        requests, durations, size_bytes = found
        requests.inc()
        durations.observe(seen.duration_s)
        size_bytes.inc(seen.size_bytes)
        if seen.graphql is not None:
            self._operation(seen.graphql.operation_name).observe(seen.graphql.duration_s)
            for code in seen.graphql.error_codes:
                self._errors.labels(code).inc()

    def loaded(self, report: LoadReport | None) -> None:
        """Count a load; None: it failed."""
        if report is None:
            self._loads.labels("failed").observe(0)
        else:
            self._loads.labels("ok").observe(report.seconds)

    async def exposition(
        self, accept: str, snapshot: Snapshot, store_bytes: int | None
    ) -> tuple[bytes, str]:
        """All metrics as text and its media type, with what the store holds now.

        Of the articles only published ones are counted: nobody shall learn here of a draft.
        """
        store = await _store_families(snapshot, store_bytes)
        encode, media_type = choose_encoder(accept)
        return encode(_Families(chain(self._registry.collect(), store))), media_type

    def _request_metrics(
        self, method: str, route: str, status: int
    ) -> tuple[Counter, Histogram, Counter]:
        known = method in _METHODS
        found = (
            self._requests.labels(method if known else OTHER, route, status),
            self._durations.labels(route),
            self._bytes.labels(route),
        )
        if known:  # others could be without end
            self._per_request[method, route, status] = found
        return found

    def _operation(self, name: str | None) -> Summary:
        found = self._per_operation.get(name)
        if found is None:
            if len(self._per_operation) >= MAX_OPERATIONS:
                return self._operations.labels(OTHER)
            found = self._operations.labels(ANONYMOUS if name is None else name)
            self._per_operation[name] = found
        return found


def _shared(own: CollectorRegistry) -> CollectorRegistry:
    """The registry that answers for all processes; this process's own where it is the only one."""
    if MULTIPROCESS_FOLDER not in os.environ:
        ProcessCollector(registry=own)
        return own
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # theirs
    return shared


async def _store_families(snapshot: Snapshot, store_bytes: int | None) -> list[Metric]:
    counts = await snapshot.counts(Visibility.PUBLISHED)
    problems = GaugeMetricFamily(
        "newsgraph_diagnostics", "Problems of the documents, by severity.", labels=("severity",)
    )
    for severity in Severity:
        page = await snapshot.diagnostic_page(Window(first=0), severity)
        problems.add_metric((severity.lower(),), page.total or 0)
    about = GaugeMetricFamily("newsgraph_info", "What serves.", labels=("version",))
    about.add_metric((metadata.version("newsgraph"),), 1)
    return [about, problems, *_gauges(counts.articles, counts.providers, snapshot, store_bytes)]


def _gauges(
    articles: int, providers: int, snapshot: Snapshot, store_bytes: int | None
) -> Iterator[Metric]:
    yield GaugeMetricFamily("newsgraph_articles", "Published articles.", articles)
    yield GaugeMetricFamily("newsgraph_providers", "Their providers.", providers)
    yield GaugeMetricFamily(
        "newsgraph_store_revision", "The number of the store's last change.", snapshot.revision
    )
    if store_bytes is not None:
        yield GaugeMetricFamily("newsgraph_store_bytes", "Size of the store's file.", store_bytes)
