"""Cooperative multitasking: long work in small steps, between which other tasks run.

A step that holds the GIL for long blocks the event loop, even when it runs in another thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from heapq import merge
from itertools import chain, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from store.gc_untracking import untrack

T = TypeVar("T")

Cooperative = Generator[None, None, T]
"""A generator that yields after each step, and returns the result."""

TIME_SLICE_S = 0.00005
"""How long steps run before other tasks get a turn."""

SORT_BLOCK = 2_048
"""The number of items that are sorted at once: less than a millisecond."""

FREE_CHUNK = 256
"""The number of items that are freed at once: some ten microseconds."""

PAUSE_S = 0.0005
"""How long a background thread sleeps after two time slices, so that other threads get the GIL."""


def paced(items: Iterable[T], pause_s: float) -> Iterable[T]:
    """Throttle an iteration: the same items, with a sleep after every two time slices.

    For background threads. `pause_s`: length of the sleep in seconds; 0 for none.
    """
    return _with_pauses(items, pause_s) if pause_s else items


def _with_pauses(items: Iterable[T], pause_s: float) -> Iterator[T]:
    deadline = time.perf_counter() + 2 * TIME_SLICE_S
    for item in items:
        yield item
        if time.perf_counter() >= deadline:
            time.sleep(pause_s)
            deadline = time.perf_counter() + 2 * TIME_SLICE_S


def sort_in_blocks(items: Iterable[T], key: Callable[[T], str] = str) -> list[T]:
    """The items sorted by key, in blocks that are merged where they overlap.

    Sorting 100,000 items in one call would hold the GIL for 40 ms.
    """
    unsorted = untrack(list(items))
    starts = range(0, len(unsorted), SORT_BLOCK)
    blocks = [sorted(unsorted[start : start + SORT_BLOCK], key=key) for start in starts]
    if all(key(block[-1]) <= key(following[0]) for block, following in pairwise(blocks)):
        return untrack(list(chain.from_iterable(blocks)))
    return untrack(list(merge(*blocks, key=key)))


def chunks_of(items: Collection[object]) -> list[NDArray[np.object_]]:
    """Split items into chunks of `FREE_CHUNK`, to be freed one by one.

    The chunks are arrays, because the garbage collector does not traverse these.
    """
    remaining, size = iter(items), len(items)
    return [
        np.fromiter(remaining, dtype=object, count=min(FREE_CHUNK, size - start))
        for start in range(0, size, FREE_CHUNK)
    ]


def free_gradually(items: list[T], pause_s: float = PAUSE_S) -> None:
    """Empty a list item by item, the last first, with pauses. Nothing else may refer to the items.

    Freeing thousands of documents at once would hold the GIL. So would freeing a dict of them:
    put it behind the `chunks_of` its contents.
    """
    for _ in paced(range(len(items)), pause_s):
        items.pop()


def run_to_end(steps: Cooperative[T]) -> T:
    """Run all steps without a break, and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


async def run_interleaved(steps: Cooperative[T]) -> T:
    """Run all steps on the event loop, give way to other tasks after each slice; the result."""
    deadline = time.perf_counter() + TIME_SLICE_S
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        if time.perf_counter() >= deadline:
            await asyncio.sleep(0)
            deadline = time.perf_counter() + TIME_SLICE_S
