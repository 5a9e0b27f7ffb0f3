"""Rows by the ordinals of their documents, and blocks of consecutive rows.

A list takes a third of the memory accesses of look-ups by id. Where a page is a range of ordinals,
its JSON is a few slices of blocks that were joined before. A thousand rows are scattered over
memory, so to join them again takes as long as to send them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from store import PageOrdinals

Buffer = bytes | memoryview

BLOCK_ROWS = 128
"""The number of rows in a block."""

OFFSET_BYTES = 36
"""The size of one row's offset in a block."""

MIN_RANGE = 32
"""Ranges of at least so many ordinals are read from blocks."""

ORDINAL_BYTES = 8
"""The size of one ordinal's entry in the list of rows."""

Block = tuple[memoryview, tuple[int, ...]]
"""The JSON of a block, with a comma after each of n rows, and n + 1 offsets."""


class RowsByOrdinal:
    """The rows of one table by the ordinals of their documents.

    Attributes:
        rows: The JSON of a row by ordinal; None where there is no row.
        size_bytes: The size of the list and of all blocks.
    """

    __slots__ = ("_blocks", "rows", "size_bytes")

    def __init__(self, size: int) -> None:
        self.rows: list[bytes | None] = [None] * size
        self._blocks: dict[tuple[int, bool], Block] = {}
        self.size_bytes = ORDINAL_BYTES * size

    def join(self, ordinals: PageOrdinals) -> Sequence[Buffer] | None:
        """The rows at these ordinals, joined with commas; None where one is missing."""
        numbers, as_slice = ordinals.numbers, ordinals.as_slice
        try:
            if as_slice is None:
                return (b",".join(map(self.rows.__getitem__, numbers)),)  # type: ignore[arg-type]
            if len(numbers) >= MIN_RANGE and (pieces := self._slices(numbers)) is not None:
                return pieces
            return (b",".join(self.rows[as_slice]),)  # type: ignore[arg-type]  # see below
        except TypeError:  # None cannot be joined
            return None

    def invalidate(self, ordinals: Sequence[int]) -> int:
        """Remove the rows at these ordinals, and their blocks; return the number of bytes freed."""
        freed = 0
        for ordinal in ordinals:
            self.rows[ordinal] = None
            for is_reversed in (False, True):
                block = self._blocks.pop((ordinal // BLOCK_ROWS, is_reversed), None)
                freed += _block_bytes(block) if block is not None else 0
        self.size_bytes -= freed
        return freed

    def _slices(self, ordinals: Sequence[int]) -> list[Buffer] | None:
        """The rows of a range of ordinals as slices of blocks; None where a block has a gap."""
        is_reversed = ordinals[0] > ordinals[-1]
        slices: list[Buffer] = []
        start, left = 0, len(ordinals)
        while left:
            number, first = divmod(ordinals[start], BLOCK_ROWS)
            block = self._blocks.get((number, is_reversed)) or self._make_block(number, is_reversed)
            if block is None:
                return None
            text, offsets = block
            size = len(offsets) - 1
            if is_reversed:
                first = size - 1 - first
            end = min(size, first + left)
            slices.append(text[offsets[first] : offsets[end]] if end - first < size else text)
            start += end - first
            left -= end - first
        slices[-1] = slices[-1][:-1]  # without the last comma
        return slices

    def _make_block(self, number: int, is_reversed: bool) -> Block | None:
        rows = self.rows[number * BLOCK_ROWS : (number + 1) * BLOCK_ROWS]
        texts = [row + b"," for row in rows if row is not None]
        if len(texts) < len(rows):
            return None
        if is_reversed:
            texts.reverse()
        offsets = tuple(accumulate(map(len, texts), initial=0))
        block = memoryview(b"".join(texts)), offsets
        self._blocks[number, is_reversed] = block
        self.size_bytes += _block_bytes(block)
        return block


def _block_bytes(block: Block) -> int:
    _, offsets = block
    return offsets[-1] + OFFSET_BYTES * len(offsets)
