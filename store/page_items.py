"""The articles of a page, looked up when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from .layered import Layered
from .model import Article


class PageItems(Sequence[Article]):
    """The articles with these ids, all of which are there.

    Nothing is looked up before it is asked for: who keeps results by id needs no article.
    """

    __slots__ = ("_articles", "_ids")

    def __init__(self, articles: Layered[str, Article], ids: Sequence[str]) -> None:
        self._articles = articles
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[Article]:
        return iter(self[:])

    @overload
    def __getitem__(self, index: int) -> Article: ...
    @overload
    def __getitem__(self, index: slice) -> list[Article]: ...
    def __getitem__(self, index: int | slice) -> Article | list[Article]:
        if isinstance(index, slice):
            found: list[Any] = self._articles.find_many(self._ids[index])
            return found
        return self._articles[self._ids[index]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self[:] == list(other)

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have none
