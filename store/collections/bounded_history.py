"""A bounded history: an immutable sequence of the newest items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar, overload

T = TypeVar("T")

CHUNK = 128


class BoundedHistory(Sequence[T]):
    """The newest items up to a limit, oldest first.

    It consists of chunks, all full but the last, which the next version shares: so that costs what
    it adds.
    """

    __slots__ = ("_chunks", "_first", "_size")

    def __init__(self, items: Iterable[T] = ()) -> None:
        all_items = tuple(items)
        self._chunks = tuple(all_items[at : at + CHUNK] for at in range(0, len(all_items), CHUNK))
        self._first = 0  # items of the first chunk that are dropped
        self._size = len(all_items)

    def extended(self, items: Iterable[T], limit: int) -> BoundedHistory[T]:
        """The next version: with these items appended, cut to the limit."""
        *chunks, last = self._chunks or ((),)
        new = BoundedHistory((*last, *items))
        chunks += new._chunks
        size = self._size - len(last) + new._size
        first = self._first + max(0, size - limit)
        while chunks and first >= len(chunks[0]):
            first -= len(chunks.pop(0))
        new._chunks, new._first, new._size = tuple(chunks), first, min(size, limit)
        return new

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        return self.iter_from(0)

    def __reversed__(self) -> Iterator[T]:
        newest_first = chain.from_iterable(map(reversed, reversed(self._chunks)))
        return islice(newest_first, self._size)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._size)
            if step != 1:
                return tuple(self)[index]
            return tuple(islice(self.iter_from(start), max(0, stop - start)))
        at = range(self._size)[index] + self._first
        return self._chunks[at // CHUNK][at % CHUNK]

    def iter_from(self, start: int) -> Iterator[T]:
        """Iterate over the items from an index on, without a copy."""
        start += self._first
        return islice(chain.from_iterable(self._chunks[start // CHUNK :]), start % CHUNK, None)
