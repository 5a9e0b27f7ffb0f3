"""The names of a store's state: for each visibility one, which moves with what such readers see.

A name is drawn at random for a write and then stands for what every reader to whom it is given can
see, in all processes, for good: in a backup that is restored, and in copies of a store. Validators
(ETag) and caches go by it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .model import Visibility
from .names import new_version

Versions = Mapping[Visibility, str]
"""The name of a state for readers of each visibility."""


def new_versions(name: str | None = None) -> Versions:
    """One name for readers of every visibility; a new one, if not given."""
    return dict.fromkeys(Visibility, name or new_version())


def versions_after(before: Versions, name: str, hidden_from: Collection[Visibility]) -> Versions:
    """The names after a write which is called this; it stays hidden from some readers."""
    return {each: before[each] if each in hidden_from else name for each in Visibility}
