"""Edits in place: writes after which articles have the same ordinals and the same index terms.

They change an article's content, and neither its date, visibility, URLs, provider nor topics. So
caches need to invalidate the edited articles only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .names import new_version

MAX_EDITS = 64
"""The maximum number of listed edits. A cache of an older state is invalidated whole."""

MAX_EDITED = 1_000
"""The maximum number of articles that these edits have changed together."""


class InPlaceEdits:
    """The newest edits in place that led to a state of the store.

    It holds ids, not articles, so that older states can be freed.

    Attributes:
        structure_version: the version of all that edits in place leave unchanged. While it is
            equal, every look-up gives the same document, and providers, topics and links are the
            same.
    """

    __slots__ = ("_newest", "structure_version")

    def __init__(
        self, structure_version: str | None = None, newest: tuple[_Edit, ...] = ()
    ) -> None:
        self.structure_version = structure_version or new_version()
        self._newest = newest

    def extended(self, version: str, ids: Iterable[str]) -> InPlaceEdits:
        """The next edits: with an edit of these articles at the state of this version."""
        edits = [*self._newest, _Edit(version, frozenset(ids))][-MAX_EDITS:]
        remaining = MAX_EDITED
        for number in range(len(edits) - 1, -1, -1):
            remaining -= len(edits[number].ids)
            if remaining < 0:
                return InPlaceEdits(self.structure_version, tuple(edits[number + 1 :]))
        return InPlaceEdits(self.structure_version, tuple(edits))

    def since(self, version: str) -> frozenset[str] | None:
        """The ids of the articles edited since the state of this version.

        None if more may differ: another kind of write came since, or the version is unknown.
        """
        edits = self._newest
        for number in range(len(edits) - 1, -1, -1):
            if edits[number].version == version:
                return frozenset().union(*[edit.ids for edit in edits[number:]])
        return None


class _Edit(NamedTuple):
    """An edit in place: the version of the state before it, and the ids of its articles."""

    version: str
    ids: frozenset[str]
