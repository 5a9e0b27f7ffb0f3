"""Batching: what the fields of one level ask for goes to the store in one call.

Without it, twenty articles would ask for twenty providers one by one, which a remote engine would
answer in twenty round trips.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from strawberry.dataloader import DataLoader

from store import ArticleQuery, Key, QueryError, Snapshot, Visibility, model
from store.query import ArticlePage

V = TypeVar("V")
Fetch = Callable[[Key, Sequence[str], Visibility], Awaitable[list[V | None]]]


class Loaders:
    """One loader for each way that fields reach across documents; lives as long as a request."""

    def __init__(self, snapshot: Snapshot, visibility: Visibility) -> None:
        self._snapshot = snapshot
        self._visibility = visibility
        self.articles = self._by_keys(snapshot.get_many, Key.ID, Key.SLUG, Key.URL)
        self.providers = self._by_keys(snapshot.providers, Key.ID, Key.DOMAIN)
        self.topics = self._by_keys(snapshot.topics, Key.ID, Key.SLUG, Key.NAME)
        self.page = DataLoader(self._pages)

    def _by_keys(self, fetch: Fetch[V], *keys: Key) -> dict[Key, DataLoader[str, V | None]]:
        return {key: DataLoader(partial(self._fetch, fetch, key)) for key in keys}

    async def _fetch(self, fetch: Fetch[V], by: Key, keys: list[str]) -> list[V | None]:
        return await fetch(by, keys, self._visibility)

    async def _pages(self, queries: list[ArticleQuery]) -> list[ArticlePage | QueryError]:
        try:
            return list(await self._snapshot.pages(queries, self._visibility))
        except QueryError as error:
            if len(queries) == 1:
                return [error]
        # One of them cannot be answered: let it fail alone, where the client asked for it.
        return [(await self._pages([query]))[0] for query in queries]

    async def first_by_url(self, url_keys: Sequence[str]) -> model.Article | None:
        """The article found under the first of these canonical URLs that has one."""
        for article in await self.articles[Key.URL].load_many(url_keys):
            if article is not None:
                return article
        return None
