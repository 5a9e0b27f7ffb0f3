"""Versions of a store's state: one for each visibility, which changes with what its readers see.

A version is a random name for the state after a write. It stands for the same state in all
processes, also in restored backups and in copies of a store. ETags and caches use it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .model import Visibility
from .names import new_version

Versions = Mapping[Visibility, str]
"""The version of a state for each visibility."""


def new_versions(name: str | None = None) -> Versions:
    """One version for all visibilities; by default a new one."""
    return dict.fromkeys(Visibility, name or new_version())


def versions_after(before: Versions, name: str, hidden_from: Collection[Visibility]) -> Versions:
    """The versions after a write: `name`, except for the visibilities that do not see it."""
    return {each: before[each] if each in hidden_from else name for each in Visibility}
