"""The garbage collector and a store in memory: documents stay, and hold no cycles.

Looking through all of them again and again costs more than answering, and while they are loaded it
costs a third of the time.
"""

from __future__ import annotations

import gc


def hold() -> None:
    """No rounds while a store is loaded; `settle` ends it."""
    gc.disable()


def settle() -> None:
    """Take what is loaded out of the collector's rounds, and make these rarer."""
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    gc.enable()
