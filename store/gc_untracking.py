"""Large containers that the garbage collector does not look through.

A round over young objects looks at all that a new dict or list holds: some 10 ms for a mapping of
100,000 articles, with the interpreter held, and twice until the dict counts as old. What a store
keeps holds no reference cycles, so there is nothing to find.
https://docs.python.org/3/c-api/gcsupport.html#c.PyObject_GC_UnTrack
"""

from __future__ import annotations

import ctypes
from typing import Any, TypeVar

C = TypeVar("C", bound=dict[Any, Any] | list[Any])

_untrack = ctypes.pythonapi.PyObject_GC_UnTrack
_untrack.argtypes, _untrack.restype = [ctypes.py_object], None


def untrack(container: C) -> C:
    """The same container, untracked: it must never be part of a reference cycle.

    A dict is tracked again when it is changed.
    """
    _untrack(container)
    return container
