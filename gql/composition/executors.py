"""From settings to what executes operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from importlib import metadata
from typing import Any

import strawberry

from gql.cache import CacheRegistry
from gql.executor import CompiledExecutor
from gql.http import CostLimit, CostSettings, DocumentLimits, ReferenceExecutor, SyncExecutor
from gql.http.limits.cost import SearchCost
from gql.schema import PageSizes, search_cost
from gql.settings import Settings
from store import Snapshot, StoreError


def page_sizes(settings: Settings) -> PageSizes:
    """How many items lists give."""
    return PageSizes(settings.page_size, settings.max_page_size)


def answer_form(schema: strawberry.Schema, sizes: PageSizes) -> bytes:
    """What validators need to know of how answers look: the program, its schema and its settings.

    So a client that kept an answer of another version of the program asks for it anew.
    """
    text = f"{metadata.version('newsgraph')}\n{sizes}\n{schema}"
    return blake2b(text.encode(), digest_size=16).digest()


ASSUMED_ARTICLES = 10_000
"""In how many articles a list is found, as far as its cost goes, where nobody can tell at once."""

MIN_ARTICLES = 1_024


def search_cost_of(current: Callable[[], Snapshot | None]) -> SearchCost:
    """What it costs to find lists in the store as it is.

    The number of articles is rounded up to a power of two: a cost should not differ after every
    write.
    """

    def cost(searches: Iterable[tuple[int, Mapping[str, Any]]]) -> int:
        try:
            snapshot = current()
        except StoreError:  # which the request will meet, too
            snapshot = None
        count = ASSUMED_ARTICLES if snapshot is None else snapshot.published_count
        return search_cost(searches, max(MIN_ARTICLES, 1 << (count - 1).bit_length()))

    return cost


def pipeline(
    settings: Settings,
    schema: strawberry.Schema,
    caches: CacheRegistry | None = None,
    current: Callable[[], Snapshot | None] = lambda: None,
) -> CostLimit:
    """What executes operations on this schema, within the settings' limits; lists its caches.

    `current`: the store as it is, where nobody has to wait for it.
    """
    caches = caches or CacheRegistry()
    reference = ReferenceExecutor(
        schema,
        DocumentLimits(
            depth=settings.max_depth, tokens=settings.max_tokens, aliases=settings.max_aliases
        ),
        settings.plan_cache_bytes // 2,
    )
    caches.add(reference.documents)
    execute: SyncExecutor = reference
    if settings.compiled:
        execute = compiled = CompiledExecutor(
            reference, page_sizes(settings), fragment_cache_bytes=settings.fragment_cache_bytes
        )
        caches.add(compiled.rows)
    costs = CostSettings(
        maximum=settings.max_cost,
        page_size=settings.page_size,
        max_page_size=settings.max_page_size,
        search=search_cost_of(current),
    )
    return CostLimit(execute, reference, costs)
