"""Tuning of the garbage collector for a store in memory, whose documents are permanent.

Collections over all documents would take more time than answering, and a third of the time of
loading. Documents hold no reference cycles, so nothing is lost by skipping them.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def disable_collector() -> None:
    """Disable automatic collections while a store is loaded; `freeze_and_enable` ends that."""
    gc.disable()


def freeze_and_enable() -> None:
    """Exempt all present objects from collections, and enable collections of new ones.

    Young objects are collected often: a store that is written to makes new mappings of all its
    articles. One collection of many such mappings would hold the interpreter for 25 ms.
    """
    gc.freeze()
    gc.set_threshold(1_000, 10, 1_000)
    gc.enable()


def exempt_present() -> None:
    """Exempt all present objects from `collect_new`; a no-op unless the collector is disabled."""
    if not gc.isenabled():
        gc.freeze()


def collect_new() -> None:
    """Collect the reference cycles since `exempt_present`; a no-op as above.

    At a start the collector is disabled, and what is not collected then is exempt for ever.
    """
    if not gc.isenabled():
        gc.collect(0)


@contextmanager
def freeing_cycles() -> Iterator[None]:
    """Collect the reference cycles that a block leaves as soon as the block ends.

    A cycle that outlives a few collections is in the oldest generation, which is collected rarely.
    Until then the cycles of thousands of requests would add up. Automatic collections are disabled
    in the block, so one collection of the youngest generation frees all of its cycles.
    """
    if not gc.isenabled():  # a store is being loaded: all of it would be collected
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)
        gc.enable()
