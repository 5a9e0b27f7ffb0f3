"""Containers excluded from garbage collection.

A collection of the young generation traverses new containers: some 10 ms for a dict of 100,000
articles, without releasing the interpreter, and twice until it is old. The store's containers have
no reference cycles, so there is nothing to collect.
https://docs.python.org/3/c-api/gcsupport.html#c.PyObject_GC_UnTrack
"""

from __future__ import annotations

import ctypes
from typing import Any, TypeVar

C = TypeVar("C", bound=dict[Any, Any] | list[Any])

_untrack = ctypes.pythonapi.PyObject_GC_UnTrack
_untrack.argtypes, _untrack.restype = [ctypes.py_object], None


def untrack(container: C) -> C:
    """Exclude a container from garbage collection, and return it.

    It must never be part of a reference cycle. A dict is tracked again when it is changed.
    """
    _untrack(container)
    return container
