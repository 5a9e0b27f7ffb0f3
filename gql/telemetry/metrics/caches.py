"""The metrics of caches."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from gql.cache import CacheCounters

PREFIX = "newsgraph_cache_"


class CacheMetrics:
    """Size, hits, misses and evictions of each cache, read from its counters."""

    def __init__(self, registry: CollectorRegistry, caches: Iterable[CacheCounters]) -> None:
        self._caches = caches
        self._gauges = {
            attribute: Gauge(
                f"{PREFIX}{name}",
                text,
                ("cache",),
                registry=registry,
                multiprocess_mode="livesum",
            )
            for attribute, name, text in (
                ("capacity_bytes", "capacity_bytes", "The capacity of the cache."),
                ("size_bytes", "bytes", "The size of the cached values."),
                ("entries", "entries", "The number of cached values."),
            )
        }
        self._counters = {
            attribute: Counter(f"{PREFIX}{attribute}", text, ("cache",), registry=registry)
            for attribute, text in (
                ("hits", "Cache hits."),
                ("misses", "Cache misses."),
                ("evictions", "Evicted values."),
            )
        }
        self._exported: dict[tuple[str, str], int] = {}

    def flush(self) -> None:
        """Set the gauges, and add what was counted since the last flush."""
        for cache in self._caches:
            for attribute, gauge in self._gauges.items():
                gauge.labels(cache.name).set(getattr(cache, attribute))
            for attribute, counter in self._counters.items():
                count = getattr(cache, attribute)
                exported = self._exported.get((cache.name, attribute), 0)
                counter.labels(cache.name).inc(count - exported)
                self._exported[cache.name, attribute] = count
