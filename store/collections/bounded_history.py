"""A sequence that grows at its end and forgets its beginning, and never changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar, overload

T = TypeVar("T")

CHUNK = 128


class BoundedHistory(Sequence[T]):
    """The newest items, oldest first, up to a limit. In chunks, all full but the last.

    So that one with a few items more costs what these are.
    """

    __slots__ = ("_chunks", "_first", "_size")

    def __init__(self, items: Iterable[T] = ()) -> None:
        held = tuple(items)
        self._chunks = tuple(held[at : at + CHUNK] for at in range(0, len(held), CHUNK))
        self._first = 0  # of the first chunk: those before were forgotten
        self._size = len(held)

    def extended(self, items: Iterable[T], limit: int) -> BoundedHistory[T]:
        """The same with these behind them, and no more than the limit."""
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
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        if isinstance(place, slice):
            start, stop, step = place.indices(self._size)
            if step != 1:
                return tuple(self)[place]
            return tuple(islice(self.iter_from(start), max(0, stop - start)))
        at = range(self._size)[place] + self._first
        return self._chunks[at // CHUNK][at % CHUNK]

    def iter_from(self, start: int) -> Iterator[T]:
        """The items from this index on, none of which is copied."""
        start += self._first
        return islice(chain.from_iterable(self._chunks[start // CHUNK :]), start % CHUNK, None)
