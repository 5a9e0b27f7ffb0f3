"""The cache bounded in bytes: admission, eviction and counters."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.cache import ENTRY_BYTES, AdmissionFilter, ByteCache, CacheRegistry


def sized(entries: int, admission_keys: int = 0) -> ByteCache[str, int]:
    """A cache for so many values of 1,000 bytes; a value is its own size."""
    room = entries * (1_000 + ENTRY_BYTES)
    return ByteCache("sized", room, lambda _, value: value, admission_keys=admission_keys)


@given(
    st.integers(0, 6),
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 4_000), st.booleans())),
)
def test_cache_never_exceeds_its_capacity(room: int, puts: list[tuple[str, int, bool]]) -> None:
    """Whatever is put, also replaced by larger values; the last value stays if it fits."""
    cache = sized(room)
    for key, size, is_read in puts:
        kept = cache.put(key, size)
        assert kept == (size + ENTRY_BYTES <= cache.capacity_bytes)
        assert cache.size_bytes <= cache.capacity_bytes
        assert cache.get(key) == (size if kept else None)
        if is_read:
            cache.get("a")
        values = [value for each in "abcd" if (value := cache.get(each)) is not None]
        assert cache.entries == len(values)
        assert cache.size_bytes == sum(values) + ENTRY_BYTES * len(values)
    cache.clear()
    assert (cache.size_bytes, cache.entries) == (0, 0)


@given(st.integers(2, 8), st.lists(st.integers(0, 12), max_size=80))
def test_value_that_is_used_outlives_those_that_are_not(room: int, keys: list[int]) -> None:
    """A value that is read between all others stays, however many of these come."""
    cache = sized(room)
    cache.put("used", 1_000)
    for key in keys:
        cache.put(f"once {key}", 1_000)
        assert cache.get("used") is not None


@given(st.integers(1, 8), st.integers(1, 30))
def test_unused_values_are_evicted_in_order_of_insertion(room: int, count: int) -> None:
    """Only as many as necessary, and the oldest first."""
    cache = sized(room)
    for number in range(count):
        cache.put(str(number), 1_000)
    kept = [number for number in range(count) if cache.get(str(number)) is not None]
    assert kept == list(range(max(0, count - room), count))
    assert cache.evictions == count - len(kept)


def test_eviction_is_reported_and_replacing_is_none() -> None:
    """The hook is called once for each evicted value, and for no other."""
    evicted: list[int] = []
    room = 2 * (1_000 + ENTRY_BYTES)
    cache: ByteCache[str, int] = ByteCache(
        "hooked", room, lambda _, value: value, on_evict=evicted.append
    )
    cache.put("a", 999)
    cache.put("a", 998)
    cache.put("b", 997)
    assert evicted == []
    cache.put("c", 996)
    cache.put("d", 5_000)  # does not fit at all
    assert evicted == [998]


def test_value_that_grows_is_measured_again_while_it_is_cached() -> None:
    """Resizing measures a cached value, and never restores an evicted one."""
    cache: ByteCache[str, list[int]] = ByteCache("grown", 10_000, lambda _, value: sum(value))
    value = [100]
    cache.put("a", value)
    value.append(300)
    cache.resize("a", value)
    assert cache.size_bytes == 400 + ENTRY_BYTES
    cache.resize("a", [1])
    cache.resize("b", value)
    assert (cache.entries, cache.size_bytes) == (1, 400 + ENTRY_BYTES)
    value.append(20_000)
    cache.resize("a", value)
    assert (cache.entries, cache.size_bytes) == (0, 0)


def test_long_keys_are_held_once() -> None:
    """A look-up with an equal key does not store that key."""
    cache: ByteCache[bytes, int] = ByteCache("keys", 1 << 20, lambda key, _: len(key))
    keys = [b"%d" % number * 40_000 for number in range(16)]
    for key in keys:
        cache.put(key, 1)
    tracemalloc.start()
    for key in keys:
        assert cache.get(bytes(bytearray(key))) == 1
        cache.put(bytes(bytearray(key)), 1)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < len(keys[0])


def test_hits_and_misses_are_counted() -> None:
    """Each look-up is one or the other."""
    cache = sized(2)
    cache.put("a", 1_000)
    for key in "aab":
        cache.get(key)
    assert (cache.hits, cache.misses) == (2, 1)


@given(st.integers(1, 6), st.lists(st.integers(0, 12), max_size=60))
def test_admission_filter_recognizes_recent_keys(size: int, keys: list[int]) -> None:
    """All of the last `size` different keys, and no key that was never put."""
    recent = AdmissionFilter(size)
    for place, key in enumerate(keys):
        lately = list(dict.fromkeys(reversed(keys[:place])))[:size]
        admitted = recent.admits(key)
        assert admitted >= (key in lately)
        assert not (admitted and key not in keys[:place])


def test_value_is_kept_when_its_key_is_put_for_the_second_time() -> None:
    """With admission, a value that is put once takes no memory."""
    cache = sized(9, admission_keys=8)
    assert [cache.put(key, 1_000) for key in "abab"] == [False, False, True, True]
    assert cache.entries == 2


def test_registry_lists_caches_and_refuses_a_second_one_of_the_same_name() -> None:
    """Metrics are labelled by the name of the cache."""
    registry = CacheRegistry()
    cache = registry.add(sized(1))
    assert list(registry) == [cache]
    with pytest.raises(ValueError, match="sized"):
        registry.add(sized(2))
