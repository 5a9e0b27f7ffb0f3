"""All metrics of an application, and their exposition."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import chain

from prometheus_client import CollectorRegistry, Summary
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import Scope

from gql.cache import CacheCounters
from gql.http import RequestSummary
from store import LoadReport, Snapshot, Visibility

from .caches import PREFIX as CACHE_PREFIX
from .caches import CacheMetrics
from .graphql import GraphQLMetrics, OperationLabels
from .http import HttpMetrics, method_label
from .pending import BUCKETS_S, PendingCounts
from .store import editorial_store_metrics, public_store_metrics
from .streams import StreamMetrics

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
FLUSH_INTERVAL_S = 1.0
"""The maximum time between two flushes of the pending counts, in seconds."""
_EDITORIAL_PREFIXES = (
    CACHE_PREFIX,
    "newsgraph_graphql_",
    "newsgraph_load_",
    "newsgraph_subscription_events",
)
"""Metrics that change with what editors read and write, by which others could count drafts."""


class Metrics:
    """The metrics of an application.

    `executions`: the number of queries by executor, counted by the executor. `caches`: the caches
    of the application.

    Attributes:
        http: The metrics of HTTP requests.
        streams: The metrics of WebSockets and subscriptions.
    """

    def __init__(
        self, executions: Mapping[str, int] | None = None, caches: Iterable[CacheCounters] = ()
    ) -> None:
        registry = CollectorRegistry()
        self.http = HttpMetrics(registry)
        self.streams = StreamMetrics(registry)
        self._graphql = GraphQLMetrics(registry, executions or {})
        self._caches = CacheMetrics(registry, caches)
        self._loads = Summary(
            "newsgraph_load_duration_seconds",
            "The duration of loads and reloads of the folder, by outcome (ok, failed).",
            ("outcome",),
            registry=registry,
        )
        self._pending: dict[tuple[str, str, int, str | None], PendingCounts] = {}
        self._operation_labels = OperationLabels()
        self._flush_at = 0.0
        self._registry = _exposed_registry(registry)

    def count_request(  # noqa: PLR0913, PLR0917  # see `telemetry.middleware.RequestCounter`
        self,
        method: str,
        route: str,
        status: int,
        size_bytes: int,
        started: float,
        ended: float,
        summary: RequestSummary | None,
        scope: Scope,
    ) -> None:
        """Count a completed request, as pending counts."""
        name = None if summary is None else summary.operation_name
        try:
            pending = self._pending[method, route, status, name]
        except KeyError:
            pending = self._new_pending(method, route, status, name, scope)
        duration_s = ended - started
        pending.buckets[bisect_left(BUCKETS_S, duration_s)] += 1
        pending.duration_s += duration_s
        pending.size_bytes += size_bytes
        if summary is not None:
            pending.operations += 1
            if summary.error_codes:
                self._graphql.count_errors(summary.error_codes)
        if ended > self._flush_at:
            self.flush()
            self._flush_at = ended + FLUSH_INTERVAL_S

    def flush(self) -> None:
        """Add the pending counts to the metrics."""
        for (method, route, status, name), pending in self._pending.items():
            if any(pending.buckets):
                self.http.add(method, route, status, pending)
                self._graphql.add(name, pending)
                pending.clear()
        self._graphql.flush()
        self._caches.flush()

    def _new_pending(
        self, method: str, route: str, status: int, name: str | None, scope: Scope
    ) -> PendingCounts:
        """The pending counts for labels of a request that were not used before."""
        name = self._operation_labels.label(name, is_authenticated=_is_authenticated(scope))
        key = (method_label(method), route, status, name)
        return self._pending.setdefault(key, PendingCounts())

    def count_load(self, report: LoadReport | None) -> None:
        """Count a load of the folder; None: it failed."""
        if report is None:
            self._loads.labels("failed").observe(0)
        else:
            self._loads.labels("ok").observe(report.seconds)

    async def exposition(
        self,
        accept: str,
        snapshot: Snapshot,
        store_bytes: int | None,
        visibility: Visibility = Visibility.PUBLISHED,
    ) -> tuple[bytes, str]:
        """All metrics as text and its media type, with those of the store.

        `visibility`: that of the viewer; only viewers of drafts get what changes with drafts.
        """
        self.flush()
        metrics = list(self._registry.collect())
        store = await public_store_metrics(snapshot)
        if visibility is Visibility.ALL:
            store += await editorial_store_metrics(snapshot, store_bytes)
        else:
            metrics = [each for each in metrics if not each.name.startswith(_EDITORIAL_PREFIXES)]
        encode, media_type = choose_encoder(accept)
        return encode(_CollectedMetrics(chain(metrics, store))), media_type


class _CollectedMetrics(Collector):
    """A collector of metrics that were collected before, for the encoder."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self.metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """See `Collector`."""
        return self.metrics


def _is_authenticated(scope: Scope) -> bool:
    """Whether a request has a valid key or token."""
    viewer = scope.get("state", {}).get("viewer")
    return viewer is not None and viewer.id is not None


def _exposed_registry(own: CollectorRegistry) -> CollectorRegistry:
    """The registry for the exposition: that of all processes, or this process's own."""
    if MULTIPROCESS_FOLDER not in os.environ:
        ProcessCollector(registry=own)
        return own
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # theirs
    return shared
