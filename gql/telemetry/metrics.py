"""What Prometheus reads at `/metrics`. The only module on prometheus-client.

Every application counts into a registry of its own. Where several processes serve and
`PROMETHEUS_MULTIPROC_DIR` was set before this was imported, they count into files in that folder,
and whichever of them is asked answers for all.
https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from importlib import metadata
from itertools import chain

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import Scope

from gql.cache import CacheCounters
from gql.http import RequestSummary
from store import LoadReport, Severity, Snapshot, Visibility, Window

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
MAX_OPERATIONS = 100
"""How many names of operations are told apart: clients make them up.

So many of clients with a key, and as many of those without, who cannot take the others' room.
"""
MAX_NAME_LENGTH = 200
"""How long such a name may be."""
FLUSH_EVERY_S = 1.0
"""How long, in seconds, requests may be noted before they are counted."""
TRANSPORTS = ("websocket", "sse")
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


class _Tally:
    """Requests that are alike, noted and not counted yet: how many there were of each duration."""

    __slots__ = ("buckets", "duration_s", "operations", "size_bytes")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin again."""
        self.buckets = [0] * (len(_BUCKETS_S) + 1)
        self.duration_s = 0.0
        self.size_bytes = 0
        self.operations = 0


class StreamMetrics:
    """Counts connections that stay, and what goes over them. An `StreamObserver` of
    subscriptions.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._websockets = Gauge(
            "newsgraph_websockets",
            "WebSockets that are open.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._subscriptions = Gauge(
            "newsgraph_subscriptions",
            "Subscriptions that are active, by transport.",
            ("transport",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        events = Counter(
            "newsgraph_subscription_events",
            "Events that subscribers took, by transport.",
            ("transport",),
            registry=registry,
        )
        self._slow = Counter(
            "newsgraph_slow_clients",
            "Connections closed because their client took events too slowly, by transport.",
            ("transport",),
            registry=registry,
        )
        self._refused = Counter(
            "newsgraph_subscriptions_refused",
            "What found no room, by what it was and whose bound was reached.",
            ("what", "bound"),
            registry=registry,
        )
        # Looked up here, since to find a labelled counter costs more than to count.
        self._event_of = {name: events.labels(name) for name in TRANSPORTS}
        for name in TRANSPORTS:
            self._slow.labels(name)

    def websocket(self) -> AbstractContextManager[None]:
        """A WebSocket is open as long as this is held."""
        return self._websockets.track_inprogress()

    def subscription(self, transport: str) -> AbstractContextManager[None]:
        """A subscription is active as long as this is held."""
        return self._subscriptions.labels(transport).track_inprogress()

    def event(self, transport: str) -> None:
        """Count an event that was sent."""
        self._event_of[transport].inc()

    def slow(self, transport: str) -> None:
        """Count a connection that was closed for being slow."""
        self._slow.labels(transport).inc()

    def refused(self, what: str, bound: str) -> None:
        """Count what was refused. `what`, `bound`: see `realtime.capacity`."""
        self._refused.labels(what, bound).inc()


_CACHE_PREFIX = "newsgraph_cache_"
_FOR_READERS_OF_DRAFTS = (
    _CACHE_PREFIX,
    "newsgraph_graphql_",
    "newsgraph_load_",
    "newsgraph_subscription_events",
)
"""What grows with what editors read and write, by which others could count it."""


class CacheMetrics:
    """What each cache holds and how often it helps, read off its counters."""

    def __init__(self, registry: CollectorRegistry, caches: Iterable[CacheCounters]) -> None:
        self._caches = caches
        self._gauges = {
            attribute: Gauge(
                f"{_CACHE_PREFIX}{name}",
                text,
                ("cache",),
                registry=registry,
                multiprocess_mode="livesum",
            )
            for attribute, name, text in (
                ("capacity_bytes", "capacity_bytes", "The most that a cache may hold."),
                ("size_bytes", "bytes", "What it holds."),
                ("entries", "entries", "How many values that is."),
            )
        }
        self._counters = {
            attribute: Counter(f"{_CACHE_PREFIX}{attribute}", text, ("cache",), registry=registry)
            for attribute, text in (
                ("hits", "Look-ups that found a value."),
                ("misses", "Look-ups that found none."),
                ("evictions", "Values that left to make room."),
            )
        }
        self._counted: dict[tuple[str, str], int] = {}

    def flush(self) -> None:
        """Count what has happened since the last time."""
        for cache in self._caches:
            for attribute, gauge in self._gauges.items():
                gauge.labels(cache.name).set(getattr(cache, attribute))
            for attribute, counter in self._counters.items():
                count = getattr(cache, attribute)
                counter.labels(cache.name).inc(
                    count - self._counted.get((cache.name, attribute), 0)
                )
                self._counted[cache.name, attribute] = count


class Metrics:
    """Counts requests, operations and loads; `exposition` writes them down for Prometheus.

    `ways`: how many queries have been executed in which way, as who executes them counts. `caches`:
    what the application has.
    """

    def __init__(
        self, ways: Mapping[str, int] | None = None, caches: Iterable[CacheCounters] = ()
    ) -> None:
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
        self._operations = Counter(
            "newsgraph_graphql_operations",
            f"GraphQL operations by name, of which {MAX_OPERATIONS} are told apart, and as many "
            "more of clients with a key.",
            ("operation",),
            registry=registry,
        )
        self._operation_seconds = Counter(
            "newsgraph_graphql_operation_seconds",
            "How long they took together, by name.",
            ("operation",),
            registry=registry,
        )
        self._errors = Counter(
            "newsgraph_graphql_errors",
            "GraphQL responses with an error of this code.",
            ("code",),
            registry=registry,
        )
        self._executions = Counter(
            "newsgraph_graphql_executions",
            "Queries by how they were executed: compiled, or why on graphql-core instead.",
            ("way",),
            registry=registry,
        )
        self._refused = Counter(
            "newsgraph_http_refused",
            "Requests and connections refused before the application saw them, by status.",
            ("status",),
            registry=registry,
        )
        self._ways = ways or {}
        self._counted_ways = dict.fromkeys(self._ways, 0)
        self._loads = Summary(
            "newsgraph_load_duration_seconds",
            "Loads and refreshes of the folder, by outcome (ok, failed).",
            ("outcome",),
            registry=registry,
        )
        self._caches = CacheMetrics(registry, caches)
        self.streams = StreamMetrics(registry)
        self._tallies: dict[tuple[str, str, int, str | None], _Tally] = {}
        self._anonymous_names: set[str | None] = set()
        self._trusted_names: set[str | None] = set()
        self._flush_at = 0.0
        self._registry = _shared(registry)

    def note(  # noqa: PLR0913, PLR0917  # see `telemetry.middleware.Note`
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
        """Count a request.

        It is only noted here: prometheus-client takes some microseconds to count, which is much
        beside what some requests take, and less for many at once.
        """
        name = None if summary is None else summary.operation_name
        try:
            tally = self._tallies[method, route, status, name]
        except KeyError:
            tally = self._new_tally(method, route, status, name, scope)
        duration_s = ended - started
        tally.buckets[bisect_left(_BUCKETS_S, duration_s)] += 1
        tally.duration_s += duration_s
        tally.size_bytes += size_bytes
        if summary is not None:
            tally.operations += 1
            for code in summary.error_codes:
                self._errors.labels(code).inc()
        if ended > self._flush_at:
            self.flush()
            self._flush_at = ended + FLUSH_EVERY_S

    def flush(self) -> None:
        """Count what was noted."""
        for (method, route, status, name), tally in self._tallies.items():
            count = sum(tally.buckets)
            if not count:
                continue
            self._requests.labels(method, route, status).inc(count)
            self._bytes.labels(route).inc(tally.size_bytes)
            _add(self._durations.labels(route), tally)
            if tally.operations:
                label = ANONYMOUS if name is None else name
                self._operations.labels(label).inc(tally.operations)
                self._operation_seconds.labels(label).inc(tally.duration_s)
            tally.clear()

        for way, count in self._ways.items():
            if count > self._counted_ways[way]:
                self._executions.labels(way).inc(count - self._counted_ways[way])
                self._counted_ways[way] = count
        self._caches.flush()

    def _new_tally(
        self, method: str, route: str, status: int, name: str | None, scope: Scope
    ) -> _Tally:
        """Where requests like this are noted. Clients make up methods and names: few are known."""
        known = method if method in _METHODS else OTHER
        if name not in self._anonymous_names and name not in self._trusted_names:
            names = self._trusted_names if _has_key(scope) else self._anonymous_names
            if len(names) >= MAX_OPERATIONS or len(name or "") > MAX_NAME_LENGTH:
                name = OTHER
            names.add(name)
        return self._tallies.setdefault((known, route, status, name), _Tally())

    def refused(self, status: int) -> None:
        """Count a request or a connection that was refused by the protocol."""
        self._refused.labels(status).inc()

    def loaded(self, report: LoadReport | None) -> None:
        """Count a load; None: it failed."""
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
        """All metrics as text and its media type, with what the store holds now.

        `visibility` is the reader's: what moves with drafts is for those alone who may see them.
        """
        self.flush()
        families = list(self._registry.collect())
        store = await _published_families(snapshot)
        if visibility is Visibility.ALL:
            store += await _store_families(snapshot, store_bytes)
        else:
            hidden = _FOR_READERS_OF_DRAFTS
            families = [each for each in families if not each.name.startswith(hidden)]
        encode, media_type = choose_encoder(accept)
        return encode(_Families(chain(families, store))), media_type


def _has_key(scope: Scope) -> bool:
    """Whether a request came with a key or token that is good."""
    viewer = scope.get("state", {}).get("viewer")
    return viewer is not None and viewer.id is not None


def _add(histogram: Histogram, tally: _Tally) -> None:
    """Count many durations at once, which prometheus-client has no public method for."""
    histogram._sum.inc(tally.duration_s)
    for bucket, count in zip(histogram._buckets, tally.buckets, strict=True):
        if count:
            bucket.inc(count)


def _shared(own: CollectorRegistry) -> CollectorRegistry:
    """The registry that answers for all processes; this process's own where it is the only one."""
    if MULTIPROCESS_FOLDER not in os.environ:
        ProcessCollector(registry=own)
        return own
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # theirs
    return shared


async def _published_families(snapshot: Snapshot) -> list[Metric]:
    counts = await snapshot.counts(Visibility.PUBLISHED)
    about = GaugeMetricFamily("newsgraph_info", "What serves.", labels=("version",))
    about.add_metric((metadata.version("newsgraph"),), 1)
    return [
        about,
        GaugeMetricFamily("newsgraph_articles", "Published articles.", counts.articles),
        GaugeMetricFamily("newsgraph_providers", "Their providers.", counts.providers),
    ]


async def _store_families(snapshot: Snapshot, store_bytes: int | None) -> list[Metric]:
    problems = GaugeMetricFamily(
        "newsgraph_diagnostics", "Problems of the documents, by severity.", labels=("severity",)
    )
    for severity in Severity:
        page = await snapshot.diagnostic_page(Window(first=0), severity)
        problems.add_metric((severity.lower(),), page.total or 0)
    revision = GaugeMetricFamily(
        "newsgraph_store_revision", "The number of the store's last change.", snapshot.revision
    )
    if store_bytes is None:
        return [problems, revision]
    size = GaugeMetricFamily("newsgraph_store_bytes", "Size of the store's file.", store_bytes)
    return [problems, revision, size]
