"""Ranges of locales: their normal form costs no memory that clients choose."""

from __future__ import annotations

import tracemalloc

from store.querying.translations import range_key

LENGTH = 100_000


def test_long_ranges_take_no_memory():
    """Clients choose ranges and their length, so the cache of normal forms has short ones only."""
    tracemalloc.start()
    try:
        for number in range(50):
            assert len(range_key(f"DE-{number:03}".ljust(LENGTH, "X"))) == LENGTH
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 10 * LENGTH
