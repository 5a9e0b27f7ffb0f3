"""The persistent map: derived versions share their unchanged parts."""

from __future__ import annotations

import gc
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from store.collections.persistent_map import COPIES_PER_LOOKUP, MAX_OVERLAY, PersistentMap

keys = st.integers(0, 30)
changes = st.dictionaries(keys, st.none() | st.text("ab", max_size=2), max_size=5)


def _after(before: Mapping[int, str], changed: Mapping[int, str | None]) -> dict[int, str]:
    merged = {**before, **changed}
    return {key: value for key, value in merged.items() if value is not None}


@given(st.dictionaries(keys, st.text("ab", max_size=2)), st.lists(changes), st.lists(keys))
def test_layered_is_the_dict_that_the_changes_make(first, steps, asked):
    """After any changes, every way to ask gives what a dict would give."""
    held, plain = PersistentMap(dict(first)), first
    for changed in steps:
        held, plain = held.derive(changed), _after(plain, changed)
    assert held == plain
    assert len(held) == len(plain)
    assert held.to_dict() == plain
    assert dict(held.iter_items()) == plain
    assert list(held) == list(held.to_dict())
    assert held.find_many(asked) == [plain.get(k) for k in asked]
    assert [held.find(key) for key in asked] == [plain.get(key) for key in asked]
    assert [key in held for key in asked] == [key in plain for key in asked]


@given(st.dictionaries(keys, st.text("ab", max_size=2)), st.lists(changes, min_size=2))
def test_layered_stays_as_it_was(first, steps):
    """Whatever is derived from a mapping, and however often it is asked, it stays the same."""
    versions = [(PersistentMap(dict(first)), first)]
    for changed in steps:
        held, plain = versions[-1]
        versions.append((held.derive(changed), _after(plain, changed)))
    for held, plain in versions:
        for _ in range(3):
            assert held.find_many(range(31)) == [plain.get(key) for key in range(31)]


@given(
    st.dictionaries(keys, st.text("ab", max_size=2)),
    st.lists(st.tuples(st.integers(0, 5), changes), max_size=6),
    st.data(),
)
def test_changes_since_turn_one_mapping_into_another(first, steps, data):
    """Whatever two mappings come from, the changes between them make one of the other."""
    versions = [PersistentMap(dict(first)), PersistentMap({1: "other"})]
    for number, changed in steps:
        versions.append(versions[number % len(versions)].derive(changed))
        versions[number % len(versions)].find_many(range(31))  # some become one dict
    older, newer = data.draw(st.sampled_from(versions)), data.draw(st.sampled_from(versions))
    assert older.derive(newer.diff(older)) == newer
    assert newer.diff(newer) == {}


def test_layered_is_not_looked_through_by_the_collector():
    """However large a mapping is, no round of the garbage collector takes longer because of it."""
    held = PersistentMap({str(number): [number] for number in range(20)})
    before = len(held)
    for number in range(20 + MAX_OVERLAY**2):
        held = held.derive({f"new {number}": [number]})
    held.find_many([*held] * COPIES_PER_LOOKUP)
    assert len(held) > before
    assert not any(
        len(each) > 20
        for each in gc.get_objects()
        if type(each) is dict and each.get("new 0") == [0]
    )


def test_changes_since_are_few_between_relatives():
    """Between mappings of one origin only what was changed is compared."""
    first = PersistentMap({str(number): str(number) for number in range(10_000)})
    second = first.derive({"1": "other", "2": None, "new": "new"})
    assert second.diff(first) == {"1": "other", "2": None, "new": "new"}
    assert first.diff(second) == {"1": "1", "2": "2", "new": None}
