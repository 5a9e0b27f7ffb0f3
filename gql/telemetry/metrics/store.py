"""The metrics of the store, read from a snapshot for each exposition."""

from __future__ import annotations

from importlib import metadata

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from store import Severity, Snapshot, Visibility, Window


async def public_store_metrics(snapshot: Snapshot) -> list[Metric]:
    """The version of the server, and the counts of what is published."""
    counts = await snapshot.counts(Visibility.PUBLISHED)
    info = GaugeMetricFamily("newsgraph_info", "The version of newsgraph.", labels=("version",))
    info.add_metric((metadata.version("newsgraph"),), 1)
    return [
        info,
        GaugeMetricFamily("newsgraph_articles", "Published articles.", counts.articles),
        GaugeMetricFamily("newsgraph_providers", "Their providers.", counts.providers),
    ]


async def editorial_store_metrics(snapshot: Snapshot, store_bytes: int | None) -> list[Metric]:
    """The metrics that change with drafts, so only for viewers who may read them."""
    diagnostics = GaugeMetricFamily(
        "newsgraph_diagnostics", "Diagnostics of the documents, by severity.", labels=("severity",)
    )
    for severity in Severity:
        page = await snapshot.diagnostic_page(Window(first=0), severity)
        diagnostics.add_metric((severity.lower(),), page.total or 0)
    revision = GaugeMetricFamily(
        "newsgraph_store_revision", "The revision of the last change.", snapshot.revision
    )
    if store_bytes is None:
        return [diagnostics, revision]
    size = GaugeMetricFamily("newsgraph_store_bytes", "The size of the store's file.", store_bytes)
    return [diagnostics, revision, size]
