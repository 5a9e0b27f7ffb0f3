"""The garbage collector and a store in memory: documents stay, and hold no cycles.

Looking through all of them again and again costs more than answering, and while they are loaded it
costs a third of the time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def hold() -> None:
    """No rounds while a store is loaded; `settle` ends it."""
    gc.disable()


def settle() -> None:
    """Take what is loaded out of the collector's rounds, and make those over all rest rarer.

    Young objects are looked at often: among those of a store that is written to are mappings of all
    its articles, of which many in one round would keep the interpreter for 25 ms.
    """
    gc.freeze()
    gc.set_threshold(1_000, 10, 1_000)
    gc.enable()


@contextmanager
def cycles_freed() -> Iterator[None]:
    """Free the reference cycles that a piece of work leaves, as soon as it is done.

    What outlives a few of the collector's rounds waits for long until it is looked at again: by
    then, what thousands of requests have left would be there together. Without rounds meanwhile,
    one over what is new finds all of it.
    """
    if not gc.isenabled():  # a store is being loaded: all of it would be new
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)
        gc.enable()
