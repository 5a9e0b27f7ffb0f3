"""Ascending lists of entries, which never change: long ones are kept in chunks.

Another list is derived from one at the cost of the chunks in which something differs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, islice
from typing import Any, overload

Entry = tuple[Any, ...]
"""An item with its position before it: (*position, item). Entries sort as the list is ordered."""

Entries = Sequence[Entry]
"""A tuple, or `Chunks` where that would be long."""

Edit = tuple[Entry | None, Entry | None]
"""An entry that goes, and the one that comes in its stead."""

CHUNK = 128
"""How many entries a new chunk has; one that has grown to twice as many is split."""


class Chunks(Sequence[Entry]):
    """A long list. No chunk is empty."""

    __slots__ = ("_ends", "_lasts", "chunks")

    def __init__(self, chunks: Sequence[tuple[Entry, ...]]) -> None:
        # Tuples of tuples of texts and numbers are soon let be by the garbage collector.
        self.chunks = tuple(chunks)
        self._ends = tuple(accumulate(map(len, chunks)))
        self._lasts = tuple([chunk[-1] for chunk in chunks])

    def chunk_of(self, position: Entry) -> int:
        """The chunk in which an entry with this position is, or would be put."""
        return min(bisect_left(self._lasts, position), len(self.chunks) - 1)

    def place(self, position: Entry) -> int:
        """See the function `place`."""
        at = self.chunk_of(position)
        chunk = self.chunks[at]
        return self._ends[at] - len(chunk) + bisect_left(chunk, position)

    def upwards(self, start: int) -> Iterator[Entry]:
        """The entries from a place on."""
        at = bisect_right(self._ends, start)
        before = self._ends[at - 1] if at else 0
        return islice(chain.from_iterable(self.chunks[at:]), start - before, None)

    def downwards(self, start: int) -> Iterator[Entry]:
        """The entries from a place back to the first."""
        at = bisect_right(self._ends, start)
        skipped = self._ends[at] - 1 - start
        chunks = map(reversed, reversed(self.chunks[: at + 1]))
        return islice(chain.from_iterable(chunks), skipped, None)

    def __len__(self) -> int:
        return self._ends[-1]

    def __iter__(self) -> Iterator[Entry]:
        return chain.from_iterable(self.chunks)

    def __reversed__(self) -> Iterator[Entry]:
        return chain.from_iterable(map(reversed, reversed(self.chunks)))

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> Entries: ...
    def __getitem__(self, place: int | slice) -> Entry | Entries:
        if not isinstance(place, slice):
            return next(self.upwards(range(len(self))[place]))
        start, stop, step = place.indices(len(self))
        if step != 1:
            return tuple(self)[place]
        found: list[Entry] = []
        at = bisect_right(self._ends, start)
        while len(found) < stop - start:
            chunk = self.chunks[at]
            before = self._ends[at] - len(chunk)
            found += chunk[max(0, start - before) : stop - before]
            at += 1
        return tuple(found)


def entries_of(ascending: Sequence[Entry]) -> Entries:
    """These entries as a list that never changes."""
    if len(ascending) <= 2 * CHUNK:
        return tuple(ascending)
    return Chunks(_split(ascending))


def place(entries: Entries, position: Entry) -> int:
    """Where an entry with this position stands, or would be put. By bisection."""
    if isinstance(entries, Chunks):
        return entries.place(position)
    return bisect_left(entries, position)


def entries_at(entries: Entries, places: range) -> Iterator[Entry]:
    """The entries at these places, which follow each other up or down, one after the other."""
    if not isinstance(entries, Chunks):
        return map(entries.__getitem__, places)
    if not places:
        return iter(())
    way = entries.upwards if places.step > 0 else entries.downwards
    return islice(way(places[0]), len(places))


def edited(entries: Entries, edits: Iterable[Edit]) -> Entries:
    """The list with these entries exchanged; the same object where none differs."""
    edits = [edit for edit in edits if edit[0] != edit[1]]
    if not edits:
        return entries
    if not isinstance(entries, Chunks):
        return entries_of(_edited(entries, edits))
    chunks: list[tuple[Entry, ...]] = []
    start = 0
    for at, of_chunk in sorted(_by_chunk(entries, edits).items()):
        chunks += entries.chunks[start:at]
        chunks += _split(_edited(entries.chunks[at], of_chunk))
        start = at + 1
    chunks += entries.chunks[start:]
    size = sum(map(len, chunks))
    if size < CHUNK * max(1, len(chunks) // 4):
        return entries_of(list(chain(*chunks)))  # so many have gone that most are small
    return Chunks(chunks)


def _by_chunk(entries: Chunks, edits: Iterable[Edit]) -> dict[int, list[Edit]]:
    found: dict[int, list[Edit]] = {}
    for gone, come in edits:
        if gone:
            found.setdefault(entries.chunk_of(gone), []).append((gone, None))
        if come:
            found.setdefault(entries.chunk_of(come), []).append((None, come))
    return found


def _edited(entries: Iterable[Entry], edits: Sequence[Edit]) -> list[Entry]:
    found = list(entries)
    for gone, _ in edits:
        if gone:
            del found[bisect_left(found, gone)]
    for _, come in edits:
        if come:
            insort(found, come)
    return found


def _split(entries: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    if len(entries) <= 2 * CHUNK:
        return [tuple(entries)] if entries else []
    return [tuple(entries[at : at + CHUNK]) for at in range(0, len(entries), CHUNK)]
