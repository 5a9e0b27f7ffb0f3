"""Bitmaps: sets of ordinals."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from store.collections.bitmaps import (
    BitMap,
    as_array,
    as_bitmap,
    bitmap_of,
    bitmap_of_mask,
    bitmap_range,
    make_posting_list,
    update_posting_list,
)

SIZE = 200_000  # four containers of 65,536, the last one short
spans = st.lists(
    st.tuples(st.integers(0, SIZE - 1), st.integers(1, 9_000), st.sampled_from([1, 2, 7])),
    max_size=4,
)


def _members(found: list[tuple[int, int, int]]) -> set[int]:
    return {
        n for start, length, step in found for n in range(start, start + length, step) if n < SIZE
    }


@given(spans, st.randoms(use_true_random=False))
def test_bitmap_of_ordinals_in_any_order_holds_them(found, rng):
    """Sparse or dense, few or many, sorted or not: the bitmap has these members."""
    members = list(_members(found))
    rng.shuffle(members)
    assert set(bitmap_of(np.array(members, dtype=np.uint32), SIZE)) == set(members)


@given(spans)
def test_bitmap_of_a_mask_holds_the_places_that_are_true(found):
    """Each container is written as its kind, and reads back as any bitmap does."""
    members = _members(found)
    mask = np.zeros(SIZE, dtype=np.bool_)
    mask[list(members)] = True
    bitmap = bitmap_of_mask(mask)
    assert bitmap == BitMap(members)
    assert as_array(bitmap).tolist() == sorted(members)
    assert set(bitmap & bitmap_range(70_000, 140_000)) == {
        m for m in members if 70_000 <= m < 140_000
    }


@given(
    st.lists(st.integers(0, 60), unique=True),
    st.lists(st.lists(st.integers(0, 60), unique=True), max_size=4),
)
def test_edited_posting_has_what_came_and_lacks_what_went(first, steps):
    """A posting is the same set, whether it is small or large or was so before."""
    posting, plain = make_posting_list(sorted(first)), set(first)
    for step in steps:
        gone = [n for n in step if n in plain]
        come = [n for n in step if n not in plain]
        posting, plain = update_posting_list(posting, gone, come), plain.symmetric_difference(step)
        assert list(posting) == sorted(plain)
        assert set(as_bitmap(posting)) == plain
