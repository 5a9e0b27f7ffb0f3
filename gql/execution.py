"""From settings to what executes operations."""

from __future__ import annotations

import strawberry

from .cache import CacheRegistry
from .executor import CompiledPipeline
from .http import CostLimit, CostSettings, ExecuteReady, Limits, Pipeline
from .schema import PageSizes
from .settings import Settings


def page_sizes(settings: Settings) -> PageSizes:
    """How many items lists give."""
    return PageSizes(settings.page_size, settings.max_page_size)


def pipeline(
    settings: Settings, schema: strawberry.Schema, caches: CacheRegistry | None = None
) -> CostLimit:
    """What executes operations on this schema, within the settings' limits; lists its caches."""
    caches = caches or CacheRegistry()
    reference = Pipeline(
        schema,
        Limits(depth=settings.max_depth, tokens=settings.max_tokens, aliases=settings.max_aliases),
        settings.plan_cache_bytes // 2,
    )
    caches.add(reference.documents)
    execute: ExecuteReady = reference
    if settings.compiled:
        execute = compiled = CompiledPipeline(
            reference, page_sizes(settings), fragment_cache_bytes=settings.fragment_cache_bytes
        )
        caches.add(compiled.rows)
    costs = CostSettings(
        maximum=settings.max_cost,
        page_size=settings.page_size,
        max_page_size=settings.max_page_size,
    )
    return CostLimit(execute, reference, costs)
