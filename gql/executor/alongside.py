"""Step 5, for lists: the results of a list's documents as they stand in an answer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

SPAN = 64
"""How many results of a list are joined."""

LIST_BYTES, OFFSET_BYTES = 400, 36
"""What it costs to keep a list, and to know where one of its results begins."""

Buffer = bytes | memoryview


class Alongside:
    """The results for a list that the engine keeps whole, in the order in which it is read.

    They are kept as they stand in an answer, with a comma behind each and several joined, so that
    a page takes no look-up for each document. A part of the list, a span, is joined when it is
    complete. `offsets` are where its results begin; the last one is where one more would.
    """

    __slots__ = ("filling", "length", "offsets", "size_bytes", "spans", "whole")

    def __init__(self, whole: Sequence[Any]) -> None:
        self.whole = whole  # kept, so that no other list takes its id
        self.length = len(whole)
        self.spans: list[bytes | None] = [None] * -(-self.length // SPAN)
        self.offsets: dict[int, tuple[int, ...]] = {}
        self.filling: dict[int, dict[int, bytes]] = {}
        self.size_bytes = LIST_BYTES + 8 * len(self.spans)

    def get(self, start: int, end: int) -> list[Buffer] | None:
        """The results for these places, a comma behind each; None where one is missing."""
        if start >= end:
            return []
        first, last = start // SPAN, (end - 1) // SPAN
        if first == last:
            return self._part(first, start % SPAN, end - first * SPAN)
        head, tail = self._part(first, start % SPAN, SPAN), self._part(last, 0, end - last * SPAN)
        between = self.spans[first + 1 : last]
        if head is None or tail is None or None in between:
            return None
        return [*head, *between, *tail]  # type: ignore[list-item]  # none of them is None

    def _part(self, number: int, start: int, end: int) -> list[Buffer] | None:
        """The results of some places of a span."""
        text = self.spans[number]
        if text is not None:
            offsets = self.offsets[number]
            return [memoryview(text)[offsets[start] : offsets[end]]]
        results = self.filling.get(number)
        if results is None:
            return None
        try:
            return [results[place] for place in range(start, end)]
        except KeyError:
            return None

    def put(self, start: int, results: Sequence[bytes]) -> None:
        """Take in the results for a page that begins there."""
        end = start + len(results)
        for number in range(start // SPAN, -(-end // SPAN)):
            if self.spans[number] is not None:
                continue
            first = number * SPAN
            low, high = max(start, first), min(end, first + SPAN)
            texts = [result + b"," for result in results[low - start : high - start]]
            size = min(SPAN, self.length - first)
            if len(texts) < size:
                filling = self.filling.setdefault(number, {})
                filling.update(zip(range(low - first, high - first), texts, strict=True))
                if len(filling) < size:
                    continue
                texts = [filling[place] for place in range(size)]
            self._join(number, texts)

    def _join(self, number: int, texts: Sequence[bytes]) -> None:
        """Make a span of results, which are all there."""
        self.filling.pop(number, None)
        offsets = tuple(accumulate(map(len, texts), initial=0))
        self.spans[number], self.offsets[number] = b"".join(texts), offsets
        self.size_bytes += offsets[-1] + OFFSET_BYTES * len(offsets)
