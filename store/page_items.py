"""The articles of a page, looked up when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, overload

from .model import Article


class ArticleList(Protocol):
    """A list of which pages show parts."""

    def articles(self, start: int, end: int) -> list[Article]:
        """The articles from one place to before another."""
        ...


class PageItems(Sequence[Article]):
    """Those from `start` to before `end` of a list, read backwards or not.

    Nothing is kept of them, so that a page can be remembered; and who has at hand what is shown of
    them need not look them up.
    """

    __slots__ = ("_backwards", "_end", "_list", "_start")

    def __init__(self, of: ArticleList, start: int, end: int, *, backwards: bool) -> None:
        self._list = of
        self._start = start
        self._end = end
        self._backwards = backwards

    def __len__(self) -> int:
        return self._end - self._start

    def __iter__(self) -> Iterator[Article]:
        articles = self._list.articles(self._start, self._end)
        return reversed(articles) if self._backwards else iter(articles)

    @overload
    def __getitem__(self, place: int) -> Article: ...
    @overload
    def __getitem__(self, place: slice) -> list[Article]: ...
    def __getitem__(self, place: int | slice) -> Article | list[Article]:
        if isinstance(place, slice):
            articles = self._list.articles(self._start, self._end)
            if self._backwards:
                articles.reverse()
            return articles[place]
        places = range(self._start, self._end)
        at = places[::-1][place] if self._backwards else places[place]
        [article] = self._list.articles(at, at + 1)
        return article

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self[:] == list(other)

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have none
