"""Rows of consecutive places joined in blocks: a page of a whole list is a few slices of text.

A thousand rows lie all over the memory. To join them anew takes as long as to send them, which a
page that is filtered or in another order than its places cannot help.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

Buffer = bytes | memoryview

BLOCK = 64
"""How many rows a block has."""

OFFSET_BYTES = 36
"""What it takes to know where a row of a block begins."""


class RowBlocks:
    """The blocks of one table, upwards and downwards, made when first requested.

    Attributes:
        size_bytes: what they take.
    """

    __slots__ = ("_blocks", "_rows", "size_bytes")

    def __init__(self, rows: Sequence[bytes | None]) -> None:
        self._rows = rows
        self._blocks: dict[tuple[int, bool], tuple[memoryview, tuple[int, ...]]] = {}
        self.size_bytes = 0

    def pieces(self, run: slice) -> list[Buffer] | None:
        """The rows of a run of places with commas between them, in pieces; None where a row of one
        of their blocks is missing.
        """
        places = range(*run.indices(len(self._rows)))
        is_reversed = places.step < 0
        pieces: list[Buffer] = []
        start = 0
        while start < len(places):
            number = places[start] // BLOCK
            block = self._blocks.get((number, is_reversed)) or self._made(number, is_reversed)
            if block is None:
                return None
            text, offsets = block
            first = places[start] - number * BLOCK
            if is_reversed:
                first = len(offsets) - 2 - first
            count = min(len(places) - start, len(offsets) - 1 - first)
            pieces.append(text[offsets[first] : offsets[first + count]])
            start += count
        if pieces:
            pieces[-1] = pieces[-1][:-1]  # the last comma
        return pieces

    def _made(self, number: int, is_reversed: bool) -> tuple[memoryview, tuple[int, ...]] | None:
        rows = self._rows[number * BLOCK : (number + 1) * BLOCK]
        texts = [row + b"," for row in rows if row is not None]
        if len(texts) < len(rows):
            return None
        if is_reversed:
            texts.reverse()
        offsets = tuple(accumulate(map(len, texts), initial=0))
        block = memoryview(b"".join(texts)), offsets
        self._blocks[number, is_reversed] = block
        self.size_bytes += offsets[-1] + OFFSET_BYTES * len(offsets)
        return block
