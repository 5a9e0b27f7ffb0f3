"""Rows by the ordinals of their documents, and runs of ordinals joined in blocks.

A list reads a third of the memory that look-ups by id do. Where rows follow each other, a page is a
few slices of text that was joined before: a thousand rows lie all over the memory, and to join them
anew takes as long as to send them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from store import PageOrdinals

Buffer = bytes | memoryview

BLOCK = 128
"""How many rows a block has."""

OFFSET_BYTES = 36
"""What it takes to know where a row of a block begins."""


MIN_RUN = 32
"""From how many items on a run of ordinals is read from blocks."""

PLACE_BYTES = 8
"""What an ordinal takes in a list."""

Block = tuple[memoryview, tuple[int, ...]]
"""A block's text, a comma behind each row, and where rows begin and the last one ends."""


class FiledRows:
    """The rows of one table by the ordinals of documents.

    Attributes:
        rows: by ordinal; None where there is none.
        size_bytes: what the list and the blocks take.
    """

    __slots__ = ("_blocks", "rows", "size_bytes")

    def __init__(self, size: int) -> None:
        self.rows: list[bytes | None] = [None] * size
        self._blocks: dict[tuple[int, bool], Block] = {}
        self.size_bytes = PLACE_BYTES * size

    def joined(self, ordinals: PageOrdinals) -> Sequence[Buffer] | None:
        """The rows at these ordinals with commas between them; None where one is missing."""
        try:
            if ordinals.as_slice is None:
                return (b",".join(map(self.rows.__getitem__, ordinals.numbers)),)  # type: ignore[arg-type]
            if (
                len(ordinals.numbers) >= MIN_RUN
                and (pieces := self._pieces(ordinals.numbers)) is not None
            ):
                return pieces
            return (b",".join(self.rows[ordinals.as_slice]),)  # type: ignore[arg-type]  # see below
        except TypeError:  # None is no text
            return None

    def forget(self, ordinals: Sequence[int]) -> int:
        """Forget the rows at these ordinals and the blocks that hold them; how many bytes go."""
        gone = 0
        for ordinal in ordinals:
            self.rows[ordinal] = None
            for is_reversed in (False, True):
                block = self._blocks.pop((ordinal // BLOCK, is_reversed), None)
                gone += _block_bytes(block) if block is not None else 0
        self.size_bytes -= gone
        return gone

    def _pieces(self, run: Sequence[int]) -> list[Buffer] | None:
        """The rows of a run of ordinals, in pieces; None where a row of one of their blocks is
        missing.
        """
        is_reversed = run[0] > run[-1]
        pieces: list[Buffer] = []
        start, left = 0, len(run)
        while left:
            number, first = divmod(run[start], BLOCK)
            block = self._blocks.get((number, is_reversed)) or self._made(number, is_reversed)
            if block is None:
                return None
            text, offsets = block
            size = len(offsets) - 1
            if is_reversed:
                first = size - 1 - first
            end = min(size, first + left)
            pieces.append(text[offsets[first] : offsets[end]] if end - first < size else text)
            start += end - first
            left -= end - first
        pieces[-1] = pieces[-1][:-1]  # the last comma
        return pieces

    def _made(self, number: int, is_reversed: bool) -> Block | None:
        rows = self.rows[number * BLOCK : (number + 1) * BLOCK]
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
