"""The bounded history: the newest items of a growing sequence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.collections import bounded_history
from store.collections.bounded_history import BoundedHistory


@pytest.fixture(autouse=True, scope="module")
def _short_chunks():
    """Have few items make a chunk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded_history, "CHUNK", 3)
        yield


@given(st.lists(st.lists(st.integers(), max_size=8)), st.integers(0, 12), st.slices(14))
def test_recent_is_the_end_of_all_items(steps, limit, part):
    """Whatever is added, the newest up to the limit are there, in order; older ones stay whole."""
    held, plain = BoundedHistory[int](), list[int]()
    for added in steps:
        before, was = held, list(held)
        held, plain = (
            held.extended(added, limit),
            (plain + added)[max(0, len(plain + added) - limit) :],
        )
        assert list(before) == was
        assert list(held) == plain
        assert len(held) == len(plain)
        assert held[part] == tuple(plain[part])
        assert [held[place] for place in range(-len(plain), len(plain))] == plain * 2
