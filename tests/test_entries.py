"""Ascending lists, in chunks where they are long."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import entries
from store.entries import Chunks, edited, entries_at, entries_of, place

keys = st.integers(0, 60)


@pytest.fixture(autouse=True, scope="module")
def _short_chunks():
    """Have few entries make a long list."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "CHUNK", 3)
        yield


def _listed(numbers):
    return sorted((number % 7, str(number)) for number in numbers)


lists = st.sets(keys).map(_listed)


@given(lists, st.slices(30), keys)
def test_entries_are_read_as_a_list_is(plain, part, key):
    """A long list in chunks has the places, parts and ways of a plain one."""
    found = entries_of(plain)
    assert isinstance(found, Chunks) is (len(plain) > 6)
    assert list(found) == plain
    assert list(reversed(found)) == plain[::-1]
    assert [found[at] for at in range(-len(plain), len(plain))] == plain * 2
    assert list(found[part]) == plain[part]
    assert place(found, (key % 7, str(key))) == bisect_left(plain, (key % 7, str(key)))
    start, end, _ = slice(part.start, part.stop).indices(len(plain))
    for way in (range(start, end), range(end - 1, start - 1, -1)):
        assert list(entries_at(found, way)) == [plain[at] for at in way]


@given(st.lists(st.sets(keys), min_size=2))
def test_edited_entries_are_those_built_anew(steps):
    """After any exchanges a list is as if made of what is there; the one before stays whole."""
    held, plain = entries_of(_listed(steps[0])), _listed(steps[0])
    for numbers in steps[1:]:
        wanted = _listed(numbers)
        gone = [entry for entry in plain if entry not in wanted]
        come = [entry for entry in wanted if entry not in plain]
        pairs = list(zip(gone, come, strict=False))
        edits = [
            *pairs,
            *((e, None) for e in gone[len(pairs) :]),
            *((None, e) for e in come[len(pairs) :]),
        ]
        before, held = held, edited(held, edits)
        assert list(before) == plain
        assert list(held) == wanted
        assert place(held, (9,)) == len(wanted)
        plain = wanted


@given(lists)
def test_edits_that_change_nothing_leave_the_very_list(plain):
    """Whoever keeps something along a list finds that it is the same one."""
    found = entries_of(plain)
    assert edited(found, [(entry, entry) for entry in plain]) is found
