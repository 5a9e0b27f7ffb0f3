"""Sets of ordinals: compressed bitmaps, and tuples where a set is small.

A bitmap of three ordinals takes 200 bytes, a tuple 80; most URLs and tags have fewer than that. No
set is ever changed in place. Bitmaps are never copied by their constructor, which would turn them
into runs that intersect several times slower.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

__all__ = [
    "EMPTY",
    "BitMap",
    "BitmapSlice",
    "Ordinals",
    "PostingList",
    "as_array",
    "as_bitmap",
    "bitmap_of",
    "bitmap_of_mask",
    "bitmap_range",
    "make_posting_list",
    "update_posting_list",
]

Ordinals = NDArray[np.uint32]

PostingList = BitMap | tuple[int, ...]
"""The ordinals of the articles under one term, ascending."""

EMPTY = BitMap()

SMALL = 16
"""Up to how many ordinals are kept as a tuple."""

_MASKED = 512
"""From how many ordinals on a bitmap is made by way of a mask, which needs no sorting."""

_CONTAINER = 1 << 16
_ARRAY = 4_096  # a container with more values than this is a bit set
_NO_RUNS = 12_346  # the first number of a serialised bitmap without runs


class BitmapSlice(Sequence[int]):
    """Some members of a bitmap by their ranks, read when they are asked for.

    A page of a whole list is served from what is kept of it, and mostly needs none of them.
    """

    __slots__ = ("_bitmap", "_ranks")

    def __init__(self, bitmap: BitMap, ranks: range) -> None:
        self._bitmap = bitmap
        self._ranks = ranks

    def __len__(self) -> int:
        return len(self._ranks)

    def __iter__(self) -> Iterator[int]:
        ranks = self._ranks
        if ranks.step > 0:
            return iter(self._bitmap[ranks.start : ranks.stop])
        return reversed(list(self._bitmap[ranks.stop + 1 : ranks.start + 1]))

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> BitmapSlice: ...
    def __getitem__(self, index: int | slice) -> int | BitmapSlice:
        if isinstance(index, slice):
            return BitmapSlice(self._bitmap, self._ranks[index])
        return self._bitmap[self._ranks[index]]


def as_bitmap(posting: PostingList) -> BitMap:
    """The same set as a bitmap."""
    return BitMap(posting, optimize=False) if isinstance(posting, tuple) else posting


def as_array(bitmap: BitMap) -> Ordinals:
    """The members, ascending."""
    return np.frombuffer(bitmap.to_array(), dtype=np.uint32)


def bitmap_range(start: int, end: int) -> BitMap:
    """The numbers from `start` to before `end`."""
    return BitMap(range(start, end), optimize=False) if start < end else EMPTY


def bitmap_of(ordinals: Ordinals, size: int) -> BitMap:
    """The set of these ordinals, all less than `size`, in any order."""
    if len(ordinals) < _MASKED:
        return BitMap(array("I", np.sort(ordinals).tobytes()), optimize=False)
    mask = np.zeros(size, dtype=np.bool_)
    mask[ordinals] = True
    return bitmap_of_mask(mask)


def bitmap_of_mask(mask: NDArray[np.bool_]) -> BitMap:
    """The set of the places at which a mask is true: some 20 us for 100,000.

    Writes the serialised form (https://github.com/RoaringBitmap/RoaringFormatSpec), since a
    constructor takes each number one by one.
    """
    heads, bodies = b"", []
    for start in range(0, len(mask), _CONTAINER):
        part = mask[start : start + _CONTAINER]
        count = int(np.count_nonzero(part))
        if count:
            heads += struct.pack("<HH", start // _CONTAINER, count - 1)
            bodies.append(_container(part, count))
    offset = 8 + 8 * len(bodies)
    offsets = b""
    for body in bodies:
        offsets += struct.pack("<I", offset)
        offset += len(body)
    head = struct.pack("<II", _NO_RUNS, len(bodies))
    return BitMap.deserialize(b"".join([head, heads, offsets, *bodies]))


def _container(mask: NDArray[np.bool_], count: int) -> bytes:
    if count <= _ARRAY:
        return np.flatnonzero(mask).astype("<u2").tobytes()
    return np.packbits(mask, bitorder="little").tobytes().ljust(_CONTAINER // 8, b"\0")


def make_posting_list(ordinals: Iterable[int]) -> PostingList:
    """The posting of these ordinals, which ascend."""
    found = tuple(ordinals)
    return found if len(found) <= SMALL else BitMap(array("I", found), optimize=False)


def update_posting_list(
    posting: PostingList, gone: Collection[int], come: Collection[int]
) -> PostingList:
    """A posting without some ordinals and with others; those that come are none that go."""
    if isinstance(posting, tuple):
        return make_posting_list(sorted({*posting}.difference(gone).union(come)))
    after = posting
    if gone:
        after = after - BitMap(gone, optimize=False)
    if come:
        after = after | BitMap(come, optimize=False)
    return after if len(after) > SMALL // 2 else tuple(after)
