"""Factory of the executors, from the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from importlib import metadata
from typing import Any

import strawberry

from gql.cache import CacheRegistry
from gql.executor import CompiledExecutor
from gql.http import (
    CostLimitExecutor,
    CostSettings,
    DocumentLimits,
    Executor,
    IdempotencyStore,
    IdempotentExecutor,
    QueryRegistry,
    ReferenceExecutor,
    RegisteringExecutor,
    SyncExecutor,
)
from gql.http.limits.cost import EstimateSearches
from gql.schema import PageSizes, search_cost
from gql.schema.content import CONTENT_COSTS
from gql.schema.federation import FEDERATION_COSTS
from gql.schema.graph import TRANSLATION_SIZES
from gql.schema.images import PICTURE_COSTS
from gql.settings import Settings
from store import Snapshot, StoreError


def page_sizes(settings: Settings) -> PageSizes:
    """The page sizes of lists, from the settings."""
    return PageSizes(settings.page_size, settings.max_page_size)


def representation_digest(schema: strawberry.Schema, sizes: PageSizes) -> bytes:
    """A digest of all that shapes responses: the program's version, the schema, the page sizes.

    It is the key of ETags, so that a response of another version of the program is stale.
    """
    text = f"{metadata.version('newsgraph')}\n{sizes}\n{schema}"
    return blake2b(text.encode(), digest_size=16).digest()


def build_write_executor(
    settings: Settings, executor: CostLimitExecutor, registry: QueryRegistry | None
) -> Executor:
    """Build the executor of requests with effects: mutations that are sent again, registrations."""
    results = IdempotencyStore(settings.store_path.with_name(f"{settings.store_path.name}.answers"))
    execute: Executor = IdempotentExecutor(executor, executor.reference, results)
    return execute if registry is None else RegisteringExecutor(execute, registry)


ASSUMED_ARTICLES = 10_000
"""The number of articles for cost estimates if no snapshot is in memory."""

MIN_ARTICLES = 1_024
"""The smallest number of articles for cost estimates."""


def build_search_cost(current: Callable[[], Snapshot | None]) -> EstimateSearches:
    """A function that estimates the cost of searches in the current snapshot.

    The number of articles is rounded up to a power of two, so that a cost seldom changes by a
    write.
    """

    def cost(searches: Iterable[tuple[int, Mapping[str, Any]]]) -> int:
        try:
            snapshot = current()
        except StoreError:  # the request raises it, too
            snapshot = None
        count = ASSUMED_ARTICLES if snapshot is None else snapshot.published_count
        return search_cost(searches, max(MIN_ARTICLES, 1 << (count - 1).bit_length()))

    return cost


def build_executor(
    settings: Settings,
    schema: strawberry.Schema,
    caches: CacheRegistry | None = None,
    current: Callable[[], Snapshot | None] = lambda: None,
    trusted_texts: AbstractSet[str] = frozenset(),
) -> CostLimitExecutor:
    """Build the executor of a schema: cost limit, compiled executor, reference executor.

    `caches` gets its caches. `current` returns the current snapshot if it is in memory.
    `trusted_texts`: the texts of the trusted documents.
    """
    caches = caches or CacheRegistry()
    reference = ReferenceExecutor(
        schema,
        DocumentLimits(
            depth=settings.max_depth, tokens=settings.max_tokens, aliases=settings.max_aliases
        ),
        settings.plan_cache_bytes // 2,
        trusted_texts,
    )
    caches.add(reference.documents)
    if trusted_texts:
        caches.add(reference.trusted_documents)
    execute: SyncExecutor = reference
    if settings.compiled:
        execute = compiled = CompiledExecutor(
            reference, page_sizes(settings), row_cache_bytes=settings.fragment_cache_bytes
        )
        caches.add(compiled.row_cache)
    costs = CostSettings(
        maximum=settings.max_cost,
        page_size=settings.page_size,
        max_page_size=settings.max_page_size,
        search=build_search_cost(current),
        fields=CONTENT_COSTS | PICTURE_COSTS | FEDERATION_COSTS,
        list_sizes=TRANSLATION_SIZES,
    )
    return CostLimitExecutor(execute, reference, costs)
