"""Sets of ordinals: compressed bitmaps (Roaring), and tuples for small sets.

A bitmap of three ordinals takes 200 bytes, a tuple 80; most URLs and tags have fewer. Sets are
never changed in place. Bitmaps are made with `optimize=False`: runs intersect several times slower.
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
"""The ordinals of the articles with one term, ascending."""

EMPTY = BitMap()

MAX_TUPLE = 16
"""The largest posting list that is a tuple."""

_MIN_MASK = 512
"""From how many ordinals on a bitmap is made from a mask, which needs no sorting."""

_CONTAINER = 1 << 16
_ARRAY = 4_096  # a container with more values than this is a bit set
_NO_RUNS = 12_346  # the first number of a serialised bitmap without runs


class BitmapSlice(Sequence[int]):
    """A lazy slice of a bitmap by rank. Pages from caches often need none of its members."""

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


def as_bitmap(posting_list: PostingList) -> BitMap:
    """A posting list as a bitmap."""
    return BitMap(posting_list, optimize=False) if isinstance(posting_list, tuple) else posting_list


def as_array(bitmap: BitMap) -> Ordinals:
    """The members, ascending."""
    return np.frombuffer(bitmap.to_array(), dtype=np.uint32)


def bitmap_range(start: int, end: int) -> BitMap:
    """The numbers from `start` to before `end`."""
    return BitMap(range(start, end), optimize=False) if start < end else EMPTY


def bitmap_of(ordinals: Ordinals, size: int) -> BitMap:
    """The set of these ordinals, all less than `size`, in any order."""
    if len(ordinals) < _MIN_MASK:
        return BitMap(array("I", np.sort(ordinals).tobytes()), optimize=False)
    mask = np.zeros(size, dtype=np.bool_)
    mask[ordinals] = True
    return bitmap_of_mask(mask)


def bitmap_of_mask(mask: NDArray[np.bool_]) -> BitMap:
    """The set of the indexes at which a mask is true: some 20 us for 100,000.

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
    """The posting list of ascending ordinals."""
    members = tuple(ordinals)
    return members if len(members) <= MAX_TUPLE else BitMap(array("I", members), optimize=False)


def update_posting_list(
    posting_list: PostingList, removed: Collection[int], added: Collection[int]
) -> PostingList:
    """The posting list without some ordinals and with others; the two are disjoint."""
    if isinstance(posting_list, tuple):
        return make_posting_list(sorted({*posting_list}.difference(removed).union(added)))
    after = posting_list
    if removed:
        after = after - BitMap(removed, optimize=False)
    if added:
        after = after | BitMap(added, optimize=False)
    return after if len(after) > MAX_TUPLE // 2 else tuple(after)
