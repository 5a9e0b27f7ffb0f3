"""The articles of a page, looked up when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from store.collections.persistent_map import PersistentMap
from store.model import Article


class PageItems(Sequence[Article]):
    """The articles in these slots of a page, all of which are there.

    Nothing is looked up before it is asked for: who keeps results by place needs neither ids nor
    articles.
    """

    __slots__ = ("_articles", "_slot_ids", "_slots")

    def __init__(
        self, articles: PersistentMap[str, Article], slot_ids: Sequence[str], slots: Sequence[int]
    ) -> None:
        self._articles = articles
        self._slot_ids = slot_ids
        self._slots = slots

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the articles; not kept, since pages are."""
        ids = self._slot_ids
        return [ids[slot] for slot in self._slots]

    def __len__(self) -> int:
        return len(self._slots)

    def __iter__(self) -> Iterator[Article]:
        return iter(self[:])

    @overload
    def __getitem__(self, index: int) -> Article: ...
    @overload
    def __getitem__(self, index: slice) -> list[Article]: ...
    def __getitem__(self, index: int | slice) -> Article | list[Article]:
        if isinstance(index, slice):
            found: list[Any] = self._articles.find_many(self.ids[index])
            return found
        return self._articles[self._slot_ids[self._slots[index]]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self[:] == list(other)

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have none
