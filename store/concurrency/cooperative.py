"""Work in small steps, so that whoever does it can let others have a turn in between.

What needs the interpreter for long keeps an event loop from answering, in a thread as well: there
each answer waits until the thread is made to give way.
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

from store.gc_untracking import untracked

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Yields after each step, and returns what came of all."""

SLICE_S = 0.00005
"""How long steps may go on before others have their turn."""


BLOCK = 2_048
"""How many items are sorted at once, which takes below a millisecond."""

PIECE = 256
"""How many items are freed at once."""

PAUSE_S = 0.0005
"""How long a thread that nobody waits for leaves the interpreter to others after a slice or two."""


def paced(items: Iterable[T], pause_s: float) -> Iterable[T]:
    """The same items, for a thread that works on them, with pauses between slices of work."""
    return _with_pauses(items, pause_s) if pause_s else items


def _with_pauses(items: Iterable[T], pause_s: float) -> Iterator[T]:
    until = time.perf_counter() + 2 * SLICE_S
    for item in items:
        yield item
        if time.perf_counter() >= until:
            time.sleep(pause_s)
            until = time.perf_counter() + 2 * SLICE_S


def in_order(items: Iterable[T], key: Callable[[T], str] = str) -> list[T]:
    """Sorted by texts: in blocks, which are merged where they overlap.

    To sort 100,000 at once would keep the interpreter for 40 ms.
    """
    unsorted = untracked(list(items))
    starts = range(0, len(unsorted), BLOCK)
    blocks = [sorted(unsorted[at : at + BLOCK], key=key) for at in starts]
    if all(key(one[-1]) <= key(next_one[0]) for one, next_one in pairwise(blocks)):
        return untracked(list(chain.from_iterable(blocks)))
    return untracked(list(merge(*blocks, key=key)))


def pieces(items: Collection[object]) -> list[NDArray[np.object_]]:
    """All items, some hundreds in each piece: so much is freed at once in some ten microseconds.

    They are arrays, because the garbage collector looks through lists.
    """
    left, size = iter(items), len(items)
    starts = range(0, size, PIECE)
    return [np.fromiter(left, dtype=object, count=min(PIECE, size - at)) for at in starts]


def free(items: list[T], pause_s: float = PAUSE_S) -> None:
    """Forget items, which nobody else may hold, one by one and the last first.

    Documents by the thousand at once would keep the interpreter for as long as it takes to free
    them. So would a dict of them: it has to come behind `pieces` of what it holds.
    """
    for _ in paced(range(len(items)), pause_s):
        items.pop()


def finish(steps: Steps[T]) -> T:
    """Do all steps at once; what came of them."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: T = end.value
            return found


async def interleave(steps: Steps[T]) -> T:
    """Do all steps on the event loop, and in between what else it has to do."""
    until = time.perf_counter() + SLICE_S
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: T = end.value
            return found
        if time.perf_counter() >= until:
            await asyncio.sleep(0)
            until = time.perf_counter() + SLICE_S
