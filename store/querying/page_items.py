"""Lazy pages: articles are looked up on access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from store.collections.persistent_map import PersistentMap
from store.model import Article


class PageItems(Sequence[Article]):
    """The articles of a page by ordinal, looked up on access.

    A cache keyed by ordinal needs neither ids nor articles.
    """

    __ordinals__ = ("_articles", "_ids_by_ordinal", "_ordinals")

    def __init__(
        self,
        articles: PersistentMap[str, Article],
        ids_by_ordinal: Sequence[str],
        ordinals: Sequence[int],
    ) -> None:
        self._articles = articles
        self._ids_by_ordinal = ids_by_ordinal
        self._ordinals = ordinals

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the articles; not stored, since pages are cached."""
        ids = self._ids_by_ordinal
        return [ids[ordinal] for ordinal in self._ordinals]

    def __len__(self) -> int:
        return len(self._ordinals)

    def __iter__(self) -> Iterator[Article]:
        return iter(self[:])

    @overload
    def __getitem__(self, index: int) -> Article: ...
    @overload
    def __getitem__(self, index: slice) -> list[Article]: ...
    def __getitem__(self, index: int | slice) -> Article | list[Article]:
        if isinstance(index, slice):
            articles: list[Any] = self._articles.find_many(self.ids[index])
            return articles
        return self._articles[self._ids_by_ordinal[self._ordinals[index]]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self[:] == list(other)

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which are not hashable
